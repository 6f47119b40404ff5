"""Who computes the tiles of a picture, in which pieces, and with how much memory."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import tee
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr_arn.checks import check_integer
from sr_arn.errors import InputError
from sr_arn.planes import Rim
from sr_arn.system.cluster import Cluster
from sr_arn.system.memory import memory_left
from sr_arn.system.threads import available_cores, in_order
from sr_arn.upscaling.tiles import SMALLEST, Grid, Tile

__all__ = ["MEMORY", "Schedule", "Work"]

MEMORY = 300
MEMORY_PER_WORKER = 75
"""Megabytes that all tiles in work may take, or a worker's if there are many."""

SHARE_OF_LEFT = 0.4  # of what a container leaves: results wait to be written

MEGABYTE = 1_000_000

Pixels = NDArray[Any]
Work = Callable[[Pixels, Rim], Pixels]
"""From LR pixels to HR pixels, without the rim."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Threads of this process, or workers of a cluster, that share the tiles of a picture.

    A schedule does not change the result, to the last bit. Where memory is short, a tile is cut
    in two, and the work goes on.

    Attributes
    ----------
    threads : int, optional
        How many share the tiles; by default as many as the process may use.
    tile : int, optional
        LR pixels a side of a tile at most, 16 or more; by default as `memory` allows.
    memory : int, optional
        Megabytes that the work on tiles may take, beside the pictures; by default 300, or 75
        for each of more than four threads.
    cluster : Cluster, optional
        Its workers compute the tiles, instead of threads here.

    Raises
    ------
    InputError
        If a number is out of range.
    """

    threads: int | None = None
    tile: int | None = None
    memory: int | None = None
    cluster: Cluster | None = None

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name, least in (("threads", 1), ("tile", SMALLEST), ("memory", 1)):
            value = getattr(self, name)
            if value is not None:
                check_integer(value, name, least)

    def run(self, work: Work, image: Pixels, grid: Grid) -> Iterator[tuple[Tile, Pixels]]:
        """Yield each tile of a picture and its result, row by row.

        Parameters
        ----------
        work : callable
            Makes HR pixels [s h, s w, ...] of LR pixels [h, w, ...] and their rim.
        image : ndarray [h, w, ...]
            The LR pixels.
        grid : Grid
            Where they may be cut.

        Raises
        ------
        InputError
            If `memory` does not suffice for the smallest tile.
        """
        workers, side = self._plan(grid)

        def result_of(tile: Tile) -> Pixels:
            with suppress(MemoryError):
                return work(tile.cut(image), tile.rim)
            halves, axis = grid.halves(tile)  # what the whole tile took is free again
            return np.concatenate([result_of(half) for half in halves], axis)

        if self.cluster is None:
            tiles = grid.tiles(workers, side)
            return in_order(lambda tile: (tile, result_of(tile)), tiles, workers)
        todo, sent = tee(grid.tiles(workers, side))
        kept = self.cluster.keep(partial, work)  # the model travels once
        cuts = ((kept, tile.cut(image), tile.rim) for tile in sent)
        return zip(todo, self.cluster.in_order(_call, cuts), strict=True)

    def _plan(self, grid: Grid) -> tuple[int, int]:
        """Return how many workers take tiles of how many LR pixels a side."""
        if self.cluster is not None:
            workers = self.cluster.threads
        else:
            workers = self.threads or available_cores()
        memory, limit, whose = max(MEMORY, MEMORY_PER_WORKER * workers), self.memory, "received"
        if limit is None and self.cluster is None:
            left = SHARE_OF_LEFT * memory_left() / MEGABYTE
            if left < memory:
                limit, whose = int(left), "the container leaves"
        if limit is not None:
            memory = limit
            least = -(-grid.bytes_of(SMALLEST) // MEGABYTE)
            if memory < least:
                raise InputError(f"memory: expected at least {least} MB, {whose} {memory}")
            workers = min(workers, memory // least)
        side = max(SMALLEST, min(grid.usual_side, grid.side_within(memory * MEGABYTE / workers)))
        return workers, self.tile or side


def _call(work: Work, levels: Pixels, rim: Rim) -> Pixels:
    return work(levels, rim)
