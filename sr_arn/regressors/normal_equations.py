"""The least squares problem of the global ARN, as sums over samples.

References
----------
E. Agustsson, R. Timofte, L. Van Gool, "Anchored Regression Networks applied to Age
Estimation and Super Resolution", ICCV 2017, equations 11 to 17.
"""

from copy import copy
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError

__all__ = ["NormalEquations"]

BLOCK = 4096  # samples whose products are summed before they are added in float64

FloatArray = NDArray[np.floating[Any]]


class NormalEquations:
    """Sums over samples of z z^T and y z^T, where z = weights kron (x, 1) (eq. 13 to 17).

    z z^T is (w w^T) kron (x x^T). Both factors are symmetric, so only a quarter of the entries is
    summed. Sums of two sets of samples add up to those of both.

    Parameters
    ----------
    weights, features, targets : int
        Lengths r, d and t of a sample's weights w, features x and targets y.
    block : range, optional
        The consecutive weights w_a to sum; by default all.

    Attributes
    ----------
    gram : ndarray of float64 [r (r + 1) / 2, (d + 1) (d + 2) / 2]
        Sums of w_a w_b x_i x_j, a <= b and i <= j, row by row of the upper triangles.
    moments : ndarray of float64 [r (d + 1), t]
        Sums of z y^T.
    """

    def __init__(
        self, weights: int, features: int, targets: int, block: range | None = None
    ) -> None:
        self.weights, self.features = weights, features + 1
        self.block = range(weights) if block is None else block
        rows = sum(weights - a for a in self.block)
        self.gram = np.zeros((rows, _triangle(self.features)))
        self.moments = np.zeros((len(self.block) * self.features, targets))

    @staticmethod
    def blocks(weights: int, features: int, largest: float) -> list[range]:
        """Return blocks of weights whose sums take about `largest` bytes each."""
        row = 8 * _triangle(features + 1)
        blocks, start, size = [], 0, 0.0
        for a in range(weights):
            size += row * (weights - a)
            if size >= largest or a == weights - 1:
                blocks.append(range(start, a + 1))
                start, size = a + 1, 0.0
        return blocks

    @classmethod
    def joined(cls, blocks: "list[NormalEquations]") -> "NormalEquations":
        """Return the sums of all weights, from those of consecutive blocks."""
        first = blocks[0]
        if len(blocks) == 1:
            return first
        whole = cls(first.weights, first.features - 1, first.moments.shape[1], range(0))
        whole.block = range(first.weights)
        whole.gram = np.concatenate([block.gram for block in blocks])
        whole.moments = np.concatenate([block.moments for block in blocks])
        return whole

    def add(self, weights: FloatArray, x: FloatArray, y: FloatArray) -> Self:
        """Add samples: weights [n, r], features [n, d], targets [n, t], of one dtype."""
        for start in range(0, len(x), BLOCK):
            rows = slice(start, start + BLOCK)
            self._add_block(weights[rows], x[rows], y[rows])
        return self

    def __add__(self, other: "NormalEquations") -> "NormalEquations":
        """Return the sums over both sets of samples."""
        total = copy(self)
        total.gram, total.moments = self.gram + other.gram, self.moments + other.moments
        return total

    def __iadd__(self, other: "NormalEquations") -> Self:
        """Add the sums over other samples."""
        self.gram += other.gram
        self.moments += other.moments
        return self

    def solve(self, regularisation: float, penalise_bias: bool = True) -> NDArray[np.float64]:
        """Return the minimiser of the squared error + lambda ||V||^2 (eq. 17).

        Parameters
        ----------
        regularisation : float
            lambda.
        penalise_bias : bool, default True
            Whether ||V||^2 includes the biases, as in the paper.

        Returns
        -------
        ndarray of float64 [r, d + 1, t]
            Transposed regressors, the last of the d + 1 rows being the biases.

        Raises
        ------
        InputError
            If the system is singular.
        """
        from scipy.linalg import LinAlgError, cho_factor, cho_solve

        system = self._full_gram()
        penalty = np.full((self.weights, self.features), regularisation)
        if not penalise_bias:
            penalty[:, -1] = 0
        system[np.diag_indices_from(system)] += penalty.ravel()
        try:
            factor = cho_factor(system.T, overwrite_a=True, check_finite=False)
        except LinAlgError as error:
            raise InputError(
                "regularisation: the samples do not determine the regressors; "
                f"give more than {regularisation:g}"
            ) from error
        solution = cho_solve(factor, self.moments, check_finite=False)
        return solution.reshape(self.weights, self.features, -1)

    def _add_block(self, weights: FloatArray, x: FloatArray, y: FloatArray) -> None:
        columns = np.empty((self.features, len(x)), x.dtype)
        columns[:-1], columns[-1] = x.T, 1
        i, j = np.triu_indices(self.features)
        pairs = np.ascontiguousarray((columns[i] * columns[j]).T)
        w = np.ascontiguousarray(weights.T)
        first = 0
        for a in self.block:
            last = first + self.weights - a
            self.gram[first:last] += (w[a] * w[a:]) @ pairs
            first = last
        own = w[self.block.start : self.block.stop]
        z = (own[:, None] * columns).reshape(-1, len(x))
        self.moments += z @ y

    def _full_gram(self) -> NDArray[np.float64]:
        """Return the sums of z z^T, [r (d + 1), r (d + 1)]."""
        r, d = self.weights, self.features
        full = np.empty((r, d, r, d))
        i, j = np.triu_indices(d)
        block = np.empty((r, d, d))
        first = 0
        for a in range(r):
            last = first + r - a
            block[a:, i, j] = block[a:, j, i] = self.gram[first:last]
            full[a, :, a:] = block[a:].transpose(1, 0, 2)
            full[a:, :, a] = block[a:]
            first = last
        return full.reshape(r * d, r * d)


def _triangle(n: int) -> int:
    return n * (n + 1) // 2
