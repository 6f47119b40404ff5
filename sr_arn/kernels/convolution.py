"""Convolution of maps of features, compiled: the inner loop of the convolutional ARN.

Winograd's minimal filtering F(2 x 2, 3 x 3) in the form of Lavin and Gray: the 2 x 2 outputs of
a 4 x 4 window are sums of 16 products, not 36. For a group of windows side by side:

1. `_transform`: v = B^T d B, 16 numbers for each window and channel;
2. `product`: 16 matrix products with the transformed filters, u = G g G^T, sum over the channels;
3. `_result`: the sums are transformed back, y = A^T m A.

Maps are [h + 2, w + 2, c], framed by one pixel of their surroundings, with even h and w; c is a
number that `padded` returns, and channels beyond the map's own are zeros. Every sum is taken in
the same order: a pixel's result depends only on its window and on whether its row and column are
even, to the last bit. The instructions are written out for vectors as wide as the processor's:
the compiler's own reach a third of their speed.

References
----------
A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks", CVPR 2016.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from sr_arn.kernels.cache import compiled
from sr_arn.kernels.intrinsics import Rows, Writer, Written, written
from sr_arn.kernels.matmul import REGISTERS, Length, blocks_of
from sr_arn.kernels.simd import product

__all__ = ["Filters", "convolve", "padded"]

Array = NDArray[np.float32]

WINDOWS = 24  # transformed together
G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])


def padded(channels: int) -> int:
    """Return `channels`, rounded up to whole blocks of vectors."""
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
    """Convolve `features` into `out`.

    Parameters
    ----------
    features : ndarray of float32 [h + 2, w + 2, c], C-contiguous
        h and w are even; c is that of the filters.
    filters : Filters
    out : ndarray of float32 [h + 2, w + 2, o], C-contiguous
        Another array, o that of the filters; its frame of one pixel is left unchanged.
    left, right : int, default 0
        Columns at either side that may be skipped; the last of an odd number is computed.
    add : ndarray of float32 [h + 2, w + 2, o], C-contiguous, optional
        Added to the result.
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
    vectors = filters.weight.shape[3] // REGISTERS.lanes
    rows = max(n for n in (1, 2, 3, 4, 6, 8) if n * vectors <= REGISTERS.sums)  # divides WINDOWS
    lengths = (0,) * REGISTERS.lanes, (0,) * vectors, (0,) * rows
    floor = np.float32(0 if relu else -np.inf)
    columns = (left - left % 2, width - 2 - (right - right % 2))
    weight, bias = filters
    # features (h + 2, w + 2, c), weight (16, n, c, b), bias (n b,), added like out
    # -> out (h + 2, w + 2, n b)
    _convolve(features, weight, bias, added, add is not None, floor, columns, lengths, out)


@compiled(nogil=True)
def _convolve(
    features: Array,
    weight: Array,
    bias: Array,
    add: Array,
    adds: bool,
    floor: np.float32,
    columns: tuple[int, int],
    lengths: tuple[Length, Length, Length],
    out: Array,
) -> None:
    """Set the inner rows of `out`, from the first to before the last of `columns`.

    `lengths` are the lanes of a vector, the vectors of a block and the windows of a product.
    """
    lanes, vectors, rows = lengths
    height, width, c = features.shape
    _, blocks, _, size = weight.shape
    o = blocks * size
    x, u, a, y = features.reshape(-1), weight.reshape(-1), add.reshape(-1), out.reshape(-1)
    of_windows, of_sums = WINDOWS * c + 16, WINDOWS * o + 16  # a power of 2 shares caches badly
    windows, sums = np.zeros(16 * of_windows, x.dtype), np.empty(16 * of_sums, x.dtype)
    group = len(rows)
    for i in range(0, height - 2, 2):
        for j in range(columns[0], columns[1], 2 * WINDOWS):
            count = min(WINDOWS, (columns[1] - j) // 2)
            first, to = i * width + j, (i + 1) * width + j + 1
            for t in range(count):
                window, v = Rows((first + 2 * t) * c, width * c), Rows(t * c, of_windows)
                # features[i:i + 4, j + 2 t:j + 2 t + 4] (4, 4, c) -> windows[:, t] (16, c)
                _transform(x, windows, window, v, c, lanes)
            for k in range(16):
                for block in range(blocks):
                    filters = Rows((k * blocks + block) * c * size, size)
                    for t in range(0, count, group):
                        v = Rows(k * of_windows + t * c, c)
                        m = Rows(k * of_sums + t * o + block * size, o)
                        # windows[k, t:t + group] (group, c) @ weight[k, block] (c, size)
                        # -> sums[k, t:t + group, block * size:] (group, size)
                        product(windows, u, sums, v, filters, m, c, False, lanes, vectors, rows)
            for t in range(count):
                m, pixels = Rows(t * o, of_sums), Rows((to + 2 * t) * o, width * o)
                # sums[:, t] (16, o), bias (o,), add like out
                # -> out[i + 1:i + 3, j + 1 + 2 t:j + 3 + 2 t] (2, 2, o)
                _result(sums, bias, a, y, m, pixels, o, adds, floor, lanes)


def _write_transform(
    typing: Any,
    features: types.Array,
    windows: types.Array,
    window: types.BaseTuple,
    v: types.BaseTuple,
    channels: types.Integer,
    lanes: types.BaseTuple,
) -> Written:
    """Set 16 rows of `windows`, `v`, to v = B^T d B of the four rows `window` of `features`.

    Both are `Rows`: d (4, 4, channels) -> v (16, channels).
    """

    def write(w: Writer, *values: Any) -> None:
        b, (window, v, channels, _) = w.builder, values
        (offset, row), (to, stride) = w.rows(window), w.rows(v)
        with cgutils.for_range_slice(
            b, ir.Constant(row.type, 0), channels, ir.Constant(row.type, w.lanes)
        ) as (k, _):
            start = b.add(offset, k)
            pixels = [
                [w.load("features", w.at(start, (row, y), (channels, x))) for x in range(4)]
                for y in range(4)
            ]
            half = [_in_four(b, column) for column in zip(*pixels, strict=True)]
            for y, line in enumerate(zip(*half, strict=True)):
                for x, value in enumerate(_in_four(b, line)):
                    w.store(value, "windows", w.at(b.add(to, k), (stride, 4 * y + x)))

    arrays = {"features": features, "windows": windows}
    return written(write, lanes, arrays, window, v, channels, lanes)


def _in_four(b: ir.IRBuilder, d: Sequence[ir.Value]) -> list[ir.Value]:
    """Return B^T d."""
    return [b.fsub(d[0], d[2]), b.fadd(d[1], d[2]), b.fsub(d[2], d[1]), b.fsub(d[1], d[3])]


def _write_result(
    typing: Any,
    sums: types.Array,
    bias: types.Array,
    add: types.Array,
    out: types.Array,
    m: types.BaseTuple,
    pixels: types.BaseTuple,
    channels: types.Integer,
    adds: types.Boolean,
    floor: types.Float,
    lanes: types.BaseTuple,
) -> Written:
    """Set the 2 x 2 `pixels` of `out` to y = A^T m A of the 16 rows `m` of `sums`.

    Both are `Rows`: m (16, channels) -> y (2, 2, channels). The bias, and `add` if `adds`, are
    added; the result is at least `floor`.
    """

    def write(w: Writer, *values: Any) -> None:
        b, (m, pixels, channels, adds, floor, _) = w.builder, values
        (offset, stride), (to, row), least = w.rows(m), w.rows(pixels), w.spread(floor)
        with cgutils.for_range_slice(
            b, ir.Constant(row.type, 0), channels, ir.Constant(row.type, w.lanes)
        ) as (k, _):
            start, bias = b.add(offset, k), w.load("bias", k)
            rows = [
                [w.load("sums", w.at(start, (stride, 4 * y + x))) for x in range(4)]
                for y in range(4)
            ]
            half = [_in_two(b, column) for column in zip(*rows, strict=True)]
            for y, line in enumerate(zip(*half, strict=True)):
                for x, value in enumerate(_in_two(b, line)):
                    target = w.at(b.add(to, k), (row, y), (channels, x))
                    total = cgutils.alloca_once(b, w.vector)
                    b.store(b.fadd(value, bias), total)
                    with b.if_then(adds):
                        b.store(b.fadd(b.load(total), w.load("add", target)), total)
                    w.store(w.larger(b.load(total), least), "out", target)

    arrays = {"sums": sums, "bias": bias, "add": add, "out": out}
    return written(write, lanes, arrays, m, pixels, channels, adds, floor, lanes)


def _in_two(b: ir.IRBuilder, m: Sequence[ir.Value]) -> list[ir.Value]:
    """Return A^T m."""
    return [b.fadd(b.fadd(m[0], m[1]), m[2]), b.fsub(b.fsub(m[1], m[2]), m[3])]


_transform: Any = intrinsic(_write_transform)
_result: Any = intrinsic(_write_result)
