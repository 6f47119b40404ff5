"""Picture files to arrays and back, with all that they tell.

TIFF files and what Pillow would cut down to 8 bits go through `sr_arn.codecs`, the rest through
Pillow. What a file's content is decides how it is read; the file name's suffix, how it is
written.
"""

import logging
import os
import struct
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from sr_arn import codecs
from sr_arn.checks import InputError, display
from sr_arn.files import check_output, write_whole
from sr_arn.formats import FORMATS, MODES, SUFFIXES, check_format, detect, format_of
from sr_arn.metadata import EXIF_PREFIX, Metadata, checked_icc, from_image, from_tiff

if TYPE_CHECKING:
    from tifffile import TiffPage

__all__ = [
    "MAX_PIXELS",
    "Picture",
    "check_picture_output",
    "from_pil",
    "opaque_pixels",
    "read_image",
    "to_pil",
    "write_image",
]

logger = logging.getLogger(__name__)

MAX_PIXELS = 100_000_000
"""Pixels of a picture that is read without asking: it takes 0.3 to 0.8 GB of memory."""

HEAD, HEAD_OF_AVIF = 64, 4096  # bytes that tell a format, and an AVIF's depth
BITS_PER_SAMPLE = 258  # tag of TIFF
GREY_16_MODES = ("I;16", "I;16B", "I;16L", "I;16N")
READ_MODES = ("L", "LA", "RGB", "RGBA", "CMYK", "F")
CONVERSIONS = {"1": "L", "P": "RGB", "RGBX": "RGB", "YCbCr": "RGB", "PA": "RGBA"}
CONVERSIONS |= {"La": "LA", "RGBa": "RGBA"}
WITH_ALPHA = {"1": "LA", "L": "LA", "P": "RGBA", "RGB": "RGBA"}
METADATA = ("icc_profile", "exif", "xmp", "dpi")
ALLOW_MORE = (
    "allow more with --max-pixels (in Python max_pixels and PIL.Image.MAX_IMAGE_PIXELS), "
    "or cut it into parts"
)

QUALITY = 95  # of JPEG and WebP
SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": QUALITY, "subsampling": "4:4:4"},
    "WebP": {"quality": QUALITY},
    "AVIF": {"quality": 90, "subsampling": "4:4:4"},
}

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
)

Source = str | os.PathLike[str] | bytes | IO[bytes]


@dataclass(frozen=True)
class Picture:
    """Pixels, upright, and what a file says beside them."""

    pixels: NDArray[Any]
    """[h, w] grey, or [h, w, c]: grey and alpha, RGB, RGBA or CMYK. uint8, uint16, or float32
    or float64 in [0, 1]. Alpha is straight, not multiplied into the colour."""

    metadata: Metadata = field(default_factory=Metadata)
    is_cmyk: bool = False

    @property
    def mode(self) -> str:
        """What the channels are: L, LA, RGB, RGBA or CMYK."""
        channels = 1 if self.pixels.ndim == 2 else self.pixels.shape[2]
        return "CMYK" if self.is_cmyk else MODES[channels]

    def with_pixels(self, pixels: NDArray[Any]) -> "Picture":
        """Return the same picture with other pixels, of any size."""
        height, width = pixels.shape[:2]
        return replace(self, pixels=pixels, metadata=self.metadata.for_picture(width, height))


def read_image(source: Source, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a picture from a path, the bytes of a file or an open binary file.

    Parameters
    ----------
    source : path, bytes or binary file
        PNG, TIFF, JPEG, WebP, AVIF (where Pillow has it), BMP or GIF. Of several pages or
        frames the first is read.
    max_pixels : int, default 100,000,000
        The header of a larger one is read, and no more.

    Raises
    ------
    InputError
        If it is missing, no picture, damaged, too large or of another kind.
    """
    if isinstance(source, str | os.PathLike):
        name = display(source)
        try:
            with open(source, "rb") as file:
                return _decode(file, name, max_pixels, Path(source).suffix.lower())
        except FileNotFoundError:
            raise InputError(f"{name}: no such file") from None
        except IsADirectoryError:
            raise InputError(f"{name}: expected a picture, this is a folder") from None
        except OSError as error:
            raise InputError(f"{name}: cannot be read: {error.strerror or error}") from error
    if isinstance(source, bytes):
        return _decode(BytesIO(source), "image", max_pixels)
    if not hasattr(source, "read"):
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
    if suffix and SUFFIXES.get(suffix) is not kind:
        logger.warning("%s: is a %s picture in spite of its name", name, kind.name)
    try:
        if kind.name == "TIFF":
            page = codecs.open_tiff(file)
            _check_size(page.imagewidth, page.imagelength, max_pixels, name)
            return _read_page(page, file, name)
        with Image.open(file, formats=[kind.name.upper()]) as image:
            _check_size(*image.size, max_pixels, name)
            return _read_image(image, file, name)
    except InputError:
        raise
    except Image.DecompressionBombError:
        limit = min(max_pixels, 2 * (Image.MAX_IMAGE_PIXELS or max_pixels))
        raise InputError(f"{name}: has more than {limit:,} pixels; {ALLOW_MORE}") from None
    except DAMAGE as error:
        reason = display(error) or type(error).__name__
        raise InputError(f"{name}: damaged or cut off ({reason})") from error


def _check_size(width: int, height: int, most: int, name: str) -> None:
    """Raise `InputError` if a picture has no pixels, or more than are allowed."""
    if min(width, height) < 1:
        raise InputError(f"{name}: damaged: it has {width} x {height} pixels")
    if width * height > most:
        raise InputError(
            f"{name}: has {width:,} x {height:,} pixels, more than {most:,}; {ALLOW_MORE}"
        )


def _read_page(page: "TiffPage", file: IO[bytes], name: str) -> Picture:
    """Read a page of a TIFF file."""
    _tell_of_frames(len(page.parent.pages), name)
    pixels, is_cmyk = codecs.decode_tiff(page, name)
    metadata, orientation = from_tiff(file, name)
    return _upright(Picture(pixels, metadata, is_cmyk), orientation, name)


def _read_image(image: Image.Image, file: IO[bytes], name: str) -> Picture:
    """Read the first frame of a file that Pillow has opened."""
    _tell_of_frames(getattr(image, "n_frames", 1), name)
    if image.format == "AVIF" and _is_deep_avif(file):
        logger.warning("%s: has more than 8 bits per colour, of which 8 are read", name)
    is_deep = _is_cut_to_8_bits(image)
    image.load()
    metadata = from_image(image)
    if is_deep:
        file.seek(0)
        pixels = codecs.decode_png(file.read())
        key = image.info.get("transparency")
        picture = Picture(pixels if key is None else _with_key(pixels, key), metadata)
    else:
        pixels, is_cmyk = _pixels(image, name)
        picture = Picture(pixels, metadata, is_cmyk)
    return _upright(picture, metadata.orientation(), name)


def _tell_of_frames(count: int, name: str) -> None:
    if count > 1:
        logger.warning("%s: has %d frames or pages, of which the first is read", name, count)


def _is_cut_to_8_bits(image: Image.Image) -> bool:
    """Tell whether Pillow would cut the channels of a file that it has opened down to 8 bits."""
    if image.format == "PNG":
        return any("16" in str(tile[3]) for tile in getattr(image, "tile", []))
    bits = getattr(image, "tag_v2", {}).get(BITS_PER_SAMPLE, 8)
    return max(np.atleast_1d(bits)) > 8


def _is_deep_avif(file: IO[bytes]) -> bool:
    """Tell whether an AVIF file has more than 8 bits per colour. [AV1-ISOBMFF, section 2.3.3]."""
    file.seek(0)
    _, found, configuration = file.read(HEAD_OF_AVIF).partition(b"av1C")
    return bool(found) and len(configuration) > 2 and bool(configuration[2] & 0x40)


def _with_key(pixels: NDArray[Any], key: Any) -> NDArray[Any]:
    """Return pixels with alpha: nothing where they have the key's colour, else full."""
    channels = np.atleast_3d(pixels)
    is_key = (channels == np.asarray(key)).all(axis=-1, keepdims=True)
    return np.concatenate([channels, np.where(is_key, 0, 65535).astype(pixels.dtype)], axis=-1)


def _pixels(image: Image.Image, name: str) -> tuple[NDArray[Any], bool]:
    """Return an image's pixels, and whether they are CMYK."""
    mode = image.mode
    conversions = WITH_ALPHA if "transparency" in image.info else CONVERSIONS
    if mode in GREY_16_MODES:
        return np.asarray(image).astype(np.uint16), False
    mode = conversions.get(mode, mode)
    if image.mode == "P" and _has_grey_palette(image):
        mode = {"RGB": "L", "RGBA": "LA"}[mode]
    if mode not in READ_MODES:
        raise InputError(
            f"{name}: expected grey, RGB or CMYK of 8 or 16 bits or floats, "
            f"this is {display(image.mode)}; convert it first"
        )
    if image.mode == "P" and mode == "LA":
        image = image.convert("RGBA")
    pixels = np.array(image if image.mode == mode else image.convert(mode))
    if mode == "F" and not (pixels.min() >= 0 and pixels.max() <= 1):
        raise InputError(f"{name}: expected floats in [0, 1]; scale them first")
    return pixels, mode == "CMYK"


def _has_grey_palette(image: Image.Image) -> bool:
    palette = np.reshape(image.getpalette() or [0, 0, 0], (-1, 3))
    return bool((palette == palette[:, :1]).all())


def _upright(picture: Picture, orientation: int, name: str) -> Picture:
    """Turn a picture as EXIF's orientation says, and check what it says beside its pixels."""
    pixels = _turned(picture.pixels, orientation)
    icc_profile = checked_icc(picture.metadata.icc_profile, picture.mode, name)
    metadata = replace(picture.metadata, icc_profile=icc_profile)
    height, width = pixels.shape[:2]
    return replace(picture, pixels=pixels, metadata=metadata.for_picture(width, height, name))


def _turned(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return stored pixels upright. [EXIF 2.32: what the stored 0th row and column are]."""
    if orientation in (3, 4, 6, 7):
        pixels = pixels[::-1]
    if orientation in (2, 3, 7, 8):
        pixels = pixels[:, ::-1]
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    return np.ascontiguousarray(pixels)


def from_pil(image: Image.Image, name: str = "image") -> Picture:
    """Return a Pillow image as a `Picture`.

    Raises
    ------
    InputError
        If it is of a kind that would lose something; `name` says what to call it.
    """
    if image.mode not in GREY_16_MODES and _is_cut_to_8_bits(image):
        raise InputError(
            f"{name}: has 16 bits per colour, of which Pillow keeps 8; give the file's path instead"
        )
    pixels, is_cmyk = _pixels(image, name)
    metadata = from_image(image)
    return _upright(Picture(pixels, metadata, is_cmyk), metadata.orientation(), name)


def to_pil(picture: Picture) -> Image.Image:
    """Return a `Picture` as a Pillow image: L, LA, RGB, RGBA, CMYK, I;16 or F.

    Raises
    ------
    InputError
        If Pillow has no mode for it: colour of more than 8 bits.
    """
    pixels, dtype = picture.pixels, picture.pixels.dtype
    if dtype != np.uint8 and (pixels.ndim > 2 or dtype == np.float64):
        bits = dtype.itemsize * 8
        raise InputError(
            f"image: a PIL image cannot hold {picture.mode} of {bits} bits; "
            "use read_image, upscale_picture and write_image"
        )
    image = Image.fromarray(pixels, "CMYK") if picture.is_cmyk else Image.fromarray(pixels)
    metadata = picture.metadata
    info = {
        "icc_profile": metadata.icc_profile,
        "exif": metadata.exif and EXIF_PREFIX + metadata.exif,
        "xmp": metadata.xmp,
        "dpi": metadata.dpi,
    }
    image.info.update({key: value for key, value in info.items() if value})
    return image


def opaque_pixels(picture: Picture, name: str) -> NDArray[Any]:
    """Return grey [h, w] or RGB [h, w, 3] of a picture that hides nothing.

    Raises
    ------
    InputError
        If something is transparent, or it is CMYK, whose luminance depends on the inks.
    """
    if picture.is_cmyk:
        raise InputError(f"{name}: expected grey or RGB, this is CMYK; convert it first")
    if picture.mode not in ("LA", "RGBA"):
        return picture.pixels
    if not _is_opaque(picture):
        raise InputError(f"{name}: has transparency, which has no luminance; flatten it first")
    return _without_alpha(picture).pixels


def check_picture_output(path: str | os.PathLike[str], picture: Picture, scale: int = 1) -> Picture:
    """Return the picture as it can be written to `path`, enlarged `scale` times.

    That is, without an alpha that hides nothing where the format holds none.

    Raises
    ------
    InputError
        If it cannot: because of the folder, the suffix, the size, the depth or the channels.
    """
    kind = format_of(check_output(path))
    if picture.mode in ("LA", "RGBA") and picture.mode not in kind.modes and _is_opaque(picture):
        picture = _without_alpha(picture)
    height, width = (side * scale for side in picture.pixels.shape[:2])
    check_format(kind, (height, width), picture.pixels.dtype, picture.mode)
    if kind.name == "AVIF" and not features.check("avif"):
        raise InputError("output: this Pillow was built without AVIF; use .png or .webp")
    return picture


def write_image(path: str | os.PathLike[str], picture: Picture) -> None:
    """Write a picture in the format of the file name's suffix, whole or not at all.

    JPEG and WebP are written at quality 95, AVIF at 90, without chroma subsampling where the
    format allows; the others without loss. What the format has no place for of the metadata
    is left out, which the log tells.

    Raises
    ------
    InputError
        If the suffix, the folder, the size, the depth or the channels do not allow it.
    """
    picture = check_picture_output(path, picture)
    kind = format_of(Path(path))
    metadata = picture.metadata.that_fits(kind)

    def write(file: IO[bytes]) -> None:
        if kind.name == "PNG":
            codecs.encode_png(file, picture.pixels, metadata)
        elif kind.name == "TIFF":
            codecs.encode_tiff(file, picture.pixels, picture.is_cmyk, metadata)
        else:
            _save(file, to_pil(replace(picture, metadata=metadata)), kind.name)

    write_whole(path, write)


def _save(file: IO[bytes], image: Image.Image, kind: str) -> None:
    """Let Pillow write an image with what its `info` says."""
    kept = {key: image.info[key] for key in METADATA if key in image.info}
    image.save(file, format=kind.upper(), **SAVE_OPTIONS.get(kind, {}), **kept)


def _is_opaque(picture: Picture) -> bool:
    full = np.iinfo(picture.pixels.dtype).max if picture.pixels.dtype.kind == "u" else 1
    return bool((picture.pixels[..., -1] == full).all())


def _without_alpha(picture: Picture) -> Picture:
    pixels = picture.pixels[..., :-1]
    return replace(picture, pixels=pixels[..., 0] if pixels.shape[2] == 1 else pixels)
