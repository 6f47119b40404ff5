"""A+: one ridge regressor for each anchor, learned from the samples nearest to it.

References
----------
R. Timofte, V. De Smet, L. Van Gool, "A+: Adjusted anchored neighborhood regression for
fast super-resolution", ACCV 2014.
"""

import logging
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sr_arn.checks import InputError, check_integer
from sr_arn.regressors.anchors import Anchors, are_given, count_anchors, learn_anchors
from sr_arn.regressors.base import FloatArray, Regressor

__all__ = ["APlusRegressor"]

logger = logging.getLogger(__name__)


class APlusRegressor(Regressor):
    """Adjusted anchored neighbourhood regression (Timofte et al. 2014).

    The anchors are the atoms of a K-SVD dictionary. Each has a projection, the ridge
    regression over the `neighbours` training samples nearest to it on the unit sphere:
    P = Y X^T (X X^T + lambda I)^-1 (eq. 7). A sample is mapped by the projection of the
    anchor c with the largest abs(c^T x). There is no intercept.

    Parameters
    ----------
    anchors : int, array-like [m, d] or "auto", default "auto"
        How many anchors K-SVD learns, or vectors to take at unit norm; "auto" is
        min(1024, max(1, n // 8)).
    neighbours : int, default 2048
        Samples per ridge regression; all of them where there are fewer.
    regularisation : float, default 0.1
        lambda of the ridge regression, above 0.
    norm_floor : float, default 0.1
        Samples are scaled to unit norm, and their targets by the same factor, but for
        samples of a norm below this one, whose targets stay.
    dictionary_samples : int, default 135_000
        Samples that K-SVD learns from at most, drawn at random.
    random_state : int, default 0
        Chooses these samples and those that K-SVD starts from.

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
    anchors_: FloatArray
    projections_: FloatArray

    def __init__(
        self,
        anchors: Anchors = "auto",
        neighbours: int = 2048,
        regularisation: float = 0.1,
        norm_floor: float = 0.1,
        dictionary_samples: int = 135_000,
        random_state: int = 0,
    ) -> None:
        self.anchors = anchors
        self.neighbours = neighbours
        self.regularisation = regularisation
        self.norm_floor = norm_floor
        self.dictionary_samples = dictionary_samples
        self.random_state = random_state

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
        from sr_arn.neighbours import nearest

        X, y = self._validate_fit(X, y)
        self._check_parameters(len(X))
        # 1. anchors
        self.anchors_ = learn_anchors(self.anchors, X, self.dictionary_samples, self.random_state)
        if are_given(self.anchors):
            self.anchors_ /= np.linalg.norm(self.anchors_, axis=1, keepdims=True)
        # 2. samples on the unit sphere
        norms = np.linalg.norm(X, axis=1)
        units = X / np.where(norms > 0, norms, 1)[:, None]
        target_scales = np.where((norms < self.norm_floor) | (norms == 0), 1, norms)
        # 3. each anchor's neighbourhood, 4. its ridge regression
        neighbourhoods = nearest(units, self.anchors_, min(self.neighbours, len(X)))
        self.projections_ = np.stack(
            [
                self._ridge(units[near], (y[near].T / target_scales[near]).T)
                for near in neighbourhoods
            ]
        ).astype(X.dtype)
        logger.info("A+: %d anchors, %d features each", *self.anchors_.shape)
        return self

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
        from sr_arn.kernels import map_rows, strongest

        X = self._validate_predict(X)
        dtype = np.result_type(X, self.projections_)
        X, anchors, maps = (
            a.astype(dtype, copy=False) for a in (X, self.anchors_, self.projections_)
        )
        out = map_rows(X, maps.reshape(*anchors.shape, -1), strongest(X, anchors))
        return out.reshape(len(X), *maps.shape[2:])

    def _check_parameters(self, samples: int) -> None:
        for name in ("neighbours", "dictionary_samples"):
            check_integer(getattr(self, name), name, 1)
        if not 0 < self.regularisation < np.inf:
            raise InputError(
                f"regularisation: expected a finite number above 0, received {self.regularisation}"
            )
        if not are_given(self.anchors):
            count_anchors(self.anchors, samples)

    def _ridge(self, X: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
        """Return one neighbourhood's ridge regression (eq. 7), transposed: [d, t] or [d]."""
        X, y = X.astype(np.float64), y.astype(np.float64)
        gram = X.T @ X + self.regularisation * np.eye(X.shape[1])
        return np.linalg.solve(gram, X.T @ y)
