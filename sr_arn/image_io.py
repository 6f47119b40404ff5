"""Picture files to arrays and back, through Pillow.

Read: PNG, JPEG, BMP, WebP and TIFF with 8-bit grey or RGB pixels (palette and 1-bit
pictures without transparency become such), and 16-bit grey. What would lose something -
transparency, 16-bit colour, CMYK - is refused. The EXIF orientation is applied, an ICC
profile is kept.
"""

import os
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

LONGEST_SIDE = {"JPEG": 65_535, "WEBP": 16_383}
SIXTEEN_BIT = ("PNG", "TIFF")
GREY_16_MODES = ("I;16", "I;16B", "I;16L", "I;16N")
QUALITY = 95  # of JPEG and WebP
SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": QUALITY, "subsampling": "4:4:4"},
    "WEBP": {"quality": QUALITY},
    "TIFF": {"compression": "tiff_adobe_deflate"},
}

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
    name = _name(source)
    try:
        file = BytesIO(source) if isinstance(source, bytes) else source
        with Image.open(file, formats=FORMATS) as image:
            return from_pil(image, name)
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError(
            f"{name}: expected a PNG, JPEG, BMP, WebP or TIFF picture; this is none"
        ) from None
    except FileNotFoundError:
        raise InputError(f"{name}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{name}: expected a picture, this is a folder") from None
    except Image.DecompressionBombError:
        raise InputError(
            f"{name}: more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels; cut it into parts"
        ) from None
    except PermissionError:
        raise InputError(f"{name}: not readable; check its permissions") from None
    # What Pillow raises on a damaged file depends on the format and on where the damage is.
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError) as error:
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
    image = ImageOps.exif_transpose(image)
    if mode == "P":
        image = image.convert("RGB")
    elif mode == "1":
        image = image.convert("L")
    pixels = np.asarray(image)
    if mode in GREY_16_MODES:
        pixels = pixels.astype(np.uint16)
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
        return any(rawmode == "RGB;16B" for rawmode in _raw_modes(image))
    bits = getattr(image, "tag_v2", {}).get(258, (8,))  # TIFF's BitsPerSample
    return max(np.atleast_1d(bits)) > 8


def _raw_modes(image: Image.Image) -> list[Any]:
    return [tile[3] for tile in getattr(image, "tile", [])]


def _name(source: Source) -> str:
    """Return what to call the source in a message."""
    if isinstance(source, bytes):
        return "image"
    return display(source if isinstance(source, str | os.PathLike) else "image")
