"""The inner loops of prediction, compiled: windows to features, which anchor, its linear map.

A row's result here depends on that row alone, to the last bit: not on how many rows come
with it, nor on threads or tiles. BLAS does not promise that, and does not keep it. The
loops run without the interpreter's lock, so that Python threads can share the rows.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr_arn.compilation import compiled

__all__ = ["map_rows", "map_windows", "soft_rows", "strongest"]

LANES = 64  # anchors compared side by side; their number is padded to a multiple of it
NARROW_LANES = 16  # numbers of an output added to side by side, likewise
ROWS = 4  # rows that share one pass over a matrix
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
    columns = _padded(anchors.T, LANES)
    chosen = np.empty(len(x), np.intp)
    _strongest(np.ascontiguousarray(x), columns, chosen)
    return chosen


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
    out = np.empty((len(x), maps.shape[2]), x.dtype)
    order = np.argsort(chosen, kind="stable")  # a map is used while it is in the cache
    _map_rows(np.ascontiguousarray(x), np.ascontiguousarray(maps), chosen, order, out)
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
    _map_windows(np.ascontiguousarray(plane), size, np.ascontiguousarray(columns), out)
    return out


def soft_rows(
    x: FloatArray,
    anchors: FloatArray,
    offsets: FloatArray,
    maps: FloatArray,
    mixing: FloatArray | None = None,
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
        All arrays are of the dtype of `x`, float32 or float64.
    absolute : bool, default False
        Whether |x^T c_i| stands for x^T c_i.
    cosine : bool, default False
        Whether x / ||x|| stands for x there; 0 stays 0.

    Returns
    -------
    ndarray [n, t]
    """
    shared, _, t = maps.shape
    columns = _padded(anchors.T, LANES)
    padded = columns.shape[1]
    every_offset = np.full(padded, -np.inf, x.dtype)
    every_offset[: len(offsets)] = offsets
    every_mixing = np.zeros((padded, 0 if mixing is None else shared), x.dtype)
    if mixing is not None:
        every_mixing[: len(mixing)] = mixing
    every_map = _padded(maps.reshape(-1, t), NARROW_LANES)
    out = np.empty((len(x), t), x.dtype)
    _soft_rows(
        np.ascontiguousarray(x),
        columns,
        every_offset,
        every_mixing,
        every_map,
        absolute,
        cosine,
        out,
    )
    return out


def _padded(matrix: FloatArray, lanes: int) -> FloatArray:
    """Return the matrix with columns of zeros, up to a multiple of `lanes`."""
    rows, columns = matrix.shape
    out = np.zeros((rows, -(-columns // lanes) * lanes), matrix.dtype)
    out[:, :columns] = matrix
    return out


@compiled(nogil=True, fastmath={"contract"})
def _strongest(x: FloatArray, columns: FloatArray, chosen: NDArray[np.intp]) -> None:
    """Fill `chosen`; `columns` are the anchors [d, padded m]."""
    n, d = x.shape
    rows = np.zeros((ROWS, d), x.dtype)
    scores = np.empty((ROWS, columns.shape[1]), x.dtype)
    best, block = np.empty(LANES, x.dtype), np.empty(LANES, np.int32)
    for start in range(0, n, ROWS):
        group = min(ROWS, n - start)  # the last may be short: what else is in `rows` is not read
        rows[:group] = x[start : start + group]
        _multiply(rows, columns, scores)
        for i in range(group):
            chosen[start + i] = _largest(scores[i], best, block)


@compiled(nogil=True, fastmath={"contract"})
def _multiply(rows: FloatArray, columns: FloatArray, out: FloatArray) -> None:
    """Set out [4, m] to rows [4, d] times columns [d, m], three terms at a time."""
    d, m = columns.shape
    o0, o1, o2, o3 = out[0], out[1], out[2], out[3]
    out[:] = 0
    whole = d - d % 3
    for k in range(0, whole, 3):
        c0, c1, c2 = columns[k], columns[k + 1], columns[k + 2]
        x00, x01, x02 = rows[0, k], rows[0, k + 1], rows[0, k + 2]
        x10, x11, x12 = rows[1, k], rows[1, k + 1], rows[1, k + 2]
        x20, x21, x22 = rows[2, k], rows[2, k + 1], rows[2, k + 2]
        x30, x31, x32 = rows[3, k], rows[3, k + 1], rows[3, k + 2]
        for j in range(m):
            u, v, w = c0[j], c1[j], c2[j]
            o0[j] = o0[j] + x00 * u + x01 * v + x02 * w
            o1[j] = o1[j] + x10 * u + x11 * v + x12 * w
            o2[j] = o2[j] + x20 * u + x21 * v + x22 * w
            o3[j] = o3[j] + x30 * u + x31 * v + x32 * w
    for k in range(whole, d):
        for i in range(ROWS):
            for j in range(m):
                out[i, j] = out[i, j] + rows[i, k] * columns[k, j]


@compiled(nogil=True)
def _largest(scores: FloatArray, best: FloatArray, block: NDArray[np.int32]) -> int:
    """Return the first index of the largest |score|: lane by lane, then among the lanes."""
    for lane in range(LANES):
        best[lane] = abs(scores[lane])
        block[lane] = 0
    for b in range(1, len(scores) // LANES):
        part = scores[b * LANES : (b + 1) * LANES]
        number = np.int32(b)
        for lane in range(LANES):  # no branch, so that it is vectorised
            size = abs(part[lane])
            better = size > best[lane]
            best[lane] = size if better else best[lane]
            block[lane] = number if better else block[lane]
    top, where = best[0], block[0] * LANES
    for lane in range(1, LANES):
        index = block[lane] * LANES + lane
        if best[lane] > top or (best[lane] == top and index < where):
            top, where = best[lane], index
    return where


@compiled(nogil=True, fastmath={"contract"})
def _map_rows(
    x: FloatArray,
    maps: FloatArray,
    chosen: NDArray[np.intp],
    order: NDArray[np.intp],
    out: FloatArray,
) -> None:
    """Fill `out` with the rows, in the order given, times their maps."""
    _, d, t = maps.shape
    total = np.empty(t, x.dtype)
    for row in order:
        columns = maps[chosen[row]]
        total[:] = 0
        for k in range(d):
            for j in range(t):
                total[j] += x[row, k] * columns[k, j]
        out[row] = total


@compiled(nogil=True, fastmath={"contract"})
def _map_windows(plane: FloatArray, size: int, columns: FloatArray, out: FloatArray) -> None:
    """Fill `out` with the windows of the plane times `columns`."""
    rows, width, d = out.shape
    total = np.empty(d, plane.dtype)
    for row in range(rows):
        for column in range(width):
            total[:] = 0
            for i in range(size):
                for j in range(size):
                    value = plane[row + i, column + j]
                    for k in range(d):
                        total[k] += value * columns[i * size + j, k]
            out[row, column] = total


@compiled(nogil=True, fastmath={"contract"})
def _soft_rows(
    x: FloatArray,
    columns: FloatArray,
    offsets: FloatArray,
    mixing: FloatArray,
    maps: FloatArray,
    absolute: bool,
    cosine: bool,
    out: FloatArray,
) -> None:
    """Fill `out`; `soft_rows` prepares the arrays."""
    n, d = x.shape
    padded, shared = mixing.shape
    own = shared == 0  # each anchor has its own map
    rows = np.zeros((ROWS, d), x.dtype)
    scores = np.empty((ROWS, padded), x.dtype)
    mixed = np.empty((ROWS, shared), x.dtype)
    lifted = np.zeros((ROWS, len(maps)), x.dtype)
    result = np.empty((ROWS, maps.shape[1]), x.dtype)
    for start in range(0, n, ROWS):
        group = min(ROWS, n - start)  # the last may be short: what else is in `rows` is not read
        rows[:group] = x[start : start + group]
        # 1. similarities, 2. soft assignment
        _multiply(rows, columns, scores)
        for i in range(group):
            length = np.sqrt(np.sum(rows[i] * rows[i])) if cosine else 1
            _softmax(scores[i], 1 / max(length, TINY), offsets, absolute)
        # 3. anchors to shared maps, 4. weights times (x, 1), 5. all maps at once
        if own:
            _lift(scores, rows, lifted)
        else:
            _multiply(scores, mixing, mixed)
            _lift(mixed, rows, lifted)
        _multiply(lifted, maps, result)
        out[start : start + group] = result[:group, : out.shape[1]]


@compiled(nogil=True)
def _softmax(scores: FloatArray, factor: float, offsets: FloatArray, absolute: bool) -> None:
    """Turn products with the anchors into their shares; an offset of -infinity gives 0."""
    for j in range(len(scores)):
        score = abs(scores[j]) if absolute else scores[j]
        scores[j] = score * factor + offsets[j]
    top = scores.max()
    for j in range(len(scores)):
        scores[j] = np.exp(scores[j] - top)
    total = scores.sum()
    for j in range(len(scores)):
        scores[j] /= total


@compiled(nogil=True)
def _lift(weights: FloatArray, rows: FloatArray, lifted: FloatArray) -> None:
    """Set lifted [4, m (d + 1)] to weights [4, m] kron (rows [4, d], 1)."""
    d = rows.shape[1]
    for i in range(ROWS):
        for j in range(lifted.shape[1] // (d + 1)):
            weight, start = weights[i, j], j * (d + 1)
            for k in range(d):
                lifted[i, start + k] = weight * rows[i, k]
            lifted[i, start + d] = weight
