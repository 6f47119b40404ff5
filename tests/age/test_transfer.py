"""From DEX to an ARN, rates, and refinement."""

import pytest

torch = pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn import InputError  # noqa: E402
from sr_arn.age import arn_from_dex, ascend, parameter_groups, refine  # noqa: E402
from sr_arn.age.backbones import CompactResidual  # noqa: E402
from sr_arn.age.heads import ARN, DEX  # noqa: E402
from sr_arn.age.heads.energy import EnergyDensity  # noqa: E402


def test_an_arn_begins_as_dex():
    torch.manual_seed(0)
    dex = DEX(40).double()
    x = 2 * torch.randn(200, 40).double()
    layer = arn_from_dex(dex.network)
    expected = dex.predict(x)
    assert (layer(x) - expected).abs().max() < 1e-10
    without = arn_from_dex(dex.network)
    with torch.no_grad():
        dex.network.bias.copy_(torch.randn(101))
        without.similarity_bias.zero_()
    assert (without(x) - dex.predict(x)).abs().max() > 1
    layer = arn_from_dex(dex.network)
    assert (layer(x) - dex.predict(x)).abs().max() < 1e-10
    # the first step is DEX trained by regression
    layer(x).sum().backward()
    alpha = layer.assignments(x).detach()
    ages = torch.arange(101).double()
    slope = (alpha * (ages - dex.predict(x).detach())).T @ x
    torch.testing.assert_close(layer.anchors.grad, slope)
    assert layer.weight.grad.abs().max() > 0


def test_classes_may_stand_for_other_values():
    linear = torch.nn.Linear(5, 3, bias=False)
    layer = arn_from_dex(linear, torch.tensor([10.0, 20.0, 40.0]))
    x = torch.randn(4, 5)
    expected = linear(x).softmax(1) @ torch.tensor([10.0, 20.0, 40.0])
    torch.testing.assert_close(layer(x)[:, 0], expected)
    with pytest.raises(InputError, match="expected 101 classes, received 3; give their values"):
        arn_from_dex(linear)


def test_the_head_learns_faster_and_biases_do_not_decay():
    backbone, head = CompactResidual(4), ARN(16, anchors=5)
    groups = parameter_groups(backbone, head, lr=1e-4, head_multiplier=10)
    rates = {id(p): (g["lr"], g["weight_decay"]) for g in groups for p in g["params"]}
    everything = [*backbone.parameters(), *head.parameters()]
    assert set(rates) == {id(p) for p in everything}
    assert sum(len(g["params"]) for g in groups) == len(everything)
    assert rates[id(head.layer.weight)] == rates[id(head.layer.anchors)] == (1e-3, 5e-4)
    assert rates[id(head.layer.bias)] == rates[id(head.layer.similarity_bias)] == (1e-3, 0)
    assert rates[id(backbone.blocks[0][0].weight)] == (1e-4, 5e-4)
    assert rates[id(backbone.blocks[0][1].weight)] == (1e-4, 0)  # a norm's
    torch.optim.SGD(groups).step()


@pytest.mark.parametrize(
    "wrong", [{"lr": 0}, {"lr": 1, "head_multiplier": -1}, {"lr": 1, "weight_decay": -1}]
)
def test_rates_are_checked(wrong):
    with pytest.raises(InputError, match="expected"):
        parameter_groups(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1), **wrong)


def test_refined_estimates_are_more_likely():
    torch.manual_seed(0)
    head, x = EnergyDensity(8, hidden=(16,)), torch.randn(20, 8)
    start = torch.rand(20, 1) * 60
    for options in ({"step": 0.5}, {"algorithm": ascend, "step": 5.0}):
        better = refine(head, x, start, **options)
        assert better.shape == start.shape
        heights = [head.energy(x, y[:, None])[:, 0] for y in (start, better)]
        assert (heights[1] >= heights[0] - 1e-5).all()
        assert (better != start).any()
