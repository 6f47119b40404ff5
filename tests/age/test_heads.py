"""Heads: one interface, and what each is by law."""

import math

import pytest

torch = pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn import InputError  # noqa: E402
from sr_arn.age import losses  # noqa: E402
from sr_arn.age.heads import (  # noqa: E402
    ARN,
    DEX,
    Direct,
    Gaussian,
    LabelDistribution,
    Laplace,
    Softmax,
    StagewiseRegression,
)
from sr_arn.age.heads.energy import EnergyDensity, ascend, climb  # noqa: E402
from sr_arn.age.heads.stagewise import stagewise  # noqa: E402

HEADS = {
    "direct": lambda: Direct(8),
    "direct l1": lambda: Direct(8, distance="l1", hidden=5),
    "direct huber": lambda: Direct(8, distance="huber"),
    "gaussian": lambda: Gaussian(8, hidden=6),
    "laplace": lambda: Laplace(8),
    "dex": lambda: DEX(8),
    "softmax": lambda: Softmax(8, hidden=4),
    "ldl": lambda: LabelDistribution(8),
    "arn": lambda: ARN(8, anchors=10),
    "ssr": lambda: StagewiseRegression(8),
    "energy": lambda: EnergyDensity(8, samples=32, hidden=(16,)),
}
VECTORS = {
    "direct": lambda: Direct(8, 3),
    "gaussian": lambda: Gaussian(8, 3),
    "laplace": lambda: Laplace(8, 3),
    "arn": lambda: ARN(8, 3, anchors=5),
    "energy": lambda: EnergyDensity(8, 3, sigmas=((1, 1, 2), (20, 20, 40)), hidden=(16,)),
}


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def head_of(name, heads=HEADS):
    torch.manual_seed(0)
    return heads[name]()


@pytest.mark.parametrize("name", HEADS)
def test_one_interface(name):
    head, x = head_of(name), torch.randn(5, 8)
    y = torch.tensor([20.0, 31.0, 44.5, 60.0, 100.0])
    loss = head.loss(x, y)
    assert loss.shape == ()
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in head.parameters())
    torch.manual_seed(1)
    first = head.loss(x, y)
    torch.manual_seed(1)
    torch.testing.assert_close(head.loss(x, y[:, None]), first)
    estimate = head.predict(x)
    assert estimate.shape == (5, 1)
    assert torch.equal(head(x), estimate)


@pytest.mark.parametrize("name", VECTORS)
def test_several_targets(name):
    head, x, y = head_of(name, VECTORS), torch.randn(4, 8), torch.randn(4, 3)
    head.loss(x, y).backward()
    options = {"initial": torch.zeros(4, 3)} if name == "energy" else {}
    assert head.predict(x, **options).shape == (4, 3)
    for wrong in (torch.randn(4), torch.randn(4, 2), torch.randn(3, 3)):
        with pytest.raises(InputError, match=r"target: expected \[4, 3\]"):
            head.loss(x, wrong)


@pytest.mark.parametrize("name", HEADS)
def test_a_target_that_is_no_number_is_told(name):
    with pytest.raises(InputError, match="target: expected finite numbers"):
        head_of(name).loss(torch.zeros(2, 8), torch.tensor([20.0, math.nan]))


@pytest.mark.parametrize("name", ["gaussian", "laplace", "dex", "softmax", "energy"])
def test_densities_hold_one(name):
    head, x = head_of(name), torch.randn(3, 8)
    grid = torch.linspace(-40, 140, 18_001)[:, None]
    density = head.density(x, grid)
    assert density.shape == (3, 18_001)
    assert (density >= 0).all()
    torch.testing.assert_close(density.sum(1) * 0.01, torch.ones(3), atol=2e-3, rtol=0)


def test_a_head_without_a_density_says_so():
    with pytest.raises(InputError, match="density: ARN models none"):
        head_of("arn").density(torch.zeros(1, 8), torch.zeros(2, 1))


def test_losses_are_those_of_the_functions():
    x, y = torch.randn(6, 8), torch.rand(6) * 100
    gaussian = head_of("gaussian")
    expected = losses.gaussian_loss(gaussian.mean(x), gaussian.log_variance(x), y[:, None])
    torch.testing.assert_close(gaussian.loss(x, y), expected)
    dex = head_of("dex")
    torch.testing.assert_close(dex.loss(x, y), losses.softmax_loss(dex.network(x), y, dex.values))
    torch.testing.assert_close(
        dex.predict(x)[:, 0], losses.expectation(dex.network(x), torch.arange(101.0))
    )


def test_equal_regressors_give_the_anchors_no_gradient_and_spread_ones_do():
    arn, x, y = head_of("arn"), torch.randn(50, 8), torch.rand(50) * 80
    with torch.no_grad():
        arn.layer.weight.zero_()
        arn.layer.bias.fill_(30.0)
    arn.loss(x, y).backward()
    assert arn.layer.anchors.grad.abs().max() == pytest.approx(0, abs=1e-4)
    arn.zero_grad()
    arn.prepare(y)
    quantiles = torch.quantile(y, torch.linspace(0.05, 0.95, 10))
    torch.testing.assert_close(arn.layer.bias[:, 0].detach(), quantiles)
    arn.loss(x, y).backward()
    assert arn.layer.anchors.grad.abs().max() > 1


def test_stages():
    p = [[0.1, 0.6, 0.3], [0.2, 0.5, 0.3], [0.3, 0.3, 0.4]]
    eta = [[0.1, -0.2, 0.3], [0, 0.1, -0.1], [0.2, 0, 0.1]]
    delta = [0.1, -0.2, 0.05]
    stages = [
        (torch.tensor([a]).double(), torch.tensor([b]).double(), torch.tensor([c]).double())
        for a, b, c in zip(p, eta, delta, strict=True)
    ]
    assert stagewise(stages, 101).item() == pytest.approx(55.2560846561)
    assert stagewise(stages, 101, 0, 0).item() == pytest.approx(56.8592592593)
    one_hot = [
        (torch.eye(3).double()[None, k], torch.zeros(1, 3).double(), torch.zeros(1).double())
        for k in (1, 2)
    ]
    assert stagewise(one_hot, 90).item() == pytest.approx(50)
    worst = [(a, b, torch.tensor([-1.0]).double()) for a, b, _ in stages]
    assert stagewise(worst, 101).isfinite()


def test_parameters_are_counted():
    def count(head):
        return sum(p.numel() for p in head.parameters())

    assert count(Direct(2048, hidden=2048)) == 4_198_401
    assert count(Gaussian(2048, hidden=2048)) == count(Laplace(2048, hidden=2048)) == 8_396_802
    assert count(DEX(2048, hidden=2048)) == 4_403_301
    assert count(EnergyDensity(2048)) == 4_471_553
    assert count(EnergyDensity(2048, 3)) == 4_471_585
    assert count(ARN(4096)) == 827_493 + 101


def parabola(y):
    return -((y[:, 0] - 3) ** 2) / 2


@pytest.mark.parametrize(
    ("step", "path"),
    [(1.5, [4.5, 2.25, 3.375, 2.8125, 3.09375]), (2.5, [0, 3.75, 2.8125, 3.046875, 2.98828125])],
)
def test_climbing_by_algorithm_1(step, path):
    for steps, expected in enumerate(path, 1):
        y = ascend(parabola, torch.zeros(1, 1).double(), step=step, steps=steps)
        assert y.item() == pytest.approx(expected)


def test_climbing_by_algorithm_s1():
    for steps, expected in enumerate([1.5, 2.25, 2.625, 2.8125, 2.90625], 1):
        y = climb(parabola, torch.zeros(1, 1).double(), step=0.5, steps=steps)
        assert y.item() == pytest.approx(expected)
    start = torch.tensor([[0.0], [2.99], [0.0]]).double()
    assert climb(parabola, start[:1], step=2.5).item() == 7.5  # the step that fell is kept
    assert climb(parabola, start[:1], step=2.5, revert=True).item() == 0
    both = climb(parabola, start, step=0.5)  # each by itself
    assert both[1].item() == pytest.approx(2.995)
    assert both[0].item() == both[2].item() == pytest.approx(2.90625)


def test_climbing_never_falls_and_leaves_the_parameters_alone():
    head, x = head_of("energy"), torch.randn(7, 8)
    start = torch.rand(7, 1) * 100

    def energy(y):
        return head.energy(x, y[:, None])[:, 0]

    better = ascend(energy, start, step=5.0, steps=20)
    assert (energy(better) >= energy(start) - 1e-6).all()
    assert all(p.grad is None for p in head.parameters())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Direct(0), "features: expected an integer of at least 1"),
        (lambda: Direct(8, distance="l3"), "distance: expected l2, l1, huber"),
        (lambda: StagewiseRegression(8, activation="tanh"), "activation: expected softmax"),
        (lambda: EnergyDensity(8, sigmas=(0.1, -1)), "sigmas: expected numbers above 0"),
        (lambda: EnergyDensity(8, 2, sigmas=((1, 2, 3),)), "sigmas: expected numbers above 0"),
        (lambda: EnergyDensity(8, 2).predict(torch.zeros(1, 8)), "give initial estimates"),
        (lambda: EnergyDensity(8, unit=0.0), "unit: expected numbers above 0"),
        (lambda: EnergyDensity(8, unit=(1.0, 2.0)), "unit: expected numbers above 0, one or 1"),
        (lambda: EnergyDensity(8, hidden=()), "hidden: expected units of at least one layer"),
        (lambda: EnergyDensity(8, embedding=()), "embedding: expected units of at least one"),
        (lambda: EnergyDensity(-1), "features: expected an integer of at least 1"),
        (lambda: Gaussian(8, hidden=(10, 0)), "units of a layer: expected an integer of at least"),
    ],
)
def test_what_cannot_be_is_told(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_the_energy_head_finds_two_modes_where_regression_finds_their_middle():
    x = torch.randn(400, 4)
    y = (x[:, :1] > 0) * 1.0 + torch.where(torch.rand(400, 1) < 0.5, 3.0, -3.0)
    heads = {
        "direct": Direct(4, hidden=32),
        "energy": EnergyDensity(4, sigmas=(0.3, 3.0), samples=64, hidden=(32, 32)),
    }
    for head in heads.values():
        optimiser = torch.optim.Adam(head.parameters(), 3e-3)
        for _ in range(150):
            optimiser.zero_grad()
            head.loss(x, y).backward()
            optimiser.step()
    modes = (x[:, :1] > 0) * 1.0 + torch.tensor([[3.0, -3.0]])
    grid = torch.linspace(-6, 6, 121)[:, None]
    errors = {
        "direct": (heads["direct"].predict(x) - modes).abs().amin(1).mean().item(),
        "energy": (heads["energy"].predict(x, grid=grid) - modes).abs().amin(1).mean().item(),
    }
    assert errors["energy"] < 0.3 < 2 < errors["direct"]


def test_an_energy_takes_its_unit_from_the_labels_unless_it_is_given():
    labels = torch.tensor([[30.0, 1.0], [50.0, 3.0]])
    for unit, centre, expected in (
        (None, (40.0, 2.0), (10.0, 1.0)),
        (5.0, (0.0, 0.0), (5.0, 5.0)),
        ((2.0, 3.0), (0.0, 0.0), (2.0, 3.0)),
    ):
        head = EnergyDensity(8, 2, samples=4, hidden=(16,), unit=unit)
        head.prepare(labels)
        assert head.centre.tolist() == list(centre)
        assert head.unit.tolist() == list(expected)
    same = EnergyDensity(8, samples=4, hidden=(16,))
    same.prepare(torch.full((5,), 7.0))
    assert (same.centre.item(), same.unit.item()) == (7.0, 1.0)


@pytest.mark.parametrize("kind", [Direct, Gaussian, Laplace])
def test_heads_begin_near_the_labels(kind):
    head, labels = kind(8), torch.tensor([20.0, 30.0, 31.0, 60.0])
    head.prepare(labels)
    begin = head.predict(torch.zeros(1, 8)).item()
    assert begin == pytest.approx(30.0 if kind is Laplace else 35.25)
    constant = head.loss(torch.zeros(4, 8), labels)
    (slope,) = torch.autograd.grad(constant, head.parameters(), allow_unused=True)[-1:]
    assert slope.abs().item() < 1e-4  # no other constant is better in the last bias


def test_an_arn_begins_with_biases_at_quantiles_of_the_labels():
    head, labels = ARN(8, anchors=10), torch.tensor([20.0, 30.0, 31.0, 60.0])
    head.prepare(labels)
    expected = torch.quantile(labels, torch.arange(0.05, 1, 0.1))
    torch.testing.assert_close(head.layer.bias[:, 0], expected)
