"""Cut a picture into tiles that see enough of their surroundings to fit without a seam."""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sr_arn.checks import InputError, display

__all__ = ["TILE", "Border", "Tile", "tiles"]

TILE = 128  # LR pixels a side: a tile's work is small beside a picture's, its rim beside the tile

Border = Literal["full", "paper"]


class Span(NamedTuple):
    """A tile's extent along one axis."""

    reads: NDArray[np.intp]
    """LR pixels that the tile sees, its surroundings among them."""
    crop: slice
    """Which of the tile's HR pixels are valid."""
    place: slice
    """Which HR pixels of the picture they are."""


class Tile(NamedTuple):
    """A piece of the work: what it reads of the LR picture and where its result belongs."""

    rows: Span
    columns: Span

    def cut(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return the LR pixels [h, w, ...] of the tile and its surroundings."""
        return image[self.rows.reads[:, None], self.columns.reads]

    def paste(self, result: NDArray[Any], picture: NDArray[Any]) -> None:
        """Put the valid part of the tile's HR result into the HR picture."""
        valid = result[self.rows.crop, self.columns.crop]
        picture[self.rows.place, self.columns.place] = valid


def tiles(
    shape: tuple[int, ...], scale: int, reach: int, border: Border, size: int = TILE
) -> Iterator[Tile]:
    """Yield the tiles of an LR picture of `shape` [h, w, ...], row by row.

    Parameters
    ----------
    shape : tuple of int
    scale : int
        HR pixels per LR pixel.
    reach : int
        LR pixels of surroundings that a tile needs on each side.
    border : {"full", "paper"}
        What a tile sees beyond the picture: its mirror image (the edge pixel twice), or
        nothing, so that the tile ends with the picture.
    size : int, default 128
        LR pixels a side.
    """
    if border not in ("full", "paper"):
        raise InputError(f'border: expected "full" or "paper", received {display(border)}')
    columns = list(_spans(shape[1], scale, reach, border, size))
    for row in _spans(shape[0], scale, reach, border, size):
        for column in columns:
            yield Tile(row, column)


def _spans(length: int, scale: int, reach: int, border: Border, size: int) -> Iterator[Span]:
    """Yield the extents of the tiles along an axis of `length` LR pixels."""
    for start in range(0, length, size):
        end = min(start + size, length)
        first, last = start - reach, end + reach
        if border == "paper":
            first, last = max(first, 0), min(last, length)
        offset = (start - first) * scale
        yield Span(
            reads=_mirrored(np.arange(first, last), length),
            crop=slice(offset, offset + (end - start) * scale),
            place=slice(start * scale, end * scale),
        )


def _mirrored(positions: NDArray[np.intp], length: int) -> NDArray[np.intp]:
    """Fold positions beyond 0..length - 1 back as mirrors at either edge would."""
    positions = positions % (2 * length)
    return np.minimum(positions, 2 * length - 1 - positions)
