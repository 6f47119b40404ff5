"""PNG and TIFF files, whose pixels Pillow may not hold: 16 bits per colour, floats.

Pixels are [h, w] or [h, w, channels], as in `sr_arn.image_io.Picture`.
"""

import logging
import os
import struct
import zlib
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sr_arn import exif
from sr_arn.checks import InputError
from sr_arn.metadata import XMP_TAG, Metadata

if TYPE_CHECKING:
    from tifffile import TiffPage

__all__ = ["decode_png", "decode_tiff", "encode_png", "encode_tiff", "open_tiff"]

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_HEADER = len(PNG_SIGNATURE) + 25  # with the chunk IHDR
METRES_PER_INCH = 0.0254
TIFF_CHANNELS = {"minisblack": 1, "miniswhite": 1, "rgb": 3, "palette": 1, "separated": 4}
INTEGERS, FLOATS = 1, 3  # TIFF's SampleFormat
ASSOCIATED, UNASSOCIATED = 1, 2  # TIFF's ExtraSamples: alpha, multiplied into the colour or not
PLANES = 2  # TIFF's PlanarConfiguration: a channel after the other
FIRST_DIRECTORY = 4  # where a TIFF file's header tells the place of its first directory

logger = logging.getLogger(__name__)

Pixels = NDArray[Any]


def decode_png(data: bytes, key: int | tuple[int, int, int] | None) -> Pixels:
    """Return the pixels of a PNG file with 16 bits per channel; those of a key's colour clear."""
    import imagecodecs

    pixels = imagecodecs.png_decode(_critical_chunks(data))
    if key is None:
        return pixels
    channels = np.atleast_3d(pixels)
    is_key = (channels == np.asarray(key)).all(axis=-1, keepdims=True)
    return np.concatenate([channels, np.where(is_key, 0, 65535).astype(pixels.dtype)], axis=-1)


def encode_png(file: IO[bytes], pixels: Pixels, metadata: Metadata) -> None:
    """Write 8- or 16-bit pixels, grey or colour, with or without alpha."""
    import imagecodecs

    data = imagecodecs.png_encode(np.ascontiguousarray(pixels))
    file.write(data[:PNG_HEADER])
    for name, content in _chunks(metadata):
        checked = name + content
        file.write(
            struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))
        )
    file.write(data[PNG_HEADER:])


def _critical_chunks(data: bytes) -> bytes:
    """Return a PNG file without what is not pixels: of that, libpng's warnings go to stderr."""
    kept, place = [data[: len(PNG_SIGNATURE)]], len(PNG_SIGNATURE)
    while place + 8 <= len(data):
        length, first = struct.unpack_from(">IB", data, place)
        end = place + 12 + length
        if chr(first).isupper():
            kept.append(data[place:end])
        place = end
    return b"".join(kept)


def _chunks(metadata: Metadata) -> list[tuple[bytes, bytes]]:
    """Return PNG's chunks for the metadata. [PNG specification, third edition, 11.3]."""
    chunks = []
    if metadata.icc_profile:
        profile = b"ICC profile\0\0" + zlib.compress(metadata.icc_profile)
        chunks.append((b"iCCP", profile))
    if metadata.dpi:
        x, y = (round(dots / METRES_PER_INCH) for dots in metadata.dpi)
        chunks.append((b"pHYs", struct.pack(">IIB", x, y, 1)))
    if metadata.exif:
        chunks.append((b"eXIf", metadata.exif))
    if metadata.xmp:
        chunks.append((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp))
    return chunks


def open_tiff(file: IO[bytes]) -> "TiffPage":
    """Return the first page of a TIFF file, whose pixels are not read yet."""
    from tifffile import TiffFile

    return TiffFile(file).pages.first


def decode_tiff(page: "TiffPage", name: str) -> tuple[Pixels, bool]:
    """Return the pixels of a page, and whether they are CMYK.

    Up to 8 bits become uint8, up to 16 uint16; floats are in [0, 1]. Colours of a palette
    become RGB, or grey if all are.

    Raises
    ------
    InputError
        If they are of another kind than grey, RGB, palette or CMYK.
    """
    colours = _colours(page)
    channels = TIFF_CHANNELS.get(colours, 0)
    kind, bits = page.sampleformat, page.bitspersample
    is_known = isinstance(bits, int) and (
        (kind == INTEGERS and bits <= 16) or (kind == FLOATS and bits in (16, 32, 64))
    )
    if not is_known or not 0 < channels <= page.samplesperpixel or page.imagedepth != 1:
        what = {INTEGERS: "integers", FLOATS: "floats"}.get(kind, "numbers of another kind")
        raise InputError(
            f"{name}: expected grey, RGB, palette or CMYK of up to 16 bits or floats, "
            f"this is {colours} of {bits}-bit {what}; convert it first"
        )
    pixels = page.asarray()
    if page.planarconfig == PLANES:
        pixels = np.moveaxis(pixels, 0, -1)
    pixels = pixels.reshape(page.imagelength, page.imagewidth, page.samplesperpixel)
    if colours == "palette":
        pixels = _looked_up(pixels[..., 0], page.colormap)
    elif kind == FLOATS:
        pixels = _floats(pixels, name)
    else:
        pixels = _levels(pixels, bits)
    if colours == "miniswhite":
        pixels[..., 0] = _peak(pixels) - pixels[..., 0]
    if colours != "palette":
        pixels = _with_known_alpha(pixels, channels, page.extrasamples, name)
    return pixels[..., 0] if pixels.shape[2] == 1 else pixels, colours == "separated"


def _colours(page: "TiffPage") -> str:
    """Return what the channels of a page's pixels are once decoded, as TIFF names it."""
    from tifffile import COMPRESSION, PHOTOMETRIC

    colours = PHOTOMETRIC(page.photometric).name.lower()
    is_jpeg = page.compression == COMPRESSION.JPEG  # whose decoder gives RGB
    return "rgb" if colours == "ycbcr" and is_jpeg else colours


def _looked_up(indices: Pixels, palette: Pixels | None) -> NDArray[np.uint8]:
    """Return the colours [h, w, 3], or [h, w, 1] if all are grey, of a palette [3, n]."""
    if palette is None:
        raise ValueError("a palette is missing")
    colours = (palette.T >> 8).astype(np.uint8)  # writers disagree on the lower byte
    is_grey = (colours == colours[:, :1]).all()
    return colours[indices.astype(np.intp)][..., : 1 if is_grey else 3]


def _floats(pixels: Pixels, name: str) -> Pixels:
    """Return floats of single or double precision, if they lie in [0, 1]."""
    low, high = float(pixels.min()), float(pixels.max())
    if not (low >= 0 and high <= 1):  # NaN fails too
        raise InputError(
            f"{name}: expected floats in [0, 1], received {low:g} to {high:g}; scale them first"
        )
    return pixels.astype(np.float64 if pixels.dtype.itemsize == 8 else np.float32)


def _levels(pixels: Pixels, bits: int) -> Pixels:
    """Return integers of so many bits as uint8 or uint16, white as their largest."""
    dtype = np.uint8 if bits <= 8 else np.uint16
    peak, largest = np.iinfo(dtype).max, (1 << bits) - 1
    if peak != largest:
        pixels = (pixels.astype(np.uint32) * peak + largest // 2) // largest
    return pixels.astype(dtype)


def _peak(pixels: Pixels) -> int:
    """Return white."""
    return int(np.iinfo(pixels.dtype).max) if pixels.dtype.kind == "u" else 1


def _with_known_alpha(pixels: Pixels, channels: int, extra: tuple[int, ...], name: str) -> Pixels:
    """Return colour and straight alpha, or colour alone, of pixels with extra channels."""
    known = bool(extra) and extra[0] in (ASSOCIATED, UNASSOCIATED) and channels < 4
    kept = channels + known
    if pixels.shape[2] > kept:
        logger.warning("%s: left out what is neither colour nor alpha in it", name)
    pixels = pixels[..., :kept]
    if known and extra[0] == ASSOCIATED:
        peak, alpha = _peak(pixels), np.maximum(pixels[..., -1:], np.float64(1e-9))
        straight = np.clip(pixels[..., :-1] / alpha, 0, 1) * peak
        pixels[..., :-1] = straight if peak == 1 else np.round(straight)
    return pixels


def encode_tiff(file: IO[bytes], pixels: Pixels, is_cmyk: bool, metadata: Metadata) -> None:
    """Write pixels of any kind to a file that is open for reading as well, without loss."""
    from tifffile import imwrite

    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    colours = "separated" if is_cmyk else "rgb" if channels > 2 else "minisblack"
    source = exif.Tiff.read(BytesIO(metadata.exif)) if metadata.exif else None
    order = source.order if source else "<"
    imwrite(
        file,
        pixels,
        byteorder=order,
        photometric=colours,
        planarconfig="contig" if channels > 1 else None,
        extrasamples=["unassalpha"] if channels in (2, 4) and not is_cmyk else None,
        compression="zlib",
        predictor=True,
        iccprofile=metadata.icc_profile,
        metadata=None,
        software=False,
    )
    written = exif.Tiff.read(file)
    if written.is_big:
        logger.warning("output: left out EXIF, XMP and resolution: the TIFF is over 4 GB")
        return
    directory = written.directory | (source.descriptive() if source else {})
    if metadata.xmp:
        directory[XMP_TAG] = exif.Field(exif.BYTE, metadata.xmp)
    if metadata.dpi:
        directory = exif.with_resolution(directory, order, metadata.dpi)
    end = file.seek(0, os.SEEK_END)
    end += file.write(bytes(end % 2))
    file.write(exif.serialise(directory, order, end))
    file.seek(FIRST_DIRECTORY)
    file.write(struct.pack(order + "I", end))
