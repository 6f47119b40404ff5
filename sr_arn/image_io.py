"""Picture files to arrays and back, through Pillow.

Read: PNG, JPEG, BMP, WebP and TIFF with 8-bit grey or RGB pixels (palette and 1-bit
pictures without transparency become such), and 16-bit grey. What would lose something -
transparency, 16-bit colour, CMYK - is refused. The EXIF orientation is applied, an ICC
profile is kept.
"""

import os
import struct
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from sr_arn.checks import InputError, display
from sr_arn.files import check_output, write_whole

__all__ = [
    "SUFFIXES",
    "Picture",
    "check_picture_output",
    "from_pil",
    "read_image",
    "to_pil",
    "write_image",
]

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF")
SUFFIXES = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".bmp": "BMP",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
"""Format by file name suffix."""

LONGEST_SIDE = {"JPEG": 65_500, "WEBP": 16_383}
PHOTOMETRIC, BITS_PER_SAMPLE = 262, 258  # tags of TIFF 6.0
SIXTEEN_BIT = ("PNG", "TIFF")
GREY_16_MODES = ("I;16", "I;16B", "I;16L", "I;16N")
QUALITY = 95  # of JPEG and WebP
SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": QUALITY, "subsampling": "4:4:4"},
    "WEBP": {"quality": QUALITY},
    "TIFF": {"compression": "tiff_adobe_deflate"},
}

DAMAGE = (  # what Pillow raises on damaged files, by format and by place
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    struct.error,
)

Source = str | os.PathLike[str] | bytes | IO[bytes]


@dataclass(frozen=True)
class Picture:
    """Pixels, and what a file says about them."""

    pixels: NDArray[Any]
    """uint8 [h, w], uint8 [h, w, 3] RGB or uint16 [h, w]."""

    icc_profile: bytes | None = None

    def with_pixels(self, pixels: NDArray[Any]) -> "Picture":
        """Return the same picture with other pixels."""
        return replace(self, pixels=pixels)


def read_image(source: Source) -> Picture:
    """Read a picture from a path, the bytes of a file or an open binary file.

    Raises
    ------
    InputError
        If it is missing, no picture, damaged, or of a kind that would lose something.
    """
    if isinstance(source, str | os.PathLike):
        name = display(source)
        try:
            with open(source, "rb") as file:
                return _decode(file, name)
        except FileNotFoundError:
            raise InputError(f"{name}: no such file") from None
        except IsADirectoryError:
            raise InputError(f"{name}: expected a picture, this is a folder") from None
        except OSError as error:
            raise InputError(f"{name}: cannot be read: {error.strerror or error}") from error
    if isinstance(source, bytes):
        return _decode(BytesIO(source), "image")
    if not hasattr(source, "read"):
        received = type(source).__name__
        raise InputError(f"image: expected a path, bytes or a binary file, received {received}")
    return _decode(source, "image")


def _decode(file: IO[bytes], name: str) -> Picture:
    """Read a picture from an open file; `name` says what to call it in a message."""
    try:
        with Image.open(file, formats=FORMATS) as image:
            return from_pil(image, name)
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError(
            f"{name}: expected a PNG, JPEG, BMP, WebP or TIFF picture; this is none"
        ) from None
    except Image.DecompressionBombError:
        raise InputError(
            f"{name}: more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels; cut it into parts"
        ) from None
    except DAMAGE as error:
        reason = display(error) or type(error).__name__
        raise InputError(f"{name}: damaged or cut off ({reason})") from error


def from_pil(image: Image.Image, name: str = "image") -> Picture:
    """Return a Pillow image as a `Picture`.

    Raises
    ------
    InputError
        If it is of a kind that would lose something; `name` says what to call it.
    """
    mode = image.mode
    if "transparency" in image.info or mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        raise InputError(
            f"{name}: has transparency, which would be lost; remove the alpha channel first"
        )
    if mode == "RGB" and _is_16_bit_colour(image):
        raise InputError(
            f"{name}: has 16 bits per colour, of which 8 would be lost; convert it first"
        )
    if mode not in ("1", "L", "P", "RGB", *GREY_16_MODES):
        raise InputError(
            f"{name}: expected 8-bit grey or RGB or 16-bit grey, this is {mode}; convert it first"
        )
    icc_profile = image.info.get("icc_profile")
    is_white_zero = _tiff_tag(image, PHOTOMETRIC, 1) == 0
    image = ImageOps.exif_transpose(image)
    if mode == "P":
        image = image.convert("RGB")
    elif mode == "1":
        image = image.convert("L")
    pixels = np.asarray(image)
    if mode in GREY_16_MODES:
        pixels = pixels.astype(np.uint16)
        if is_white_zero:  # Pillow turns such 8-bit pictures round, but not these
            pixels = 65535 - pixels
    return Picture(pixels, icc_profile)


def to_pil(picture: Picture) -> Image.Image:
    """Return a `Picture` as a Pillow image of mode L, RGB or I;16."""
    image = Image.fromarray(picture.pixels)
    if picture.icc_profile:
        image.info["icc_profile"] = picture.icc_profile
    return image


def check_picture_output(
    path: str | os.PathLike[str], shape: tuple[int, ...], dtype: np.dtype[Any]
) -> None:
    """Raise `InputError` unless a picture of this shape and dtype can be written to `path`."""
    path = check_output(path)
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise InputError(
            f"output: expected a name ending in {', '.join(SUFFIXES)}, "
            f"received {display(path.name)}"
        )
    longest = LONGEST_SIDE.get(kind)
    if longest is not None and max(shape[:2]) > longest:
        raise InputError(
            f"output: {kind} holds {longest:,} pixels a side, the result has {max(shape[:2]):,}; "
            "use .png or .tif"
        )
    if dtype == np.uint16 and kind not in SIXTEEN_BIT:
        raise InputError(f"output: {kind} holds 8 bits, the picture has 16; use .png or .tif")


def write_image(path: str | os.PathLike[str], picture: Picture) -> None:
    """Write a picture in the format of the file name's suffix, whole or not at all.

    JPEG and WebP are written at quality 95 (JPEG without chroma subsampling), the others
    without loss.

    Raises
    ------
    InputError
        If the suffix, the folder, the size or the depth does not allow it.
    """
    check_picture_output(path, picture.pixels.shape, picture.pixels.dtype)
    kind = SUFFIXES[Path(path).suffix.lower()]
    image = to_pil(picture)
    profile = {"icc_profile": picture.icc_profile} if picture.icc_profile else {}
    options = {**SAVE_OPTIONS.get(kind, {}), **profile}
    write_whole(path, lambda file: image.save(file, format=kind, **options))


def _is_16_bit_colour(image: Image.Image) -> bool:
    """Tell whether Pillow has cut a PNG's or TIFF's 16-bit colours down to 8."""
    if image.format == "PNG":
        return any(tile[3] == "RGB;16B" for tile in getattr(image, "tile", []))
    return max(np.atleast_1d(_tiff_tag(image, BITS_PER_SAMPLE, 8))) > 8


def _tiff_tag(image: Image.Image, tag: int, default: int) -> Any:
    """Return a tag of a TIFF file, or the default for other pictures."""
    return getattr(image, "tag_v2", {}).get(tag, default)
