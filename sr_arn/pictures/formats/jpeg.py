"""JPEG files."""

from collections.abc import Mapping
from typing import Any, ClassVar

from sr_arn.pictures.formats.base import OPAQUE
from sr_arn.pictures.formats.pillow import PillowFormat
from sr_arn.pictures.metadata import EXIF_PREFIX

__all__ = ["JPEG"]

SEGMENT = 65_533  # bytes of a segment after its length


class JPEG(PillowFormat):
    """JPEG, written without chroma subsampling."""

    name = "JPEG"
    suffixes = (".jpg", ".jpeg", ".jfif", ".jpe", ".mpo")
    signature = rb"\xff\xd8\xff"
    mime = "image/jpeg"
    shown_by_browsers = True
    modes = (*OPAQUE, "CMYK")
    longest_side = 65_500  # libjpeg's own; the format's is 65,535
    quality = 95
    most_metadata: ClassVar[Mapping[str, int]] = {
        "icc_profile": 255 * 65_519,  # as many segments as may be
        "exif": SEGMENT - len(EXIF_PREFIX),
        "xmp": SEGMENT - len(b"http://ns.adobe.com/xap/1.0/\0"),
    }
    save_options: ClassVar[Mapping[str, Any]] = {"subsampling": "4:4:4"}
