"""The inner loops of prediction, compiled: windows to features, the choice of an anchor, its map.

A row's result depends on that row alone, to the last bit: not on the other rows, threads or
tiles. BLAS gives no such guarantee, and does differ. The loops run without the interpreter's
lock, so that Python threads can share the rows.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr_arn.kernels.cache import compiled
from sr_arn.kernels.intrinsics import Rows
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
    # x (n, d), anchors^T (d, m) -> chosen (n,)
    _strongest(np.ascontiguousarray(x), Columns.of(anchors.T), chosen)
    return np.minimum(chosen, len(anchors) - 1)  # where scores are NaN, padding is chosen


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
    if t < lanes:  # a vector must fit
        maps = np.pad(maps, [(0, 0), (0, 0), (0, lanes - t)])
    out = np.empty((len(x), t), x.dtype)
    order = np.argsort(chosen, kind="stable")  # a map is used while it is in the cache
    vectors = _vectors_within(maps.shape[2], lanes)
    x, maps = np.ascontiguousarray(x), np.ascontiguousarray(maps)
    # x (n, d), maps (m, d, t or more), chosen (n,), order (n,) -> out (n, t)
    _map_rows(x, maps, chosen, order, (0,) * lanes, (0,) * vectors, out)
    return out


def map_windows(plane: FloatArray, size: int, columns: FloatArray) -> FloatArray:
    """Return every `size` x `size` window of a plane, flattened row by row, times a matrix.

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
    # wide (h, w + GROUP - 1), columns (size^2, d) -> out (h - size + 1, w - size + 1, d)
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
        With it, `maps` have q in place of t, and their results are multiplied by `basis`.
        All arrays are of the dtype of `x`, float32 or float64.
    absolute : bool, default False
        Whether |x^T c_i| replaces x^T c_i.
    cosine : bool, default False
        Whether x / ||x|| replaces x in the similarity; 0 stays 0.

    Returns
    -------
    ndarray [n, t]
    """
    t = maps.shape[2] if basis is None else basis.shape[1]
    columns = Columns.of(anchors.T)
    every_offset = np.full(columns.width, -np.inf, x.dtype)
    every_offset[: len(offsets)] = offsets
    shared = len(maps)  # m, or r with mixing
    flat_maps = Columns.of(maps.transpose(1, 0, 2).reshape(-1, maps.shape[2]))
    mixing_columns = None if mixing is None else Columns.of(mixing)
    basis_columns = None if basis is None else Columns.of(basis)
    out = np.empty((len(x), t), x.dtype)
    # x (n, d), anchors^T (d, m), offsets (m,), mixing (m, r), maps ((d + 1) r, q), basis (q, t)
    # -> out (n, t); columns beyond m, r, q and t are padding
    _soft_rows(
        np.ascontiguousarray(x),
        columns,
        every_offset,
        mixing_columns,
        flat_maps,
        basis_columns,
        shared,
        absolute,
        cosine,
        out,
    )
    return out


def _vectors_within(length: int, lanes: int) -> int:
    """Return how many vectors of a row of `length` numbers are best computed together.

    The last block ends with the row, and may repeat numbers of the block before.
    """
    most = min(REGISTERS.vectors, length // lanes)

    def work(vectors: int) -> tuple[int, int]:
        blocks = -(-length // (vectors * lanes))
        return blocks * max(vectors, 2), blocks  # one vector takes as long as two

    return min(range(1, most + 1), key=work)


@compiled(nogil=True)
def _strongest(x: FloatArray, columns: Columns, chosen: NDArray[np.intp]) -> None:
    """Set `chosen` [n] to the column of the largest |score| of each row of `x` [n, d]."""
    n, d = x.shape
    lanes, count = len(columns.lanes), len(columns.vectors) * len(columns.blocks)
    rows, scores = np.zeros((GROUP, d), x.dtype), np.empty((GROUP, count * lanes), x.dtype)
    best, where = np.empty((GROUP, lanes), x.dtype), np.empty((GROUP, lanes), np.int32)
    for start in range(0, n, GROUP):
        group = min(GROUP, n - start)  # the last may be short: further rows are ignored
        for i in range(group):
            for k in range(d):
                rows[i, k] = x[start + i, k]
        # rows (GROUP, d) @ columns (d, m) -> scores (GROUP, m)
        multiply(rows, Rows(0, d), columns, 0, d, scores)
        # scores (GROUP, count lanes) -> best, where (GROUP, lanes)
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
    """Set `out` [n, t] to rows of `x` [n, d], in the given order, times maps [m, d, t or more]."""
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
            own, weight, to = Rows(0, d), Rows(number * d * t + first, t), Rows(first, t)
            # inputs (GROUP, d) @ maps[number, :, first:first + block] (d, block)
            # -> results[:, first:first + block] (GROUP, block)
            product(inputs, maps, results, own, weight, to, d, False, lanes, vectors, ROWS)
        for i in range(group):
            row = order[start + i]
            for j in range(out.shape[1]):
                out[row, j] = results[i, j]
        start += group


@compiled(nogil=True)
def _map_windows(plane: FloatArray, size: int, columns: Columns, out: FloatArray) -> None:
    """Set `out` [rows, width, d] to the windows of a plane times columns [size^2, d].

    The plane is GROUP - 1 pixels wider than the windows need.
    """
    rows, width, d = out.shape
    n, _, b = columns.blocks.shape
    results = np.empty((GROUP, n * b), plane.dtype)
    for row in range(rows):
        for start in range(0, width, GROUP):
            for i in range(size):
                line = Rows((row + i) * plane.shape[1] + start, 1)
                # line i of GROUP windows (GROUP, size) @ columns[i * size:] (size, d)
                # -> results (GROUP, d), added up
                multiply(plane, line, columns, i * size, size, results, i > 0)
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
    """Set `out` [n, t] as `soft_rows` describes, from the arrays that it lays out."""
    n, d = x.shape
    padded = len(offsets)
    rows, factors = np.zeros((GROUP, d), x.dtype), np.ones(GROUP, x.dtype)
    scores = np.empty((GROUP, padded), x.dtype)
    lifted = np.zeros((GROUP, shared * (d + 1)), x.dtype)
    result = np.empty((GROUP, maps.blocks.shape[0] * maps.blocks.shape[2]), x.dtype)
    for start in range(0, n, GROUP):
        group = min(GROUP, n - start)  # the last may be short: further rows are ignored
        for i in range(group):
            squares = x.dtype.type(0)
            for k in range(d):
                rows[i, k] = x[start + i, k]
                squares += x[start + i, k] ** 2
            factors[i] = 1 / max(np.sqrt(squares), TINY) if cosine else 1
        # 1. similarities, 2. soft assignment
        # rows (GROUP, d) @ columns (d, padded) -> scores (GROUP, padded)
        multiply(rows, Rows(0, d), columns, 0, d, scores)
        count = padded // len(columns.lanes)
        # scores (GROUP, padded), offsets (padded,), factors (GROUP,) -> scores and factors
        soften(scores, offsets, factors, absolute, padded, count, columns.lanes, ROWS)
        # 3. anchors to shared maps, 4. (x, 1) times weights, 5. all maps at once
        if mixing is None:  # each anchor has its own map
            # scores (GROUP, m), factors (GROUP,), rows (GROUP, d) -> lifted (GROUP, (d + 1) m)
            _lift(scores, factors, rows, lifted)
        else:
            n_blocks, anchors, size = mixing.blocks.shape
            mixed = np.empty((GROUP, n_blocks * size), x.dtype)
            # scores (GROUP, m) @ mixing (m, r) -> mixed (GROUP, r)
            multiply(scores, Rows(0, padded), mixing, 0, anchors, mixed)
            # mixed (GROUP, r), factors (GROUP,), rows (GROUP, d) -> lifted (GROUP, (d + 1) r)
            _lift(mixed, factors, rows, lifted)
        terms = lifted.shape[1]
        # lifted (GROUP, (d + 1) r) @ maps ((d + 1) r, q) -> result (GROUP, q)
        multiply(lifted, Rows(0, terms), maps, 0, terms, result)
        if basis is None:
            # result (group, t) -> out[start:start + group] (group, t)
            _copy(result, group, out, start)
        else:  # 6. along the directions of the basis
            n_blocks, directions, size = basis.blocks.shape
            whole = np.empty((GROUP, n_blocks * size), x.dtype)
            # result (GROUP, q) @ basis (q, t) -> whole (GROUP, t)
            multiply(result, Rows(0, result.shape[1]), basis, 0, directions, whole)
            # whole (group, t) -> out[start:start + group] (group, t)
            _copy(whole, group, out, start)


@compiled(nogil=True)
def _copy(rows: FloatArray, count: int, out: FloatArray, start: int) -> None:
    """Copy `count` rows to `out`, from its row `start` on; `out` may be narrower."""
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
