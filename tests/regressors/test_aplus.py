import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import check_estimator

from sr_arn import InputError
from sr_arn.regressors import APlusRegressor


@pytest.fixture
def samples():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 5))
    return X, rng.normal(size=(600, 3))


@pytest.mark.filterwarnings("ignore:Estimator .* does not inherit", "ignore:Skipping check")
def test_scikit_learn_accepts_it():
    results = check_estimator(APlusRegressor(), on_fail=None)
    assert len(results) > 40
    assert [r for r in results if r["status"] not in ("passed", "skipped")] == []


def test_one_anchor_is_ridge_regression_on_the_sphere(samples):
    X, y = samples
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    model = APlusRegressor(anchors=np.ones((1, 5)), regularisation=0.3, neighbours=600)
    oracle = Ridge(alpha=0.3, fit_intercept=False).fit(X / norms, y / norms)
    np.testing.assert_allclose(model.fit(X, y).predict(X), oracle.predict(X), rtol=1e-9)


def test_each_anchor_learns_from_its_nearest_samples_alone(samples):
    X, y = samples
    anchors = np.eye(5)[:2]
    model = APlusRegressor(anchors=anchors, neighbours=40).fit(X, y)
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    for anchor, projection in zip(anchors, model.projections_, strict=True):
        near = np.argsort(np.linalg.norm(X / norms - anchor, axis=1))[:40]
        oracle = Ridge(alpha=0.1, fit_intercept=False).fit((X / norms)[near], (y / norms)[near])
        np.testing.assert_allclose(projection.T, oracle.coef_, rtol=1e-9)


def test_predicts_by_the_anchor_of_largest_absolute_correlation(samples):
    X, y = samples
    model = APlusRegressor(anchors=12, neighbours=60).fit(X, y)
    best = np.abs(X @ model.anchors_.T).argmax(axis=1)
    expected = np.stack([x @ model.projections_[a] for a, x in zip(best, X, strict=True)])
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-10)


def test_samples_below_the_norm_floor_keep_their_targets():
    X = np.array([[0.05, 0.0], [2.0, 0.0]])
    y = np.array([[1.0], [6.0]])
    model = APlusRegressor(anchors=[[1, 0]], regularisation=1e-9).fit(X, y)
    # Both lie at (1, 0) on the sphere; the targets become 1 (unscaled) and 6 / 2.
    np.testing.assert_allclose(model.projections_[0, :, 0], [2, 0], atol=1e-6)


def test_recovers_a_piecewise_linear_map():
    rng = np.random.default_rng(3)
    maps = rng.normal(size=(2, 4, 3))
    sides = rng.integers(0, 2, 4000)
    centres = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    X = centres[sides] + 0.1 * rng.normal(size=(4000, 3))
    y = np.einsum("nij,nj->ni", maps[sides], X)
    model = APlusRegressor(anchors=centres, neighbours=1000, regularisation=1e-6).fit(X, y)
    np.testing.assert_allclose(model.projections_.transpose(0, 2, 1), maps, atol=1e-4)


def test_a_larger_input_gives_a_proportionally_larger_output(samples):
    X, y = samples
    model = APlusRegressor(anchors=8, neighbours=50).fit(X, y)
    np.testing.assert_allclose(model.predict(-3 * X), -3 * model.predict(X), rtol=1e-9)


def test_float32_stays_float32_and_agrees_with_float64(samples):
    X, y = samples
    model = APlusRegressor(anchors=np.eye(5), neighbours=100)
    exact = model.fit(X, y).predict(X)
    single = model.fit(X.astype(np.float32), y).predict(X.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, exact, atol=1e-4)


def test_seed_decides_and_works_in_scikit_learns_tools(samples):
    X, y = samples
    model = APlusRegressor(anchors=10, random_state=4)
    np.testing.assert_array_equal(model.fit(X, y).projections_, clone(model).fit(X, y).projections_)
    assert len(cross_val_score(model, X, y, cv=3)) == 3
    assert APlusRegressor().fit(X, y).anchors_.shape == (600 // 8, 5)


def test_defaults_are_the_papers():
    assert APlusRegressor().get_params() == {
        "anchors": "auto",
        "neighbours": 2048,
        "regularisation": 0.1,
        "norm_floor": 0.1,
        "dictionary_samples": 135_000,
        "random_state": 0,
        "device": "cpu",
    }


def test_counts_may_be_numpy_integers(samples):
    assert APlusRegressor(anchors=np.int64(7)).fit(*samples).anchors_.shape == (7, 5)


def test_ksvd_learns_from_as_many_samples_as_it_is_told(samples):
    few, all_ = (
        APlusRegressor(anchors=6, dictionary_samples=n).fit(*samples).anchors_ for n in (50, 600)
    )
    assert not np.allclose(few, all_)


def test_a_zero_sample_and_no_norm_floor(samples):
    X, y = samples[0].copy(), samples[1]
    X[0] = 0
    assert np.isfinite(APlusRegressor(anchors=4, norm_floor=0).fit(X, y).projections_).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"anchors": 601}, "anchors: expected at most the 600 samples, received 601"),
        ({"anchors": 0}, "anchors: expected an integer of at least 1, received 0"),
        ({"anchors": "many"}, 'anchors: expected an integer, an array or "auto"'),
        ({"anchors": np.ones((2, 4))}, r"anchors: expected an array \[m, 5\]"),
        ({"anchors": np.zeros((2, 5))}, "anchors: expected finite vectors other than zero"),
        ({"neighbours": 0}, "neighbours: expected an integer of at least 1"),
        ({"regularisation": 0}, "regularisation: expected a finite number above 0"),
    ],
)
def test_refuses_bad_parameters(samples, parameters, message):
    with pytest.raises(InputError, match=message):
        APlusRegressor(**parameters).fit(*samples)


def test_refuses_bad_arrays(samples):
    X, y = samples
    model = APlusRegressor(anchors=4).fit(X, y)
    with pytest.raises(ValueError, match="NaN"):
        model.predict(np.full((1, 5), np.nan))
    with pytest.raises(ValueError, match="X has 4 features"):
        model.predict(X[:, :4])
    with pytest.raises(ValueError, match="parameter: expected one of"):
        model.set_params(colour=1)


def test_fits_side_by_side_in_threads(samples):
    # In a process of its own: numba's workqueue threads would end it.
    code = (
        "import numpy as np; from concurrent.futures import ThreadPoolExecutor\n"
        "from sr_arn.regressors import APlusRegressor\n"
        "X = np.random.default_rng(0).normal(size=(4000, 6))\n"
        "model = lambda seed: APlusRegressor(anchors=64, random_state=seed % 2)\n"
        "fit = lambda seed: model(seed).fit(X, X).score(X, X)\n"
        "scores = list(ThreadPoolExecutor(4).map(fit, range(8)))\n"
        "assert scores[0::2] == scores[:1] * 4 and scores[1::2] == scores[1:2] * 4"
    )
    result = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code],
        env={**os.environ, "NUMBA_THREADING_LAYER": "workqueue"},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
