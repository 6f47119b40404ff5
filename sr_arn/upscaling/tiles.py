"""Cut a picture into tiles that overlap enough to fit together without a seam."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError, display
from sr_arn.planes import Rim

__all__ = ["SMALLEST", "Border", "Grid", "Tile"]

SIDES = (128, 512)  # LR pixels: a tile's work is small beside a picture's,
SIDE_PER_REACH = 24  # and its rim beside the tile
SMALLEST = 16  # LR pixels a side that are worth the surroundings
BYTES = 128  # per HR pixel of tile and surroundings: as much as RGBA takes, the other kinds less
STRIP = 25_000_000  # HR pixels of a row of tiles at most, where tiles can be so low
LR_BYTES = 128  # per LR pixel: what networks take besides

Border = Literal["full", "paper"]


class Span(NamedTuple):
    """A tile's extent along one axis."""

    reads: NDArray[np.intp]
    """LR pixels that the tile reads, its surroundings included."""
    before: int
    after: int
    """How many of them are surroundings."""
    hr: slice
    """HR pixels of the picture that the tile makes."""

    def extent(self, scale: int) -> tuple[int, int]:
        """Return the LR pixel that these begin with, and the one after them."""
        return self.hr.start // scale, self.hr.stop // scale


class Tile(NamedTuple):
    """A part of the work: the LR pixels that it reads and the HR pixels that it makes."""

    rows: Span
    columns: Span

    def cut(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return the LR pixels [h, w, ...] of the tile and its surroundings."""
        return image[self.rows.reads[:, None], self.columns.reads]

    @property
    def rim(self) -> Rim:
        """The surroundings."""
        return Rim(self.rows.before, self.rows.after, self.columns.before, self.columns.after)

    def paste(self, result: NDArray[Any], picture: NDArray[Any], top: int = 0) -> None:
        """Put the tile's HR result, without surroundings, into the HR picture.

        Or into a part of it that begins with row `top`.
        """
        rows = slice(self.rows.hr.start - top, self.rows.hr.stop - top)
        picture[rows, self.columns.hr] = result


@dataclass(frozen=True)
class Grid:
    """How a picture is cut, and how much of its surroundings a tile must see.

    Attributes
    ----------
    shape : tuple of int
        Of the LR picture, [h, w, ...].
    scale : int
        HR pixels per LR pixel.
    reach : int
        LR pixels of surroundings that a tile needs on each side.
    border : {"full", "paper"}
        Whether a tile sees the mirror image of the picture beyond its border (the edge pixel
        twice), or ends with the picture.
    wrap : str
        The axes, "x" and "y", along which the picture repeats: there a tile sees the other side.
    """

    shape: tuple[int, ...]
    scale: int
    reach: int
    border: Border = "full"
    wrap: str = ""

    def __post_init__(self) -> None:
        """Raise `InputError` for another border."""
        if self.border not in ("full", "paper"):
            raise InputError(f'border: expected "full" or "paper", received {display(self.border)}')

    def tiles(self, workers: int = 1, side: int | None = None) -> Iterator[Tile]:
        """Yield the tiles row by row, of about equal sizes.

        They begin at even pixels and, where `reach` is even and the picture's end does not prevent
        it, see an even number: so a pixel has the same parity in every tile, also if that is
        mirrored.

        Parameters
        ----------
        workers : int, default 1
            How many share the tiles; their number is a multiple of it, so that all get as many.
        side : int, optional
            LR pixels a side at most; by default 24 times `reach`, but 128 to 512. Of pictures that
            are very wide, tiles are lower, for a row of them waits to be written.
        """
        height, width = self.shape[:2]
        side = side or self.usual_side
        low = max(SMALLEST, STRIP // (width * self.scale**2))
        across, down = -(-width // side), -(-height // min(side, low))
        for_all = workers * -(-across * down // workers)  # the next multiple
        down = max(down, min(-(-for_all // across), height // (2 * self.reach + 1)))
        for top, bottom in _parts(height, down):
            for left, right in _parts(width, across):
                yield self._tile(top, bottom, left, right)

    def halves(self, tile: Tile) -> tuple[tuple[Tile, Tile], int]:
        """Return the two halves of a tile, cut across its longer side, and that axis.

        Raises
        ------
        MemoryError
            If they would be smaller than 16 x 16 LR pixels.
        """
        (top, bottom), (left, right) = tile.rows.extent(self.scale), tile.columns.extent(self.scale)
        height, width = bottom - top, right - left
        if max(height, width) < 2 * SMALLEST:
            raise MemoryError(f"not even for {height} x {width} pixels at a time")
        if height < width:
            middle = _even((left + right) // 2)
            ends = (top, bottom, left, middle), (top, bottom, middle, right)
        else:
            middle = _even((top + bottom) // 2)
            ends = (top, middle, left, right), (middle, bottom, left, right)
        return (self._tile(*ends[0]), self._tile(*ends[1])), int(height < width)

    @property
    def usual_side(self) -> int:
        """LR pixels a side of a tile, if memory does not matter."""
        return min(max(SIDES[0], SIDE_PER_REACH * self.reach), SIDES[1])

    def bytes_of(self, side: int) -> int:
        """Return what a tile of so many LR pixels a side takes at most, with surroundings."""
        return self._bytes_per_pixel * (side + 2 * self.reach + 1) ** 2

    def side_within(self, memory: float) -> int:
        """Return the LR pixels a side of the largest tile that takes so many bytes, or less."""
        return int((memory / self._bytes_per_pixel) ** 0.5) - 2 * self.reach - 1

    @property
    def _bytes_per_pixel(self) -> int:
        """What a tile takes at most for each LR pixel."""
        return LR_BYTES + BYTES * self.scale**2

    def _tile(self, top: int, bottom: int, left: int, right: int) -> Tile:
        height, width = self.shape[:2]
        rows = self._span(top, bottom, height, "y" in self.wrap)
        return Tile(rows, self._span(left, right, width, "x" in self.wrap))

    def _span(self, start: int, end: int, length: int, wraps: bool) -> Span:
        """Return a tile's extent along an axis of `length` LR pixels."""
        first, last = start - self.reach, end + self.reach + (end - start) % 2
        if self.border == "paper" and not wraps:
            first, last = max(first, 0), min(last, length)
        positions = np.arange(first, last)
        return Span(
            reads=positions % length if wraps else _mirrored(positions, length),
            before=start - first,
            after=last - end,
            hr=slice(start * self.scale, end * self.scale),
        )


def _parts(length: int, count: int) -> Iterator[tuple[int, int]]:
    """Yield the ends of so many parts of an axis; all begin at even pixels."""
    return pairwise([*(_even(length * k // count) for k in range(count)), length])


def _even(number: int) -> int:
    """Return the number or, if it is odd, the one before."""
    return number - number % 2


def _mirrored(positions: NDArray[np.intp], length: int) -> NDArray[np.intp]:
    """Fold positions beyond 0..length - 1 back as mirrors at either edge would."""
    positions = positions % (2 * length)
    return np.minimum(positions, 2 * length - 1 - positions)
