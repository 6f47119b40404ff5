"""The first and the last layer of the convolutional ARN, compiled."""

import numpy as np
from numpy.typing import NDArray

from sr_arn.kernels.cache import compiled
from sr_arn.planes import Rim

__all__ = ["first_features", "mix"]

Array = NDArray[np.float32]


@compiled(nogil=True, fastmath={"contract"})
def first_features(lr: Array, weight: Array, bias: Array, out: Array) -> None:
    """Set the inner pixels of `out` [h, w, c] to ReLU of a convolution of differences.

    They are those of the pixels of `lr` [h, w, i] to their neighbours; `weight` is [9 i, c], and
    `bias` [c].
    """
    height, width, channels = out.shape
    planes = lr.shape[2]
    total = np.empty(channels, np.float32)
    for i in range(1, height - 1):
        for j in range(1, width - 1):
            for c in range(channels):  # not total[:] = bias, which takes seconds to compile
                total[c] = bias[c]
            for p in range(planes):
                for k in range(9):
                    there = lr[i - 1 + k // 3, j - 1 + k % 3, p]
                    difference = there - lr[i, j, p]  # 0 in flat areas
                    for c in range(channels):
                        total[c] += difference * weight[9 * p + k, c]
            for c in range(channels):
                out[i, j, c] = max(total[c], np.float32(0))


@compiled(nogil=True, fastmath={"contract"})
def mix(
    parts: Array, anchors: int, flat: Array, scale: int, start: int, rim: Rim, hr: Array
) -> None:
    """Add the mixtures of `parts` [h, w, m + m s^2 or more], less `flat`, to `hr`.

    `parts` are the LR rows from `start` on; neither they nor `hr` include the rim. The first m
    channels are the logits of the shares, followed by t = o s^2 HR pixels for each of the m
    anchors; `hr` is [h s, w s, o]. `flat` [2, 2, t] is indexed by the parity of row and column.
    """
    first, left = start - rim.top, rim.left
    height, width, _ = parts.shape
    planes = hr.shape[2]
    t = planes * scale * scale
    shares, total = np.empty(anchors, np.float32), np.empty(t, np.float32)
    for i in range(height):
        for j in range(width):
            channels = parts[i, j]
            top = channels[0]
            for k in range(1, anchors):
                top = max(top, channels[k])
            whole = np.float32(0)
            for k in range(anchors):
                shares[k] = np.exp(channels[k] - top)
                whole += shares[k]
            total[:] = 0
            for k in range(anchors):
                share = shares[k] / whole
                for p in range(t):
                    total[p] += share * channels[anchors + k * t + p]
            for y in range(scale):
                line = hr[(first + i) * scale + y]
                for x in range(scale):
                    for plane in range(planes):
                        p = (plane * scale + y) * scale + x
                        less = flat[(start + i) % 2, (left + j) % 2, p]
                        line[j * scale + x, plane] += total[p] - less
