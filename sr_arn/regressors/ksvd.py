"""Batch OMP and K-SVD: a dictionary in which a few atoms add up to each sample.

References
----------
M. Aharon, M. Elad, A. Bruckstein, "K-SVD: an algorithm for designing overcomplete
dictionaries for sparse representation", IEEE Trans. Signal Processing 54(11), 2006.
R. Rubinstein, M. Zibulevsky, M. Elad, "Efficient implementation of the K-SVD algorithm
using batch orthogonal matching pursuit", Technion CS-2008-08, 2008.
"""

import logging
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sr_arn.checks import RandomState, check_integer, seed_from
from sr_arn.errors import InputError
from sr_arn.kernels.cache import PARALLEL
from sr_arn.kernels.sparse_coding import pursue

__all__ = ["KSVD", "batch_omp"]

logger = logging.getLogger(__name__)

BLOCK = 4096  # samples whose correlations with all atoms are held in memory
DUPLICATE = 0.99  # |cosine| above which two atoms are the same


class KSVD:
    """Dictionary of unit-norm atoms learned by K-SVD.

    Parameters
    ----------
    atoms : int
        Number of atoms m, at least 1.
    sparsity : int, default 3
        Maximum number of atoms per sample.
    iterations : int, default 20
        Rounds of sparse coding and atom updates, at least 1.
    random_state : int, RandomState, Generator or None, default 0
        Chooses the samples that the atoms start from.

    Attributes
    ----------
    dictionary_ : ndarray of float32 [m, d]
        Rows of unit norm.
    errors_ : list of float
        Root mean squared error per entry after each iteration's atom updates.
    """

    def __init__(
        self,
        atoms: int,
        *,
        sparsity: int = 3,
        iterations: int = 20,
        random_state: RandomState = 0,
    ) -> None:
        self.atoms = atoms
        self.sparsity = sparsity
        self.iterations = iterations
        self.random_state = random_state

    def fit(self, samples: NDArray[np.floating[Any]]) -> Self:
        """Learn the dictionary from samples [n, d], n at least `atoms`, finite.

        Raises
        ------
        InputError
            If a parameter is out of range, or fewer samples than atoms are other than zero.
        """
        from threadpoolctl import ThreadpoolController

        for name, value in (
            ("atoms", self.atoms),
            ("sparsity", self.sparsity),
            ("iterations", self.iterations),
        ):
            check_integer(value, name, 1)
        samples = np.ascontiguousarray(samples, np.float32)
        dictionary = self._start(samples)
        self.errors_: list[float] = []
        libraries = ThreadpoolController()
        for iteration in range(1, self.iterations + 1):
            # 1. sparse coding, 2. one atom after the other, 3. unused atoms are replaced
            support, coefficients = batch_omp(samples, dictionary, self.sparsity)
            residual = _residual(samples, dictionary, support, coefficients)
            # Products of an update are too small for several threads: on a busy machine, threads
            # that wait for each other take fifty times as long.
            with libraries.limit(limits=1, user_api="blas"):
                _update_atoms(dictionary, support, coefficients, residual)
            self.errors_.append(float(np.sqrt(np.mean(np.square(residual, dtype=np.float64)))))
            replaced = _replace_idle(dictionary, support, samples, residual)
            logger.info(
                "K-SVD: iteration %d of %d, error %.6f, %d atoms replaced",
                iteration, self.iterations, self.errors_[-1], replaced,
            )  # fmt: skip
        self.dictionary_ = dictionary
        return self

    def _start(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return `atoms` different non-zero samples, drawn by `random_state`, at unit norm."""
        norms = np.linalg.norm(samples, axis=1)
        candidates = np.flatnonzero(norms > 0)
        if len(candidates) < self.atoms:
            raise InputError(
                f"atoms: expected at most the {len(candidates)} samples that are not zero, "
                f"received {self.atoms}"
            )
        chosen = np.random.default_rng(seed_from(self.random_state)).choice(
            candidates, self.atoms, replace=False
        )
        return samples[chosen] / norms[chosen, None]


def batch_omp(
    samples: NDArray[np.float32], dictionary: NDArray[np.float32], sparsity: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Code each sample by orthogonal matching pursuit (Rubinstein et al. 2008, algorithm 1).

    Parameters
    ----------
    samples : ndarray of float32 [n, d]
    dictionary : ndarray of float32 [m, d]
        Unit-norm rows.
    sparsity : int
        Maximum number of atoms per sample.

    Returns
    -------
    support : ndarray of int32 [n, sparsity]
        Chosen atoms, in order; -1 after the end of the pursuit.
    coefficients : ndarray of float32 [n, sparsity]
        0 after the end of the pursuit.
    """
    sparsity = min(sparsity, *dictionary.shape)
    support = np.full((len(samples), sparsity), -1, np.int32)
    coefficients = np.zeros((len(samples), sparsity), np.float32)
    gram = dictionary @ dictionary.T
    for start in range(0, len(samples), BLOCK):
        block = slice(start, start + BLOCK)
        correlations = samples[block] @ dictionary.T
        with PARALLEL:
            # correlations (block, m), gram (m, m) -> support, coefficients (block, sparsity)
            pursue(correlations, gram, support[block], coefficients[block])
    return support, coefficients


def _residual(
    samples: NDArray[np.float32],
    dictionary: NDArray[np.float32],
    support: NDArray[np.int32],
    coefficients: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return the samples minus their reconstructions (coefficients of absent atoms are 0)."""
    residual = samples.copy()
    for atoms, weights in zip(support.T, coefficients.T, strict=True):
        residual -= weights[:, None] * dictionary[atoms]
    return residual


def _update_atoms(
    dictionary: NDArray[np.float32],
    support: NDArray[np.int32],
    coefficients: NDArray[np.float32],
    residual: NDArray[np.float32],
) -> None:
    """Update every atom in turn; changes all arrays but `support` in place."""
    order, starts = _users(support, len(dictionary))
    for atom in range(len(dictionary)):
        places = order[starts[atom] : starts[atom + 1]]
        if len(places):
            _update_atom(atom, places, dictionary, coefficients, residual)


def _update_atom(
    atom: int,
    places: NDArray[np.intp],
    dictionary: NDArray[np.float32],
    coefficients: NDArray[np.float32],
    residual: NDArray[np.float32],
) -> None:
    """Set one atom, its coefficients and its users' residual to the best rank-1 fit.

    That is the first right singular vector of the error without the atom (Aharon et al.
    2006, section IV-C). `places` are flat indices of its coefficients.
    """
    rows, slots = np.divmod(places, coefficients.shape[1])
    error = residual[rows] + coefficients[rows, slots, None] * dictionary[atom]
    _, directions = np.linalg.eigh(error.T.astype(np.float64) @ error)
    direction = directions[:, -1].astype(np.float32)
    if direction @ dictionary[atom] < 0:  # the sign is arbitrary, but matters to anchors: keep it
        direction = -direction
    weights = error @ direction
    dictionary[atom] = direction
    coefficients[rows, slots] = weights
    residual[rows] = error - weights[:, None] * direction


def _users(support: NDArray[np.int32], atoms: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return flat indices of `support` sorted by atom, and the start of each atom's."""
    flat = support.ravel()
    order = np.argsort(flat, kind="stable")
    return order, np.searchsorted(flat[order], np.arange(atoms + 1))


def _replace_idle(
    dictionary: NDArray[np.float32],
    support: NDArray[np.int32],
    samples: NDArray[np.float32],
    residual: NDArray[np.float32],
) -> int:
    """Replace unused and duplicate atoms by the worst represented samples; return how many."""
    is_used = np.zeros(len(dictionary), bool)
    is_used[support[support >= 0]] = True
    cosines = np.abs(np.triu(dictionary @ dictionary.T, k=1))
    is_duplicate = cosines.max(axis=0) > DUPLICATE
    idle = np.flatnonzero(~is_used | is_duplicate)
    errors = np.square(residual).sum(axis=1)
    errors[~samples.any(axis=1)] = -1  # a zero sample cannot be an atom
    worst = np.argsort(-errors, kind="stable")[: len(idle)]
    replacements = samples[worst]
    dictionary[idle] = replacements / np.linalg.norm(replacements, axis=1, keepdims=True)
    return len(idle)
