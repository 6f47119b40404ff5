"""TIFF files, whose pixels Pillow may not hold: 16 bits per colour, floats.

Pixels are [h, w] or [h, w, channels], as in `sr_arn.pictures.picture.Picture`. [TIFF 6.0]
"""

import itertools
import logging
import math
import os
import struct
import zlib
from collections.abc import Iterable
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError
from sr_arn.pictures import exif
from sr_arn.pictures.formats.base import ALPHA, DAMAGE, Format, check_size, report_frames
from sr_arn.pictures.formats.tiff_ycbcr import is_ycbcr, rgb_of
from sr_arn.pictures.formats.unread import CAMERA_RAW
from sr_arn.pictures.levels import straight, stretched
from sr_arn.pictures.metadata import Metadata, sane_dpi
from sr_arn.pictures.picture import Picture, PictureInfo
from sr_arn.pictures.strips import regrouped
from sr_arn.pictures.tiff_tags import BYTE, Directory, Field, Tiff, block_of, serialise
from sr_arn.system.threads import in_order

if TYPE_CHECKING:
    from tifffile import TiffPage

__all__ = ["TIFF", "decode", "first_page", "metadata_of"]

XMP, ICC = 700, 34675  # tags
MOST_CHANNELS = 5  # CMYK and one more; others would need more memory than the pixels suggest
CHANNELS = {"minisblack": 1, "miniswhite": 1, "rgb": 3, "palette": 1, "separated": 4}
INTEGERS, FLOATS = 1, 3  # TIFF's SampleFormat
ASSOCIATED, UNASSOCIATED = 1, 2  # TIFF's ExtraSamples: alpha, multiplied into the colour or not
DNG_VERSION, RAW = 50706, (32803, 34892)  # a tag, and TIFF's PhotometricInterpretation
MOST_BELOW = 16  # pages below the first that are looked at
REDUCED = 1  # bit of TIFF's NewSubfileType
NAMES = {1: "grey", 2: "grey and alpha", 3: "RGB", 4: "RGBA or CMYK"}
PLANES = 2  # TIFF's PlanarConfiguration: a channel after the other
STRIP = 1 << 18  # bytes of a strip: what readers take at a time
LEVEL = 4  # of deflate
LARGEST = (1 << 32) - (1 << 25)  # bytes of pixels that a TIFF file holds for sure; BigTIFF has more
FIRST_DIRECTORY = 4  # of the offset of the first directory in a TIFF file's header

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

    def read(self, file: IO[bytes], name: str, max_pixels: int) -> Picture:
        """Return the picture of the first page."""
        page = first_page(file)
        if _is_raw(page):
            raise CAMERA_RAW.refusal(name)
        check_size(page.imagewidth, page.imagelength, max_pixels, name)
        if page.is_tiled:
            check_size(page.tilewidth, page.tilelength, max_pixels, name)
        if is_ycbcr(page):
            pixels, is_cmyk = rgb_of(page, file), False
        else:
            pixels, is_cmyk = decode(page, name)
        report_frames(len(page.parent.pages), name)
        metadata, orientation = metadata_of(file, name)
        return Picture(pixels, metadata, is_cmyk=is_cmyk).upright(orientation, name)

    def write(
        self,
        file: IO[bytes],
        info: PictureInfo,
        strips: Iterable[Pixels],
        threads: int,
        quality: int | None = None,
    ) -> None:
        """Write pixels of any kind, a strip at a time, deflated by so many threads."""
        from tifffile import imwrite

        shape, dtype, metadata = info.shape, info.dtype, info.metadata
        channels = shape[2] if len(shape) == 3 else 1
        colours = "separated" if info.is_cmyk else "rgb" if channels > 2 else "minisblack"
        source = exif.read(metadata.exif) if metadata.exif else None
        order = source.order if source else "<"
        rows = max(1, STRIP // (math.prod(shape[1:]) * dtype.itemsize))
        ordered = (np.asarray(s, dtype.newbyteorder(order)) for s in regrouped(strips, rows))
        imwrite(
            file,
            in_order(_deflated, ordered, threads),
            shape=shape,
            dtype=dtype,
            rowsperstrip=rows,
            bigtiff=math.prod(shape) * dtype.itemsize > LARGEST,
            byteorder=order,
            photometric=colours,
            planarconfig="contig" if channels > 1 else None,
            extrasamples=["unassalpha"] if channels in (2, 4) and not info.is_cmyk else None,
            compression="zlib",
            predictor=True,
            iccprofile=metadata.icc_profile,
            metadata=None,
            software=False,
        )
        written = Tiff.read(file)
        if written.is_big:
            logger.warning("output: left out EXIF, XMP and resolution: the TIFF is over 4 GB")
            return
        directory = written.directory | (_photo(source, "output") if source else {})
        if metadata.xmp:
            directory[XMP] = Field(BYTE, metadata.xmp)
        if metadata.dpi:
            directory = exif.with_resolution(directory, order, metadata.dpi)
        end = file.seek(0, os.SEEK_END)
        end += file.write(bytes(end % 2))
        file.write(serialise(directory, order, end))
        file.seek(FIRST_DIRECTORY)
        file.write(struct.pack(order + "I", end))


def first_page(file: IO[bytes]) -> "TiffPage":
    """Return the first page of a TIFF file, whose pixels are not read yet."""
    from tifffile import TiffFile

    return TiffFile(file).pages.first


def _is_raw(page: "TiffPage") -> bool:
    """Return whether a page, or one below it, is what a camera's sensor recorded.

    [DNG 1.7: DNGVersion, and the photometric interpretations CFA and LinearRaw].
    """
    if DNG_VERSION in page.tags or page.photometric in RAW:
        return True
    with suppress(*DAMAGE):  # of pages that are not read
        below = page.pages or ()
        return any(one.photometric in RAW for one in itertools.islice(below, MOST_BELOW))
    return False


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
        pixels = stretched(pixels, bits)
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


def _peak(pixels: Pixels) -> int:
    """Return white."""
    return int(np.iinfo(pixels.dtype).max) if pixels.dtype.kind == "u" else 1


def _with_known_alpha(pixels: Pixels, channels: int, extra: tuple[int, ...], name: str) -> Pixels:
    """Return colour and straight alpha, or colour alone, of pixels with extra channels."""
    alphas = [i for i, kind in enumerate(extra) if kind in (ASSOCIATED, UNASSOCIATED)]
    kept = [*range(channels), *(channels + i for i in alphas[:1] if channels < 4)]
    if pixels.shape[2] > len(kept):
        logger.warning("%s: left out the channels beside %s", name, NAMES[len(kept)])
        pixels = pixels[..., kept]
    if len(kept) > channels and extra[alphas[0]] == ASSOCIATED:
        pixels = straight(pixels)
    return pixels


def metadata_of(file: IO[bytes], name: str) -> tuple[Metadata, int]:
    """Return the metadata of a TIFF file, and its orientation, 1 to 8."""
    try:
        tiff = Tiff.read(file, wanted={ICC, XMP, *exif.OF_PIXELS, *exif.DESCRIPTIVE})
    except ValueError as error:
        logger.warning("%s: its metadata are damaged (%s) and left out", name, error)
        return Metadata(), 1
    fields = _photo(tiff, name)
    block = block_of(fields, tiff.order) if fields else None
    metadata = Metadata(tiff.value(ICC), block, tiff.value(XMP), sane_dpi(exif.resolution_of(tiff)))
    return metadata, exif.orientation_of(tiff) or metadata.orientation()


def _photo(tiff: Tiff, name: str) -> Directory:
    """Return the fields that describe the photo and may move to another offset."""
    if tiff.is_damaged:
        logger.warning("%s: left out damaged metadata", name)
    fields = {tag: field for tag, field in tiff.directory.items() if tag in exif.DESCRIPTIVE}
    fields, is_all = exif.portable(fields)
    if not is_all:
        logger.warning("%s: left out the maker's notes, which hold in their place alone", name)
    return fields


def _deflated(strip: Pixels) -> bytes:
    """Return pixels less their neighbours, deflated. [TIFF 6.0, section 14; its supplement 3]."""
    import imagecodecs

    predict = imagecodecs.floatpred_encode if strip.dtype.kind == "f" else imagecodecs.delta_encode
    return zlib.compress(predict(np.ascontiguousarray(strip), axis=1).tobytes(), LEVEL)
