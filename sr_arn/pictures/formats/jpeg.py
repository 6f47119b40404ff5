"""JPEG files."""

from collections.abc import Mapping
from typing import IO, Any, ClassVar

from sr_arn.pictures import xmp
from sr_arn.pictures.formats.base import OPAQUE
from sr_arn.pictures.formats.jpeg_segments import (
    APP13,
    COMMENT,
    FURTHER,
    LONGEST,
    PHOTOSHOP,
    JPEGFile,
    segment,
)
from sr_arn.pictures.formats.pillow import PillowFormat
from sr_arn.pictures.metadata import EXIF_PREFIX, XMP_PREFIX, Metadata

__all__ = ["JPEG"]

ATTACHED = ("gain map", "depth map", "auxiliary picture")  # what XMP calls further pictures


class JPEG(PillowFormat):
    """JPEG, written without chroma subsampling."""

    name = "JPEG"
    suffixes = (".jpg", ".jpeg", ".jfif", ".jpe")
    signature = rb"\xff\xd8\xff"
    mime = "image/jpeg"
    shown_by_browsers = True
    modes = (*OPAQUE, "CMYK")
    longest_side = 65_500  # libjpeg's own; the format's is 65,535
    quality = 95
    has_frames = False  # but further pictures, see `attached`
    holds = PillowFormat.holds | {"photoshop", "comments"}
    most_metadata: ClassVar[Mapping[str, int]] = {
        "icc_profile": 255 * 65_519,  # as many segments as may be
        "exif": LONGEST - len(EXIF_PREFIX),
        "xmp": LONGEST - len(XMP_PREFIX),
    }
    save_options: ClassVar[Mapping[str, Any]] = {"subsampling": "4:4:4"}

    def attached(self, file: IO[bytes], metadata: Metadata) -> Metadata:
        """Return the metadata with those that Pillow does not read."""
        whole = JPEGFile(file.read())
        resources = b"".join(
            found.content.removeprefix(PHOTOSHOP) for found in whole.starting_with(PHOTOSHOP, APP13)
        )
        comments = tuple(s.content for s in whole.segments if s.marker == COMMENT and s.content)
        names = whole.unread()
        for claimed in xmp.claimed_by(metadata.xmp):
            if claimed in ATTACHED and claimed not in names and FURTHER in names:
                names[names.index(FURTHER)] = claimed
        if (further := names.count(FURTHER)) > 1:
            names = [*(n for n in names if n != FURTHER), f"{further} further pictures"]
        return metadata.without(*names, photoshop=resources or None, comments=comments)

    def fit(self, metadata: Metadata) -> Metadata:
        """Return the metadata that its files hold."""
        kept = super().fit(metadata)
        short = tuple(text for text in kept.comments if len(text) <= LONGEST)
        names = ["a long comment"] if len(short) < len(kept.comments) else []
        return kept.without(*names, comments=short)

    def options(self, metadata: Metadata) -> Mapping[str, Any]:
        """Return how Pillow is to save a picture."""
        resources, step = metadata.photoshop or b"", LONGEST - len(PHOTOSHOP)
        parts = [resources[start : start + step] for start in range(0, len(resources), step)]
        extra = segment(APP13, [PHOTOSHOP + part for part in parts])
        extra += segment(COMMENT, metadata.comments)
        return {**self.save_options, "extra": extra} if extra else self.save_options
