"""A+: one ridge regressor per anchor, learned from the samples nearest to the anchor.

References
----------
R. Timofte, V. De Smet, L. Van Gool, "A+: Adjusted anchored neighborhood regression for
fast super-resolution", ACCV 2014.
"""

import logging
import math
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sr_arn.checks import RandomState, check_integer, seed_from
from sr_arn.errors import InputError
from sr_arn.regressors.anchors import Anchors, are_given, count_anchors, learn_anchors
from sr_arn.regressors.base import FloatArray, Regressor
from sr_arn.regressors.samples import Held, Samples
from sr_arn.system.devices import find_gpu

if TYPE_CHECKING:
    import torch

    from sr_arn.regressors.neighbours import Near

__all__ = ["APlusRegressor"]

logger = logging.getLogger(__name__)

SUMS = 2**28  # bytes of sums over neighbourhoods, held at a time


class APlusRegressor(Regressor):
    """Adjusted anchored neighbourhood regression (Timofte et al. 2014).

    The anchors are the atoms of a K-SVD dictionary. Each has a projection, the ridge
    regression over the `neighbours` training samples nearest to it on the unit sphere:
    P = Y X^T (X X^T + lambda I)^-1 (eq. 7). A sample is mapped by the projection of the
    anchor c with the largest abs(c^T x). There is no intercept.

    Parameters
    ----------
    anchors : int, array-like [m, d] or "auto", default "auto"
        The number of anchors that K-SVD learns, or vectors to scale to unit norm; "auto" is
        min(1024, max(1, n // 8)).
    neighbours : int, default 2048
        Samples per ridge regression; all samples if there are fewer.
    regularisation : float, default 0.1
        lambda of the ridge regression, above 0.
    norm_floor : float, default 0.1
        Norm of a sample below which its targets are not scaled. Samples are scaled to unit
        norm, and other targets by the same factor.
    dictionary_samples : int, default 135_000
        Maximum number of samples that K-SVD learns from, drawn at random.
    random_state : int, RandomState, Generator or None, default 0
        Draws these samples and those that K-SVD starts from.
    device : {"cpu", "auto", "cuda"}, default "cpu"
        Device of the neighbour search; a GPU needs torch.

    Attributes
    ----------
    anchors_ : ndarray [m, d]
        Unit vectors.
    projections_ : ndarray [m, d, t], or [m, d] where y was [n]
        Transposed P: a row x is mapped to ``x @ projections_[i]``.

    Examples
    --------
    >>> import numpy as np
    >>> from sr_arn.regressors import APlusRegressor
    >>> X = np.random.default_rng(0).normal(size=(1000, 3))
    >>> y = X[:, 0] ** 3 / np.sum(X**2, axis=1)  # grows with x, bends with its direction
    >>> bool(APlusRegressor(anchors=32, neighbours=50).fit(X, y).score(X, y) > 0.99)
    True
    """

    name: ClassVar[str] = "aplus"
    learns_from_parts: ClassVar[bool] = True
    runs_by_torch: ClassVar[bool] = True
    anchors_: FloatArray
    projections_: FloatArray

    def __init__(
        self,
        anchors: Anchors = "auto",
        *,
        neighbours: int = 2048,
        regularisation: float = 0.1,
        norm_floor: float = 0.1,
        dictionary_samples: int = 135_000,
        random_state: RandomState = 0,
        device: str = "cpu",
    ) -> None:
        self.anchors = anchors
        self.neighbours = neighbours
        self.regularisation = regularisation
        self.norm_floor = norm_floor
        self.dictionary_samples = dictionary_samples
        self.random_state = random_state
        self.device = device

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn anchors and projections.

        Parameters
        ----------
        X : array-like [n, d]
            Features, finite.
        y : array-like [n, t] or [n]
            Targets, finite.

        Raises
        ------
        ValueError
            If the arrays do not fit each other or a parameter is out of range; an
            explicit number of anchors may not exceed n.
        """
        return self.fit_samples(Held(*self._validate_fit(X, y)))

    def fit_samples(self, samples: Samples) -> Self:
        """Learn from samples in parts, here or on the workers of a cluster: see `fit`."""
        from sr_arn.regressors.neighbours import nearer

        self._check_parameters(len(samples))
        gpu = find_gpu(self.device)
        self.n_features_in_ = samples.features
        # 1. anchors
        self.anchors_ = learn_anchors(
            self.anchors, samples, self.dictionary_samples, seed_from(self.random_state)
        )
        if are_given(self.anchors):
            self.anchors_ /= np.linalg.norm(self.anchors_, axis=1, keepdims=True)
        # 2. each anchor's neighbourhood on the unit sphere
        near = samples.total(
            partial(_nearest, self.anchors_, self.neighbours, gpu),
            partial(nearer, k=self.neighbours),
            [(start,) for start in samples.starts],
        ).samples
        # 3. the sums over each, 4. its ridge regression; as many at a time as memory allows
        size = samples.features * (samples.features + math.prod(samples.targets))
        at_a_time = max(1, SUMS // (8 * size))
        parts = range(0, len(near), at_a_time)
        self.projections_ = np.concatenate(
            [self._projections(samples, near[first : first + at_a_time]) for first in parts]
        )
        logger.info("A+: %d anchors, %d features each", *self.anchors_.shape)
        return self

    def _projections(self, samples: Samples, near: NDArray[np.int64]) -> FloatArray:
        """Return the ridge regressions (eq. 7) over neighbourhoods [m, k]: [m, d, t] or [m, d]."""
        ends = np.cumsum(samples.counts)
        of_each = [
            (near - start, (start <= near) & (near < end))
            for start, end in zip(samples.starts, ends, strict=True)
        ]
        each = [(places[own], own.sum(axis=1)) for places, own in of_each]
        grams, moments = samples.total(partial(_sums, self.norm_floor), _add, each)
        penalty = self.regularisation * np.eye(samples.features)
        solutions = [
            np.linalg.solve(g + penalty, moment) for g, moment in zip(grams, moments, strict=True)
        ]
        return np.stack(solutions).astype(samples.dtype)

    @property
    def array_axes(self) -> dict[str, str]:
        """Axes of the learned arrays."""
        return {"anchors": "md", "projections": "mdt"}

    def predict(self, X: ArrayLike) -> FloatArray:
        """Map each sample by the projection of its anchor: argmax over abs(c^T x).

        Parameters
        ----------
        X : array-like [n, d]

        Returns
        -------
        ndarray [n, t], or [n] where the training targets were [n]
        """
        from sr_arn.kernels.rows import map_rows, strongest

        X = self._validate_predict(X)
        dtype = np.result_type(X, self.projections_)
        X, anchors, maps = (
            a.astype(dtype, copy=False) for a in (X, self.anchors_, self.projections_)
        )
        out = map_rows(X, maps.reshape(*anchors.shape, -1), strongest(X, anchors))
        return out.reshape(len(X), *maps.shape[2:])

    def to_torch(self) -> "torch.nn.Module":
        """Return a `Strongest`."""
        from sr_arn.regressors.predict_torch import Strongest

        return Strongest(self.anchors_, self.projections_)

    def _check_parameters(self, samples: int) -> None:
        for name in ("neighbours", "dictionary_samples"):
            check_integer(getattr(self, name), name, 1)
        if not 0 < self.regularisation < np.inf:
            raise InputError(
                f"regularisation: expected a finite number above 0, received {self.regularisation}"
            )
        if not are_given(self.anchors):
            count_anchors(self.anchors, samples)


def _nearest(
    anchors: FloatArray,
    k: int,
    gpu: "torch.device | None",
    x: FloatArray,
    y: FloatArray,
    start: int,
) -> "Near":
    """Return the samples of a part nearest to each anchor, with indices over all parts."""
    units, _ = _on_the_sphere(x)
    if gpu is None:
        from sr_arn.regressors.neighbours import nearest

        near = nearest(units, anchors, k)
    else:
        from sr_arn.regressors.closed_form_torch import nearest_by_torch

        near = nearest_by_torch(units, anchors, k, gpu)
    return near._replace(samples=near.samples + start)


def _on_the_sphere(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return samples [n, d] scaled to unit norm, and their previous norms [n]."""
    norms = np.linalg.norm(x, axis=1)
    return x / np.where(norms > 0, norms, 1)[:, None], norms


Sums = tuple[NDArray[np.float64], NDArray[np.float64]]


def _sums(
    norm_floor: float,
    x: FloatArray,
    y: FloatArray,
    near: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> Sums:
    """Return X^T X [m, d, d] and X^T Y [m, d, t] or [m, d] over a part of each neighbourhood.

    Parameters
    ----------
    norm_floor : float
    x, y : ndarray
        All samples of the part.
    near : ndarray of int64
        The samples of all neighbourhoods, one neighbourhood after another.
    counts : ndarray of int64 [m]
        The number of samples of each neighbourhood in the part.
    """
    d = x.shape[1]
    grams = np.zeros((len(counts), d, d))
    moments = np.zeros((len(counts), d, *y.shape[1:]))
    for number, rows in enumerate(np.split(near, np.cumsum(counts)[:-1])):
        units, norms = _on_the_sphere(x[rows])
        scales = np.where((norms < norm_floor) | (norms == 0), 1, norms)
        own = units.astype(np.float64)
        grams[number] = own.T @ own
        moments[number] = own.T @ (y[rows].T / scales).T.astype(np.float64)
    return grams, moments


def _add(a: Sums, b: Sums) -> Sums:
    return a[0] + b[0], a[1] + b[1]
