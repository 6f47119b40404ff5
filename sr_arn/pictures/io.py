"""Picture files to arrays and back, with all that they tell.

TIFF and PNG files go through `sr_arn.pictures.formats.tiff` and `sr_arn.pictures.formats.png`, for
Pillow would cut some down to 8 bits; the rest goes through Pillow. What a file's content is decides
how it is read; the file name's suffix, how it is written.
"""

import logging
import math
import os
import struct
import zlib
from collections.abc import Iterable
from dataclasses import replace
from io import BytesIO
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from sr_arn.errors import InputError, display
from sr_arn.pictures.formats import (
    FORMATS,
    SUFFIXES,
    Format,
    check_format,
    detect,
    format_of,
    png,
    tiff,
)
from sr_arn.pictures.formats.pillow import from_pil, is_cut_to_8_bits, picture_of, to_pil
from sr_arn.pictures.picture import Frame, Picture
from sr_arn.system.files import check_output, write_whole
from sr_arn.system.locations import is_place, place
from sr_arn.system.memory import check_memory
from sr_arn.system.threads import available_cores

__all__ = [
    "MAX_PIXELS",
    "Picture",
    "TooManyPixels",
    "as_it_fits",
    "encode_strips",
    "read_image",
    "write_image",
    "write_strips",
]

logger = logging.getLogger(__name__)

MAX_PIXELS = 100_000_000
"""Pixels of a picture that is read without asking: 0.1 to 0.8 GB, or 3.2 GB of doubles."""

BYTES_TO_READ = 12  # of a pixel: in the file, decoded, and as an array
COPIES = 3  # of a result that Pillow writes

HEAD, HEAD_OF_AVIF = 64, 4096  # bytes that tell a format, and an AVIF's depth
METADATA = ("icc_profile", "exif", "xmp", "dpi")
ALLOW_MORE = "allow more with --max-pixels of sr-arn upscale, or cut it into parts"

PILLOWS = ("JPEG", "WEBP", "AVIF", "BMP", "GIF")  # formats that Pillow reads for us
SUBSAMPLED = ("JPEG", "AVIF")  # unless told otherwise

DAMAGE = (  # what readers raise on damaged files, by format and by place
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    RuntimeError,
    OverflowError,
    ZeroDivisionError,
    struct.error,
    zlib.error,
)


class TooManyPixels(InputError):
    """A picture is larger than was allowed; its header alone was read."""


Source = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes]


def read_image(source: Source, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a picture from a path, the bytes of a file or an open binary file.

    Parameters
    ----------
    source : path, bytes or binary file
        PNG, TIFF, JPEG, WebP, AVIF (where Pillow has it), BMP or GIF. Of several pages or
        frames the first is read.
    max_pixels : int, default 100,000,000
        The header of a larger one is read, and no more. Above 179 million Pillow has a say as
        well: PIL.Image.MAX_IMAGE_PIXELS.

    Raises
    ------
    InputError
        If it is missing, no picture, damaged or of another kind; `TooManyPixels` if too large.
    """
    if isinstance(source, str | os.PathLike) or is_place(source):
        name, path = display(source), place(source)
        try:
            with path.open("rb") as file:
                return _decode(file, name, max_pixels, path.suffix.lower())
        except FileNotFoundError:
            raise InputError(f"{name}: no such file") from None
        except IsADirectoryError:
            raise InputError(f"{name}: expected a picture, this is a folder") from None
        except OSError as error:
            raise InputError(f"{name}: cannot be read: {error.strerror or error}") from error
    if isinstance(source, bytes | bytearray | memoryview):
        return _decode(BytesIO(source), "image", max_pixels)
    is_text = isinstance(getattr(source, "read", lambda size: "")(0), str)
    if is_text:
        received = type(source).__name__
        raise InputError(f"image: expected a path, bytes or a binary file, received {received}")
    if not source.seekable():
        source = BytesIO(source.read())
    return _decode(source, "image", max_pixels)


def _decode(file: IO[bytes], name: str, max_pixels: int, suffix: str = "") -> Picture:
    """Read a picture from an open file; `name` says what to call it in a message."""
    head = file.read(HEAD)
    file.seek(0)
    kind = detect(head)
    if kind is None:
        known = ", ".join(kind.name for kind in FORMATS)
        raise InputError(f"{name}: expected a picture ({known}); this is none")
    read = {"TIFF": _read_tiff, "PNG": _read_png}.get(kind.name, _read_by_pillow)
    try:
        picture = read(file, name, max_pixels)
    except InputError:
        raise
    except Image.DecompressionBombError:
        limit = min(max_pixels, 2 * (Image.MAX_IMAGE_PIXELS or max_pixels))
        raise TooManyPixels(f"{name}: has more than {limit:,} pixels; {ALLOW_MORE}") from None
    except DAMAGE as error:
        reason = display(error) or type(error).__name__
        raise InputError(f"{name}: damaged or cut off ({reason})") from error
    if suffix and SUFFIXES.get(suffix) is not kind:
        logger.warning("%s: is a %s picture in spite of its name", name, kind.name)
    return picture


def _check_size(width: int, height: int, most: int, name: str) -> None:
    """Raise `InputError` if a picture has no pixels, or more than are allowed."""
    if min(width, height) < 1:
        raise InputError(f"{name}: damaged: it has {width} x {height} pixels")
    if width * height > most:
        raise TooManyPixels(
            f"{name}: has {width:,} x {height:,} pixels, more than {most:,}; {ALLOW_MORE}"
        )
    check_memory(BYTES_TO_READ * width * height, f"{name}: has {width:,} x {height:,} pixels")


def _read_tiff(file: IO[bytes], name: str, max_pixels: int) -> Picture:
    page = tiff.first_page(file)
    _check_size(page.imagewidth, page.imagelength, max_pixels, name)
    if page.is_tiled:
        _check_size(page.tilewidth, page.tilelength, max_pixels, name)
    pixels, is_cmyk = tiff.decode(page, name)
    _tell_of_frames(len(page.parent.pages), name)
    metadata, orientation = tiff.metadata_of(file, name)
    return Picture(pixels, metadata, is_cmyk).upright(orientation, name)


def _read_png(file: IO[bytes], name: str, max_pixels: int) -> Picture:
    _check_size(*png.size_of(file.read(HEAD)), max_pixels, name)
    file.seek(0)
    data = file.read()
    with Image.open(BytesIO(png.bare(data)), formats=["PNG"]) as image:
        if is_cut_to_8_bits(image):
            if max(image.size) > png.LONGEST_SIDE:
                longest = f"{png.LONGEST_SIDE:,} pixels a side"
                raise InputError(f"{name}: 16-bit PNG is read up to {longest}; convert it to TIFF")
            pixels = png.decode(data, image.info.get("transparency"))
        else:
            pixels = picture_of(image, name, may_be_grey=not png.has_profile(data)).pixels
    _tell_of_frames(png.count_of_frames(data), name)
    metadata = png.metadata_of(data, name)
    return Picture(pixels, metadata).upright(metadata.orientation(), name)


def _read_by_pillow(file: IO[bytes], name: str, max_pixels: int) -> Picture:
    with Image.open(file, formats=PILLOWS) as image:
        _check_size(*image.size, max_pixels, name)
        is_deep = image.format == "AVIF" and _is_deep_avif(file)
        picture = from_pil(image, name)
        _tell_of_frames(_count_of_frames(image), name)
    if is_deep:
        logger.warning("%s: has more than 8 bits per colour, of which 8 are read", name)
    return picture


def _count_of_frames(image: Image.Image) -> int:
    try:
        return getattr(image, "n_frames", 1)
    except DAMAGE:  # beyond the first frame, which is whole
        return 1


def _tell_of_frames(count: int, name: str) -> None:
    if count > 1:
        logger.warning("%s: has %d frames or pages, of which the first is read", name, count)


def _is_deep_avif(file: IO[bytes]) -> bool:
    """Tell whether an AVIF file has more than 8 bits per colour. [AV1-ISOBMFF, section 2.3.3]."""
    file.seek(0)
    _, found, configuration = file.read(HEAD_OF_AVIF).partition(b"av1C")
    return bool(found) and len(configuration) > 2 and bool(configuration[2] & 0x40)


def as_it_fits(kind: Format, picture: Picture, size: tuple[int, int] | None = None) -> Picture:
    """Return the picture as a format can hold it, in a size (rows, columns) of its own.

    That is, without an alpha that hides nothing where the format holds none.

    Raises
    ------
    InputError
        If it cannot: because of the size, the depth or the channels.
    """
    if picture.mode not in kind.modes and picture.is_opaque:
        picture = picture.without_alpha()
    shape = size or picture.pixels.shape[:2]
    check_format(kind, shape, picture.pixels.dtype, picture.mode)
    if kind.name == "AVIF" and not features.check("avif"):
        raise InputError("output: this Pillow was built without AVIF; use .png or .webp")
    return picture


def write_image(
    path: str | os.PathLike[str], picture: Picture, *, threads: int | None = None
) -> None:
    """Write a picture in the format of the file name's suffix, whole or not at all.

    JPEG and WebP are written at quality 95, AVIF at 90, without chroma subsampling where the
    format allows; the others without loss. What the format has no place for of the metadata
    is left out, which the log tells.

    Parameters
    ----------
    path : path
    picture : Picture
    threads : int, optional
        That PNG and TIFF are deflated by; by default as many as the process may use.

    Raises
    ------
    InputError
        If the suffix, the folder, the size, the depth or the channels do not allow it.
    """
    picture = as_it_fits(format_of(check_output(path)), picture)
    write_strips(path, picture.frame, [picture.pixels], threads)


def write_strips(
    path: str | os.PathLike[str],
    frame: Frame,
    strips: Iterable[NDArray[Any]],
    threads: int | None = None,
    quality: int | None = None,
) -> None:
    """Write a picture as its pixels come: `encode_strips`, to a file that is whole or absent."""
    kind = format_of(place(path))
    write_whole(path, lambda file: encode_strips(file, kind, frame, strips, threads, quality))


def encode_strips(
    file: IO[bytes],
    kind: Format,
    frame: Frame,
    strips: Iterable[NDArray[Any]],
    threads: int | None = None,
    quality: int | None = None,
) -> None:
    """Write a picture as its pixels come, [h, w, ...] at a time, from the top.

    PNG and TIFF need the memory of a few strips, the other formats that of the picture.

    Parameters
    ----------
    file : binary file
        Open for reading as well.
    kind : Format
        One that holds the frame: see `as_it_fits`.
    frame : Frame
    strips : iterable of ndarray
    threads : int, optional
        That PNG and TIFF are deflated by; by default as many as the process may use.
    quality : int, optional
        Of JPEG, WebP and AVIF, 1 to 100.
    """
    frame = replace(frame, metadata=frame.metadata.that_fits(kind))
    workers = threads or available_cores()
    if kind.name == "PNG":
        png.encode(file, strips, frame, workers)
    elif kind.name == "TIFF":
        tiff.encode(file, strips, frame, workers)
    else:
        size = math.prod(frame.shape) * frame.dtype.itemsize
        check_memory(COPIES * size, f"output: {kind.name} is written as a whole")
        pixels, filled = np.empty(frame.shape, frame.dtype), 0
        for strip in strips:
            pixels[filled : filled + len(strip)] = strip
            filled += len(strip)
        _save(file, to_pil(Picture(pixels, frame.metadata, frame.is_cmyk)), kind, quality)


def _save(file: IO[bytes], image: Image.Image, kind: Format, quality: int | None) -> None:
    """Let Pillow write an image with what its `info` says."""
    options = {key: image.info[key] for key in METADATA if key in image.info}
    if kind.quality is not None:
        options["quality"] = quality or kind.quality
    if kind.name in SUBSAMPLED:
        options["subsampling"] = "4:4:4"
    image.save(file, format=kind.name.upper(), **options)
