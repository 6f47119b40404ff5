"""The closed form of ARN again, by other ways: its dual, batches, torch's gradients."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from sr_arn.regressors import GlobalARNRegressor
from sr_arn.regressors.normal_equations import NormalEquations
from sr_arn.regressors.numpy_layer import SIMILARITIES, assignments

ANCHORS = np.array([[1.0, 0], [0, 1], [-1, -1]])
PREDICTIONS = [  # worked out independently: see tests/regressors/test_global_arn.py
    0.13123385, -0.01287671, 1.34795821, -0.54764382, -0.66370304, -0.26998642, -0.81030557,
]  # fmt: skip


@pytest.fixture
def samples():
    """Features [20, 4] and targets [20, 3]: fewer samples than unknowns."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(20, 4)), rng.normal(size=(20, 3))


def padded(x):
    return np.hstack([x, np.ones((len(x), 1))])


def fitted(X, y, similarity, anchors=6, regularisation=0.3):
    return GlobalARNRegressor(
        anchors, similarity=similarity, sharpness=0.8, rank=None, regularisation=regularisation
    ).fit(X, y)


def kernel(model, a, b):
    """Return (alpha(a) . alpha(b)) (a . b) of samples, a 1 appended to each."""
    alpha = [assignments(x, model.anchors_, model.similarity, model.sharpness) for x in (a, b)]
    return (alpha[0] @ alpha[1].T) * (padded(a) @ padded(b).T)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_the_dual_needs_no_regressors(samples, similarity):
    X, y = samples
    model = fitted(X, y, similarity)
    new = np.random.default_rng(1).normal(size=(50, 4))
    beta = np.linalg.solve(kernel(model, X, X) + 0.3 * np.eye(20), y)
    np.testing.assert_allclose(model.predict(new), kernel(model, new, X) @ beta, atol=1e-10)
    alpha = assignments(X, model.anchors_, similarity, 0.8)
    weight = np.einsum("at,am,ad->mtd", beta, alpha, padded(X))
    np.testing.assert_allclose(model.weight_, weight[..., :-1], atol=1e-10)
    np.testing.assert_allclose(model.bias_, weight[..., -1], atol=1e-10)


@pytest.mark.parametrize("batch", [1, 3, 7, 20])
def test_batches_of_any_size_in_any_order_are_one_pass(samples, batch):
    X, y = samples
    alpha = assignments(X, X[:5], "dot", 1.0)
    whole = NormalEquations(5, 4, 3).add(alpha, X, y).solve(0.1)
    order = np.random.default_rng(batch).permutation(20)
    parts = NormalEquations(5, 4, 3)
    for start in range(0, 20, batch):
        rows = order[start : start + batch]
        parts.add(alpha[rows], X[rows], y[rows])
    np.testing.assert_allclose(parts.solve(0.1), whole, atol=1e-10)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_equal_anchors_are_one_ridge_regression_penalised_for_each(samples, similarity):
    X, y = samples
    model = fitted(X, y, similarity, anchors=np.tile([[0.5, -1, 2, 0]], (5, 1)))
    oracle = Ridge(5 * 0.3, fit_intercept=False).fit(padded(X), y)
    np.testing.assert_allclose(model.weight_, np.tile(oracle.coef_[:, :-1], (5, 1, 1)), atol=1e-10)
    np.testing.assert_allclose(model.predict(X), oracle.predict(padded(X)), atol=1e-10)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_squares_fall_below_those_of_a_line_as_the_penalty_goes(similarity):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(300, 4))
    y = rng.normal(size=300)
    line = padded(X) @ np.linalg.lstsq(padded(X), y, rcond=None)[0]
    squares = [
        np.square(fitted(X, y, similarity, regularisation=penalty).predict(X) - y).sum()
        for penalty in (1e3, 10.0, 0.1, 1e-9)
    ]
    assert squares == sorted(squares, reverse=True)
    assert squares[-1] < np.square(line - y).sum() < squares[0]


def test_the_regressor_gives_the_fixture():
    rng = np.random.RandomState(0)
    X, y = rng.randn(7, 2), rng.randn(7)
    model = GlobalARNRegressor(
        ANCHORS, similarity="dot", sharpness=1.0, rank=None, regularisation=0.1
    ).fit(X, y)
    np.testing.assert_allclose(model.predict(X), PREDICTIONS, atol=1e-8)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_torch_finds_equation_10_stationary_there(samples, similarity):
    torch = pytest.importorskip("torch", reason='needs the extra "torch"')
    from sr_arn.nn import AnchoredRegression

    X, y = samples
    model = fitted(X, y, similarity)
    layer = AnchoredRegression(4, 3, 6, similarity, 0.8).double()
    with torch.no_grad():
        for name in ("anchors", "weight", "bias"):
            getattr(layer, name).copy_(torch.from_numpy(getattr(model, f"{name}_")))
    estimates = layer(torch.from_numpy(X))
    np.testing.assert_allclose(estimates.detach(), model.predict(X), atol=1e-10)
    squares = (estimates - torch.from_numpy(y)).square().sum()
    penalty = layer.weight.square().sum() + layer.bias.square().sum()
    (squares + 0.3 * penalty).backward()
    assert layer.weight.grad.abs().max() < 1e-9
    assert layer.bias.grad.abs().max() < 1e-9
    assert layer.anchors.grad.abs().max() > 1e-3  # which were kept fixed
