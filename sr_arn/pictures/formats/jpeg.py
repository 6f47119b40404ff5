"""JPEG files."""

import logging
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import IO, Any, ClassVar

import numpy as np

from sr_arn.errors import InputError
from sr_arn.pictures import xmp
from sr_arn.pictures.formats.base import DAMAGE, OPAQUE, check_size
from sr_arn.pictures.formats.jpeg_frame import END, Frame, is_whole, with_end
from sr_arn.pictures.formats.jpeg_segments import (
    APP13,
    COMMENT,
    FURTHER,
    LONGEST,
    PHOTOSHOP,
    JPEGFile,
    segment,
)
from sr_arn.pictures.formats.pillow import PillowFormat, metadata_of, opened
from sr_arn.pictures.levels import stretched
from sr_arn.pictures.metadata import EXIF_PREFIX, XMP_PREFIX, Metadata
from sr_arn.pictures.picture import Picture

__all__ = ["JPEG"]

logger = logging.getLogger(__name__)

ATTACHED = ("gain map", "depth map", "auxiliary picture")  # what XMP calls further pictures
HEADS = (1 << 15, 1 << 20)  # bytes that hold the frame, after few metadata and after many
USUAL = 8  # bits
WITHOUT_END = "%s: has no end marker, but all of its pixels"


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
    has_frames = False  # but further pictures, see `attached`
    holds = PillowFormat.holds | {"photoshop", "comments"}
    most_metadata: ClassVar[Mapping[str, int]] = {
        "icc_profile": 255 * 65_519,  # as many segments as may be
        "exif": LONGEST - len(EXIF_PREFIX),
        "xmp": LONGEST - len(XMP_PREFIX),
    }
    save_options: ClassVar[Mapping[str, Any]] = {"subsampling": "4:4:4"}

    def read(self, file: IO[bytes], name: str, max_pixels: int) -> Picture:
        """Return the picture in a file, of any bits, even if its end marker is missing."""
        frame = _frame_of(file)
        if frame is not None and (frame.bits != USUAL or frame.is_lossless):
            return self._read_deep(file, frame, name, max_pixels)
        usual = super().read
        try:
            return usual(file, name, max_pixels)
        except DAMAGE as error:
            if isinstance(error, InputError):
                raise
            file.seek(0)
            content = file.read()
            whole = None
            if is_whole(content):
                whole = _first_if_same(content, lambda end: usual(BytesIO(end), name, max_pixels))
            if whole is None:
                raise
        logger.warning(WITHOUT_END, name)
        return whole

    def _read_deep(self, file: IO[bytes], frame: Frame, name: str, max_pixels: int) -> Picture:
        """Return a picture that Pillow does not read: of other bits than 8, or lossless."""
        check_size(frame.width, frame.height, max_pixels, name)
        if len(frame.components) not in (1, 3):
            raise InputError(
                f"{name}: expected grey or RGB of more than 8 bits, this is a JPEG of "
                f"{len(frame.components)} channels; convert it first"
            )
        content = file.read()
        usual = bytearray(content)
        usual[frame.offset] = USUAL  # so that Pillow opens it, for what it says
        with opened(BytesIO(usual), self.name, name, max_pixels) as image:
            metadata = metadata_of(image)
        metadata = self.attached(BytesIO(content), metadata)

        def decoded(content: bytes) -> Picture:
            from imagecodecs import jpeg8_decode

            return Picture(stretched(jpeg8_decode(content), frame.bits), metadata)

        if END in content[frame.offset :]:
            return decoded(content).upright(metadata.orientation())
        is_all = frame.is_lossless or is_whole(content)
        whole = _first_if_same(content, decoded) if is_all else None
        if whole is None:
            raise ValueError("pixels are missing")
        logger.warning(WITHOUT_END, name)
        return whole.upright(metadata.orientation())

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


def _frame_of(file: IO[bytes]) -> Frame | None:
    """Return the frame of a file, of which no more is read than necessary: it may be far away."""
    for size in HEADS:
        frame = Frame.of(file.read(size))
        file.seek(0)
        if frame is not None:
            return frame
    return None


def _first_if_same(content: bytes, read: Callable[[bytes], Picture]) -> Picture | None:
    """Return the picture of a file without its end, if it is the same whatever follows."""
    ended = (read(one) for one in with_end(content))
    try:
        first = next(ended)
        is_same = all(np.array_equal(first.pixels, other.pixels) for other in ended)
    except DAMAGE:
        return None
    return first if is_same else None
