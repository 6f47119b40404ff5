"""The formats that Pillow reads and writes for us, and its images to pictures and back."""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import IO, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sr_arn.errors import InputError, display
from sr_arn.pictures.formats.base import (
    ALLOW_MORE,
    DAMAGE,
    Format,
    TooManyPixels,
    check_size,
    report_frames,
)
from sr_arn.pictures.jpeg import quality_of_table
from sr_arn.pictures.metadata import EXIF_PREFIX, Metadata, exif_dpi, sane_dpi, unhexed
from sr_arn.pictures.picture import Picture, PictureInfo
from sr_arn.pictures.scaling import scaling_of
from sr_arn.system.memory import check_memory

__all__ = [
    "HELD",
    "PillowFormat",
    "from_pil",
    "is_cut_to_8_bits",
    "metadata_of",
    "opened",
    "picture_of",
    "to_pil",
]

COPIES = 3  # of a result that Pillow writes
HELD = ("icc_profile", "exif", "xmp")  # kinds of metadata that Pillow's images hold
LEGACY_EXIF = "Raw profile type exif"  # ImageMagick's text chunk, before PNG had one for EXIF
INCH, CENTIMETRE = 1, 2  # of Pillow's jfif_unit; without one it makes 72 dpi up

BITS_PER_SAMPLE = 258  # tag of TIFF
GREY_16_MODES = ("I;16", "I;16B", "I;16L", "I;16N")
READ_MODES = ("L", "LA", "RGB", "RGBA", "CMYK", "F")
CONVERSIONS = {"1": "L", "P": "RGB", "RGBX": "RGB", "YCbCr": "RGB", "PA": "RGBA"}
CONVERSIONS |= {"La": "LA", "RGBa": "RGBA"}
STRETCHED = {"1": 255, "L;2": 255 // 3, "L;4": 255 // 15}
WITH_ALPHA = {"1": "LA", "L": "LA", "P": "RGBA", "RGB": "RGBA"}


class PillowFormat(Format):
    """A format of 8 bits that Pillow reads and writes, under its name in upper case."""

    has_frames: ClassVar[bool] = True
    """Whether the pictures in a file are frames."""
    save_options: ClassVar[Mapping[str, Any]] = {}

    def read(self, file: IO[bytes], name: str, max_pixels: int) -> Picture:
        """Return the picture in a file, the first of several frames."""
        with opened(file, self.name, name, max_pixels) as image:
            check_size(*image.size, max_pixels, name)
            picture = _unturned(image, name)
            if self.has_frames:
                report_frames(_count_of_frames(image), name)
        file.seek(0)
        metadata = self.attached(file, picture.metadata)
        return replace(picture, metadata=metadata).upright(metadata.orientation())

    def attached(self, file: IO[bytes], metadata: Metadata) -> Metadata:
        """Return the metadata of a file, which is at its beginning, with what Pillow leaves out."""
        return metadata

    def options(self, metadata: Metadata) -> Mapping[str, Any]:
        """Return how Pillow is to save a picture, beside its quality."""
        return self.save_options

    def write(
        self,
        file: IO[bytes],
        info: PictureInfo,
        strips: Iterable[NDArray[Any]],
        threads: int,
        quality: int | None = None,
    ) -> None:
        """Write a picture when its pixels are all there; Pillow takes one thread."""
        size = math.prod(info.shape) * info.dtype.itemsize
        check_memory(COPIES * size, f"output: {self.name} is written as a whole")
        pixels, filled = np.empty(info.shape, info.dtype), 0
        for strip in strips:
            pixels[filled : filled + len(strip)] = strip
            filled += len(strip)
        image = to_pil(Picture(pixels, info.metadata, is_cmyk=info.is_cmyk))
        options = {key: image.info[key] for key in (*HELD, "dpi") if key in image.info}
        if self.quality is not None:
            options["quality"] = quality or self.quality
        image.save(file, format=self.name.upper(), **options, **self.options(info.metadata))


@contextmanager
def opened(file: IO[bytes], form: str, name: str, max_pixels: int) -> Iterator[Image.Image]:
    """Let Pillow open a file of the format `form`; its own limit of pixels is one of ours."""
    try:
        with Image.open(file, formats=[form]) as image:
            yield image
    except Image.DecompressionBombError:
        limit = min(max_pixels, 2 * (Image.MAX_IMAGE_PIXELS or max_pixels))
        raise TooManyPixels(f"{name}: has more than {limit:,} pixels; {ALLOW_MORE}") from None


def _count_of_frames(image: Image.Image) -> int:
    try:
        return getattr(image, "n_frames", 1)
    except DAMAGE:  # beyond the first frame, which is whole
        return 1


def from_pil(image: Image.Image, name: str = "image") -> Picture:
    """Return a Pillow image as a `Picture`.

    Raises
    ------
    InputError
        If it is of a kind that would lose something; messages call it `name`. Of colours
        of 16 bits that are loaded already, Pillow has lost half, which cannot be seen.
    """
    picture = _unturned(image, name)
    return picture.upright(picture.metadata.orientation())


def _unturned(image: Image.Image, name: str) -> Picture:
    would_be_cut = image.mode not in GREY_16_MODES or "transparency" in image.info
    if would_be_cut and is_cut_to_8_bits(image):
        raise InputError(
            f"{name}: has 16 bits per colour, of which Pillow keeps 8; give the file's path instead"
        )
    return picture_of(image, name, may_be_grey="icc_profile" not in image.info)


def to_pil(picture: Picture) -> Image.Image:
    """Return a `Picture` as a Pillow image: L, LA, RGB, RGBA, CMYK, I;16 or F.

    Raises
    ------
    InputError
        If Pillow has no mode for it: colour of more than 8 bits.
    """
    pixels, dtype = picture.pixels, picture.pixels.dtype
    if picture.is_bands:
        raise InputError(
            "image: a PIL image cannot hold bands; use read_image, upscale_picture and write_image"
        )
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
    if hasattr(image, "tag_v2"):
        return max(np.atleast_1d(image.tag_v2.get(BITS_PER_SAMPLE, 8))) > 8
    tiles = [tile for tile in getattr(image, "tile", []) if tile[0] == "zip"]  # those of a PNG
    return any(tile[3].endswith(";16B") for tile in tiles)


def picture_of(image: Image.Image, name: str, may_be_grey: bool = True) -> Picture:
    """Return an image as it is, not turned upright; a grey palette as grey, if it may be."""
    jpeg = _quality_of(image)
    image = _with_stretched_key(image)
    mode = image.mode
    conversions = WITH_ALPHA if "transparency" in image.info else CONVERSIONS
    if mode in GREY_16_MODES:
        return Picture(np.asarray(image).astype(np.uint16), metadata_of(image))
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
    scaling = scaling_of(pixels, "L") if mode == "F" else None
    is_cmyk = mode == "CMYK"
    return Picture(pixels, metadata_of(image), is_cmyk=is_cmyk, jpeg=jpeg, scaling=scaling)


def _quality_of(image: Image.Image) -> float | None:
    """Return the quality of a JPEG file that Pillow has opened, not loaded yet.

    Nobody knows what was done since to pixels that are loaded, or asked for in another size.
    """
    tables = getattr(image, "quantization", None)  # Pillow's JPEG files have it, and no others
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


def metadata_of(image: Image.Image) -> Metadata:
    """Return what the file of an image says beside its pixels."""
    info = image.info
    block = _bytes(info.get("exif"))
    if block is None and isinstance(info.get(LEGACY_EXIF), str):
        with suppress(ValueError):
            block = unhexed(info[LEGACY_EXIF])
    block = block.removeprefix(EXIF_PREFIX) if block else None
    xmp = _bytes(info.get("xmp") or info.get("XML:com.adobe.xmp"))
    is_jpeg = hasattr(image, "quantization")
    is_invented = is_jpeg and info.get("jfif_unit") not in (INCH, CENTIMETRE)
    dpi = None if is_invented else sane_dpi(info.get("dpi"))
    return Metadata(_bytes(info.get("icc_profile")), block, xmp, dpi or exif_dpi(block))


def _bytes(value: Any) -> bytes | None:
    if isinstance(value, str):
        value = value.encode()
    return value if isinstance(value, bytes) and value else None
