"""Training samples in parts: all in memory here, or kept by the workers of a cluster.

Sums and top-k over samples work on both kinds.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from sr_arn.system.cluster import Cluster

if TYPE_CHECKING:
    from distributed import Future

__all__ = ["Held", "Samples", "Spread"]

FloatArray = NDArray[np.floating[Any]]
Result = TypeVar("Result")


class Samples(ABC):
    """Features x [n, d] and targets y [n, t] or [n] of one dtype, in consecutive parts.

    Attributes
    ----------
    counts : sequence of int
        Samples of each part.
    features : int
        d.
    targets : tuple of int
        (t,), or () where y is [n].
    dtype : dtype
    largest : float
        Maximum bytes of a result that is computed from a part.
    """

    counts: Sequence[int]
    features: int
    targets: tuple[int, ...]
    dtype: np.dtype[Any]
    largest: float

    def __len__(self) -> int:
        """Return the number of samples."""
        return sum(self.counts)

    @property
    def starts(self) -> list[int]:
        """The first sample of each part."""
        return [0, *np.cumsum(self.counts).tolist()[:-1]]

    @abstractmethod
    def map(
        self, work: Callable[..., Result], each: Sequence[tuple[Any, ...]] | None = None
    ) -> Iterator[Result]:
        """Yield `work(x, y, *more)` of each part, in order; `each` has more arguments for each."""

    @abstractmethod
    def total(
        self,
        work: Callable[..., Result],
        add: Callable[[Result, Result], Result],
        each: Sequence[tuple[Any, ...]] | None = None,
    ) -> Result:
        """Return the sum of `work(x, y, *more)` over the parts, by an associative `add`."""

    def rows(self, chosen: NDArray[np.integer[Any]]) -> FloatArray:
        """Return the features of the chosen samples [k], as x[chosen]."""
        ascending = np.argsort(chosen, kind="stable")
        places = np.searchsorted(chosen[ascending], self.starts[1:])
        own = np.split(chosen[ascending], places)
        each = [(part - start,) for part, start in zip(own, self.starts, strict=True)]
        found = np.concatenate(list(self.map(_rows, each)))
        rows = np.empty_like(found)
        rows[ascending] = found
        return rows


def _rows(x: FloatArray, y: FloatArray, chosen: NDArray[np.integer[Any]]) -> FloatArray:
    return x[chosen]


class Held(Samples):
    """Samples in memory: one part.

    Parameters
    ----------
    x : ndarray [n, d]
    y : ndarray [n, t] or [n]
    """

    largest = np.inf

    def __init__(self, x: FloatArray, y: FloatArray) -> None:
        self.x, self.y = x, y
        self.counts = [len(x)]
        self.features, self.targets, self.dtype = x.shape[1], y.shape[1:], x.dtype

    def map(
        self, work: Callable[..., Result], each: Sequence[tuple[Any, ...]] | None = None
    ) -> Iterator[Result]:
        """Yield the result of the one part."""
        yield work(self.x, self.y, *(each[0] if each else ()))

    def total(
        self,
        work: Callable[..., Result],
        add: Callable[[Result, Result], Result],
        each: Sequence[tuple[Any, ...]] | None = None,
    ) -> Result:
        """Return the result of the one part."""
        return next(self.map(work, each))


class Spread(Samples):
    """Samples kept by workers of a cluster; if one is lost, another computes its samples again.

    Parameters
    ----------
    cluster : Cluster
    parts : sequence of Future
        Kept (x, y).
    counts : sequence of int
        Samples of each.
    features : int
    targets : tuple of int
    dtype : dtype
    """

    largest = 5e8

    def __init__(
        self,
        cluster: Cluster,
        parts: "Sequence[Future[Any]]",
        counts: Sequence[int],
        features: int,
        targets: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> None:
        self.cluster, self.parts, self.counts = cluster, parts, counts
        self.features, self.targets, self.dtype = features, targets, dtype

    def map(
        self, work: Callable[..., Result], each: Sequence[tuple[Any, ...]] | None = None
    ) -> Iterator[Result]:
        """Yield the workers' results for each part."""
        return self.cluster.in_order(_apply, self._tasks(work, each))

    def total(
        self,
        work: Callable[..., Result],
        add: Callable[[Result, Result], Result],
        each: Sequence[tuple[Any, ...]] | None = None,
    ) -> Result:
        """Return the sum of the results for the parts, added by the workers."""
        kept = (self.cluster.keep(_apply, *task) for task in self._tasks(work, each))
        total: Result = self.cluster.total(kept, add)
        return total

    def _tasks(
        self, work: Callable[..., Any], each: Sequence[tuple[Any, ...]] | None
    ) -> Iterator[tuple[Any, ...]]:
        for number, part in enumerate(self.parts):
            yield (work, part, *(each[number] if each else ()))


def _apply(work: Callable[..., Result], part: tuple[FloatArray, FloatArray], *more: Any) -> Result:
    return work(*part, *more)
