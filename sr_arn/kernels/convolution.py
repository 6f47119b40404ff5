"""Convolution of maps of features, compiled: the inner loop of the convolutional ARN.

Winograd's minimal filtering F(2 x 2, 3 x 3) in the form of Lavin and Gray: the 2 x 2 outputs of
a 4 x 4 window are sums of 16 products, not 36. For some windows side by side,

1. their channels are transformed: v = B^T d B, 16 numbers for each window and channel;
2. 16 matrix products with the transformed filters, u = G g G^T, sum over the channels;
3. the sums are transformed back: y = A^T m A.

Maps lie as [h + 2, w + 2, c], framed by what surrounds them, with even h and w; c is a number
of channels that `padded` returns, the last ones being zeros. Every sum is taken in the same
order: a pixel's result depends on its window, and on whether its row and column are even,
alone, to the last bit. The instructions are written out for vectors as wide as the
processor's: left to itself, the compiler reaches a third of their speed.

References
----------
A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks", CVPR 2016.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sr_arn.kernels.cache import compiled
from sr_arn.kernels.matmul import REGISTERS, blocks_of
from sr_arn.kernels.simd import product
from sr_arn.kernels.winograd import result, transform

__all__ = ["Filters", "convolve", "padded"]

Array = NDArray[np.float32]

WINDOWS = 24  # that are transformed together
G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])


def padded(channels: int) -> int:
    """Return how many channels a map has that holds so many: whole blocks of vectors."""
    blocks, vectors = _blocks_of(channels)
    return blocks * vectors * REGISTERS.lanes


def _blocks_of(channels: int) -> tuple[int, int]:
    return blocks_of(channels, REGISTERS.lanes, REGISTERS.widest)


class Filters(NamedTuple):
    """3 x 3 filters, transformed and arranged for `convolve`.

    Attributes
    ----------
    weight : ndarray of float32 [16, n, c, b]
        For n blocks of b output channels.
    bias : ndarray of float32 [n b]
    """

    weight: Array
    bias: Array

    @classmethod
    def of(cls, weight: Array, bias: Array) -> "Filters":
        """Arrange a weight [o, c, 3, 3] and a bias [o]."""
        outputs, inputs = weight.shape[:2]
        missing = padded(outputs) - outputs
        transformed = np.einsum("ik,ockl,jl->ijco", G, weight.astype(np.float64), G)
        pads = [(0, 0), (0, padded(inputs) - inputs), (0, missing)]
        block = _blocks_of(outputs)[1] * REGISTERS.lanes
        columns = np.pad(transformed.reshape(16, inputs, outputs), pads)
        arranged = columns.reshape(16, padded(inputs), padded(outputs) // block, block)
        return cls(
            np.ascontiguousarray(arranged.transpose(0, 2, 1, 3), np.float32),
            np.pad(bias, (0, missing)).astype(np.float32),
        )


def convolve(
    features: Array,
    filters: Filters,
    out: Array,
    left: int = 0,
    right: int = 0,
    add: Array | None = None,
    relu: bool = False,
) -> None:
    """Set the pixels of `out` to those of `features`, convolved.

    Parameters
    ----------
    features : ndarray of float32 [h + 2, w + 2, c], C-contiguous
        h and w are even; c is that of the filters.
    filters : Filters
    out : ndarray of float32 [h + 2, w + 2, o], C-contiguous
        Another array, o that of the filters; its frame of one pixel is left as it is.
    left, right : int, default 0
        Columns at either side that need not be done; odd ones may be.
    add : ndarray of float32 [h + 2, w + 2, o], C-contiguous, optional
        Is added to the result.
    relu : bool, default False
        Whether negative results become 0.
    """
    added = out if add is None else add
    height, width, channels = features.shape
    fit = (height, width, len(filters.bias)) == out.shape == added.shape
    if not fit or channels != filters.weight.shape[2] or height % 2 or width % 2:
        raise ValueError(f"maps of {features.shape} and {out.shape} for {filters.weight.shape}")
    if any(a.dtype != np.float32 or not a.flags.c_contiguous for a in (features, out, added)):
        raise ValueError("maps: expected float32, C-contiguous")
    # lengths of tuples are types: code is compiled for each, and found again on disk by them
    vectors = filters.weight.shape[3] // REGISTERS.lanes
    rows = max(n for n in (1, 2, 3, 4, 6, 8) if n * vectors <= REGISTERS.sums)  # divides WINDOWS
    sizes = ((0,) * REGISTERS.lanes, (0,) * vectors, (0,) * rows)
    floor = np.float32(0 if relu else -np.inf)
    columns = (left - left % 2, width - 2 - (right - right % 2))
    _convolve(features, *filters, added, add is not None, floor, columns, *sizes, out)


@compiled(nogil=True)
def _convolve(
    features: Array,
    weight: Array,
    bias: Array,
    add: Array,
    adds: bool,
    floor: np.float32,
    columns: tuple[int, int],
    lanes: tuple[int, ...],
    vectors: tuple[int, ...],
    rows: tuple[int, ...],
    out: Array,
) -> None:
    """Fill the inner rows of `out`, from the first to before the last of `columns`."""
    height, width, c = features.shape
    _, blocks, _, size = weight.shape
    o = blocks * size
    x, u, a, y = features.reshape(-1), weight.reshape(-1), add.reshape(-1), out.reshape(-1)
    of_windows, of_sums = WINDOWS * c + 16, WINDOWS * o + 16  # a power of 2 shares caches badly
    windows, sums = np.zeros(16 * of_windows, x.dtype), np.empty(16 * of_sums, x.dtype)
    group, kinds = len(rows), (lanes, vectors, rows)
    for i in range(0, height - 2, 2):
        for j in range(columns[0], columns[1], 2 * WINDOWS):
            count = min(WINDOWS, (columns[1] - j) // 2)
            first, to = i * width + j, (i + 1) * width + j + 1
            for t in range(count):
                transform(x, windows, (first + 2 * t) * c, width * c, c, t * c, of_windows, lanes)
            for k in range(16):
                for block in range(blocks):
                    of = (k * blocks + block) * c * size
                    for t in range(0, count, group):
                        place, total = k * of_windows + t * c, k * of_sums + t * o + block * size
                        into = total, o, False
                        product(windows, u, sums, place, c, c, of, size, *into, *kinds)
            for t in range(count):
                target = (to + 2 * t) * o
                result(sums, bias, a, y, t * o, of_sums, o, adds, floor, target, width * o, lanes)
