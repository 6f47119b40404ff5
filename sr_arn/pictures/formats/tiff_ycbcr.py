"""Luminance and colour differences in TIFF, old-style JPEG too: by libtiff, as RGB."""

import struct
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tifffile import TiffPage

__all__ = ["is_ycbcr", "rgb_of"]

ORIENTATION, SUBSAMPLING = 274, 530  # tags
USUAL = 2, 2  # pixels across and down that share their colour
YCBCR, NONE, JPEG = 6, 1, 7  # TIFF's PhotometricInterpretation and Compression


def is_ycbcr(page: "TiffPage") -> bool:
    """Return whether libtiff is needed: tifffile reads such pixels in new-style JPEG alone."""
    return page.photometric == YCBCR and page.compression != JPEG


def rgb_of(page: "TiffPage", file: IO[bytes]) -> NDArray[np.uint8]:
    """Return the pixels [h, w, 3] of a file's first page, not turned.

    Raises
    ------
    ValueError
        If pixels are missing.
    """
    from imagecodecs import tiff_decode

    file.seek(0)
    content = bytearray(file.read())
    ends = (
        start + count for start, count in zip(page.dataoffsets, page.databytecounts, strict=True)
    )
    is_short = page.compression == NONE and sum(page.databytecounts) < _least_bytes(page)
    if max(ends, default=0) > len(content) or is_short:  # libtiff would fill in
        raise ValueError("pixels are missing")
    turned: Any = page.tags.get(ORIENTATION)
    if turned is not None:  # which libtiff would apply in part
        order = page.parent.byteorder
        struct.pack_into(f"{order}H", content, turned.valueoffset, 1)
    return np.ascontiguousarray(tiff_decode(bytes(content), index=0, asrgb=True)[..., :3])


def _least_bytes(page: "TiffPage") -> int:
    """Return how many bytes the pixels need at least, without compression."""
    sampling: Any = page.tags.get(SUBSAMPLING)
    across, down = USUAL if sampling is None else sampling.value
    units = -(-page.imagewidth // across) * -(-page.imagelength // down)
    return int(units * (across * down + 2))
