"""Pillow's images to pictures and back."""

import numpy as np
from PIL import Image

from sr_arn.errors import InputError, display
from sr_arn.pictures.jpeg import quality_of_table
from sr_arn.pictures.metadata import EXIF_PREFIX, from_image
from sr_arn.pictures.picture import Picture

__all__ = ["from_pil", "is_cut_to_8_bits", "picture_of", "to_pil"]

BITS_PER_SAMPLE = 258  # tag of TIFF
GREY_16_MODES = ("I;16", "I;16B", "I;16L", "I;16N")
READ_MODES = ("L", "LA", "RGB", "RGBA", "CMYK", "F")
CONVERSIONS = {"1": "L", "P": "RGB", "RGBX": "RGB", "YCbCr": "RGB", "PA": "RGBA"}
CONVERSIONS |= {"La": "LA", "RGBa": "RGBA"}
STRETCHED = {"1": 255, "L;2": 255 // 3, "L;4": 255 // 15}
WITH_ALPHA = {"1": "LA", "L": "LA", "P": "RGBA", "RGB": "RGBA"}


def from_pil(image: Image.Image, name: str = "image") -> Picture:
    """Return a Pillow image as a `Picture`.

    Raises
    ------
    InputError
        If it is of a kind that would lose something; `name` says what to call it. Of colours
        of 16 bits that are loaded already, Pillow has lost half, which cannot be seen.
    """
    would_be_cut = image.mode not in GREY_16_MODES or "transparency" in image.info
    if would_be_cut and is_cut_to_8_bits(image):
        raise InputError(
            f"{name}: has 16 bits per colour, of which Pillow keeps 8; give the file's path instead"
        )
    picture = picture_of(image, name, may_be_grey="icc_profile" not in image.info)
    return picture.upright(picture.metadata.orientation(), name)


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
    if picture.is_cmyk:
        image = Image.frombytes("CMYK", pixels.shape[1::-1], pixels.tobytes())
    else:
        image = Image.fromarray(pixels)
    metadata = picture.metadata
    info = {
        "icc_profile": metadata.icc_profile,
        "exif": metadata.exif and EXIF_PREFIX + metadata.exif,
        "xmp": metadata.xmp,
        "dpi": metadata.dpi,
    }
    image.info.update({key: value for key, value in info.items() if value})
    return image


def is_cut_to_8_bits(image: Image.Image) -> bool:
    """Tell whether Pillow would cut the channels of a file that it has opened down to 8 bits."""
    if image.format == "PNG":
        return any("16" in str(tile[3]) for tile in getattr(image, "tile", []))
    bits = getattr(image, "tag_v2", {}).get(BITS_PER_SAMPLE, 8)
    return max(np.atleast_1d(bits)) > 8


def picture_of(image: Image.Image, name: str, may_be_grey: bool = True) -> Picture:
    """Return an image as it is, not turned upright; a grey palette as grey, if it may be."""
    jpeg = _quality_of(image)
    image = _with_stretched_key(image)
    mode = image.mode
    conversions = WITH_ALPHA if "transparency" in image.info else CONVERSIONS
    if mode in GREY_16_MODES:
        return Picture(np.asarray(image).astype(np.uint16), from_image(image))
    mode = conversions.get(mode, mode)
    if image.mode == "P" and may_be_grey and _has_grey_palette(image):
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
    return Picture(pixels, from_image(image), is_cmyk=mode == "CMYK", jpeg=jpeg)


def _quality_of(image: Image.Image) -> float | None:
    """Return the quality of a JPEG file that Pillow has opened, not loaded yet.

    Nobody knows what was done since to pixels that are loaded, or asked for in another size.
    """
    tables = getattr(image, "quantization", None)
    is_untouched = getattr(image, "tile", []) and not getattr(image, "decoderconfig", None)
    if not tables or not is_untouched:
        return None
    return quality_of_table(tables[min(tables)])


def _with_stretched_key(image: Image.Image) -> Image.Image:
    """Stretch a PNG's transparent grey of few bits to 8, as Pillow does with the pixels."""
    key, tiles = image.info.get("transparency"), getattr(image, "tile", [])
    raw_mode = str(tiles[0][3]) if tiles else ""  # there are none once it is loaded
    if isinstance(key, int) and raw_mode in STRETCHED:
        image = image.copy()
        image.info["transparency"] = min(key * STRETCHED[raw_mode], 255)  # some versions of it do
    return image


def _has_grey_palette(image: Image.Image) -> bool:
    palette = np.reshape(image.getpalette() or [0, 0, 0], (-1, 3))
    return bool((palette == palette[:, :1]).all())
