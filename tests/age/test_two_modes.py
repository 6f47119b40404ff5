"""Targets of several dimensions and two modes: an energy finds one, regression the middle."""

from functools import cache

import pytest

torch = pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn.age import ascend, climb, refine  # noqa: E402
from sr_arn.age.boxes import box_to_target, target_to_box  # noqa: E402
from sr_arn.age.heads import Direct, EnergyDensity  # noqa: E402

TRAINING, TEST, FEATURES = 1000, 200, 2


def poses(x):
    """Yaw, pitch and roll [n, 2, 3] in degrees: of a profile that may face either way."""
    middle = 2 * x @ torch.randn(FEATURES, 3)
    return middle[:, None] + torch.tensor([[8.0, 1.6, -4.0], [-8.0, -1.6, 4.0]])


def boxes(x):
    """Targets [n, 2, 4] of a body and of its head, about a first guess and in its size."""
    shift = 0.1 * x @ torch.randn(FEATURES, 4)
    extent = torch.exp(0.5 * shift[:, 2:])
    body = torch.cat([shift[:, :2] - extent / 2, extent], dim=1)
    head = torch.cat([body[:, :2] + torch.tensor([0.1, -0.2]), 0.7 * extent], dim=1)
    size = torch.ones(len(x), 2)
    return torch.stack([box_to_target(box, size) for box in (body, head)], dim=1)


MODES = {"pose": poses, "box": boxes}
NOISE = {"pose": 2.0, "box": 0.05}


@cache
def learned(kind):
    """Return features and modes to test with, what is refined, and an energy and its like."""
    torch.manual_seed(0)
    x = torch.randn(TRAINING + TEST, FEATURES)
    modes, noise = MODES[kind](x), NOISE[kind]
    second = (torch.rand(len(x)) < 0.3).long()
    y = modes[torch.arange(len(x)), second]
    y = y + noise * torch.randn_like(y)
    targets = y.shape[1]
    direct = Direct(FEATURES, targets, hidden=48)
    energy = EnergyDensity(
        FEATURES, targets, (noise, 4 * noise), 32, (24, 24), (48, 48), unit=5 * noise
    )
    for head in (direct, energy):
        optimiser = torch.optim.Adam(head.parameters(), 5e-3)
        for _ in range(30):
            for rows in torch.randperm(TRAINING).split(100):
                optimiser.zero_grad()
                head.loss(x[rows], y[rows]).backward()
                optimiser.step()
    x, y, modes = x[TRAINING:], y[TRAINING:], modes[TRAINING:]
    starts = {
        "direct": direct.predict(x).detach(),
        "noisy": y + 2 * noise * torch.randn_like(y),
    }
    return x, modes, starts, energy


def refined(kind, start, algorithm=ascend):
    x, _, starts, energy = learned(kind)
    options = {ascend: {"step": 1.0, "steps": 30}, climb: {"step": 0.25, "steps": 20}}[algorithm]
    options = {**options, "step": options["step"] * NOISE[kind] ** 2}
    return refine(energy, x, starts[start], algorithm=algorithm, **options)


def error(estimates, modes):
    """Return the mean distance to the nearest mode."""
    return (estimates[:, None] - modes).norm(dim=2).amin(dim=1).mean().item()


def heights(kind, y):
    x, *_, energy = learned(kind)
    with torch.no_grad():
        return energy.energy(x, y[:, None])[:, 0]


@pytest.mark.parametrize("kind", MODES)
def test_regression_finds_the_mean_which_is_no_mode(kind):
    _, modes, starts, _ = learned(kind)
    mean = torch.tensor([0.7, 0.3]) @ modes
    assert error(starts["direct"], mean[:, None]) < 0.5 * error(starts["direct"], modes)


@pytest.mark.parametrize("algorithm", [ascend, climb])
@pytest.mark.parametrize("start", ["direct", "noisy"])
@pytest.mark.parametrize("kind", MODES)
def test_an_energy_brings_estimates_to_a_mode(kind, start, algorithm):
    _, modes, starts, _ = learned(kind)
    after = error(refined(kind, start, algorithm), modes)
    assert after < 0.6 * error(starts[start], modes)
    assert after < 0.6 * error(starts["direct"], modes)


@pytest.mark.parametrize("start", ["direct", "noisy"])
@pytest.mark.parametrize("kind", MODES)
def test_refinement_raises_the_energy(kind, start):
    before = heights(kind, learned(kind)[2][start])
    assert (heights(kind, refined(kind, start, ascend)) > before).all()
    after = heights(kind, refined(kind, start, climb))  # which keeps a last step that fell
    assert (after > before).float().mean() > 0.9
    assert (after - before).mean() > 1


def test_refined_boxes_overlap_more():
    _, modes, starts, _ = learned("box")
    size = torch.ones(TEST, 2)

    def overlap(targets):
        """Return the mean intersection over union with the box that is nearest."""
        found = target_to_box(targets, size)
        each = [intersection_over_union(found, target_to_box(m, size)) for m in modes.unbind(1)]
        return torch.stack(each).amax(dim=0).mean()

    for start, targets in starts.items():
        assert overlap(refined("box", start)) > 0.85 > 0.8 > overlap(targets)


def intersection_over_union(a, b):
    corners = torch.maximum(a[:, :2], b[:, :2])
    ends = torch.minimum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:])
    shared = (ends - corners).clamp_min(0).prod(dim=1)
    return shared / (a[:, 2:].prod(dim=1) + b[:, 2:].prod(dim=1) - shared)
