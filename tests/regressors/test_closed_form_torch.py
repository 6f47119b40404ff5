"""Searches and sums by torch: what they are without it."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn import InputError, UnavailableError  # noqa: E402 - after torch's check
from sr_arn.regressors import (  # noqa: E402
    APlusRegressor,
    GlobalARNRegressor,
    aplus,
    closed_form_torch,
    global_arn,
)
from sr_arn.regressors.closed_form_torch import nearest_by_torch, sums_by_torch  # noqa: E402
from sr_arn.regressors.neighbours import nearest  # noqa: E402
from sr_arn.regressors.numpy_layer import SIMILARITIES  # noqa: E402

CPU = torch.device("cpu")


@pytest.fixture
def samples():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(9000, 6))
    X[17] = 0
    X = X[::-1]
    X.flags.writeable = False
    return X, np.abs(X[:, :3]) + rng.normal(size=(9000, 3)) / 10


@pytest.fixture
def by_torch(monkeypatch):
    """Let torch's processor be a GPU; return what was called there."""
    called = []
    for name, module in (("nearest_by_torch", aplus), ("sums_by_torch", global_arn)):
        real = getattr(closed_form_torch, name)

        def spy(*arguments, real=real):
            called.append(real)
            return real(*arguments)

        monkeypatch.setattr(module, "find_gpu", lambda device: CPU)
        monkeypatch.setattr(closed_form_torch, name, spy)
    return called


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "k"), [(1, 1), (50, 60), (3000, 7), (20_001, 300)])
def test_neighbours_are_those_without_torch(monkeypatch, n, k, dtype):
    monkeypatch.setattr(closed_form_torch, "SIMILARITIES", 9000)
    rng = np.random.default_rng(0)
    samples, anchors = (rng.normal(size=(m, 5)).astype(dtype) for m in (n, 9))
    found, expected = (
        search(samples, anchors, k, *more)
        for search, *more in ((nearest_by_torch, CPU), (nearest,))
    )
    np.testing.assert_allclose(found.similarities, expected.similarities, rtol=1e-5, atol=1e-6)
    scores = np.take_along_axis(anchors @ samples.T, found.samples, axis=1)
    np.testing.assert_allclose(scores, found.similarities, rtol=1e-5, atol=1e-6)
    assert all(len(set(row)) == min(n, k) for row in found.samples)


def test_of_equal_samples_the_first_come_first(monkeypatch):
    monkeypatch.setattr(closed_form_torch, "SIMILARITIES", 8)
    samples = np.tile(np.array([[0.6, 0.8]]), (50, 1))
    found = nearest_by_torch(samples, samples[:2], 6, CPU)
    assert found.samples.tolist() == [[0, 1, 2, 3, 4, 5]] * 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_aplus_is_that_without_torch(samples, by_torch, monkeypatch, dtype):
    X, y = (a.astype(dtype) for a in samples)
    model = APlusRegressor(anchors=8, neighbours=100).fit(X, y)
    assert by_torch == [nearest_by_torch]
    monkeypatch.undo()
    expected = APlusRegressor(anchors=8, neighbours=100).fit(X, y)
    assert model.projections_.dtype == dtype
    np.testing.assert_allclose(model.projections_, expected.projections_, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rank", [None, 5])
@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("width", [1, 3])
def test_global_arn_is_that_without_torch(samples, by_torch, monkeypatch, similarity, rank, width):
    X, y = samples[0], samples[1][:, :width].squeeze()
    settings = {"anchors": 8, "similarity": similarity, "sharpness": 2.0, "rank": rank}
    model, state = GlobalARNRegressor(**settings), torch.random.get_rng_state()
    model.fit(X, y)
    assert by_torch == [sums_by_torch]
    assert torch.equal(torch.random.get_rng_state(), state)
    monkeypatch.undo()
    expected = GlobalARNRegressor(**settings).fit(X, y)
    assert model.weight_.shape == expected.weight_.shape
    np.testing.assert_allclose(model.predict(X), expected.predict(X), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("rank", [None, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_are_those_without_torch(samples, dtype, rank):
    X, y = (a.astype(dtype)[::-1] for a in samples)
    mixing = None if rank is None else X[:5, :rank].copy()
    weights, softness = rank or 5, (X[:5].copy(), "abs_dot", 1.0)
    for block in (range(weights), range(2), range(1, weights)):
        found = sums_by_torch(softness, mixing, block, CPU, X, y)
        expected = global_arn.sums(softness, mixing, block, None, X, y)
        assert found.block == expected.block
        for sums in ("gram", "moments"):
            a, b = getattr(found, sums), getattr(expected, sums)
            assert (a.dtype, a.shape) == (np.float64, b.shape)
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6 * np.abs(b).max())


@pytest.mark.parametrize("regressor", [APlusRegressor, GlobalARNRegressor])
def test_devices_that_are_none(samples, regressor, monkeypatch):
    with pytest.raises(InputError, match="device: expected auto, cpu or cuda, received gpu"):
        regressor(anchors=4, device="gpu").fit(*samples)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UnavailableError, match="device: there is no CUDA device"):
        regressor(anchors=4, device="cuda").fit(*samples)
    fits = [regressor(anchors=4, device=device).fit(*samples) for device in ("auto", "cpu")]
    for name, array in fits[0].arrays().items():
        np.testing.assert_array_equal(array, fits[1].arrays()[name])
