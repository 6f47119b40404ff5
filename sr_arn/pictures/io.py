"""Picture files to arrays and back, with their metadata.

The content of a file decides how it is read; the suffix of its name, how it is written. Both are
done by the formats in `sr_arn.pictures.formats`.
"""

import logging
import os
from collections.abc import Iterable
from dataclasses import replace
from io import BytesIO
from typing import IO, Any

from numpy.typing import NDArray

from sr_arn.errors import InputError, SrArnError, display
from sr_arn.pictures.formats import FORMATS, SUFFIXES, Format, check_format, detect, format_of
from sr_arn.pictures.formats.base import DAMAGE, TooManyPixels
from sr_arn.pictures.formats.unread import unread
from sr_arn.pictures.left_out import leave_out
from sr_arn.pictures.picture import Picture, PictureInfo
from sr_arn.system.files import check_output, write_whole
from sr_arn.system.locations import is_location, location
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

HEAD = 512  # bytes that identify a format

Source = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes]


def read_image(source: Source, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a picture from a path, the bytes of a file or an open binary file.

    What its file holds beside, and is not read, is named in `metadata.left_out`; the log names
    pixels that are not read.

    Parameters
    ----------
    source : path, bytes or binary file
        A picture in one of `sr_arn.pictures.formats.FORMATS`. Of several pages or frames the
        first is read.
    max_pixels : int, default 100,000,000
        The header of a larger one is read, and no more. Above 179 million Pillow has a say as
        well: PIL.Image.MAX_IMAGE_PIXELS.

    Raises
    ------
    InputError
        If it is missing, no picture, damaged or of another kind; `TooManyPixels` if too large.
    """
    if isinstance(source, str | os.PathLike) or is_location(source):
        name, path = display(source), location(source)
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
    """Read a picture from an open file; messages call it `name`."""
    head = file.read(HEAD)
    file.seek(0)
    found = detect(head)
    other = unread(head, suffix, is_read=found is not None)
    if other is not None:
        raise other.refusal(name)
    if not head:
        raise InputError(f"{name}: is empty")
    if found is None:
        known = ", ".join(form.name for form in FORMATS)
        raise InputError(f"{name}: expected a picture ({known}); this is none")
    try:
        picture = found.read(file, name, max_pixels)
    except SrArnError:
        raise
    except DAMAGE as error:
        reason = display(error) or type(error).__name__
        raise InputError(f"{name}: damaged or cut off ({reason})") from error
    if suffix and SUFFIXES.get(suffix) is not found:
        logger.warning("%s: is a %s picture in spite of its name", name, found.name)
    return picture


def as_it_fits(target: Format, picture: Picture, size: tuple[int, int] | None = None) -> Picture:
    """Return the picture as a format can hold it, in a size (rows, columns) of its own.

    That is, without an alpha that hides nothing where the format holds none.

    Raises
    ------
    InputError
        If it cannot: because of the size, the depth or the channels.
    """
    if picture.mode not in target.modes and picture.is_opaque:
        picture = picture.without_alpha()
    shape = size or picture.pixels.shape[:2]
    check_format(target, shape, picture.pixels.dtype, picture.mode)
    return picture


def write_image(
    path: str | os.PathLike[str], picture: Picture, *, threads: int | None = None
) -> None:
    """Write a picture in the format of the file name's suffix, whole or not at all.

    Formats that lose something are written at their own high quality (docs/pictures.md names it),
    the others without loss. The log names what the picture's file held and the result does not.

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
    write_strips(path, picture.info, [picture.pixels], threads)


def write_strips(
    path: str | os.PathLike[str],
    info: PictureInfo,
    strips: Iterable[NDArray[Any]],
    threads: int | None = None,
    quality: int | None = None,
) -> None:
    """Write a picture as its pixels come: `encode_strips`, to a file that is whole or absent."""
    target = format_of(location(path))
    write_whole(path, lambda file: encode_strips(file, target, info, strips, threads, quality))


def encode_strips(
    file: IO[bytes],
    target: Format,
    info: PictureInfo,
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
    target : Format
        One that holds the picture: see `as_it_fits`.
    info : PictureInfo
    strips : iterable of ndarray
    threads : int, optional
        That PNG and TIFF are deflated by; by default as many as the process may use.
    quality : int, optional
        1 to 100, of formats that lose something; by default that of the format.
    """
    info = replace(info, metadata=target.fit(info.metadata))
    leave_out("output", *info.metadata.left_out)
    target.write(file, info, strips, threads or available_cores(), quality)
