"""Cut a picture into tiles that see enough of their surroundings to fit without a seam."""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sr_arn.checks import InputError, display

__all__ = ["TILE", "Border", "Tile", "tiles"]

TILE = 256  # LR pixels a side: the work of one tile stays small beside a large picture

Border = Literal["full", "paper"]
Slices = tuple[slice, slice]


class Tile(NamedTuple):
    """A piece of the LR picture and where its result belongs."""

    pixels: NDArray[Any]
    """LR pixels [h, w, ...] of the tile and its surroundings."""
    crop: Slices
    """Rows and columns of the tile's HR result that are valid."""
    place: Slices
    """Rows and columns of the HR picture that they fill."""


def tiles(
    image: NDArray[Any], scale: int, reach: int, border: Border, size: int = TILE
) -> Iterator[Tile]:
    """Yield the tiles of an LR picture [h, w, ...], row by row.

    Parameters
    ----------
    image : ndarray [h, w, ...]
    scale : int
        HR pixels per LR pixel.
    reach : int
        LR pixels of surroundings that a tile needs on each side.
    border : {"full", "paper"}
        What a tile sees beyond the picture: its mirror image (the edge pixel twice), or
        nothing, so that the tile ends with the picture.
    size : int, default 256
        LR pixels a side.
    """
    if border not in ("full", "paper"):
        raise InputError(f'border: expected "full" or "paper", received {display(border)}')
    height, width = image.shape[:2]
    for rows, row_crop, row_place in _spans(height, scale, reach, border, size):
        band = image[rows]
        for columns, column_crop, column_place in _spans(width, scale, reach, border, size):
            yield Tile(band[:, columns], (row_crop, column_crop), (row_place, column_place))


def _spans(
    length: int, scale: int, reach: int, border: Border, size: int
) -> Iterator[tuple[NDArray[np.intp], slice, slice]]:
    """Yield, for one axis, the LR pixels a tile reads and the HR slices `crop` and `place`."""
    for start in range(0, length, size):
        end = min(start + size, length)
        first, last = start - reach, end + reach
        if border == "paper":
            first, last = max(first, 0), min(last, length)
        offset = (start - first) * scale
        crop = slice(offset, offset + (end - start) * scale)
        yield _mirrored(np.arange(first, last), length), crop, slice(start * scale, end * scale)


def _mirrored(positions: NDArray[np.intp], length: int) -> NDArray[np.intp]:
    """Fold positions beyond 0..length - 1 back as mirrors at either edge would."""
    positions = positions % (2 * length)
    return np.minimum(positions, 2 * length - 1 - positions)
