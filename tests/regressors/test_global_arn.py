"""The closed form of ARN: equation 17, its special cases and its parts."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.utils.estimator_checks import check_estimator

from sr_arn import InputError
from sr_arn.regressors import APlusRegressor, GlobalARNRegressor, global_arn, normal_equations
from sr_arn.regressors.normal_equations import NormalEquations
from sr_arn.regressors.numpy_layer import SIMILARITIES, assignments

# Worked out independently: numpy RandomState(0), X = randn(7, 2), then Y = randn(7, 1);
# anchors (1, 0), (0, 1), (-1, -1); dot, K = 1, lambda = 0.1; blocks of w1, w2, bias.
REGRESSORS = [
    [1.49500239, -0.75083836, -1.7322059],
    [-0.58864024, 0.91765952, -0.9453983],
    [-1.12885016, 0.29929056, 0.65524428],
]
PREDICTIONS = [
    0.13123385, -0.01287671, 1.34795821, -0.54764382, -0.66370304, -0.26998642, -0.81030557,
]  # fmt: skip


@pytest.fixture
def samples():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 4))
    return X, rng.normal(size=(400, 3))


def lifted(model, X):
    """Return alpha(x) kron (x, 1) by its definition."""
    alpha = assignments(X, model.anchors_, model.similarity, model.sharpness)
    ones = np.ones((len(X), 1))
    return (alpha[:, :, None] * np.hstack([X, ones])[:, None, :]).reshape(len(X), -1)


def flat(model):
    """Return W~ transposed, [m (d + 1), t], of a model without a rank."""
    both = np.concatenate([model.weight_, model.bias_[:, :, None]], axis=2)
    return both.transpose(0, 2, 1).reshape(-1, both.shape[1])


def test_normal_equations_give_the_fixture():
    rng = np.random.RandomState(0)
    X, Y = rng.randn(7, 2), rng.randn(7, 1)
    anchors = np.array([[1.0, 0], [0, 1], [-1, -1]])
    alpha = assignments(X, anchors, "dot", 1.0)
    solution = NormalEquations(3, 2, 1).add(alpha, X, Y).solve(0.1)
    np.testing.assert_allclose(solution[:, :, 0], REGRESSORS, atol=1e-8)
    z = (alpha[:, :, None] * np.hstack([X, np.ones((7, 1))])[:, None]).reshape(7, -1)
    np.testing.assert_allclose(z @ solution.reshape(9), PREDICTIONS, atol=1e-8)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_is_equation_17_and_its_dual(samples, similarity):
    X, y = samples
    model = GlobalARNRegressor(
        6, similarity=similarity, sharpness=2.0, rank=None, regularisation=0.3
    ).fit(X, y)
    Z = lifted(model, X)
    primal = np.linalg.solve(Z.T @ Z + 0.3 * np.eye(Z.shape[1]), Z.T @ y)
    dual = Z.T @ np.linalg.solve(Z @ Z.T + 0.3 * np.eye(len(Z)), y)
    np.testing.assert_allclose(flat(model), primal, atol=1e-9)
    np.testing.assert_allclose(flat(model), dual, atol=1e-9)
    gradient = Z.T @ (Z @ flat(model) - y) + 0.3 * flat(model)  # of eq. 10
    assert np.abs(gradient).max() < 1e-9
    np.testing.assert_allclose(model.predict(X), Z @ flat(model), atol=1e-10)


def test_sums_over_parts_add_up(samples):
    X, y = samples
    alpha = np.abs(X)
    whole = NormalEquations(4, 4, 3).add(alpha, X, y)
    parts = NormalEquations(4, 4, 3).add(alpha[:150], X[:150], y[:150])
    parts += NormalEquations(4, 4, 3).add(alpha[150:], X[150:], y[150:])
    np.testing.assert_allclose(parts.gram, whole.gram, rtol=1e-12, atol=1e-10)
    np.testing.assert_allclose(parts.solve(0.1), whole.solve(0.1), atol=1e-10)


@pytest.mark.parametrize("largest", [1.0, 400.0, 1000.0, 1e9])
def test_sums_over_blocks_of_weights_are_joined(samples, largest):
    X, y = samples
    alpha = np.abs(X)
    whole = NormalEquations(4, 4, 3).add(alpha, X, y)
    ranges = NormalEquations.blocks(4, 4, largest)
    assert [a for block in ranges for a in block] == [0, 1, 2, 3]
    assert len(ranges) == {1.0: 4, 400.0: 3, 1000.0: 2, 1e9: 1}[largest]
    blocks = [NormalEquations(4, 4, 3, block).add(alpha, X, y) for block in ranges]
    joined = NormalEquations.joined(blocks)
    np.testing.assert_allclose(joined.gram, whole.gram, rtol=1e-12)
    np.testing.assert_allclose(joined.solve(0.1), whole.solve(0.1), atol=1e-10)
    twice = NormalEquations.joined([block + block for block in blocks])
    np.testing.assert_allclose(twice.moments, 2 * whole.moments, rtol=1e-12)
    assert blocks[0].gram.sum() < twice.gram.sum()  # the summands stay as they are


def test_the_full_rank_is_the_exact_solution_and_less_confines_it(samples):
    X, y = samples
    exact = GlobalARNRegressor(8, sharpness=3, rank=None).fit(X, y)
    full = GlobalARNRegressor(8, sharpness=3, rank=8).fit(X, y)
    np.testing.assert_allclose(full.predict(X), exact.predict(X), atol=1e-8)
    errors = []
    for rank in (1, 3, 8):
        model = GlobalARNRegressor(8, sharpness=3, rank=rank, regularisation=1e-9).fit(X, y)
        assert model.mixing_.shape == (8, rank)
        np.testing.assert_allclose(model.mixing_.T @ model.mixing_, np.eye(rank), atol=1e-12)
        errors.append(np.square(model.predict(X) - y).sum())
    assert errors[0] > errors[1] > errors[2]


def test_every_block_and_chunk_counts(samples, monkeypatch):
    X, y = samples
    model = GlobalARNRegressor(6, sharpness=3, rank=4).fit(X, y)
    monkeypatch.setattr(normal_equations, "BLOCK", 30)
    monkeypatch.setattr(global_arn, "CHUNK", 70)
    parts = GlobalARNRegressor(6, sharpness=3, rank=4).fit(X, y)
    np.testing.assert_allclose(parts.predict(X), model.predict(X), atol=1e-8)


def test_the_rank_keeps_the_directions_of_most_energy(samples):
    X, y = samples
    X = X * np.linspace(0.1, 3, len(X))[:, None]  # the longest matter most
    model = GlobalARNRegressor(8, sharpness=3, rank=3).fit(X, y)
    alpha = assignments(X, model.anchors_, "abs_cosine", 3)
    weighted = alpha * np.linalg.norm(X, axis=1, keepdims=True)
    held = np.square(weighted @ model.mixing_).sum()
    values = np.linalg.svd(weighted, compute_uv=False)
    assert held == pytest.approx(np.square(values[:3]).sum(), rel=1e-10)


def test_given_anchors_are_taken_as_they_are(samples):
    X, y = samples
    anchors = 3 * np.random.default_rng(5).normal(size=(4, 4))
    for similarity in SIMILARITIES:
        model = GlobalARNRegressor(anchors, similarity=similarity, sharpness=0.5, rank=None).fit(
            X, y
        )
        np.testing.assert_array_equal(model.anchors_, anchors)
    near = GlobalARNRegressor(7, similarity="neg_sqdist", rank=None).fit(X, y).anchors_
    assert all((anchor == X).all(axis=1).any() for anchor in near)  # samples


def test_one_anchor_is_ridge_regression_with_a_penalised_bias(samples):
    X, y = samples
    model = GlobalARNRegressor(anchors=[[1, 0, 0, 0]], regularisation=0.7).fit(X, y)
    oracle = Ridge(0.7, fit_intercept=False).fit(np.hstack([X, np.ones((len(X), 1))]), y)
    expected = oracle.predict(np.hstack([X, np.ones((len(X), 1))]))
    np.testing.assert_allclose(model.predict(X), expected, atol=1e-9)


def test_sharp_assignments_make_it_one_ridge_regression_per_cell(samples):
    X, y = samples
    model = GlobalARNRegressor(3, sharpness=1e5, rank=None, regularisation=0.2).fit(X, y)
    cell = np.abs(X @ model.anchors_.T).argmax(axis=1)
    for i in range(3):
        inside = np.hstack([X, np.ones((len(X), 1))])[cell == i]
        oracle = Ridge(0.2, fit_intercept=False).fit(inside, y[cell == i])
        np.testing.assert_allclose(model.predict(X[cell == i]), oracle.predict(inside), atol=1e-6)


def test_never_fits_worse_than_one_linear_regression(samples):
    X, y = samples
    linear = LinearRegression().fit(X, y).predict(X)
    model = GlobalARNRegressor(5, rank=None, regularisation=1e-10).fit(X, y)
    assert np.square(model.predict(X) - y).sum() < np.square(linear - y).sum()


def test_recovers_an_anchored_regression_network():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(2000, 3))
    anchors = np.eye(3)
    alpha = assignments(X, anchors, "abs_cosine", 4.0)
    W, b = rng.normal(size=(3, 2, 3)), rng.normal(size=(3, 2))
    y = np.einsum("nm,mtd,nd->nt", alpha, W, X) + alpha @ b
    model = GlobalARNRegressor(anchors, sharpness=4.0, rank=None, regularisation=1e-10).fit(X, y)
    np.testing.assert_allclose(model.weight_, W, atol=1e-6)
    np.testing.assert_allclose(model.bias_, b, atol=1e-6)


def test_is_better_than_aplus_with_the_same_anchors():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(4000, 3))
    y = np.abs(X[:, 0]) * X[:, 1] / np.linalg.norm(X, axis=1)
    aplus = APlusRegressor(anchors=16, neighbours=400).fit(X[:3000], y[:3000])
    model = GlobalARNRegressor(anchors=16).fit(X[:3000], y[:3000])
    np.testing.assert_array_equal(model.anchors_, aplus.anchors_)
    assert model.score(X[3000:], y[3000:]) > aplus.score(X[3000:], y[3000:])


def test_float32_stays_float32_and_agrees(samples):
    X, y = samples
    double = GlobalARNRegressor(6).fit(X, y)
    single = GlobalARNRegressor(anchors=double.anchors_).fit(
        X.astype(np.float32), y.astype(np.float32)
    )
    predicted = single.predict(X.astype(np.float32))
    assert predicted.dtype == np.float32
    np.testing.assert_allclose(predicted, double.predict(X), atol=1e-3)


@pytest.mark.filterwarnings("ignore:Estimator .* does not inherit", "ignore:Skipping check")
def test_scikit_learn_accepts_it():
    results = check_estimator(GlobalARNRegressor(), on_fail=None)
    assert len(results) > 40
    assert [r for r in results if r["status"] not in ("passed", "skipped")] == []


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"anchors": 0}, "anchors: expected an integer of at least 1"),
        ({"anchors": 401}, "anchors: expected at most the 400 samples"),
        ({"anchors": np.eye(3)}, r"anchors: expected an array \[m, 4\]"),
        ({"anchors": "many"}, "anchors: expected an integer, an array"),
        ({"similarity": "cosine"}, "similarity: expected one of dot"),
        ({"sharpness": 0}, "sharpness: expected a finite number above 0"),
        ({"sharpness": "hard"}, "sharpness: expected a finite number above 0"),
        ({"sharpness": 10**400}, "sharpness: expected a finite number above 0"),
        ({"sharpness": True}, "sharpness: expected a finite number above 0"),
        ({"sharpness": 1e99}, r"sharpness: expected at most 1e\+09"),
        ({"regularisation": "a"}, "regularisation: expected a finite number above 0"),
        ({"random_state": -1}, "random_state: expected an integer of at least 0"),
        ({"rank": 0}, "rank: expected an integer of at least 1"),
        ({"regularisation": 0}, "regularisation: expected a finite number above 0"),
        ({"dictionary_samples": 0}, "dictionary_samples: expected an integer"),
    ],
)
def test_refuses_bad_parameters(samples, parameters, message):
    with pytest.raises(InputError, match=message):
        GlobalARNRegressor(**parameters).fit(*samples)


def test_refuses_a_system_that_cannot_be_held():
    X = np.random.default_rng(0).normal(size=(60, 999))
    with pytest.raises(InputError, match="rank: a system of 41 x 1000 unknowns is too large"):
        GlobalARNRegressor(anchors=X[:41]).fit(X, X[:, 0])


def test_refuses_bad_arrays(samples):
    X, y = samples
    for broken in (np.nan, np.inf):
        bad = X.copy()
        bad[3, 1] = broken
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            GlobalARNRegressor(4).fit(bad, y)
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            GlobalARNRegressor(4).fit(X, y).predict(bad)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        GlobalARNRegressor(4).fit(X, y[:5])


def test_biases_that_are_not_penalised_follow_the_targets():
    generator = np.random.default_rng(0)
    X, y = generator.standard_normal((60, 3)), generator.standard_normal((60, 1))
    fits = [
        GlobalARNRegressor(anchors=4, rank=None, regularisation=5.0, penalise_bias=False)
        .fit(X, y + shift)
        .predict(X)
        for shift in (0.0, 100.0)
    ]
    np.testing.assert_allclose(fits[0] + 100, fits[1], atol=1e-6)
    drawn = GlobalARNRegressor(anchors=4, rank=None, regularisation=5.0).fit(X, y + 100).predict(X)
    assert np.mean(drawn) < np.mean(fits[1]) - 1
