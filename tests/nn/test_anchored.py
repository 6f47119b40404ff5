"""Equations, gradients and limits of the ARN layer (Agustsson et al. 2017)."""

import math

import pytest

torch = pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn import InputError  # noqa: E402 - after the check for torch
from sr_arn.nn import AnchoredRegression, DeepAnchoredRegression  # noqa: E402

SIMILARITIES = ["dot", "abs_dot", "neg_sqdist", "abs_cosine"]

# Worked out independently for these inputs: x, anchors, W, b as in `fixture`.
OUTPUTS = {
    "dot": [1.2167372937, 2.6045729861, 1.0],
    "abs_dot": [4.3908721036, 1.0008761489, 1.0],
    "neg_sqdist": [1.6424553369, 1.8154173119, 0.7330436052],
}
ASSIGNMENTS = {  # of the first x
    "dot": [0.2676231541, 0.7274751568, 0.0049016890],
    "abs_dot": [0.0900305732, 0.2447284711, 0.6652409558],
    "neg_sqdist": [0.1192011685, 0.8807841209, 0.0000147106],
}
SHARP = {  # K = 50; ties stay averaged
    "dot": [2.0, 3.0625, 1.0],
    "abs_dot": [6.0, -1.5, 1.0],
    "neg_sqdist": [2.0, 0.625, 0.5],
}


def fixture(similarity, sharpness=1.0):
    layer = AnchoredRegression(2, 1, 3, similarity, sharpness).double()
    with torch.no_grad():
        layer.anchors.copy_(torch.tensor([[1.0, 0], [0, 1], [-1, -1]]))
        layer.weight.copy_(torch.tensor([[[1.0, -1]], [[0.5, 0.25]], [[-2, 3]]]))
        layer.bias.copy_(torch.tensor([[0.0], [1], [2]]))
    return layer, torch.tensor([[1.0, 2], [-1, 0.5], [0, 0]], dtype=torch.float64)


def random_layer(similarity, d=5, out=3, m=4, sharpness=1.3, seed=0):
    torch.manual_seed(seed)
    layer = AnchoredRegression(d, out, m, similarity, sharpness, similarity_bias=True).double()
    torch.nn.init.normal_(layer.similarity_bias)
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(7, d, dtype=torch.float64)
    return layer, x


def assert_close(actual, expected, atol=1e-12):
    expected = torch.as_tensor(expected, dtype=actual.dtype)
    torch.testing.assert_close(actual.detach(), expected, atol=atol, rtol=0)


@pytest.mark.parametrize("similarity", list(OUTPUTS))
def test_fixtures(similarity):
    layer, x = fixture(similarity)
    assert_close(layer(x)[:, 0], OUTPUTS[similarity], atol=1e-9)
    assert_close(layer.assignments(x)[0], ASSIGNMENTS[similarity], atol=1e-9)
    sharp, x = fixture(similarity, sharpness=50)
    assert_close(sharp(x)[:, 0], SHARP[similarity], atol=1e-9)


def test_gradient_fixture():
    layer, x = fixture("dot")
    x = x[0].requires_grad_()
    layer(x).backward()
    assert_close(x.grad, [0.0048610615, 0.4753087958], atol=1e-9)
    expected = [
        [-0.5932502265, -1.1865004529],
        [0.5698041600, 1.1396083201],
        [0.0234460664, 0.0468921329],
    ]
    assert_close(layer.anchors.grad, expected, atol=1e-9)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("out", [1, 3, 5, 8])
def test_is_the_sum_of_equation_5(similarity, out):
    layer, x = random_layer(similarity, out=out)
    for row, result in zip(x, layer(x), strict=True):
        score = {
            "dot": lambda c, row=row: c @ row,
            "abs_dot": lambda c, row=row: abs(c @ row),
            "neg_sqdist": lambda c, row=row: -((row - c) ** 2).sum(),
            "abs_cosine": lambda c, row=row: abs(c @ row) / row.norm(),
        }[similarity]
        logits = torch.stack([1.3 * score(c) for c in layer.anchors]) + layer.similarity_bias
        alpha = logits.exp() / logits.exp().sum()
        expected = sum(
            a * (w @ row + b) for a, w, b in zip(alpha, layer.weight, layer.bias, strict=True)
        )
        assert_close(result, expected.detach())


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_gradcheck(similarity):
    layer, x = random_layer(similarity, d=3, out=2, m=3)
    names, values = zip(*layer.named_parameters(), strict=True)

    def run(x, *parameters):
        return torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), (x,))

    inputs = [value.detach().clone().requires_grad_() for value in (x[:3], *values)]
    assert torch.autograd.gradcheck(run, inputs, eps=1e-6, atol=1e-6)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_gradients_are_equations_20_to_22(similarity):
    layer, x = random_layer(similarity, out=1, sharpness=1.0)
    x = x[0].requires_grad_()
    f = layer(x)[0]
    f.backward()
    with torch.no_grad():
        alpha = layer.assignments(x)
        each = (layer.weight @ x + layer.bias)[:, 0]  # (22): df / d alpha
        signs = torch.sign(layer.anchors @ x)[:, None]
        ds_dx, ds_dc = {
            "dot": (layer.anchors, x.expand(4, -1)),
            "abs_dot": (signs * layer.anchors, signs * x),
            "neg_sqdist": (-2 * (x - layer.anchors), 2 * (x - layer.anchors)),
            "abs_cosine": (
                signs * (layer.anchors - (layer.anchors @ x)[:, None] * x / x.dot(x)) / x.norm(),
                signs * x / x.norm(),
            ),
        }[similarity]
        dalpha_dx = alpha[:, None] * (ds_dx - alpha @ ds_dx)
        df_dx = alpha @ layer.weight[:, 0] + each @ dalpha_dx  # (20)
        df_dc = (alpha * (each - f))[:, None] * ds_dc  # (21)
    assert_close(x.grad, df_dx)
    assert_close(layer.anchors.grad, df_dc)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_assignments_are_a_distribution(similarity):
    layer, x = random_layer(similarity)
    alpha = layer.assignments(100 * x)
    assert (alpha >= 0).all()
    assert_close(alpha.sum(dim=-1), torch.ones(len(x)))


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_sharp_assignment_is_the_regressor_of_the_best_anchor(similarity):
    layer, x = random_layer(similarity)
    layer.sharpness = 1e9
    best = layer.assignments(x).argmax(dim=-1)
    expected = (layer.weight[best] @ x[..., None])[..., 0] + layer.bias[best]
    assert_close(layer(x), expected.detach())


def test_sharp_abs_dot_is_the_prediction_rule_of_aplus():
    import numpy as np

    from sr_arn.regressors import APlusRegressor

    rng = np.random.default_rng(0)
    aplus = APlusRegressor(anchors=8, neighbours=40).fit(
        rng.normal(size=(300, 5)), rng.normal(size=(300, 3))
    )
    layer = AnchoredRegression(5, 3, 8, "abs_dot", sharpness=1e9, bias=False).double()
    with torch.no_grad():
        layer.anchors.copy_(torch.from_numpy(aplus.anchors_))
        layer.weight.copy_(torch.from_numpy(aplus.projections_).transpose(1, 2))
    x = rng.normal(size=(50, 5))
    assert_close(layer(torch.from_numpy(x)), aplus.predict(x))


def test_neg_sqdist_is_dot_with_a_similarity_bias():
    layer, x = random_layer("neg_sqdist")
    same = AnchoredRegression(5, 3, 4, "dot", similarity_bias=True).double()
    k = layer.sharpness
    with torch.no_grad():
        same.anchors.copy_(2 * k * layer.anchors)
        same.similarity_bias.copy_(layer.similarity_bias - k * layer.anchors.square().sum(dim=1))
        same.weight.copy_(layer.weight)
        same.bias.copy_(layer.bias)
    assert_close(same(x), layer(x).detach())


def test_abs_cosine_is_abs_dot_of_the_direction():
    layer, x = random_layer("abs_cosine")
    units = x / x.norm(dim=1, keepdim=True)
    alpha = layer.assignments(x).detach()
    layer.similarity = "abs_dot"
    assert_close(layer.assignments(units), alpha)
    assert not torch.allclose(layer.assignments(x), alpha)
    zero = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    layer.similarity = "abs_cosine"
    layer(zero).sum().backward()
    assert zero.grad.isfinite().all()


@pytest.mark.parametrize("out", [1, 8])
def test_shared_regressors_are_mixed(out):
    torch.manual_seed(0)
    layer = AnchoredRegression(5, out, 4, "abs_cosine", rank=2).double()
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(7, 5, dtype=torch.float64)
    whole = AnchoredRegression(5, out, 4, "abs_cosine").double()
    with torch.no_grad():
        whole.anchors.copy_(layer.anchors)
        whole.weight.copy_(torch.einsum("mr,rtd->mtd", layer.mixing, layer.weight))
        whole.bias.copy_(layer.mixing @ layer.bias)
    assert_close(layer(x), whole(x).detach())
    names, values = zip(*layer.named_parameters(), strict=True)

    def run(x, *parameters):
        return torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), x)

    assert torch.autograd.gradcheck(run, (x.requires_grad_(), *values))


@pytest.mark.parametrize(("out", "components"), [(3, 3), (8, 3), (8, 6)])
def test_components_are_the_regressors_in_a_basis(out, components):
    torch.manual_seed(0)
    layer = AnchoredRegression(5, out, 4, "dot", components=components)
    basis = layer.basis.detach()
    torch.testing.assert_close(basis @ basis.T, torch.eye(components), atol=1e-6, rtol=0)
    layer.double()
    torch.nn.init.normal_(layer.bias)
    torch.nn.init.normal_(layer.basis)
    whole = AnchoredRegression(5, out, 4, "dot").double()
    with torch.no_grad():
        whole.anchors.copy_(layer.anchors)
        whole.weight.copy_(torch.einsum("qt,mqd->mtd", layer.basis, layer.weight))
        whole.bias.copy_(layer.bias @ layer.basis)
    x = torch.randn(7, 5, dtype=torch.float64)
    assert_close(layer(x), whole(x).detach())
    assert f"components={components}" in repr(layer)


def test_the_order_of_the_anchors_does_not_matter():
    layer, x = random_layer("abs_dot")
    expected = layer(x).detach()
    order = torch.tensor([2, 0, 3, 1])
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(parameter[order].clone())
    assert_close(layer(x), expected)


def test_equal_regressors_give_the_anchors_no_gradient():
    layer, x = random_layer("dot")
    with torch.no_grad():
        layer.weight.copy_(layer.weight[:1].expand_as(layer.weight))
        layer.bias.copy_(layer.bias[:1].expand_as(layer.bias))
    layer(x).square().sum().backward()
    assert layer.anchors.grad.abs().max() < 1e-12
    assert layer.weight.grad.abs().max() > 0.1


@pytest.mark.parametrize("shape", [(), (6,), (2, 3), (2, 3, 4), (0,)])
@pytest.mark.parametrize("out", [1, 9])
def test_any_leading_axes(shape, out):
    layer, _ = random_layer("dot", out=out)
    x = torch.randn(*shape, 5, dtype=torch.float64)
    assert layer(x).shape == (*shape, out)
    assert layer.assignments(x).shape == (*shape, 4)
    if shape:
        assert_close(layer(x).reshape(-1, out), layer(x.reshape(-1, 5)).detach())


@pytest.mark.parametrize(("similarity", "rank"), [("abs_dot", None), ("abs_cosine", 4)])
@pytest.mark.parametrize("out", [1, 9, 40])
def test_autocast_stays_near_and_finite(out, similarity, rank):
    torch.manual_seed(0)
    layer = AnchoredRegression(32, out, 16, similarity, rank=rank)
    x = torch.randn(64, 32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = layer(x)
        total = layer.assignments(x).float().sum(dim=-1)
    torch.testing.assert_close(total, torch.ones(64), atol=0.02, rtol=0)
    torch.testing.assert_close(low.float(), layer(x).detach(), atol=0.05, rtol=0.05)


@pytest.mark.parametrize(
    "layer",
    [
        DeepAnchoredRegression(6, 9, anchors=3, layers=2),
        AnchoredRegression(6, 9, anchors=5, similarity="abs_cosine", rank=2, components=3),
    ],
    ids=["deep", "shared"],
)
def test_export(layer):
    layer.eval()
    batch = torch.export.Dim("batch", min=2, max=999)
    program = torch.export.export(layer, (torch.zeros(4, 6),), dynamic_shapes=({0: batch},))
    x = torch.randn(17, 6)
    torch.testing.assert_close(program.module()(x), layer(x))


def test_state_dict_there_and_back():
    layer, x = random_layer("neg_sqdist")
    other = AnchoredRegression(5, 3, 4, "neg_sqdist", 1.3, similarity_bias=True).double()
    other.load_state_dict(layer.state_dict())
    assert_close(other(x), layer(x).detach())


def test_anchors_and_regressors_learn_a_bent_line():
    torch.manual_seed(0)
    x = torch.linspace(-2, 2, 200)[:, None]
    layer = AnchoredRegression(1, 1, 4, "neg_sqdist", sharpness=4)
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.05)
    for _ in range(400):
        loss = (layer(x) - x.abs()).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 1e-3  # the best single line leaves 1/3


def test_deep_is_residual_layers_and_a_last_one():
    torch.manual_seed(0)
    deep = DeepAnchoredRegression(4, 6, anchors=3, layers=3)
    x = torch.randn(5, 4)
    hidden = x + deep.hidden[0](x)
    hidden = hidden + deep.hidden[1](hidden)
    torch.testing.assert_close(deep(x), deep.last(hidden))
    assert len(list(DeepAnchoredRegression(4, 6, 3, layers=1).hidden)) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 1, 1), "in_features: expected an integer of at least 1, received 0"),
        ((1, 0, 1), "out_features: expected"),
        ((1, 1, 0), "anchors: expected an integer of at least 1, received 0"),
        ((1, 1, 1, "cosine"), "similarity: expected one of dot, abs_dot, neg_sqdist"),
        ((1, 1, 1, "dot", 0), "sharpness: expected a finite number above 0"),
        ((1, 1, 1, "dot", math.inf), "sharpness: expected a finite number above 0"),
    ],
)
def test_refuses_bad_parameters(arguments, message):
    with pytest.raises(InputError, match=message):
        AnchoredRegression(*arguments)
