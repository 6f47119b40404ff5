"""Luminance and colour differences in TIFF, old-style JPEG too: by libtiff, as RGB."""

import os
import struct
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tifffile import TiffPage

__all__ = ["is_ycbcr", "rgb_of"]

ORIENTATION = 274  # tag
YCBCR, JPEG = 6, 7  # TIFF's PhotometricInterpretation and Compression


def is_ycbcr(page: "TiffPage") -> bool:
    """Return whether libtiff is needed: tifffile reads such pixels in new-style JPEG alone."""
    return page.photometric == YCBCR and page.compression != JPEG


def rgb_of(page: "TiffPage", file: IO[bytes]) -> NDArray[np.uint8]:
    """Return the pixels [h, w, 3] of a file's first page, not turned."""
    from imagecodecs import tiff_decode

    file.seek(0, os.SEEK_SET)
    content = bytearray(file.read())
    turned: Any = page.tags.get(ORIENTATION)
    if turned is not None:  # which libtiff would apply in part
        order = page.parent.byteorder
        struct.pack_into(f"{order}H", content, turned.valueoffset, 1)
    return np.ascontiguousarray(tiff_decode(bytes(content), index=0, asrgb=True)[..., :3])
