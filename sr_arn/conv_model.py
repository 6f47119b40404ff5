"""The convolutional ARN as a luminance model, in plain arrays: trained by torch, run without it."""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sr_arn.compilation import compiled
from sr_arn.convolution import Filters, convolve
from sr_arn.resize import imresize
from sr_arn.tiles import NO_RIM, Rim

__all__ = ["ConvModel"]

ROWS = 16  # that a layer does at a time
KEPT = 3  # rows before them: one for the next layer, one for a shortcut over it, and its frame

Array = NDArray[np.float32]


class ConvModel:
    """Bicubic up-scaling plus the details that a `sr_arn.nn.ConvAnchoredNetwork` predicts.

    Parameters
    ----------
    scale : int
        s, HR pixels per LR pixel.
    arrays : dict of ndarray of float32
        By the names of `array_axes`. Gains and sharpness of the network are factors of them.

    Attributes
    ----------
    reach : int
        How far away, in LR pixels along either axis, a pixel still matters.
    """

    name = "conv-arn"
    array_axes = {  # noqa: RUF012 - it is not changed
        "first_weight": "c33",  # of the window's pixels, less that in its middle
        "first_bias": "c",
        "pair_weight": "pzcc33",  # z = 2 convolutions each
        "pair_bias": "pzc",
        "anchors": "mc33",
        "anchor_bias": "m",
        "last_weight": "mtc33",  # t = s^2 HR pixels
        "last_bias": "mt",
    }

    def __init__(self, scale: int, arrays: dict[str, Array]) -> None:
        self.scale = scale
        self.arrays = arrays
        self.reach = 2 * len(arrays["pair_weight"]) + 2
        self._first = np.ascontiguousarray(arrays["first_weight"].reshape(-1, 9).T)
        self._pairs = [
            tuple(Filters.of(w, b) for w, b in zip(weights, biases, strict=True))
            for weights, biases in zip(arrays["pair_weight"], arrays["pair_bias"], strict=True)
        ]
        channels = arrays["first_weight"].shape[0]
        self._last = Filters.of(
            np.concatenate([arrays["anchors"], arrays["last_weight"].reshape(-1, channels, 3, 3)]),
            np.concatenate([arrays["anchor_bias"], arrays["last_bias"].ravel()]),
        )

    def __call__(self, lr: Array, rim: Rim = NO_RIM) -> Array:
        """Return the HR plane without the rim."""
        details = self._details(lr, rim) - self._details_of_flat_areas
        height, width, _ = details.shape
        s = self.scale
        details = details.reshape(height, width, s, s).transpose(0, 2, 1, 3)
        return rim.cut(imresize(lr, s), s) + details.reshape(height * s, width * s)

    @property
    def sizes(self) -> dict[str, int]:
        """Channels, layers and anchors of the network."""
        pairs, both, channels = self.arrays["pair_weight"].shape[:3]
        anchors = len(self.arrays["anchors"])
        return {"channels": channels, "layers": both * pairs, "anchors": anchors}

    @cached_property
    def _details_of_flat_areas(self) -> Array:
        """What must be nothing, so that flat areas keep their level: [s^2]."""
        side = 2 * self.reach + 1
        middle = Rim(self.reach, self.reach, self.reach, self.reach)
        details: Array = self._details(np.zeros((side, side), np.float32), middle)
        return details[0, 0]

    def _details(self, lr: Array, rim: Rim) -> Array:
        """Return [h, w, s^2], the HR pixels of LR pixels but the rim, as the network gives them.

        All layers go down the plane together, some rows at a time, each as many rows ahead of the
        last as are seen between them. So little memory is needed; and of the rim, a layer is
        computed only as far as the layers after it see.
        """
        around = np.pad(lr, 1, mode="edge")
        channels = self._first.shape[1]
        maps = [_Map(lr.shape, channels, rim, ahead) for ahead in range(self.reach - 1, 0, -1)]
        last = _Map(lr.shape, self._last.channels, rim, 0)
        out = np.empty((*rim.cut(lr).shape, self.scale**2), np.float32)
        row = maps[0].done - maps[0].ahead  # so that no layer has more to do at first than later
        while last.done < last.end:
            row += ROWS
            start, stop = maps[0].go_on(row)
            rows, bias = around[start : stop + 2], self.arrays["first_bias"]
            _first_features(rows, self._first, bias, maps[0].sides, maps[0].framed(start, stop))
            for pair, (now, between, after) in zip(self._pairs, _triples(maps), strict=True):
                now.convolved(pair[0], between, row, relu=True)
                between.convolved(pair[1], after, row, add=now)
            start, stop = maps[-1].convolved(self._last, last, row)
            parts = last.sides.cut(last.framed(start, stop)[1:-1, 1:-1])
            place = out[start - rim.top : stop - rim.top]
            _mix(parts, len(self.arrays["anchors"]), place)
        return out


class _Map:
    """A map of features [h, w, c], of which the rows that are needed are kept.

    Parameters
    ----------
    shape : tuple of int
        [h, w].
    channels : int
    rim : Rim
        What the last layer leaves out.
    ahead : int
        How far, in pixels, the last layer sees in this map.

    Attributes
    ----------
    done, end : int
        The rows before `done` are computed; `end` is where there are no more to compute.
    sides : Rim
        What is left out of every row.
    """

    def __init__(self, shape: tuple[int, ...], channels: int, rim: Rim, ahead: int) -> None:
        height, width = shape
        own = rim.narrowed(ahead)
        self.ahead = ahead
        self.height = height
        self.done, self.end = own.top, height - own.bottom
        self.sides = own._replace(top=0, bottom=0)
        self._rows = np.zeros((KEPT + ROWS + 1, width + 2, channels), np.float32)
        self._top = self.done - KEPT  # the row of the map that comes first in _rows

    def go_on(self, row: int) -> tuple[int, int]:
        """Make room for the rows up to what the last layer needs for those before `row`.

        Return the first of them and that after the last: at most ROWS. KEPT rows before stay.
        """
        start = self.done
        self.done = max(start, min(row + self.ahead, self.end))
        if self.done > start:
            moved = start - KEPT - self._top
            self._rows[:KEPT] = self._rows[moved : moved + KEPT]
            self._top = start - KEPT
        if self.done == self.height:  # beyond the plane there is nothing
            self._rows[self.height - self._top] = 0
        return start, self.done

    def framed(self, start: int, stop: int) -> Array:
        """Return rows with a pixel more at each edge: [stop - start + 2, w + 2, c]."""
        return self._rows[start - 1 - self._top : stop + 1 - self._top]

    def convolved(
        self, filters: Filters, out: "_Map", row: int, add: "_Map | None" = None, relu: bool = False
    ) -> tuple[int, int]:
        """Let `out` go on, computed from this map; return which rows it has done."""
        start, stop = out.go_on(row)
        shortcut = None if add is None else add.framed(start, stop)
        features, place = self.framed(start, stop), out.framed(start, stop)
        convolve(features, filters, place, out.sides, shortcut, relu)
        return start, stop


def _triples(maps: list[_Map]) -> Iterator[tuple[_Map, _Map, _Map]]:
    """Yield what each pair of convolutions leads from, through and to."""
    for k in range(0, len(maps) - 2, 2):
        yield maps[k], maps[k + 1], maps[k + 2]


@compiled(nogil=True, fastmath={"contract"})
def _first_features(lr: Array, weight: Array, bias: Array, rim: Rim, out: Array) -> None:
    """Fill `out` but frame and rim: ReLU of the differences to the neighbours, convolved."""
    top, bottom, left, right = rim
    height, width, channels = out.shape
    total = np.empty(channels, np.float32)
    for i in range(1 + top, height - 1 - bottom):
        for j in range(1 + left, width - 1 - right):
            total[:] = bias
            for k in range(9):
                difference = lr[i - 1 + k // 3, j - 1 + k % 3] - lr[i, j]  # 0 in flat areas
                for c in range(channels):
                    total[c] += difference * weight[k, c]
            for c in range(channels):
                out[i, j, c] = max(total[c], np.float32(0))


@compiled(nogil=True, fastmath={"contract"})
def _mix(parts: Array, anchors: int, out: Array) -> None:
    """Fill out [h, w, t] with mixtures of `parts` [h, w, m + m t or more].

    The first m channels are the logits of the shares, the others t of each anchor.
    """
    height, width, t = out.shape
    shares = np.empty(anchors, np.float32)
    for i in range(height):
        for j in range(width):
            channels = parts[i, j]
            top = channels[0]
            for k in range(1, anchors):
                top = max(top, channels[k])
            total = np.float32(0)
            for k in range(anchors):
                shares[k] = np.exp(channels[k] - top)
                total += shares[k]
            out[i, j] = 0
            for k in range(anchors):
                share = shares[k] / total
                for p in range(t):
                    out[i, j, p] += share * channels[anchors + k * t + p]
