"""Global ARN: fixed anchors, and regressors that are optimal for all samples together.

References
----------
E. Agustsson, R. Timofte, L. Van Gool, "Anchored Regression Networks applied to Age
Estimation and Super Resolution", ICCV 2017, equations 11 to 17.
"""

import logging
import operator
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from sr_arn.checks import RandomState, check_integer, check_scale, seed_from
from sr_arn.errors import InputError
from sr_arn.regressors.anchored import AnchoredRegressor
from sr_arn.regressors.anchors import Anchors, are_given, count_anchors, learn_anchors
from sr_arn.regressors.base import FloatArray
from sr_arn.regressors.normal_equations import NormalEquations
from sr_arn.regressors.numpy_layer import assignments
from sr_arn.regressors.samples import Held, Samples
from sr_arn.system.devices import find_gpu

if TYPE_CHECKING:
    import torch

__all__ = ["GlobalARNRegressor", "sums"]

logger = logging.getLogger(__name__)

CHUNK = 65_536  # samples between two log lines
MIXING_SAMPLES = 100_000  # from which the directions of the rank are computed
LARGEST_SYSTEM = 40_000  # unknowns per target: 13 GB of float64


class GlobalARNRegressor(AnchoredRegressor):
    """Anchored regression network in closed form (Agustsson et al. 2017, eq. 17).

    With K-SVD's anchors and their soft assignment alpha(x) kept fixed, f(x) = sum_i
    alpha_i(x) (W_i x + b_i) is linear in alpha(x) kron (x, 1), and ridge regression over
    all samples gives the W_i and b_i in one pass. It needs no torch.

    Assignments that change slowly with x span few directions. With a `rank`, the regressors are
    restricted to the r directions with most of the assignments' energy: a system of r (d + 1)
    unknowns instead of m (d + 1).

    Parameters
    ----------
    anchors : int, array-like [m, d] or "auto", default "auto"
        How many anchors K-SVD learns, of unit norm, or the anchors; "auto" is min(1024,
        max(1, n // 8)). With "neg_sqdist" samples are drawn instead of K-SVD's atoms.
    similarity : {"abs_cosine", "abs_dot", "dot", "neg_sqdist"}, default "abs_cosine"
        The similarity s(x, c): abs(x^T c) / ||x||, abs(x^T c), x^T c, or -||x - c||^2.
    sharpness : float, default 6.0
        K in alpha(x) = softmax_i(K s(x, c_i)).
    rank : int or None, default 192
        Directions of the assignments, r; None, or not below m, is the exact solution.
    regularisation : float, default 1e-3
        lambda of eq. 10, above 0, against a sum over samples.
    dictionary_samples : int, default 135_000
        Maximum number of samples that K-SVD learns from, drawn at random.
    random_state : int, RandomState, Generator or None, default 0
        Draws these samples and those that K-SVD starts from.
    penalise_bias : bool, default True
        Whether lambda also penalises the biases, as in the paper. If not, targets far from 0, for
        example ages, are not drawn towards 0.
    device : {"cpu", "auto", "cuda"}, default "cpu"
        Device of the sums over samples; a GPU needs torch.

    Attributes
    ----------
    anchors_ : ndarray [m, d]
    mixing_ : ndarray [m, r]
        Orthonormal directions; absent with rank None.
    weight_ : ndarray [r, t, d], or [r, d] where y was [n]
        With rank None the W_i, [m, ...].
    bias_ : ndarray [r, t] or [r]

    Examples
    --------
    >>> import numpy as np
    >>> from sr_arn.regressors import GlobalARNRegressor
    >>> X = np.random.default_rng(0).normal(size=(1000, 3))
    >>> y = X[:, 0] ** 3 / np.sum(X**2, axis=1)  # grows with x, bends with its direction
    >>> bool(GlobalARNRegressor(anchors=32).fit(X, y).score(X, y) > 0.99)
    True
    """

    name: ClassVar[str] = "global-arn"
    learns_from_parts: ClassVar[bool] = True

    def __init__(
        self,
        anchors: Anchors = "auto",
        *,
        similarity: str = "abs_cosine",
        sharpness: float = 6.0,
        rank: int | None = 192,
        regularisation: float = 1e-3,
        dictionary_samples: int = 135_000,
        random_state: RandomState = 0,
        penalise_bias: bool = True,
        device: str = "cpu",
    ) -> None:
        self.anchors = anchors
        self.similarity = similarity
        self.sharpness = sharpness
        self.rank = rank
        self.regularisation = regularisation
        self.dictionary_samples = dictionary_samples
        self.random_state = random_state
        self.penalise_bias = penalise_bias
        self.device = device

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn anchors and regressors.

        Parameters
        ----------
        X : array-like [n, d]
            Features, finite.
        y : array-like [n, t] or [n]
            Targets, finite.

        Raises
        ------
        ValueError
            If the arrays do not fit each other, a parameter is out of range, or the system
            is too large.
        """
        return self.fit_samples(Held(*self._validate_fit(X, y)))

    def fit_samples(self, samples: Samples) -> Self:
        """Learn from samples in parts, here or on the workers of a cluster: see `fit`."""
        self._check_parameters()
        gpu, seed = find_gpu(self.device), seed_from(self.random_state)
        d, dtype = samples.features, samples.dtype
        self.n_features_in_ = d
        # 1. anchors, 2. the principal directions of their assignments
        self._check_size(len(samples), d)
        self.anchors_ = self._learn_anchors(samples, seed)
        mixing = self._directions(samples, seed)
        weights = len(self.anchors_) if mixing is None else mixing.shape[1]
        # 3. one pass over the samples for each block of sums, 4. the solution
        softness = (self.anchors_, self.similarity, self.sharpness)
        blocks = [
            samples.total(partial(sums, softness, mixing, block, gpu), operator.add)
            for block in NormalEquations.blocks(weights, d, samples.largest)
        ]
        equations = NormalEquations.joined(blocks)
        solution = (
            equations.solve(self.regularisation, self.penalise_bias)
            .transpose(0, 2, 1)
            .astype(dtype)
        )
        shape = (weights, *samples.targets)
        self.weight_ = np.ascontiguousarray(solution[..., :-1]).reshape(*shape, d)
        self.bias_ = np.ascontiguousarray(solution[..., -1]).reshape(shape)
        if mixing is not None:
            self.mixing_ = mixing
        return self

    def _check_parameters(self) -> None:
        self.check_settings()
        check_integer(self.dictionary_samples, "dictionary_samples", 1)
        check_scale(self.regularisation, "regularisation")

    def _check_size(self, samples: int, features: int) -> None:
        """Raise `InputError` if the system of equations would not fit into memory."""
        given = are_given(self.anchors)
        m = len(np.asarray(self.anchors)) if given else count_anchors(self.anchors, samples)
        weights = m if self.rank is None else min(self.rank, m)
        if weights * (features + 1) > LARGEST_SYSTEM:
            raise InputError(
                f"rank: a system of {weights} x {features + 1} unknowns is too large, at most "
                f"{LARGEST_SYSTEM} fit; give a lower rank"
            )

    def _learn_anchors(self, samples: Samples, seed: int) -> FloatArray:
        if self.similarity != "neg_sqdist" or are_given(self.anchors):
            return learn_anchors(self.anchors, samples, self.dictionary_samples, seed)
        rng = np.random.default_rng(seed)
        count = count_anchors(self.anchors, len(samples))
        return samples.rows(rng.choice(len(samples), count, replace=False))

    def _directions(self, samples: Samples, seed: int) -> FloatArray | None:
        """Return the r principal directions [m, r] of the assignments, weighted by ||x||^2.

        A regressor's share of the result is proportional to alpha_i and to x.
        """
        if self.rank is None:
            return None
        rng = np.random.default_rng(seed)
        drawn = rng.choice(len(samples), min(MIXING_SAMPLES, len(samples)), replace=False)
        moment = np.zeros((len(self.anchors_),) * 2)
        for rows in np.array_split(samples.rows(drawn), -(-len(drawn) // 4096)):
            alpha = assignments(rows, self.anchors_, self.similarity, self.sharpness)
            weighted = alpha * np.linalg.norm(rows, axis=1, keepdims=True)
            moment += weighted.T @ weighted
        _, vectors = np.linalg.eigh(moment)
        kept = vectors[:, ::-1][:, : self.rank]
        signs = np.where(kept.sum(axis=0) < 0, -1, 1)  # the sign of an eigenvector is arbitrary
        return np.ascontiguousarray(kept * signs).astype(samples.dtype)


def sums(
    softness: tuple[FloatArray, str, float],
    mixing: FloatArray | None,
    block: range,
    gpu: "torch.device | None",
    x: FloatArray,
    y: FloatArray,
) -> NormalEquations:
    """Return a block of the sums over a part of the samples.

    Parameters
    ----------
    softness : tuple
        Anchors [m, d], similarity and sharpness, of `sr_arn.regressors.numpy_layer.assignments`.
    mixing : ndarray [m, r], optional
        The weights are alpha(x) times this, by default alpha(x).
    block : range
        The weights to sum.
    gpu : torch.device, optional
        Device of the sums, by torch.
    x, y : ndarray [n, d], [n, t] or [n]
        The part.
    """
    if gpu is not None:
        from sr_arn.regressors.closed_form_torch import sums_by_torch

        return sums_by_torch(softness, mixing, block, gpu, x, y)
    weights = len(softness[0]) if mixing is None else mixing.shape[1]
    targets = y.reshape(len(y), -1)
    equations = NormalEquations(weights, x.shape[1], targets.shape[1], block)
    for start in range(0, len(x), CHUNK):
        rows = slice(start, start + CHUNK)
        alpha = assignments(x[rows], *softness)
        equations.add(alpha if mixing is None else alpha @ mixing, x[rows], targets[rows])
        done = min(rows.stop, len(x))
        logger.info("global ARN: %s of %s samples", f"{done:,}", f"{len(x):,}")
    return equations
