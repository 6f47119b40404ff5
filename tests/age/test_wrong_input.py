"""What heads, climbs and measures cannot take is told in one line."""

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn import InputError  # noqa: E402
from sr_arn.age import ascend, climb, refine  # noqa: E402
from sr_arn.age.backbones import CompactResidual, SSRNet  # noqa: E402
from sr_arn.age.boxes import box_to_target  # noqa: E402
from sr_arn.age.heads import (  # noqa: E402
    ARN,
    DEX,
    Direct,
    EnergyDensity,
    Gaussian,
    LabelDistribution,
    Laplace,
    ProgressiveMargin,
    StagewiseRegression,
)
from sr_arn.age.heads.margin import curricula  # noqa: E402
from sr_arn.age.losses import label_distribution  # noqa: E402
from sr_arn.age.metrics import epsilon_error  # noqa: E402

X = torch.zeros(2, 8)


@pytest.mark.parametrize("kind", [DEX, LabelDistribution, ProgressiveMargin])
@pytest.mark.parametrize("age", [129.0, -30.0])
def test_ages_that_no_class_stands_for(kind, age):
    with pytest.raises(InputError, match=f"target: expected -1 to 101, received {age}"):
        kind(8).loss(X, torch.tensor([30.0, age]))
    few = kind(8, values=torch.tensor([30.0, 50.0]))  # classes as wide as they are apart
    assert few.loss(X, torch.tensor([11.0, 69.0])).isfinite()


def test_a_label_distribution_far_from_every_class_is_finite():
    q = label_distribution(torch.tensor([500.0]), torch.arange(101.0), sigma=0.5)
    assert q[0, 100] == 1
    assert q.sum() == 1


def test_labels_may_be_integers():
    labels = torch.arange(20, 60)
    for kind in (Direct, Gaussian, Laplace, ARN, EnergyDensity):
        kind(8).prepare(labels)
    head = Direct(8)
    head.prepare(labels)
    torch.testing.assert_close(head.network.bias[0], torch.tensor(39.5))


def test_an_energy_looks_where_the_labels_lie():
    torch.manual_seed(0)
    for place in (180.0, -60.0):
        head = EnergyDensity(8, samples=32, embedding=(8,), hidden=(8,), sigmas=(1.0, 5.0))
        labels = place + torch.randn(64)
        head.prepare(labels)
        optimiser = torch.optim.Adam(head.parameters(), 0.02)
        for _ in range(60):
            optimiser.zero_grad()
            head.loss(torch.zeros(64, 8), labels).backward()
            optimiser.step()
        assert float((head.predict(X) - place).abs().max()) < 2


@pytest.mark.parametrize("head", [Gaussian(8), Laplace(8), DEX(8), EnergyDensity(8, hidden=(4,))])
def test_a_grid_is_of_points(head):
    for grid in (torch.linspace(0, 100, 11), torch.zeros(11, 2)):
        with pytest.raises(InputError, match=re.escape("grid: expected [g, 1], received [11")):
            head.density(X, grid)


def test_an_energy_wants_an_even_grid():
    with pytest.raises(InputError, match="grid: expected an even one"):
        EnergyDensity(8, hidden=(4,)).density(X, torch.tensor([[0.0], [1.0], [50.0]]))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: DEX(8, values=torch.tensor([3.0, 1.0])), "values: expected rising ones"),
        (lambda: LabelDistribution(8, sigma=0), "sigma: expected a finite number above 0"),
        (lambda: ProgressiveMargin(8, sigma=-1), "sigma: expected a finite number above 0"),
        (lambda: Direct(8, hidden=()), "hidden: expected units of at least one layer"),
        (lambda: StagewiseRegression(8, bins=()), "bins: expected those of at least one stage"),
        (lambda: SSRNet(dynamic=-5), "dynamic: expected 0 to 1, received -5"),
        (lambda: SSRNet(local=float("nan")), "local: expected 0 to 1, received nan"),
        (lambda: climb(torch.sum, X, step=-1.0), "step: expected numbers above 0"),
        (lambda: ascend(torch.sum, X, step=torch.tensor([1.0, 0.0])), "step: expected numbers"),
        (lambda: refine(Direct(8), X, X[:, :1]), "head: expected an EnergyDensity, received Dir"),
        (
            lambda: refine(EnergyDensity(8), X, X[:, 0]),
            r"initial: expected \[2, 1\], received \[2\]",
        ),
        (lambda: box_to_target(torch.tensor([[0, 0, 1, float("inf")]])), "box: expected finite"),
        (lambda: epsilon_error([1, 2], [1, 2], [1]), "sigma: expected 0 or more, of each of 2"),
        (lambda: epsilon_error([1, 2], [1, 2], [1, np.nan]), "sigma: expected 0 or more"),
        (lambda: epsilon_error([1, 2], [1, 2], [1, -1]), "sigma: expected 0 or more"),
        (lambda: curricula(torch.tensor([1.5])), "curricula: expected classes"),
        (lambda: curricula(torch.tensor([-1])), "curricula: expected classes"),
        (lambda: CompactResidual(4)(torch.zeros(1, 1, 64, 64)), r"faces: expected \[n, 3, h, w\]"),
        (lambda: CompactResidual(4)(torch.zeros(1, 3, 8, 64)), "of 16 pixels a side"),
    ],
)
def test_what_cannot_be_is_told(wrong, message):
    with pytest.raises(InputError, match=message):
        wrong()
