"""The convolutional ARN as a luminance model, in plain arrays: trained by torch, run without it."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sr_arn.compilation import compiled
from sr_arn.convolution import Filters, convolve
from sr_arn.resize import imresize
from sr_arn.tiles import NO_RIM, Rim

__all__ = ["ConvModel"]

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

        Of the rim, a layer is computed only as far as the layers after it still see.
        """
        frame = [n + 2 for n in lr.shape]
        now, between, after = (
            np.zeros((*frame, self._first.shape[1]), np.float32) for _ in range(3)
        )
        seen = self.reach - 1
        first_bias = self.arrays["first_bias"]
        around = np.pad(lr, 1, mode="edge")
        _first_features(around, self._first, first_bias, rim.narrowed(seen), now)
        for one, other in self._pairs:
            convolve(now, one, between, rim.narrowed(seen - 1), relu=True)
            convolve(between, other, after, rim.narrowed(seen - 2), add=now)
            now, after = after, now
            seen -= 2
        parts = np.empty((*frame, self._last.channels), np.float32)
        convolve(now, self._last, parts, rim)
        height, width = rim.cut(lr).shape
        out = np.empty((height, width, self.scale**2), np.float32)
        _mix(rim.cut(parts[1:-1, 1:-1]), len(self.arrays["anchors"]), out)
        return out


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
