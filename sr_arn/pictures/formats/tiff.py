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
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sr_arn.pictures import exif
from sr_arn.pictures.formats.base import ALPHA, DAMAGE, Format, check_size, report_frames
from sr_arn.pictures.formats.tiff_pixels import decode
from sr_arn.pictures.formats.tiff_ycbcr import is_ycbcr, rgb_of
from sr_arn.pictures.formats.unread import CAMERA_RAW
from sr_arn.pictures.metadata import Metadata, sane_dpi
from sr_arn.pictures.picture import Picture, PictureInfo
from sr_arn.pictures.strips import regrouped
from sr_arn.pictures.tiff_tags import BYTE, Directory, Field, Tiff, block_of, serialise
from sr_arn.system.threads import in_order

if TYPE_CHECKING:
    from tifffile import TiffPage

__all__ = ["TIFF", "first_page", "metadata_of"]

XMP, ICC = 700, 34675  # tags
DNG_VERSION, RAW = 50706, (32803, 34892)  # a tag, and TIFF's PhotometricInterpretation
MOST_BELOW = 16  # pages below the first that are looked at
EXTRA = {  # samples beside colours, by mode
    **{"L": [], "RGB": [], "CMYK": []},
    **{mode: ["unassalpha"] for mode in ("LA", "RGBA")},
}
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
    modes = (*ALPHA, "CMYK", "BANDS")
    dtypes = ("int8", "int16", "uint8", "uint16", "float32", "float64")

    def read(self, file: IO[bytes], name: str, max_pixels: int) -> Picture:
        """Return the picture of the first page."""
        page = first_page(file)
        if _is_raw(page):
            raise CAMERA_RAW.refusal(name)
        check_size(page.imagewidth, page.imagelength, max_pixels, name)
        if page.is_tiled:
            check_size(page.tilewidth, page.tilelength, max_pixels, name)
        picture = Picture(rgb_of(page, file)) if is_ycbcr(page) else decode(page, name, max_pixels)
        report_frames(len(page.parent.pages), name)
        metadata, orientation = metadata_of(file, name)
        return replace(picture, metadata=metadata).upright(orientation, name)

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
        is_rgb = channels > 2 and not info.is_bands
        colours = "separated" if info.is_cmyk else "rgb" if is_rgb else "minisblack"
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
            extrasamples=EXTRA.get(info.mode, ["unspecified"] * (channels - 1)) or None,
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
        below = itertools.islice(page.pages or (), MOST_BELOW)
        return any(one.aspage().photometric in RAW for one in below)
    return False


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
