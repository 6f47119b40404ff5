"""The first and the last layer of the convolutional ARN, compiled."""

import numpy as np
from numpy.typing import NDArray

from sr_arn.kernels.cache import compiled
from sr_arn.kernels.intrinsics import Rows
from sr_arn.kernels.matmul import REGISTERS, Length, blocks_of
from sr_arn.kernels.simd import product
from sr_arn.planes import Rim

__all__ = ["first_features", "mix"]

Array = NDArray[np.float32]


def first_features(lr: Array, weight: Array, bias: Array, out: Array) -> None:
    """Set the inner pixels of `out` [h, w, c] to ReLU of a convolution of differences.

    They are those of the pixels of `lr` [h, w, i] to their neighbours; `weight` is [9 i, c], and
    `bias` [c]. c is a number that `sr_arn.kernels.convolution.padded` returns.
    """
    vectors = blocks_of(out.shape[2], REGISTERS.lanes, REGISTERS.widest)[1]
    rows = max(n for n in (1, 2, 3, 4, 6, 8) if n * vectors <= REGISTERS.sums)
    lengths = (0,) * REGISTERS.lanes, (0,) * vectors, (0,) * rows
    # lr (h, w + 1 or more, i), weight (9 i, c), bias (c,) -> out (h, w, c)
    _first_features(lr, weight, bias, lengths, out)


@compiled(nogil=True)
def _first_features(
    lr: Array, weight: Array, bias: Array, lengths: tuple[Length, Length, Length], out: Array
) -> None:
    """Do it for as many pixels at a time as the last of `lengths` has.

    They are the lanes of a vector, the vectors of a block and the pixels.
    """
    lanes, vectors, rows = lengths
    height, width, channels = out.shape
    taps, size, group = len(weight), len(lanes) * len(vectors), len(rows)
    w, x = weight.reshape(-1), np.zeros(group * taps, np.float32)
    sums = np.empty(group * channels, np.float32)
    for i in range(1, height - 1):
        for j in range(1, width - 1, group):
            count = min(group, width - 1 - j)
            for t in range(count):
                for p in range(lr.shape[2]):
                    middle = lr[i, j + t, p]
                    for k in range(9):  # 0 in flat areas
                        there = lr[i - 1 + k // 3, j + t - 1 + k % 3, p]
                        x[t * taps + 9 * p + k] = there - middle
            for t in range(group):
                for c in range(channels):  # not sums[...] = bias, which takes seconds to compile
                    sums[t * channels + c] = bias[c]
            for block in range(0, channels, size):
                own = Rows(block, channels)
                # x (group, 9 i) @ weight[:, block:] (9 i, size) -> sums[:, block:] (group, size)
                product(x, w, sums, Rows(0, taps), own, own, taps, True, lanes, vectors, rows)
            for t in range(count):
                for c in range(channels):
                    out[i, j + t, c] = max(sums[t * channels + c], np.float32(0))


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
