"""Heads by hand: losses by their distances, and regression stage by stage."""

from math import log, tanh

import pytest

torch = pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn.age.heads import ARN, Direct, StagewiseRegression  # noqa: E402
from sr_arn.age.heads.stagewise import stagewise  # noqa: E402

DISTANCES = {"l2": 20.25 / 3, "l1": 6.5 / 3, "huber": (0.125 + 1.5 + 3.5) / 3}


def column(*values):
    return torch.tensor(values, dtype=torch.float64)[:, None]


@torch.no_grad()
def gives_twice_and_one(head):
    """Return the head with an estimate of 2 x + 1, whatever its anchors."""
    head = head.double()
    head.network.weight.fill_(2.0)
    head.network.bias.fill_(1.0)
    return head


@pytest.mark.parametrize("kind", [Direct, lambda *a, **o: ARN(*a, anchors=3, **o)])
@pytest.mark.parametrize("distance", DISTANCES)
def test_a_loss_is_the_distance_of_its_name(kind, distance):
    head, x, y = gives_twice_and_one(kind(1, distance=distance)), column(0, 1, 3), column(1.5, 5, 3)
    assert head.loss(x, y).item() == pytest.approx(DISTANCES[distance])  # errors -0.5, -2 and 4
    assert gives_twice_and_one(kind(1)).loss(x, y).item() == pytest.approx(DISTANCES["l2"])


@torch.no_grad()
def constant(bins, outputs, **options):
    """Return a stagewise regression whose stages give the same for all features."""
    head = StagewiseRegression(1, bins, **options).double()
    for stage, values in zip(head.stages, outputs, strict=True):
        stage.weight.zero_()
        stage.bias.copy_(torch.tensor(values, dtype=torch.float64))
    return head


@pytest.mark.parametrize("activation", ["softmax", "relu"])
def test_stages_on_any_features(activation):
    # logits of two bins, their shifts, the stage's scale
    outputs = [[-1.0, log(3) - 1, 2.0, -0.5, 0.3], [log(2), 0.0, -3.0, 1.0, -2.0]]
    p = {"softmax": [(1 / 4, 3 / 4), (2 / 3, 1 / 3)], "relu": [(0, log(3) - 1), (log(2), 0)]}
    (a, b), (c, d) = p[activation]
    first = 2 * (1 + tanh(0.3))
    second = first * 2 * (1 + tanh(-2))
    expected = (a * tanh(2) + b * (1 + tanh(-0.5))) / first
    expected = 90 * (expected + (c * tanh(-3) + d * (1 + tanh(1))) / second)
    head = constant((2, 2), outputs, largest=90.0, activation=activation)
    torch.testing.assert_close(head.predict(column(1, 7)), column(expected, expected))
    loss = head.loss(column(0, 1), column(expected - 3, expected + 10))
    assert loss.item() == pytest.approx(6.5)  # not 54.5, of squares


def test_stages_end_below_101_and_take_softmax_unless_told_otherwise():
    last = [[-99.0, -99.0, 99.0, 0.0, 0.0, 0.0, 0.0]] * 3
    estimate = constant((3, 3, 3), last).predict(column(0)).item()
    assert estimate == pytest.approx(97.2592592593)
    assert StagewiseRegression(4).bins == (3, 3, 3)


def test_terms_of_stages():
    p = [(0.1, 0.6, 0.3), (0.2, 0.5, 0.3), (0.3, 0.3, 0.4)]
    eta = [(0.1, -0.2, 0.3), (0, 0.1, -0.1), (0.2, 0, 0.1)]
    delta = [0.1, -0.2, 0.05]
    stages = [
        tuple(torch.tensor([part], dtype=torch.float64) for part in stage)
        for stage in zip(p, eta, delta, strict=True)
    ]
    sums = torch.stack([stagewise(stages[:k], 101)[0] for k in (1, 2, 3)])
    expected = torch.tensor([36.1151515152, 14.2828282828, 4.8581048581], dtype=torch.float64)
    torch.testing.assert_close(sums.diff(prepend=torch.zeros(1)), expected, atol=1e-9, rtol=0)
