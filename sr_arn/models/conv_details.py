"""What a `ConvAnchoredNetwork` predicts, in plain arrays: trained by torch, run without it."""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sr_arn.kernels.conv_ends import first_features, mix
from sr_arn.kernels.convolution import Filters, convolve, padded
from sr_arn.planes import Rim

__all__ = ["ARRAY_AXES", "ConvDetails"]

ROWS = 16  # that a layer does at a time: an even number
KEPT = 5  # rows before them: two for the next layer, two for a shortcut over it, and its frame

ARRAY_AXES = {
    "first_weight": "ci33",  # of the window's pixels, less that in its middle
    "first_bias": "c",
    "pair_weight": "pzcc33",  # z = 2 convolutions each
    "pair_bias": "pzc",
    "anchors": "mc33",
    "anchor_bias": "m",
    "last_weight": "mtc33",  # t = o s^2: HR pixels
    "last_bias": "mt",
}
"""Axes of a network's weights, from i LR planes to o HR planes."""

Array = NDArray[np.float32]


class ConvDetails:
    """The details of HR planes that a `ConvAnchoredNetwork` finds in LR planes.

    Parameters
    ----------
    scale : int
        s, HR pixels per LR pixel.
    arrays : dict of ndarray of float32
        By the names of `ARRAY_AXES`. Gains and sharpness of the network are factors of them. The
        axis i may be missing: then there is one LR plane.

    Attributes
    ----------
    reach : int
        How far away, in LR pixels along either axis, a pixel still matters.
    """

    def __init__(self, scale: int, arrays: dict[str, Array]) -> None:
        self.scale = scale
        self.reach = 2 * len(arrays["pair_weight"]) + 2
        self._anchors = len(arrays["anchors"])
        channels, seen = len(arrays["first_bias"]), arrays["first_weight"][0].size
        self._inputs = seen // 9
        missing = padded(channels) - channels
        first = np.pad(arrays["first_weight"].reshape(-1, seen), [(0, missing), (0, 0)])
        self._first = np.ascontiguousarray(first.T)
        self._first_bias = np.pad(arrays["first_bias"], (0, missing))
        self._pairs = [
            tuple(Filters.of(w, b) for w, b in zip(weights, biases, strict=True))
            for weights, biases in zip(arrays["pair_weight"], arrays["pair_bias"], strict=True)
        ]
        self._outputs = arrays["last_weight"].shape[1] // scale**2
        self._last = Filters.of(
            np.concatenate([arrays["anchors"], arrays["last_weight"].reshape(-1, channels, 3, 3)]),
            np.concatenate([arrays["anchor_bias"], arrays["last_bias"].ravel()]),
        )

    def add(self, lr: Array, rim: Rim, hr: Array) -> None:
        """Add the details that are found in `lr` to `hr`, nothing in flat areas.

        The last bits depend on whether the rows and columns of a pixel in `lr` are even.

        Parameters
        ----------
        lr : ndarray of float32 [h, w, i]
        rim : Rim
            LR pixels at the edges that are only seen.
        hr : ndarray of float32 [h s, w s, o], C-contiguous
            Without the rim.
        """
        self._add(lr, rim, self._flat, hr)

    @cached_property
    def _flat(self) -> Array:
        """What must be nothing, so that flat areas keep their level: [2, 2, o s^2]."""
        side, edge, s, o = 2 * self.reach + 2, self.reach, self.scale, self._outputs
        hr = np.zeros((2 * s, 2 * s, o), np.float32)  # the reach is even
        rim, nothing = Rim(edge, edge, edge, edge), np.zeros((2, 2, o * s * s), np.float32)
        self._add(np.zeros((side, side, self._inputs), np.float32), rim, nothing, hr)
        parts = hr.reshape(2, s, 2, s, o).transpose(0, 2, 4, 1, 3)
        return np.ascontiguousarray(parts.reshape(2, 2, -1))

    def _add(self, lr: Array, rim: Rim, flat: Array, hr: Array) -> None:
        """Add to `hr` what the network gives, less `flat`.

        All layers go down the plane together, some rows at a time, each some rows ahead of the
        next. So little memory is needed; and of the rim, a layer is computed only as far as the
        layers after it see.
        """
        around = np.pad(lr, [(1, 2), (1, 2), (0, 0)], mode="edge")
        channels = self._first.shape[1]
        height, width = shape = lr.shape[:2]
        maps = [_Map(shape, channels, rim, later) for later in range(self.reach - 1, 0, -1)]
        last = _Map(shape, len(self._last.bias), rim, 0)
        row = maps[0].done - maps[0].lead  # so that no layer has more to do at first than later
        while last.done < last.end:
            row += ROWS
            start, stop = maps[0].go_on(row)
            rows, features = around[start : stop + 2], maps[0].framed(start, stop)
            # rows (n + 2, w + 3, i), weight (9 i, c), bias (c,) -> features (n + 2, w + 2 or 3, c)
            first_features(rows, self._first, self._first_bias, features)
            maps[0].close()
            for pair, (now, between, after) in zip(self._pairs, _triples(maps), strict=True):
                now.convolved(pair[0], between, row, relu=True)
                between.convolved(pair[1], after, row, add=now)
            start, stop = maps[-1].convolved(self._last, last, row)
            start, stop = max(start, rim.top), min(stop, height - rim.bottom)
            if start < stop:
                parts = last.framed(start, stop)[1:-1, 1 + rim.left : 1 + width - rim.right]
                # parts (n, w, m + m t or more), flat (2, 2, t) -> rows of hr (h s, w s, o)
                mix(parts, self._anchors, flat, self.scale, start, rim, hr)


class _Map:
    """A map of features [h, w, c], of which the rows that are still needed are kept.

    Parameters
    ----------
    shape : tuple of int
        [h, w].
    channels : int
    rim : Rim
        What the last layer leaves out.
    later : int
        How many layers follow.

    Attributes
    ----------
    done, end : int
        The rows before `done` are computed; `end` is where there are no more to compute. Both are
        even: `convolve` does two at a time.
    lead : int
        How many rows it is ahead of the last layer.
    """

    def __init__(self, shape: tuple[int, ...], channels: int, rim: Rim, later: int) -> None:
        self._height, self._width = shape
        own = rim.narrowed(later)
        self._sides = own.left, own.right
        self.lead = 2 * later
        self.done = own.top - own.top % 2
        self.end = _even(self._height - own.bottom)
        self._rows = np.zeros((KEPT + ROWS + 1, _even(self._width) + 2, channels), np.float32)
        self._top = self.done - KEPT  # the row of the map that comes first in _rows

    def go_on(self, row: int) -> tuple[int, int]:
        """Make room for the rows up to what the last layer needs for those before `row`.

        Return the first of them and that after the last: at most ROWS. KEPT rows before stay.
        """
        start = self.done
        self.done = max(start, min(row + self.lead, self.end))
        if self.done > start:
            moved = start - KEPT - self._top
            self._rows[:KEPT] = self._rows[moved : moved + KEPT]
            self._top = start - KEPT
        return start, self.done

    def framed(self, start: int, stop: int) -> Array:
        """Return rows with a pixel more at each edge: [stop - start + 2, w + 2, c], w even."""
        return self._rows[start - 1 - self._top : stop + 1 - self._top]

    def close(self) -> None:
        """Put zeros beyond the plane, once rows are computed."""
        self._rows[:, self._width + 1 :] = 0
        if self.done >= self._height:
            self._rows[self._height - self._top :] = 0

    def convolved(
        self, filters: Filters, out: "_Map", row: int, add: "_Map | None" = None, relu: bool = False
    ) -> tuple[int, int]:
        """Let `out` go on, computed from this map; return which rows it has done."""
        start, stop = out.go_on(row)
        shortcut = None if add is None else add.framed(start, stop)
        features, place = self.framed(start, stop), out.framed(start, stop)
        convolve(features, filters, place, *out._sides, shortcut, relu)
        out.close()
        return start, stop


def _even(number: int) -> int:
    """Return the number or, if it is odd, the next."""
    return number + number % 2


def _triples(maps: list[_Map]) -> Iterator[tuple[_Map, _Map, _Map]]:
    """Yield what each pair of convolutions leads from, through and to."""
    for k in range(0, len(maps) - 2, 2):
        yield maps[k], maps[k + 1], maps[k + 2]
