"""The inner loops of prediction, compiled: windows to features, which anchor, its linear map.

A row's result here depends on that row alone, to the last bit: not on how many rows come
with it, nor on threads or tiles. BLAS does not promise that, and does not keep it. The
loops run without the interpreter's lock, so that Python threads can share the rows.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr_arn.kernels.cache import compiled
from sr_arn.kernels.matmul import GROUP, REGISTERS, ROWS, Columns, Length, lanes_of, multiply
from sr_arn.kernels.simd import largest, product, soften

__all__ = ["map_rows", "map_windows", "soft_rows", "strongest"]

TINY = 1e-12  # least length that a vector is divided by, as in torch

FloatArray = NDArray[np.floating[Any]]


def strongest(x: FloatArray, anchors: FloatArray) -> NDArray[np.intp]:
    """Return, for every row, the anchor c with the largest |c^T x|; of equal ones the first.

    Parameters
    ----------
    x : ndarray [n, d]
    anchors : ndarray [m, d]
        Same dtype as `x`, float32 or float64.

    Returns
    -------
    ndarray of intp [n]
    """
    chosen = np.empty(len(x), np.intp)
    _strongest(np.ascontiguousarray(x), Columns.of(anchors.T), chosen)
    return np.minimum(chosen, len(anchors) - 1)  # no score is beyond NaN, but one of padding


def map_rows(x: FloatArray, maps: FloatArray, chosen: NDArray[np.intp]) -> FloatArray:
    """Return ``x[i] @ maps[chosen[i]]`` for every row i.

    Parameters
    ----------
    x : ndarray [n, d]
    maps : ndarray [m, d, t]
        Same dtype as `x`, float32 or float64.
    chosen : ndarray of intp [n]
        0 to m - 1.

    Returns
    -------
    ndarray [n, t]
    """
    t = maps.shape[2]
    lanes = lanes_of(x.dtype)
    if t < lanes:  # a vector is to fit
        maps = np.pad(maps, [(0, 0), (0, 0), (0, lanes - t)])
    out = np.empty((len(x), t), x.dtype)
    order = np.argsort(chosen, kind="stable")  # a map is used while it is in the cache
    kinds = (0,) * lanes, (0,) * _vectors_within(maps.shape[2], lanes)
    _map_rows(np.ascontiguousarray(x), np.ascontiguousarray(maps), chosen, order, *kinds, out)
    return out


def map_windows(plane: FloatArray, size: int, columns: FloatArray) -> FloatArray:
    """Return every `size` x `size` window of a plane, row by row of it, times a matrix.

    Parameters
    ----------
    plane : ndarray [h, w]
        At least `size` pixels a side.
    size : int
    columns : ndarray [size * size, d]
        Same dtype as `plane`, float32 or float64.

    Returns
    -------
    ndarray [h - size + 1, w - size + 1, d]
    """
    rows, width = (n - size + 1 for n in plane.shape)
    out = np.empty((rows, width, columns.shape[1]), plane.dtype)
    wide = np.pad(plane, [(0, 0), (0, GROUP - 1)])  # so that windows come in whole groups
    _map_windows(np.ascontiguousarray(wide), size, Columns.of(columns), out)
    return out


def soft_rows(
    x: FloatArray,
    anchors: FloatArray,
    offsets: FloatArray,
    maps: FloatArray,
    mixing: FloatArray | None = None,
    basis: FloatArray | None = None,
    absolute: bool = False,
    cosine: bool = False,
) -> FloatArray:
    """Return sum_j beta_j(x) (x, 1) maps_j for every row, by soft assignment to anchors.

    The weights are alpha(x) = softmax(x^T c_i + o_i), or mixing^T alpha(x).

    Parameters
    ----------
    x : ndarray [n, d]
    anchors : ndarray [m, d]
    offsets : ndarray [m]
        The o_i.
    maps : ndarray [m, d + 1, t], or [r, d + 1, t] with `mixing`
    mixing : ndarray [m, r], optional
    basis : ndarray [q, t], optional
        Is multiplied with what `maps`, which then have q for t, give.
        All arrays are of the dtype of `x`, float32 or float64.
    absolute : bool, default False
        Whether |x^T c_i| stands for x^T c_i.
    cosine : bool, default False
        Whether x / ||x|| stands for x there; 0 stays 0.

    Returns
    -------
    ndarray [n, t]
    """
    t = maps.shape[2] if basis is None else basis.shape[1]
    columns = Columns.of(anchors.T)
    every_offset = np.full(columns.width, -np.inf, x.dtype)
    every_offset[: len(offsets)] = offsets
    out = np.empty((len(x), t), x.dtype)
    _soft_rows(
        np.ascontiguousarray(x),
        columns,
        every_offset,
        None if mixing is None else Columns.of(mixing),
        Columns.of(maps.transpose(1, 0, 2).reshape(-1, maps.shape[2])),
        None if basis is None else Columns.of(basis),
        len(maps),
        absolute,
        cosine,
        out,
    )
    return out


def _vectors_within(length: int, lanes: int) -> int:
    """Return how many vectors of a row of `length` numbers are best computed together.

    The last of them end with the row, and may do again what others did.
    """
    most = min(REGISTERS.vectors, length // lanes)

    def work(vectors: int) -> tuple[int, int]:
        blocks = -(-length // (vectors * lanes))
        return blocks * max(vectors, 2), blocks  # one vector takes as long as two

    return min(range(1, most + 1), key=work)


@compiled(nogil=True)
def _strongest(x: FloatArray, columns: Columns, chosen: NDArray[np.intp]) -> None:
    """Fill `chosen`."""
    n, d = x.shape
    lanes, count = len(columns.lanes), len(columns.vectors) * len(columns.blocks)
    rows, scores = np.zeros((GROUP, d), x.dtype), np.empty((GROUP, count * lanes), x.dtype)
    best, where = np.empty((GROUP, lanes), x.dtype), np.empty((GROUP, lanes), np.int32)
    for start in range(0, n, GROUP):
        group = min(GROUP, n - start)  # the last may be short: what else is in `rows` is not read
        for i in range(group):
            for k in range(d):
                rows[i, k] = x[start + i, k]
        multiply(rows, 0, d, d, columns, 0, scores)
        largest(scores, best, where, count * lanes, count, columns.lanes, ROWS)
        for i in range(group):
            top, number = best[i, 0], where[i, 0] * lanes
            for lane in range(1, lanes):
                index = where[i, lane] * lanes + lane
                if best[i, lane] > top or (best[i, lane] == top and index < number):
                    top, number = best[i, lane], index
            chosen[start + i] = number


@compiled(nogil=True)
def _map_rows(
    x: FloatArray,
    maps: FloatArray,
    chosen: NDArray[np.intp],
    order: NDArray[np.intp],
    lanes: Length,
    vectors: Length,
    out: FloatArray,
) -> None:
    """Fill `out` with the rows, in the order given, times their maps."""
    _, d, t = maps.shape
    block = len(vectors) * len(lanes)
    inputs, results = np.zeros((GROUP, d), x.dtype), np.empty((GROUP, t), x.dtype)
    start = 0
    while start < len(order):
        number = chosen[order[start]]
        group = 0
        while group < GROUP and start + group < len(order):
            row = order[start + group]
            if chosen[row] != number:
                break
            for k in range(d):
                inputs[group, k] = x[row, k]
            group += 1
        for column in range(0, t, block):
            first = min(column, t - block)
            of = number * d * t + first
            product(inputs, maps, results, 0, d, d, of, t, first, t, False, lanes, vectors, ROWS)
        for i in range(group):
            row = order[start + i]
            for j in range(out.shape[1]):
                out[row, j] = results[i, j]
        start += group


@compiled(nogil=True)
def _map_windows(plane: FloatArray, size: int, columns: Columns, out: FloatArray) -> None:
    """Fill `out` with the windows of the plane, GROUP - 1 pixels wider, times `columns`."""
    rows, width, d = out.shape
    n, _, b = columns.blocks.shape
    results = np.empty((GROUP, n * b), plane.dtype)
    for row in range(rows):
        for start in range(0, width, GROUP):
            for i in range(size):
                place = (row + i) * plane.shape[1] + start
                multiply(plane, place, 1, size, columns, i * size, results, i > 0)
            for j in range(min(GROUP, width - start)):
                for k in range(d):
                    out[row, start + j, k] = results[j, k]


@compiled(nogil=True)
def _soft_rows(
    x: FloatArray,
    columns: Columns,
    offsets: FloatArray,
    mixing: Columns | None,
    maps: Columns,
    basis: Columns | None,
    shared: int,
    absolute: bool,
    cosine: bool,
    out: FloatArray,
) -> None:
    """Fill `out`; `soft_rows` prepares the arrays."""
    n, d = x.shape
    padded = len(offsets)
    rows, factors = np.zeros((GROUP, d), x.dtype), np.ones(GROUP, x.dtype)
    scores = np.empty((GROUP, padded), x.dtype)
    lifted = np.zeros((GROUP, shared * (d + 1)), x.dtype)
    result = np.empty((GROUP, maps.blocks.shape[0] * maps.blocks.shape[2]), x.dtype)
    for start in range(0, n, GROUP):
        group = min(GROUP, n - start)  # the last may be short: what else is in `rows` is not read
        for i in range(group):
            squares = x.dtype.type(0)
            for k in range(d):
                rows[i, k] = x[start + i, k]
                squares += x[start + i, k] ** 2
            factors[i] = 1 / max(np.sqrt(squares), TINY) if cosine else 1
        # 1. similarities, 2. soft assignment
        multiply(rows, 0, d, d, columns, 0, scores)
        count = padded // len(columns.lanes)
        soften(scores, offsets, factors, absolute, padded, count, columns.lanes, ROWS)
        # 3. anchors to shared maps, 4. (x, 1) times weights, 5. all maps at once
        if mixing is None:  # each anchor has its own map
            _lift(scores, factors, rows, lifted)
        else:
            n_blocks, anchors, size = mixing.blocks.shape
            mixed = np.empty((GROUP, n_blocks * size), x.dtype)
            multiply(scores, 0, padded, anchors, mixing, 0, mixed)
            _lift(mixed, factors, rows, lifted)
        multiply(lifted, 0, lifted.shape[1], lifted.shape[1], maps, 0, result)
        if basis is None:
            _copy(result, group, out, start)
        else:  # 6. along the directions of the basis
            n_blocks, directions, size = basis.blocks.shape
            whole = np.empty((GROUP, n_blocks * size), x.dtype)
            multiply(result, 0, result.shape[1], directions, basis, 0, whole)
            _copy(whole, group, out, start)


@compiled(nogil=True)
def _copy(rows: FloatArray, count: int, out: FloatArray, start: int) -> None:
    """Set `count` rows of `out` from `start`, which may be narrower than `rows`."""
    for i in range(count):
        for k in range(out.shape[1]):
            out[start + i, k] = rows[i, k]


@compiled(nogil=True)
def _lift(weights: FloatArray, shares: FloatArray, rows: FloatArray, lifted: FloatArray) -> None:
    """Set lifted [g, (d + 1) m] to shares [g] (rows [g, d], 1) kron weights [g, m]."""
    d = rows.shape[1]
    m = lifted.shape[1] // (d + 1)
    for i in range(GROUP):
        for k in range(d + 1):
            factor = shares[i] * rows[i, k] if k < d else shares[i]
            for j in range(m):
                lifted[i, k * m + j] = factor * weights[i, j]
