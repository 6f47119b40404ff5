"""Cut a picture into tiles that see enough of their surroundings to fit without a seam."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sr_arn.checks import InputError, display

__all__ = ["NO_RIM", "Border", "Rim", "Tile", "tiles"]

SIZES = (128, 512)  # LR pixels a side: a tile's work is small beside a picture's,
SIZE_PER_REACH = 24  # and its rim beside the tile

Border = Literal["full", "paper"]


class Rim(NamedTuple):
    """LR pixels at each edge of a plane that are only seen: their result is not wanted."""

    top: int
    bottom: int
    left: int
    right: int

    def cut(self, plane: NDArray[Any], scale: int = 1) -> NDArray[Any]:
        """Return a plane [h, w, ...] of `scale` pixels per LR pixel without its rim."""
        height, width = plane.shape[:2]
        rows = slice(self.top * scale, height - self.bottom * scale)
        return plane[rows, self.left * scale : width - self.right * scale]

    def narrowed(self, pixels: int) -> "Rim":
        """Return the rim less some pixels at each edge, or less all there are."""
        return Rim(*(max(0, width - pixels) for width in self))

    def without(self, inner: "Rim") -> "Rim":
        """Return what is left of the rim once another is cut off."""
        return Rim(*(width - part for width, part in zip(self, inner, strict=True)))

    def turned(self) -> "Rim":
        """Return the rim of the plane turned by `np.rot90`."""
        return Rim(top=self.right, bottom=self.left, left=self.top, right=self.bottom)

    def mirrored(self) -> "Rim":
        """Return the rim of the plane mirrored by `np.fliplr`."""
        return self._replace(left=self.right, right=self.left)


NO_RIM = Rim(0, 0, 0, 0)


class Span(NamedTuple):
    """A tile's extent along one axis."""

    reads: NDArray[np.intp]
    """LR pixels that the tile sees, its surroundings among them."""
    before: int
    after: int
    """How many of them are surroundings."""
    place: slice
    """Which HR pixels of the picture the others become."""


class Tile(NamedTuple):
    """A piece of the work: what it reads of the LR picture and where its result belongs."""

    rows: Span
    columns: Span

    def cut(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return the LR pixels [h, w, ...] of the tile and its surroundings."""
        return image[self.rows.reads[:, None], self.columns.reads]

    @property
    def rim(self) -> Rim:
        """The surroundings."""
        return Rim(self.rows.before, self.rows.after, self.columns.before, self.columns.after)

    def paste(self, result: NDArray[Any], picture: NDArray[Any]) -> None:
        """Put the tile's HR result, without surroundings, into the HR picture."""
        picture[self.rows.place, self.columns.place] = result


def tiles(
    shape: tuple[int, ...],
    scale: int,
    reach: int,
    border: Border,
    workers: int = 1,
    size: int | None = None,
) -> Iterator[Tile]:
    """Yield the tiles of an LR picture of `shape` [h, w, ...], row by row, of about equal sizes.

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
    workers : int, default 1
        How many share the tiles: each should get as many as the others.
    size : int, optional
        LR pixels a side at most; by default 24 times `reach`, but 128 to 512.
    """
    if border not in ("full", "paper"):
        raise InputError(f'border: expected "full" or "paper", received {display(border)}')
    height, width = shape[:2]
    size = size or min(max(SIZES[0], SIZE_PER_REACH * reach), SIZES[1])
    across, down = -(-width // size), -(-height // size)
    for_all = workers * -(-across * down // workers)  # the next multiple
    down = max(down, min(-(-for_all // across), height // (2 * reach + 1)))
    columns = list(_spans(width, across, scale, reach, border))
    for row in _spans(height, down, scale, reach, border):
        for column in columns:
            yield Tile(row, column)


def _spans(length: int, count: int, scale: int, reach: int, border: Border) -> Iterator[Span]:
    """Yield the extents of the tiles along an axis of `length` LR pixels.

    They begin at even pixels and, where `reach` is even and the picture's end does not prevent it,
    see an even number: so a pixel has the same parity in every tile, also if that is mirrored.
    """
    starts = [length * k // count for k in range(count)]
    for start, end in pairwise([*(start - start % 2 for start in starts), length]):
        first, last = start - reach, end + reach + (end - start) % 2
        if border == "paper":
            first, last = max(first, 0), min(last, length)
        yield Span(
            reads=_mirrored(np.arange(first, last), length),
            before=start - first,
            after=last - end,
            place=slice(start * scale, end * scale),
        )


def _mirrored(positions: NDArray[np.intp], length: int) -> NDArray[np.intp]:
    """Fold positions beyond 0..length - 1 back as mirrors at either edge would."""
    positions = positions % (2 * length)
    return np.minimum(positions, 2 * length - 1 - positions)
