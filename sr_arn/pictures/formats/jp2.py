"""JPEG 2000 files: boxes (JP2) or a codestream alone."""

import logging
import struct
from typing import IO, Any, NamedTuple

import numpy as np

from sr_arn.errors import InputError
from sr_arn.pictures.formats.base import Format, check_size
from sr_arn.pictures.formats.boxes import Box, boxes
from sr_arn.pictures.levels import straight, stretched
from sr_arn.pictures.metadata import EXIF_PREFIX, Metadata, exif_dpi, sane_dpi
from sr_arn.pictures.picture import MODES, Picture

__all__ = ["JPEG2000"]

logger = logging.getLogger(__name__)

START = b"\xff\x4f\xff\x51"  # of a codestream: the markers SOC and SIZ
EXIF_ID = b"JpgTiffExif->JP2"
GEO_ID = bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03")  # of GeoJP2
XMP_ID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
MOST_METADATA = 1 << 24  # bytes of a box
CMYK = 12  # EnumCS
OPACITY, PREMULTIPLIED = 1, 2  # types of channels
MOST_CHANNELS = 5
INCH = 0.0254  # metres


class _Header(NamedTuple):
    """What boxes and codestream say. [ISO/IEC 15444-1, A.5.1 and I.5.3]."""

    width: int
    height: int
    bits: int
    colours: int = 0
    alpha: int | None = None
    """The type of the channel that is alpha."""
    icc_profile: bytes | None = None
    dpi: tuple[float, float] | None = None


class JPEG2000(Format):
    """JPEG 2000 by OpenJPEG, which is only read."""

    name = "JPEG2000"
    suffixes = (".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc")
    signature = rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"
    mime = "image/jp2"

    def read(self, file: IO[bytes], name: str, max_pixels: int) -> Picture:
        """Return the picture in a file."""
        from imagecodecs import jpeg2k_decode

        is_bare = file.read(4) == START
        parts = [] if is_bare else list(boxes(file))
        codestream = next((part for part in parts if part.kind == b"jp2c"), Box(b"", 0, 0))
        header = _header(file, codestream.start, parts, name)
        check_size(header.width, header.height, max_pixels, name)
        file.seek(0)
        pixels = np.atleast_3d(jpeg2k_decode(file.read(), numthreads=1))
        if pixels.shape[:2] != (header.height, header.width) or pixels.dtype.kind != "u":
            raise InputError(f"{name}: has channels of several sizes or signed; convert it first")
        if pixels.shape[2] not in MODES:
            raise InputError(f"{name}: has {pixels.shape[2]} channels; convert it first")
        pixels = stretched(pixels, header.bits)
        if header.alpha == PREMULTIPLIED and pixels.shape[2] in (2, 4):
            pixels = straight(pixels)
        is_cmyk = header.colours == CMYK and pixels.shape[2] == 4
        pixels = pixels[..., 0] if pixels.shape[2] == 1 else pixels
        metadata = _metadata(file, parts, header)
        picture = Picture(pixels, metadata, is_cmyk=is_cmyk)
        return picture.upright(1)  # which pixels are, whatever EXIF says


def _header(file: IO[bytes], codestream: int, parts: list[Box], name: str) -> _Header:
    file.seek(codestream)
    if file.read(4) != START:
        raise ValueError("no codestream")
    x, y, left, top, channels = struct.unpack(">4x4I16xH", file.read(38))
    depths = np.frombuffer(file.read(3 * channels), np.uint8)[::3]
    if not 1 <= channels <= MOST_CHANNELS or len(set(depths)) != 1 or not depths[0] < 16:
        raise InputError(
            f"{name}: expected 1 to {MOST_CHANNELS} channels of the same bits, up to 16 and not "
            "signed; convert it first"
        )
    header = _Header(x - left, y - top, int(depths[0]) + 1)
    for part in parts:
        if part.kind == b"jp2h":
            for below in boxes(file, part.start, part.end):
                header = header._replace(**_fields(below, below.read(file, MOST_METADATA)))
    return header


def _fields(part: Box, content: bytes) -> dict[str, Any]:
    """Return what a box of the header says."""
    if part.kind == b"colr" and content[:1] == b"\1":
        return {"colours": int.from_bytes(content[3:7], "big")}
    if part.kind == b"colr" and content[:1] == b"\2":
        return {"icc_profile": content[3:]}
    if part.kind == b"pclr" and len(content) > 3:  # the depth of the palette's colours
        return {"bits": content[3] + 1}
    if part.kind == b"cdef":
        kinds = [kind for _, kind, _ in struct.iter_unpack(">3H", content[2:])]
        alphas = [kind for kind in kinds if kind in (OPACITY, PREMULTIPLIED)]
        return {"alpha": alphas[0] if alphas else None}
    if part.kind == b"res " and content[4:8] in (b"resc", b"resd"):
        return {"dpi": _dpi(content[8:18])}
    return {}


def _dpi(content: bytes) -> tuple[float, float] | None:
    """Return a resolution of points per metre, fractions with exponents."""
    up, below, across, by, exponent, along = struct.unpack(">4H2b", content)
    vertical = up / below * 10.0**exponent * INCH
    return sane_dpi((across / by * 10.0**along * INCH, vertical))


def _metadata(file: IO[bytes], parts: list[Box], header: _Header) -> Metadata:
    block = xmp = None
    names: list[str] = []
    for part in parts:
        if part.kind == b"xml ":
            names.append("XML data")
        elif part.kind == b"uuid":
            content = part.read(file, MOST_METADATA)
            if content.startswith(EXIF_ID):
                block = content[16:].removeprefix(EXIF_PREFIX) or None
            elif content.startswith(XMP_ID):
                xmp = content[16:] or None
            else:
                names.append("GeoTIFF data" if content.startswith(GEO_ID) else "private data")
    metadata = Metadata(header.icc_profile, block, xmp, header.dpi or exif_dpi(block))
    return metadata.without(*names)
