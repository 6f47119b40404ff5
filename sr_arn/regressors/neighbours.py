"""The nearest training samples of each anchor, in one pass over the samples."""

import logging
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sr_arn.kernels.cache import PARALLEL
from sr_arn.kernels.nearest import offer

__all__ = ["Near", "nearer", "nearest"]

logger = logging.getLogger(__name__)

BLOCK = 8192  # samples whose similarities to all anchors are held in memory


class Near(NamedTuple):
    """The samples nearest to each anchor, most similar first; ties by index."""

    samples: NDArray[np.int64]
    """[m, k] indices."""
    similarities: NDArray[np.floating[Any]]
    """[m, k]."""


def nearer(a: Near, b: Near, k: int) -> Near:
    """Return the k nearest to each anchor in two results; samples in `a` precede those in `b`."""
    samples, similarities = (np.concatenate(pair, axis=1) for pair in zip(a, b, strict=True))
    order = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
    return Near(
        np.take_along_axis(samples, order, axis=1), np.take_along_axis(similarities, order, axis=1)
    )


def nearest(samples: NDArray[np.floating[Any]], anchors: NDArray[np.floating[Any]], k: int) -> Near:
    """Return the `k` samples with the largest inner product with each anchor.

    Among unit vectors these are the nearest. The similarities are computed block by block and
    discarded; memory is O(m k), not O(n m).

    Parameters
    ----------
    samples : ndarray [n, d]
    anchors : ndarray [m, d]
        Same dtype as `samples`.
    k : int
        At least 1; all samples are returned if there are fewer.
    """
    total, m = len(samples), len(anchors)
    k = min(k, total)
    room = 2 * k
    best = np.full((m, room), -np.inf, samples.dtype)
    where = np.zeros((m, room), np.int64)
    count = np.zeros(m, np.int64)
    threshold = np.full(m, -np.inf, samples.dtype)
    similarities = np.empty((m, BLOCK), samples.dtype)
    for start in range(0, total, BLOCK):
        block = samples[start : start + BLOCK]
        scores = similarities[:, : len(block)]
        np.matmul(anchors, block.T, out=scores)
        with PARALLEL:
            # scores (m, block) -> best, where (m, room), count, threshold (m,)
            offer(scores, start, k, best, where, count, threshold)
        if start // BLOCK % 100 == 99:
            logger.info("neighbours: %s of %s samples", f"{start + BLOCK:,}", f"{total:,}")
    _keep_best(k, best, where, count)
    return Near(where[:, :k].copy(), best[:, :k].copy())


def _keep_best(
    k: int,
    best: NDArray[np.floating[Any]],
    where: NDArray[np.int64],
    count: NDArray[np.int64],
) -> None:
    """Sort each anchor's candidates, the k best first."""
    for a, n in enumerate(count):
        order = np.argsort(-best[a, :n], kind="stable")[:k]
        best[a, :k] = best[a][order]
        where[a, :k] = where[a][order]
