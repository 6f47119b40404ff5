"""JPEG XL files: a codestream alone, or in boxes beside EXIF and XMP."""

import math
from collections.abc import Iterable
from io import BytesIO
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError
from sr_arn.pictures.formats.base import ALPHA, Format, check_size
from sr_arn.pictures.formats.boxes import Box, box, boxes
from sr_arn.pictures.formats.jxl_header import HEAD, Header, called_srgb, header_of
from sr_arn.pictures.left_out import leave_out
from sr_arn.pictures.levels import straight, stretched
from sr_arn.pictures.metadata import EXIF_PREFIX, Metadata, exif_dpi
from sr_arn.pictures.picture import MODES, Picture, PictureInfo
from sr_arn.pictures.scaling import scaling_of
from sr_arn.system.memory import check_memory

__all__ = ["JXL"]

BARE = b"\xff\x0a"
MOST_METADATA = 1 << 24  # bytes of a box
CODESTREAM, PART = b"jxlc", b"jxlp"
UNREAD = {b"jhgm": "gain map", b"jumb": "content credentials"}
BOX_HEADER = 8  # bytes
COPIES = 3  # of a result that is written as a whole
LOSSLESS = 100


class JXL(Format):
    """JPEG XL by libjxl."""

    name = "JXL"
    suffixes = (".jxl",)
    signature = rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n"
    mime = "image/jxl"
    modes = ALPHA
    dtypes = ("uint8", "uint16")
    longest_side = 1 << 18  # of level 5, which all decoders read
    most_pixels = 1 << 28
    quality = 90
    holds_resolution = False

    def read(self, file: IO[bytes], name: str, max_pixels: int) -> Picture:
        """Return the picture in a file, the first of several frames."""
        from imagecodecs import jpegxl_decode

        parts = [] if file.read(2) == BARE else list(boxes(file))
        header = header_of(_head(file, parts))
        check_size(header.width, header.height, max_pixels, name)
        if header.extra not in ((), (0,)) or (header.is_float and header.extra):
            raise InputError(f"{name}: has channels beside colour and alpha; convert it first")
        file.seek(0)
        pixels = np.asarray(jpegxl_decode(file.read(), index=0, numthreads=1))
        if pixels.ndim not in (2, 3) or math.prod(pixels.shape[:2]) != header.width * header.height:
            raise ValueError(f"pixels of shape {pixels.shape}")
        pixels = _levels(pixels, header)
        _report(header, name)
        scaling = scaling_of(pixels, MODES[1 if pixels.ndim == 2 else pixels.shape[2]])
        return Picture(pixels, _metadata(file, parts), scaling=scaling).upright(1)

    def write(
        self,
        file: IO[bytes],
        info: PictureInfo,
        strips: Iterable[NDArray[Any]],
        threads: int,
        quality: int | None = None,
    ) -> None:
        """Write a picture when its pixels are all there; 100 is without loss, as are 16 bits."""
        from imagecodecs import jpegxl_encode

        check_memory(
            COPIES * math.prod(info.shape) * info.dtype.itemsize,
            f"output: {self.name} is written as a whole",
        )
        pixels = np.concatenate(list(strips))
        quality = quality or self.quality
        is_lossless = quality == LOSSLESS or info.dtype != np.uint8
        encoded = jpegxl_encode(
            pixels,
            distance=0.0 if is_lossless else _distance(quality),
            lossless=is_lossless,
            usecontainer=True,
            numthreads=threads,
        )
        whole = bytes(encoded)
        (part,) = (part for part in boxes(BytesIO(whole)) if part.kind == CODESTREAM)
        codestream = whole[part.start : part.end]
        file.write(whole[: part.start - BOX_HEADER])
        if info.metadata.exif:
            file.write(box(b"Exif", bytes(4) + info.metadata.exif))
        if info.metadata.xmp:
            file.write(box(b"xml ", info.metadata.xmp))
        # libjxl's binding calls 16 bits linear light
        file.write(box(CODESTREAM, called_srgb(codestream) if is_lossless else codestream))

    def fit(self, metadata: Metadata) -> Metadata:
        """Return the metadata that its files hold: its colours are sRGB."""
        kept = super().fit(metadata)
        return self._without(kept, "icc_profile", "it is written as sRGB")


def _head(file: IO[bytes], parts: list[Box]) -> bytes:
    """Return the first bytes of the codestream, which may lie in parts."""
    if not parts:
        file.seek(0)
        return file.read(HEAD)
    head = b""
    for part in parts:
        skipped = {CODESTREAM: 0, PART: 4}.get(part.kind)  # a part has a number
        if skipped is not None and len(head) < HEAD:
            file.seek(part.start + skipped)
            head += file.read(max(0, min(HEAD, part.end - part.start - skipped)))
    return head


def _report(header: Header, name: str) -> None:
    """Log what is not kept."""
    if header.is_animated:
        leave_out(name, "further frames")
    if not header.is_srgb:
        what = "colour profile" if header.has_profile else "colours, which are not sRGB,"
        leave_out(name, f"its {what} and may look different")


def _levels(pixels: NDArray[Any], header: Header) -> NDArray[Any]:
    """Return the pixels as a `Picture` has them."""
    if pixels.dtype.kind == "f":
        return pixels.astype(np.float32)
    pixels = stretched(pixels, header.bits)
    return straight(pixels) if header.is_premultiplied and header.extra else pixels


def _metadata(file: IO[bytes], parts: list[Box]) -> Metadata:
    """Return EXIF and XMP, which may be compressed."""
    block = xmp = None
    for part in parts:
        kind, content = part.kind, b""
        if kind in (b"Exif", b"xml ", b"brob"):
            content = part.read(file, MOST_METADATA)
        if kind == b"brob":
            kind, content = content[:4], _unpacked(content[4:])
        if kind == b"Exif" and len(content) > 4:
            block = content[4 + int.from_bytes(content[:4], "big") :] or None
            block = block and block.removeprefix(EXIF_PREFIX)
        elif kind == b"xml ":
            xmp = content or None
    names = [UNREAD[part.kind] for part in parts if part.kind in UNREAD]
    return Metadata(None, block, xmp, exif_dpi(block)).without(*names)


def _unpacked(content: bytes) -> bytes:
    """Return what Brotli compressed; nothing if that is damaged or too much."""
    from imagecodecs import BrotliError, brotli_decode

    try:
        return bytes(brotli_decode(content, out=MOST_METADATA))
    except (BrotliError, RuntimeError):
        return b""


def _distance(quality: int) -> float:
    """Return libjxl's distance of a quality, 1 to 99, by its own rule."""
    if quality >= 30:
        return 0.1 + (100 - quality) * 0.09
    return 53 / 3000 * quality**2 - 23 / 20 * quality + 25
