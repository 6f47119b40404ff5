"""AVIF files."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import IO, Any, ClassVar

import numpy as np
from PIL import features

from sr_arn.pictures import exif
from sr_arn.pictures.formats.base import ALPHA
from sr_arn.pictures.formats.pillow import PillowFormat
from sr_arn.pictures.metadata import Metadata
from sr_arn.pictures.picture import Picture

__all__ = ["AVIF"]

logger = logging.getLogger(__name__)

HEAD = 4096  # bytes that hold the depth


class AVIF(PillowFormat):
    """AVIF, where Pillow was built with it; written without chroma subsampling."""

    name = "AVIF"
    suffixes = (".avif",)
    signature = rb"....ftyp(avif|avis|(mif1|msf1).{4}(.{4}){0,12}?avif)"
    mime = "image/avif"
    modes = ALPHA
    longest_side = 32_768  # what libavif reads with its defaults
    most_pixels = 1 << 28
    quality = 90
    holds_grey = holds_resolution = False
    save_options: ClassVar[Mapping[str, Any]] = {"subsampling": "4:4:4"}

    def read(self, file: IO[bytes], name: str, max_pixels: int) -> Picture:
        """Return the picture in a file, of 8 bits."""
        picture = super().read(file, name, max_pixels)
        if _is_deep(file):
            logger.warning("%s: has more than 8 bits per colour, of which 8 are read", name)
        return picture

    def lacks(self, shape: tuple[int, ...], dtype: np.dtype[Any], mode: str) -> str | None:
        """Return what keeps it from holding such a picture, if anything does."""
        if not features.check("avif"):
            return "this Pillow was built without AVIF"
        return super().lacks(shape, dtype, mode)

    def fit(self, metadata: Metadata) -> Metadata:
        """Return the metadata that its files hold."""
        kept = super().fit(metadata)
        if kept.exif:  # else Pillow would write it anew, not as it was
            kept = replace(kept, exif=exif.without_orientation(kept.exif))
        return kept


def _is_deep(file: IO[bytes]) -> bool:
    """Tell whether a file has more than 8 bits per colour. [AV1-ISOBMFF, section 2.3.3]."""
    file.seek(0)
    _, found, configuration = file.read(HEAD).partition(b"av1C")
    return bool(found) and len(configuration) > 2 and bool(configuration[2] & 0x40)
