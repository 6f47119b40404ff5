"""Soft assignment in arrays: its definition, torch's layer, and bits that stay."""

import numpy as np
import pytest

from sr_arn.regressors.numpy_layer import SIMILARITIES, NumpyAnchoredRegression, assignments


def random_layer(
    similarity, rank=None, components=None, m=7, d=5, t=4, sharpness=1.7, dtype=np.float64
):
    rng = np.random.default_rng(0)
    draw = lambda *shape: rng.normal(size=shape).astype(dtype)  # noqa: E731 - shorter so
    mixing = None if rank is None else draw(m, rank)
    basis = None if components is None else draw(components, t)
    count, q = rank or m, components or t
    regressors = draw(count, q, d), draw(count, q)
    layer = NumpyAnchoredRegression(draw(m, d), *regressors, mixing, basis, similarity, sharpness)
    x = draw(23, d)
    x[5] = 0
    return layer, x


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_assignments_by_definition(similarity):
    layer, x = random_layer(similarity)
    c = layer.anchors
    with np.errstate(invalid="ignore"):
        scores = {
            "dot": x @ c.T,
            "abs_dot": np.abs(x @ c.T),
            "neg_sqdist": -np.square(x[:, None] - c).sum(axis=2),
            "abs_cosine": np.nan_to_num(np.abs(x @ c.T) / np.linalg.norm(x, axis=1)[:, None]),
        }[similarity]
    expected = np.exp(1.7 * scores)
    expected /= expected.sum(axis=1, keepdims=True)
    alpha = assignments(x, c, similarity, 1.7)
    np.testing.assert_allclose(alpha, expected, atol=1e-14)
    np.testing.assert_allclose(alpha.sum(axis=1), 1, atol=1e-14)


@pytest.mark.parametrize(("rank", "components"), [(None, None), (1, 1), (3, None), (None, 2)])
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_is_the_sum_of_equation_5(similarity, rank, components):
    layer, x = random_layer(similarity, rank, components)
    alpha = assignments(x, layer.anchors, similarity, 1.7)
    weights = alpha if rank is None else alpha @ layer.mixing
    expected = np.einsum("nm,mtd,nd->nt", weights, layer.weight, x) + weights @ layer.bias
    if components is not None:
        expected = expected @ layer.basis
    np.testing.assert_allclose(layer(x), expected, atol=1e-12)
    single = layer(x.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, atol=2e-5)


@pytest.mark.parametrize(("rank", "components"), [(None, None), (3, 2)])
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_is_torchs_layer(similarity, rank, components):
    torch = pytest.importorskip("torch", reason='needs the extra "torch"')
    from sr_arn.nn import AnchoredRegression

    layer, x = random_layer(similarity, rank, components)
    module = AnchoredRegression(5, 4, 7, similarity, 1.7, rank=rank, components=components).double()
    with torch.no_grad():
        for name in ("anchors", "weight", "bias", "mixing", "basis"):
            if getattr(layer, name) is not None:
                getattr(module, name).copy_(torch.from_numpy(getattr(layer, name)))
        inputs = torch.from_numpy(x)
        np.testing.assert_allclose(layer(x), module(inputs).numpy(), atol=1e-12)
        alpha = assignments(x, layer.anchors, similarity, 1.7)
        np.testing.assert_allclose(alpha, module.assignments(inputs).numpy(), atol=1e-12)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_rescaled(similarity):
    layer, x = random_layer(similarity)
    np.testing.assert_allclose(
        layer.rescaled(3.0, 0.5)(x), layer(3.0 * x) / 0.5, rtol=1e-10, atol=1e-12
    )


@pytest.mark.parametrize("m", [1, 63, 64, 130])
def test_a_row_depends_on_itself_alone(m):
    for sizes in ((None, None), (5, 3)):
        layer, x = random_layer("abs_cosine", *sizes, m=m, dtype=np.float32)
        whole = layer(x)
        for rows in (slice(3, 4), slice(2, 9), slice(None, None, 3), slice(0, 0)):
            np.testing.assert_array_equal(layer(x[rows]), whole[rows])


def test_sharp_assignment_is_the_best_anchors_regressor():
    layer, x = random_layer("abs_dot", sharpness=1e4)
    best = np.abs(x @ layer.anchors.T).argmax(axis=1)
    expected = np.einsum("ntd,nd->nt", layer.weight[best], x) + layer.bias[best]
    rows = x.any(axis=1)  # at 0 all anchors are equally near
    np.testing.assert_allclose(layer(x)[rows], expected[rows], atol=1e-9)
