"""Orthogonal matching pursuit of many samples at once, compiled: the inner loop of K-SVD."""

import numpy as np
from numba import prange
from numpy.typing import NDArray

from sr_arn.kernels.cache import compiled

__all__ = ["pursue"]

SINGULAR = 1e-6  # the pursuit ends at an atom whose squared distance to the chosen ones is less


@compiled(parallel=True)
def pursue(
    correlations: NDArray[np.float32],
    gram: NDArray[np.float32],
    support: NDArray[np.int32],
    coefficients: NDArray[np.float32],
) -> None:
    """Set the support and coefficients [n, k] of every sample, k atoms at most.

    The correlations [n, m] of the samples with the atoms, and the Gram matrix [m, m] of the
    atoms, are all that the pursuit needs.
    """
    samples, atoms = correlations.shape
    sparsity = support.shape[1]
    for i in prange(samples):
        start = correlations[i]
        now = start.copy()
        cholesky = np.zeros((sparsity, sparsity))
        solution = np.zeros(sparsity)
        for k in range(sparsity):
            # the atom that correlates most with the residual
            best, best_size = 0, np.float32(-1.0)
            for j in range(atoms):
                size = abs(now[j])
                if size > best_size:
                    best, best_size = j, size
            if best_size <= 1e-6 * abs(start[support[i, 0] if k else best]):
                break
            # a new row of the Cholesky factor of the chosen atoms' Gram matrix
            left = 1.0
            for row in range(k):
                value = np.float64(gram[support[i, row], best])
                for column in range(row):
                    value -= cholesky[row, column] * cholesky[k, column]
                cholesky[k, row] = value / cholesky[row, row]
                left -= cholesky[k, row] ** 2
            if left <= SINGULAR:
                break
            cholesky[k, k] = np.sqrt(left)
            support[i, k] = best
            # coefficients: forward, then backward substitution
            for row in range(k + 1):
                value = np.float64(start[support[i, row]])
                for column in range(row):
                    value -= cholesky[row, column] * solution[column]
                solution[row] = value / cholesky[row, row]
            for row in range(k, -1, -1):
                value = solution[row]
                for column in range(row + 1, k + 1):
                    value -= cholesky[column, row] * solution[column]
                solution[row] = value / cholesky[row, row]
            for row in range(k + 1):
                coefficients[i, row] = solution[row]
            # correlations of the new residual
            if k + 1 < sparsity:
                now[:] = start
                for row in range(k + 1):
                    weight = np.float32(solution[row])
                    atom = gram[support[i, row]]
                    for j in range(atoms):
                        now[j] -= weight * atom[j]
