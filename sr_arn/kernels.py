"""The inner loops of prediction, compiled: windows to features, which anchor, its linear map.

A row's result here depends on that row alone, to the last bit: not on how many rows come
with it, nor on threads or tiles. BLAS does not promise that, and does not keep it. The
loops run without the interpreter's lock, so that Python threads can share the rows.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from numba import njit
from numba.core.caching import FunctionCache
from numpy.typing import NDArray

__all__ = ["PARALLEL", "ForgivingCache", "compiled", "map_rows", "map_windows", "strongest"]

logger = logging.getLogger(__name__)

PARALLEL = threading.Lock()
"""Held around a function compiled with ``parallel=True``: numba's fallback pool of threads,
"workqueue", ends the process if two of them run at once."""

LANES = 64  # anchors compared side by side; their number is padded to a multiple of it
ROWS = 4  # rows that share one pass over the anchors

FloatArray = NDArray[np.floating[Any]]
Function = Callable[..., Any]


def compiled(**options: Any) -> Callable[[Function], Function]:
    """Return a decorator that compiles by numba, kept on disk where there is a place for it."""

    def decorate(function: Function) -> Function:
        dispatcher = njit(**options)(function)
        try:
            dispatcher._cache = ForgivingCache(function)
        except RuntimeError:  # numba finds no folder it can write to: compile in every run
            logger.debug("no cache folder for %s", function.__name__)
        return dispatcher

    return decorate


class ForgivingCache(FunctionCache):
    """Numba's cache on disk, which at worst does nothing: a full disk or a damaged file.

    It takes the place of the one that ``njit(cache=True)`` gives a function.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled function, or None to have it compiled."""
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # whatever unpickling a damaged file raises
            logger.debug("compiled anew, the cache is damaged: %r", error)
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the compiled function, if that can be done."""
        try:
            super().save_overload(sig, data)
        except Exception as error:  # a full disk, or an index that is damaged
            logger.debug("not cached: %r", error)


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
    m, d = anchors.shape
    columns = np.zeros((d, -(-m // LANES) * LANES), anchors.dtype)
    columns[:, :m] = anchors.T
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
        _scores(rows, columns, scores)
        for i in range(group):
            chosen[start + i] = _largest(scores[i], best, block)


@compiled(nogil=True, fastmath={"contract"})
def _scores(rows: FloatArray, columns: FloatArray, scores: FloatArray) -> None:
    """Set scores [4, m] to rows [4, d] times columns [d, m], three terms at a time."""
    d, m = columns.shape
    s0, s1, s2, s3 = scores[0], scores[1], scores[2], scores[3]
    scores[:] = 0
    whole = d - d % 3
    for k in range(0, whole, 3):
        c0, c1, c2 = columns[k], columns[k + 1], columns[k + 2]
        x00, x01, x02 = rows[0, k], rows[0, k + 1], rows[0, k + 2]
        x10, x11, x12 = rows[1, k], rows[1, k + 1], rows[1, k + 2]
        x20, x21, x22 = rows[2, k], rows[2, k + 1], rows[2, k + 2]
        x30, x31, x32 = rows[3, k], rows[3, k + 1], rows[3, k + 2]
        for j in range(m):
            u, v, w = c0[j], c1[j], c2[j]
            s0[j] = s0[j] + x00 * u + x01 * v + x02 * w
            s1[j] = s1[j] + x10 * u + x11 * v + x12 * w
            s2[j] = s2[j] + x20 * u + x21 * v + x22 * w
            s3[j] = s3[j] + x30 * u + x31 * v + x32 * w
    for k in range(whole, d):
        for i in range(ROWS):
            for j in range(m):
                scores[i, j] = scores[i, j] + rows[i, k] * columns[k, j]


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
