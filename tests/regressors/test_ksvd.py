import numpy as np
import pytest
from sklearn.linear_model import orthogonal_mp

from sr_arn import InputError
from sr_arn.regressors import ksvd
from sr_arn.regressors.ksvd import KSVD, batch_omp


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def planted(atoms=30, dimensions=16, samples=4000, sparsity=3, seed=0):
    """A dictionary and samples that are sparse in it."""
    rng = np.random.default_rng(seed)
    dictionary = unit(rng.normal(size=(atoms, dimensions)))
    codes = np.zeros((samples, atoms))
    for row in codes:
        row[rng.choice(atoms, sparsity, replace=False)] = rng.normal(size=sparsity)
    return dictionary, (codes @ dictionary).astype(np.float32)


def dense(support, coefficients, atoms):
    codes = np.zeros((len(support), atoms))
    for slot in range(support.shape[1]):
        used = support[:, slot] >= 0
        codes[used, support[used, slot]] = coefficients[used, slot]
    return codes


@pytest.mark.parametrize("sparsity", [1, 2, 3, 5])
def test_omp_equals_scikit_learn(sparsity):
    rng = np.random.default_rng(1)
    dictionary = unit(rng.normal(size=(64, 20)))
    samples = rng.normal(size=(500, 20)).astype(np.float32)
    codes = dense(*batch_omp(samples, dictionary, sparsity), 64)
    oracle = orthogonal_mp(
        dictionary.T.astype(float), samples.T.astype(float), n_nonzero_coefs=sparsity
    )
    # Two atoms of nearly equal correlation may swap in float32: allow it once.
    same = np.isclose(codes, oracle.T, atol=1e-4).all(axis=1)
    assert same.sum() >= len(samples) - 1


def test_omp_stops_where_nothing_is_left():
    dictionary = np.eye(4, dtype=np.float32)
    samples = np.array([[0, 0, 0, 0], [0, 2, 0, 0], [3, 0, 0, -1]], np.float32)
    support, coefficients = batch_omp(samples, dictionary, 3)
    assert support.tolist() == [[-1, -1, -1], [1, -1, -1], [0, 3, -1]]
    assert coefficients.tolist() == [[0, 0, 0], [2, 0, 0], [3, -1, 0]]


def test_no_atom_update_raises_the_error():
    dictionary, samples = planted()
    dictionary = unit(dictionary + 0.3 * np.random.default_rng(2).normal(size=dictionary.shape))
    support, coefficients = batch_omp(samples, dictionary, 3)
    residual = ksvd._residual(samples, dictionary, support, coefficients)
    error = np.sum(residual.astype(np.float64) ** 2)
    order, starts = ksvd._users(support, len(dictionary))
    for atom in range(len(dictionary)):
        places = order[starts[atom] : starts[atom + 1]]
        ksvd._update_atom(atom, places, dictionary, coefficients, residual)
        now = np.sum(residual.astype(np.float64) ** 2)
        assert now <= error * (1 + 1e-6)
        error = now
        # and the residual is still that of the changed code
        fresh = ksvd._residual(samples, dictionary, support, coefficients)
        np.testing.assert_allclose(residual, fresh, atol=1e-5)


def test_recovers_a_planted_dictionary():
    truth, samples = planted()
    learned = KSVD(len(truth), iterations=40).fit(samples).dictionary_
    np.testing.assert_allclose(np.linalg.norm(learned, axis=1), 1, rtol=1e-5)
    recovered = np.abs(truth @ learned.T).max(axis=1) > 0.99  # Aharon et al.'s criterion
    assert recovered.mean() >= 0.9


def test_error_falls_and_seed_decides(planes):
    samples = np.lib.stride_tricks.sliding_window_view(planes[0][:120, :120], (5, 5))
    samples = samples.reshape(-1, 25) - samples.mean(axis=(2, 3)).reshape(-1, 1)
    first = KSVD(64, iterations=8).fit(samples)
    assert first.errors_[-1] < first.errors_[0]
    again, other = (
        KSVD(64, iterations=8).fit(samples),
        KSVD(64, iterations=8, random_state=1).fit(samples),
    )
    np.testing.assert_array_equal(first.dictionary_, again.dictionary_)
    assert not np.array_equal(first.dictionary_, other.dictionary_)


def test_idle_and_duplicate_atoms_start_anew():
    samples = np.eye(6, dtype=np.float32) * np.arange(1, 7, dtype=np.float32)[:, None]
    dictionary = unit(np.array([[1, 0, 0, 0, 0, 0], [-1, 0.01, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0]]))
    support = np.array([[0], [1], [0], [0], [0], [0]], np.int32)  # atom 2 is unused
    residual = samples.copy()
    replaced = ksvd._replace_idle(dictionary, support, samples, residual)
    assert replaced == 2  # the duplicate and the unused one
    np.testing.assert_array_equal(dictionary[1:], np.eye(6)[[5, 4]])  # the two worst samples


def test_fit_replaces_duplicates():
    rng = np.random.default_rng(0)
    samples = np.tile(rng.normal(size=(1, 12)), (500, 1))  # the start draws little else
    samples[:20] = rng.normal(size=(20, 12))
    dictionary = KSVD(8, iterations=5).fit(samples).dictionary_
    assert np.abs(np.triu(dictionary @ dictionary.T, k=1)).max() <= 0.99


def test_atoms_keep_their_sign():
    dictionary, samples = planted()
    support, coefficients = batch_omp(samples, dictionary, 3)
    residual = ksvd._residual(samples, dictionary, support, coefficients)
    before = dictionary.copy()
    ksvd._update_atoms(dictionary, support, coefficients, residual)
    assert (np.sum(before * dictionary, axis=1) > 0.9).all()


def test_refuses_more_atoms_than_samples():
    samples = np.eye(5, dtype=np.float32)
    samples[0] = 0
    with pytest.raises(InputError, match="at most the 4 samples that are not zero, received 5"):
        KSVD(5).fit(samples)
    with pytest.raises(InputError, match="iterations: expected an integer of at least 1"):
        KSVD(2, iterations=0).fit(samples)
