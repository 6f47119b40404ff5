"""The samples nearest to each anchor, collected block by block: the search's inner loop."""

from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from sr_arn.kernels.cache import compiled

__all__ = ["offer"]


@compiled(parallel=True)
def offer(
    scores: NDArray[np.floating[Any]],
    start: int,
    k: int,
    best: NDArray[np.floating[Any]],
    where: NDArray[np.int64],
    count: NDArray[np.int64],
    threshold: NDArray[np.floating[Any]],
) -> None:
    """Add the samples above each anchor's threshold to its candidates.

    Scores are [m, n], of the samples from `start` on. An anchor has `count` [m] candidates in
    `best` and `where` [m, room]; full rows are cut to the k best, and the k-th becomes the
    `threshold` [m].
    """
    m, samples = scores.shape
    room = best.shape[1]
    for a in prange(m):
        n = count[a]
        for j in range(samples):
            if scores[a, j] > threshold[a]:
                best[a, n] = scores[a, j]
                where[a, n] = start + j
                n += 1
                if n == room:
                    order = np.argsort(-best[a], kind="mergesort")[:k]
                    best[a, :k] = best[a][order]
                    where[a, :k] = where[a][order]
                    threshold[a] = best[a, k - 1]
                    n = k
        count[a] = n
