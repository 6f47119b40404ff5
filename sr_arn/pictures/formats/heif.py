"""HEIF files, the photos of phones: by libheif, the extra `heif`."""

from importlib.util import find_spec
from typing import IO, Any

import numpy as np

from sr_arn.errors import UnavailableError
from sr_arn.pictures.formats.avif_items import Items
from sr_arn.pictures.formats.base import Format, check_size, report_frames
from sr_arn.pictures.levels import straight, stretched
from sr_arn.pictures.metadata import EXIF_PREFIX, Metadata, exif_dpi
from sr_arn.pictures.picture import Picture

__all__ = ["HEIF"]

STORED = 16  # bits of the decoder's numbers, of which the highest are used


class HEIF(Format):
    """HEIC and other HEIF, which is only read."""

    name = "HEIC"
    suffixes = (".heic", ".heif", ".hif")
    signature = rb".{4}ftyp(?:hei[cxms]|hev[cxms]|mif1|msf1)"
    mime = "image/heic"

    def read(self, file: IO[bytes], name: str, max_pixels: int) -> Picture:
        """Return the primary picture of a file."""
        if find_spec("pillow_heif") is None:
            raise UnavailableError(
                f'{name}: HEIC needs the package pillow-heif: pip install "sr-arn[heif]"'
            )
        from pillow_heif import open_heif

        found = open_heif(file, convert_hdr_to_8bit=False)
        image = found[found.primary_index]
        check_size(*image.size, max_pixels, name)
        info: dict[str, Any] = image.info
        pixels, bits = np.array(image), info["bit_depth"]
        if bits > 8:
            pixels = stretched(pixels >> (STORED - bits), bits)
        if image.premultiplied_alpha:
            pixels = straight(pixels)
        report_frames(len(found), name)
        metadata = _metadata(info)
        file.seek(0)
        cicp, names = Items.of(file)
        metadata = metadata.without(*names, cicp=None if metadata.icc_profile else cicp)
        return Picture(pixels, metadata).upright(1)  # it is turned already


def _metadata(info: dict[str, Any]) -> Metadata:
    block = (info["exif"] or b"").removeprefix(EXIF_PREFIX) or None
    return Metadata(info.get("icc_profile") or None, block, info.get("xmp"), exif_dpi(block))
