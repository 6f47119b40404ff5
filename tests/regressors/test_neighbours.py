import numpy as np
import pytest

from sr_arn.regressors import neighbours
from sr_arn.regressors.neighbours import nearer, nearest


def units(n, d, seed, dtype=np.float64):
    rows = np.random.default_rng(seed).normal(size=(n, d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "k"), [(1, 1), (50, 50), (3000, 7), (20_001, 300)])
def test_equals_sorting_all_distances(monkeypatch, n, k, dtype):
    monkeypatch.setattr(neighbours, "BLOCK", 1000)
    samples, anchors = units(n, 5, 0, dtype), units(9, 5, 1, dtype)
    distances = np.linalg.norm(anchors[:, None] - samples[None], axis=2)
    found = np.take_along_axis(distances, nearest(samples, anchors, k).samples, axis=1)
    # By distance, not index: the last bit of a product may order near-equals differently.
    np.testing.assert_allclose(found, np.sort(distances, axis=1)[:, :k], atol=1e-3, rtol=1e-5)
    assert all(len(set(row)) == k for row in nearest(samples, anchors, k).samples)


def test_of_equal_samples_the_first_come_first():
    samples = np.tile(units(1, 4, 0), (5000, 1))
    assert nearest(samples, samples[:2], 6).samples.tolist() == [[0, 1, 2, 3, 4, 5]] * 2


@pytest.mark.parametrize("cuts", [[400], [3, 5, 600], [999]])
def test_what_is_near_in_parts_is_near_in_all(cuts):
    samples, anchors = np.round(units(1000, 3, 0), 1), np.round(units(7, 3, 1), 1)  # many ties
    whole = nearest(samples, anchors, 50)
    starts = [0, *cuts]
    found = None
    for start, part in zip(starts, np.split(samples, cuts), strict=True):
        near = nearest(part, anchors, 50)
        near = near._replace(samples=near.samples + start)
        found = near if found is None else nearer(found, near, 50)
    np.testing.assert_array_equal(found.samples, whole.samples)
    np.testing.assert_allclose(found.similarities, whole.similarities)
    expected = np.sort(anchors @ samples.T, axis=1)[:, :-51:-1]
    np.testing.assert_allclose(whole.similarities, expected)
