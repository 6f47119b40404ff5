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
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sr_arn.pictures import exif
from sr_arn.pictures.formats.base import ALPHA, DAMAGE, Format, check_size, report_frames
from sr_arn.pictures.formats.tiff_metadata import metadata_of, photo_of, tags_of
from sr_arn.pictures.formats.tiff_pixels import decode
from sr_arn.pictures.formats.tiff_ycbcr import is_ycbcr, rgb_of
from sr_arn.pictures.formats.unread import CAMERA_RAW
from sr_arn.pictures.metadata import Metadata
from sr_arn.pictures.palette import is_black_and_white
from sr_arn.pictures.picture import Picture, PictureInfo
from sr_arn.pictures.strips import regrouped
from sr_arn.pictures.tiff_tags import Tiff, serialise, short
from sr_arn.system.threads import in_order

if TYPE_CHECKING:
    from tifffile import TiffPage

__all__ = ["TIFF", "first_page"]

COMPRESSION, ROWS_PER_STRIP = 259, 278  # tags
FAX = 4  # TIFF's Compression: ITU-T T.6, which libtiff calls group4
DNG_VERSION, RAW = 50706, (32803, 34892)  # a tag, and TIFF's PhotometricInterpretation
MOST_BELOW = 16  # pages below the first that are looked at
EXTRA = {  # samples beside colours, by mode
    **{"L": [], "RGB": [], "CMYK": []},
    **{mode: ["unassalpha"] for mode in ("LA", "RGBA")},
}
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
    modes = (*ALPHA, "CMYK", "BANDS")
    dtypes = ("int8", "int16", "uint8", "uint16", "float32", "float64")
    holds = Format.holds | {"photoshop", "geo"}

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
        metadata, orientation = metadata_of(file)
        return replace(picture, metadata=metadata).upright(orientation)

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
        is_rgb = channels > 2 and not info.is_bands
        colours = "separated" if info.is_cmyk else "rgb" if is_rgb else "minisblack"
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
            extrasamples=EXTRA.get(info.mode, ["unspecified"] * (channels - 1)) or None,
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
