"""TIFF files, whose pixels Pillow may not hold: 16 bits per colour, floats.

Pixels are [h, w] or [h, w, channels], as in `sr_arn.pictures.picture.Picture`. [TIFF 6.0]
"""

import logging
import math
import os
import struct
import zlib
from collections.abc import Iterable
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sr_arn.errors import InputError
from sr_arn.pictures import exif
from sr_arn.pictures.formats.base import ALPHA, Format, check_size, report_frames
from sr_arn.pictures.formats.tiff_metadata import ICC, metadata_of, photo_of, tags_of
from sr_arn.pictures.left_out import leave_out
from sr_arn.pictures.metadata import Metadata
from sr_arn.pictures.palette import is_black_and_white
from sr_arn.pictures.picture import Picture, PictureInfo
from sr_arn.pictures.strips import regrouped
from sr_arn.pictures.tiff_tags import Tiff, serialise, short
from sr_arn.system.threads import in_order

if TYPE_CHECKING:
    from tifffile import TiffPage

__all__ = ["TIFF", "decode", "first_page"]

COMPRESSION, ROWS_PER_STRIP = 259, 278  # tags
FAX = 4  # TIFF's Compression: ITU-T T.6, which libtiff calls group4
MOST_CHANNELS = 5  # CMYK and one more; others would need more memory than the pixels suggest
CHANNELS = {"minisblack": 1, "miniswhite": 1, "rgb": 3, "palette": 1, "separated": 4}
INTEGERS, FLOATS = 1, 3  # TIFF's SampleFormat
ASSOCIATED, UNASSOCIATED = 1, 2  # TIFF's ExtraSamples: alpha, multiplied into the colour or not
REDUCED = 1  # bit of TIFF's NewSubfileType
NAMES = {1: "grey", 2: "grey and alpha", 3: "RGB", 4: "RGBA or CMYK"}
PLANES = 2  # TIFF's PlanarConfiguration: a channel after the other
STRIP = 1 << 18  # bytes of a strip: what readers take at a time
LEVEL = 4  # of deflate
LARGEST = (1 << 32) - (1 << 25)  # bytes of pixels that a TIFF file holds for sure; BigTIFF has more
FIRST_DIRECTORY = ((4, "I"), (8, "Q"))  # of TIFF's and BigTIFF's header: where its offset stands

logger = logging.getLogger(__name__)

Pixels = NDArray[Any]


class TIFF(Format):
    """Tag Image File Format, and BigTIFF for results over 4 GB."""

    name = "TIFF"
    suffixes = (".tif", ".tiff")
    signature = rb"II[*+]\0|MM\0[*+]"
    mime = "image/tiff"
    modes = (*ALPHA, "CMYK")
    dtypes = ("uint8", "uint16", "float32", "float64")
    holds = Format.holds | {"photoshop", "geo"}

    def read(self, file: IO[bytes], name: str, max_pixels: int) -> Picture:
        """Return the picture of the first page."""
        page = first_page(file)
        check_size(page.imagewidth, page.imagelength, max_pixels, name)
        if page.is_tiled:
            check_size(page.tilewidth, page.tilelength, max_pixels, name)
        pixels, is_cmyk = decode(page, name)
        report_frames(len(page.parent.pages), name)
        metadata, orientation = metadata_of(file)
        return Picture(pixels, metadata, is_cmyk=is_cmyk).upright(orientation)

    def holds_palette(self, palette: NDArray[np.uint8]) -> bool:
        """Return whether it is black and white alone."""
        return is_black_and_white(palette)

    def write(
        self,
        file: IO[bytes],
        info: PictureInfo,
        strips: Iterable[Pixels],
        threads: int,
        quality: int | None = None,
    ) -> None:
        """Write pixels of any kind, a strip at a time, deflated by so many threads.

        Numbers of black and white become one bit each, compressed as faxes are.
        """
        from tifffile import imwrite

        shape, dtype, metadata = info.shape, info.dtype, info.metadata
        channels = shape[2] if len(shape) == 3 else 1
        colours = "separated" if info.is_cmyk else "rgb" if channels > 2 else "minisblack"
        source = exif.read(metadata.exif) if metadata.exif else None
        order = source.order if source else "<"
        rows = max(1, STRIP // (math.prod(shape[1:]) * dtype.itemsize))
        ordered = (np.asarray(s, dtype.newbyteorder(order)) for s in regrouped(strips, rows))
        is_fax = info.palette is not None
        imwrite(
            file,
            in_order(_faxed if is_fax else _deflated, ordered, threads),
            shape=shape,
            dtype=np.bool_ if is_fax else dtype,
            rowsperstrip=rows,
            bigtiff=math.prod(shape) * dtype.itemsize > LARGEST and not is_fax,
            byteorder=order,
            photometric="miniswhite" if is_fax else colours,
            planarconfig="contig" if channels > 1 else None,
            extrasamples=["unassalpha"] if channels in (2, 4) and not info.is_cmyk else None,
            compression="zlib",
            predictor=not is_fax,
            iccprofile=metadata.icc_profile,
            metadata=None,
            software=False,
        )
        written = Tiff.read(file)
        directory = written.directory | tags_of(metadata, order)
        if is_fax:  # which tifffile does not write
            directory[COMPRESSION] = short(FAX, order)
        end = file.seek(0, os.SEEK_END)
        end += file.write(bytes(-end % (8 if written.is_big else 2)))
        file.write(serialise(directory, order, end, written.is_big))
        place, pointer = FIRST_DIRECTORY[written.is_big]
        file.seek(place)
        file.write(struct.pack(order + pointer, end))

    def fit(self, metadata: Metadata) -> Metadata:
        """Return the metadata that its files hold: makers' notes cannot move."""
        kept = super().fit(metadata)
        return kept.without(*photo_of(exif.read(kept.exif))[1]) if kept.exif else kept


def first_page(file: IO[bytes]) -> "TiffPage":
    """Return the first page of a TIFF file, whose pixels are not read yet."""
    from tifffile import TiffFile

    return TiffFile(file).pages.first


def decode(page: "TiffPage", name: str) -> tuple[Pixels, bool]:
    """Return the pixels of a page, and whether they are CMYK.

    Up to 8 bits become uint8, up to 16 uint16; floats are in [0, 1]. Colours of a palette
    become RGB, or grey if all are.

    Raises
    ------
    InputError
        If they are of another kind than grey, RGB, palette or CMYK.
    """
    colours = _colours(page)
    channels = CHANNELS.get(colours, 0)
    kind, bits = page.sampleformat, page.bitspersample
    is_known = isinstance(bits, int) and (
        (kind == INTEGERS and bits <= 16) or (kind == FLOATS and bits in (16, 32, 64))
    )
    is_known &= 0 < channels <= page.samplesperpixel <= MOST_CHANNELS and page.imagedepth == 1
    if not is_known:
        what = {INTEGERS: "integers", FLOATS: "floats"}.get(kind, "numbers of another kind")
        raise InputError(
            f"{name}: expected grey, RGB, palette or CMYK of up to 16 bits or floats, this is "
            f"{colours} of {page.samplesperpixel} x {bits}-bit {what}; convert it first"
        )
    pixels = page.asarray()
    if page.subfiletype & REDUCED:
        logger.warning("%s: its first page is a smaller version of another page", name)
    if page.planarconfig == PLANES and page.samplesperpixel > 1:
        pixels = np.moveaxis(pixels, 0, -1)
    pixels = pixels.reshape(page.imagelength, page.imagewidth, page.samplesperpixel)
    if colours == "palette":
        pixels = _looked_up(pixels[..., 0], page.colormap, may_be_grey=ICC not in page.tags)
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


def _looked_up(indices: Pixels, palette: Pixels | None, may_be_grey: bool) -> NDArray[np.uint8]:
    """Return the colours [h, w, 3] of a palette [3, n]; [h, w, 1] if they are and may be grey."""
    if palette is None:
        raise ValueError("a palette is missing")
    # Writers disagree on the lower byte; some know only that.
    colours = (palette.T >> (8 if palette.max() > 255 else 0)).astype(np.uint8)
    is_grey = may_be_grey and (colours == colours[:, :1]).all()
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
    alphas = [i for i, kind in enumerate(extra) if kind in (ASSOCIATED, UNASSOCIATED)]
    kept = [*range(channels), *(channels + i for i in alphas[:1] if channels < 4)]
    if pixels.shape[2] > len(kept):
        leave_out(name, f"the channels beside {NAMES[len(kept)]}")
        pixels = pixels[..., kept]
    if len(kept) > channels and extra[alphas[0]] == ASSOCIATED:
        peak, alpha = _peak(pixels), np.maximum(pixels[..., -1:], np.float64(1e-9))
        straight = np.clip(pixels[..., :-1] / alpha, 0, 1) * peak
        pixels[..., :-1] = straight if peak == 1 else np.round(straight)
    return pixels


def _faxed(strip: Pixels) -> bytes:
    """Return rows of 0, black, and 1 by ITU-T T.6. [TIFF 6.0, section 11]."""
    from tifffile import TiffFile

    whole, rows = BytesIO(), {ROWS_PER_STRIP: len(strip)}
    Image.fromarray(strip == 0).save(whole, "TIFF", compression="group4", tiffinfo=rows)
    whole.seek(0)
    with TiffFile(whole) as tiff:
        page = tiff.pages.first
        (start,), (length,) = page.dataoffsets, page.databytecounts
    return whole.getvalue()[start : start + length]


def _deflated(strip: Pixels) -> bytes:
    """Return pixels less their neighbours, deflated. [TIFF 6.0, section 14; its supplement 3]."""
    import imagecodecs

    predict = imagecodecs.floatpred_encode if strip.dtype.kind == "f" else imagecodecs.delta_encode
    return zlib.compress(predict(np.ascontiguousarray(strip), axis=1).tobytes(), LEVEL)
