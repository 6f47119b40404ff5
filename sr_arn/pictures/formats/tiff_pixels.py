"""The pixels of a TIFF page, of any kind that a `Picture` holds. [TIFF 6.0]."""

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError
from sr_arn.pictures.formats.base import check_size
from sr_arn.pictures.left_out import leave_out
from sr_arn.pictures.levels import straight, stretched
from sr_arn.pictures.picture import MODES, Picture
from sr_arn.pictures.scaling import scaling_of
from sr_arn.planes import WHITE

if TYPE_CHECKING:
    from tifffile import TiffPage

__all__ = ["decode"]

logger = logging.getLogger(__name__)

CHANNELS = {"minisblack": 1, "miniswhite": 1, "rgb": 3, "palette": 1, "separated": 4}
UNSIGNED, SIGNED, FLOATS = 1, 2, 3  # TIFF's SampleFormat
BITS = {SIGNED: (8, 16), FLOATS: (16, 32, 64)}  # and all up to 16 without sign
KINDS = {UNSIGNED: "integers", SIGNED: "signed integers", FLOATS: "floats"}
ASSOCIATED, UNASSOCIATED = 1, 2  # TIFF's ExtraSamples: alpha, multiplied into the colour or not
MOST_CHANNELS = 4  # up to which memory is that of a pixel; bands take more
REDUCED = 1  # bit of TIFF's NewSubfileType
PLANES = 2  # TIFF's PlanarConfiguration: a channel after the other
ICC, NODATA = 34675, 42113  # tags, GDAL's of the value that stands for none
NAMES = {1: "grey", 2: "grey and alpha", 3: "RGB", 4: "RGBA or CMYK"}

Pixels = NDArray[Any]


def decode(page: "TiffPage", name: str, max_pixels: int) -> Picture:
    """Return a page as a picture, without metadata and not turned.

    Integers without sign become uint8 up to 8 bits, uint16 up to 16. Colours of a palette become
    RGB, or grey if all are.

    Raises
    ------
    InputError
        If they are of a kind that a `Picture` does not hold, or too many.
    """
    colours = _colours(page)
    _check(page, colours, name)
    if page.samplesperpixel > MOST_CHANNELS:
        most = MOST_CHANNELS * max_pixels // page.samplesperpixel
        check_size(page.imagewidth, page.imagelength, most, name)
    pixels = page.asarray()
    if page.planarconfig == PLANES and page.samplesperpixel > 1:
        pixels = np.moveaxis(pixels, 0, -1)
    pixels = pixels.reshape(page.imagelength, page.imagewidth, page.samplesperpixel)
    if colours == "palette":
        pixels = _looked_up(pixels[..., 0], page.colormap, may_be_grey=ICC not in page.tags)
        if page.samplesperpixel > 1:
            leave_out(name, "the samples beside the palette's")
        return Picture(_squeezed(pixels))
    if page.sampleformat == FLOATS:
        pixels = pixels.astype(np.float64 if pixels.dtype.itemsize == 8 else np.float32)
    elif page.sampleformat == UNSIGNED:
        pixels = stretched(pixels, page.bitspersample)
    pixels = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))
    is_bands = _is_bands(page, colours)
    if not is_bands:
        pixels = _with_known_alpha(pixels, CHANNELS[colours], page.extrasamples)
    is_cmyk = colours == "separated"
    mode = "BANDS" if is_bands else "CMYK" if is_cmyk else MODES[pixels.shape[2]]
    scaling = scaling_of(_squeezed(pixels), mode, _nodata(page))
    if colours == "miniswhite":
        if scaling is not None:
            raise InputError(f"{name}: has numbers of which the least is white; turn them first")
        pixels[..., 0] = WHITE[pixels.dtype.name] - pixels[..., 0]
    if scaling is not None and (is_cmyk or (mode in ("LA", "RGBA") and pixels.dtype.kind == "i")):
        raise InputError(f"{name}: expected inks or alpha in 0..1; convert it first")
    _report(page, pixels.shape[2], name)
    return Picture(_squeezed(pixels), is_cmyk=is_cmyk, is_bands=is_bands, scaling=scaling)


def _report(page: "TiffPage", channels: int, name: str) -> None:
    """Log what is not all that the file has."""
    if page.subfiletype & REDUCED:
        logger.warning("%s: its first page is a smaller version of another page", name)
    if page.samplesperpixel > channels:
        leave_out(name, f"the channels beside {NAMES[channels]}")


def _check(page: "TiffPage", colours: str, name: str) -> None:
    """Raise `InputError` unless a picture holds such pixels."""
    kind, bits = page.sampleformat, page.bitspersample
    is_known = isinstance(bits, int) and bits in BITS.get(kind, range(1, 17))
    is_known &= kind in KINDS and page.imagedepth == 1
    if not (is_known and 0 < CHANNELS.get(colours, 0) <= page.samplesperpixel):
        raise InputError(
            f"{name}: expected grey, RGB, palette or CMYK of up to 16 bits or floats, this is "
            f"{colours} of {page.samplesperpixel} x {bits}-bit "
            f"{KINDS.get(kind, 'numbers of another kind')}; convert it first"
        )


def _is_bands(page: "TiffPage", colours: str) -> bool:
    """Return whether channels are no colours: grey beside others, or more than RGB and alpha."""
    alphas = {*page.extrasamples} & {ASSOCIATED, UNASSOCIATED}
    if colours == "minisblack" and page.samplesperpixel > 1 and not alphas:
        return True
    return colours in ("minisblack", "rgb") and page.samplesperpixel > MOST_CHANNELS


def _squeezed(pixels: Pixels) -> Pixels:
    return pixels[..., 0] if pixels.shape[2] == 1 else pixels


def _nodata(page: "TiffPage") -> float | None:
    """Return the number that stands for none, as GDAL writes it."""
    tag = page.tags.get(NODATA)
    with suppress(ValueError, TypeError):
        return None if tag is None else float(str(tag.value).strip("\0 "))
    return None


def _colours(page: "TiffPage") -> str:
    """Return what the channels of a page's pixels are once decoded, as TIFF names it."""
    from tifffile import COMPRESSION, PHOTOMETRIC

    colours = PHOTOMETRIC(page.photometric).name.lower()
    is_jpeg = page.compression == COMPRESSION.JPEG  # whose decoder gives RGB
    return "rgb" if colours == "ycbcr" and is_jpeg else colours


def _looked_up(indices: Pixels, palette: Pixels | None, may_be_grey: bool) -> NDArray[np.uint8]:
    """Return the colours [h, w, 3] of a palette [3, n]; [h, w, 1] if they are and may be grey."""
    if palette is None:
        raise ValueError("a palette is missing")
    # Writers disagree on the lower byte; some know only that.
    colours = (palette.T >> (8 if palette.max() > 255 else 0)).astype(np.uint8)
    is_grey = may_be_grey and (colours == colours[:, :1]).all()
    return colours[indices.astype(np.intp)][..., : 1 if is_grey else 3]


def _with_known_alpha(pixels: Pixels, channels: int, extra: tuple[int, ...]) -> Pixels:
    """Return colour and straight alpha, or colour alone, of pixels with extra channels."""
    alphas = [i for i, kind in enumerate(extra) if kind in (ASSOCIATED, UNASSOCIATED)]
    kept = [*range(channels), *(channels + i for i in alphas[:1] if channels < 4)]
    pixels = pixels[..., kept] if pixels.shape[2] > len(kept) else pixels
    if len(kept) > channels and extra[alphas[0]] == ASSOCIATED:
        pixels = straight(pixels)
    return pixels
