"""Energy-based densities and other likelihoods of DCTD: exact identities, step by step."""

import math

import pytest

torch = pytest.importorskip("torch", reason='needs the extra "torch"')

from torch import distributions  # noqa: E402

from sr_arn.age import ascend, climb  # noqa: E402
from sr_arn.age.heads import Direct, EnergyDensity, Gaussian, Softmax  # noqa: E402
from sr_arn.age.losses import energy_loss, laplace_vector_loss, sum_of_proposals  # noqa: E402

SIGMAS = ((0.1, 1.0, 2.0), (20.0, 3.0, 0.5))  # of each component, along each dimension


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("samples", [1, 7, 64])
def test_the_loss_of_a_head_is_exact_where_its_density_is_the_proposals(samples):
    head = EnergyDensity(4, 3, SIGMAS, samples, hidden=(8,)).double()
    x, y = torch.randn(5, 4).double(), 10 * torch.randn(5, 3).double()
    head.energy = lambda _, at: sum_of_proposals(at - y[:, None], head.sigmas) + 2.5
    expected = -sum_of_proposals(torch.zeros(3).double(), head.sigmas)
    for _ in range(3):  # whatever is drawn
        torch.testing.assert_close(head.loss(x, y), expected)


def test_the_target_itself_is_no_sample():
    head = EnergyDensity(4, 3, SIGMAS, 5, hidden=(8,)).double()
    x, y = torch.randn(2, 4).double(), torch.randn(2, 3).double()
    torch.manual_seed(1)
    offsets = head._offsets(y)
    assert offsets.shape == (5, 3)
    f = head.energy(x, y[:, None] + offsets) - sum_of_proposals(offsets, head.sigmas)
    expected = f.exp().mean(dim=1).log() - head.energy(x, y[:, None])[:, 0]
    torch.manual_seed(1)
    torch.testing.assert_close(head.loss(x, y), expected.mean())


def test_proposals_are_a_mixture_whose_components_all_dimensions_share():
    sigmas, offsets = torch.tensor(SIGMAS).double(), 3 * torch.randn(50, 3).double()
    component = distributions.Independent(
        distributions.Normal(torch.zeros(2, 3).double(), sigmas), 1
    )
    weights = distributions.Categorical(torch.ones(2).double())
    mixture = distributions.MixtureSameFamily(weights, component)
    torch.testing.assert_close(sum_of_proposals(offsets, sigmas), mixture.log_prob(offsets))


def test_offsets_are_drawn_from_the_proposals():
    head = EnergyDensity(4, 3, ((1e-6, 2e-6, 3e-6), (1e6, 2e6, 3e6)), 20_000, hidden=(8,))
    offsets = head._offsets(torch.zeros(2, 3))
    near = offsets.abs() < 1e-3
    assert torch.equal(near.all(dim=1), near.any(dim=1))
    assert near[:, 0].float().mean().item() == pytest.approx(0.5, abs=0.02)
    for part, spread in ((near[:, 0], head.sigmas[0]), (~near[:, 0], head.sigmas[1])):
        torch.testing.assert_close(offsets[part].std(dim=0), spread, rtol=0.05, atol=0)


def test_the_gradient_weighs_samples_by_their_share():
    at, samples, q = (torch.randn(*shape).double() for shape in ((3,), (3, 8), (3, 8)))
    at.requires_grad_(), samples.requires_grad_()
    energy_loss(at, samples, q).backward()
    torch.testing.assert_close(samples.grad, (samples - q).softmax(dim=1).detach() / 3)
    torch.testing.assert_close(at.grad, torch.full((3,), -1 / 3).double())


def hills(y):
    return (torch.sin(3 * y) - 0.1 * y**2).sum(dim=1)


def at(y):
    """Return height and slope of `hills` at one point [d], the slope by its formula."""
    return hills(y[None])[0], 3 * torch.cos(3 * y) - 0.2 * y


def ascended(y, step, steps, decay):
    """Algorithm 1 for one element, as it is written."""
    for _ in range(steps):
        candidate = y + step * at(y)[1]
        if at(candidate)[0] > at(y)[0]:
            y = candidate
        else:
            step = decay * step
    return y


def climbed(y, step, steps, least_change, largest_fall, revert):
    """Algorithm S1 for one element, as it is written."""
    for _ in range(steps):
        before, y = y, y + step * at(y)[1]
        change = at(y)[0] - at(before)[0]
        if change < largest_fall:
            return before if revert else y
        if abs(change) < least_change:
            return y
    return y


@pytest.mark.parametrize("decay", [0.2, 0.5])
@pytest.mark.parametrize("step", [(0.02, 0.1), (0.3, 0.6), (2.0, 1.0)])
def test_algorithm_1_is_each_element_by_itself(step, decay):
    starts, step = 4 * torch.randn(40, 2).double(), torch.tensor(step).double()
    previous = hills(starts)
    for steps in (0, 1, 2, 3, 8):
        expected = torch.stack([ascended(y, step, steps, decay) for y in starts])
        found = ascend(hills, starts, step=step, steps=steps, decay=decay)
        torch.testing.assert_close(found, expected)
        assert (hills(found) >= previous).all()
        previous = hills(found)


@pytest.mark.parametrize("revert", [False, True])
@pytest.mark.parametrize("step", [0.02, 0.1, 0.3, 1.0])
def test_algorithm_s1_is_each_element_by_itself(step, revert):
    starts = 4 * torch.randn(40, 2).double()
    for steps in (0, 1, 2, 3, 8):
        expected = [climbed(y, step, steps, 1e-2, -1e-1, revert) for y in starts]
        found = climb(
            hills,
            starts,
            step=step,
            steps=steps,
            least_change=1e-2,
            largest_fall=-1e-1,
            revert=revert,
        )
        torch.testing.assert_close(found, torch.stack(expected))


def test_refinement_leaves_its_start_alone():
    starts = torch.randn(6, 2).double()
    kept = starts.clone()
    for algorithm in (ascend, climb):
        assert not algorithm(hills, starts, step=0.1).requires_grad
        assert torch.equal(starts, kept)


def test_a_residual_of_nothing_has_a_finite_gradient():
    mean, scale = torch.zeros(2, 3, requires_grad=True), torch.zeros(2, 3, requires_grad=True)
    laplace_vector_loss(mean, scale, torch.zeros(2, 3)).backward()
    assert not mean.grad.any()
    torch.testing.assert_close(scale.grad, torch.full((2, 3), 0.5))


def test_parameters_of_heads_of_poses():
    def count(*heads):
        return sum(p.numel() for head in heads for p in head.parameters())

    assert count(Direct(2048, 3, hidden=2048)) == 4_202_499
    assert count(Gaussian(2048, 3, hidden=2048)) == 8_404_998
    angles = torch.arange(-75.0, 76)
    assert count(*(Softmax(2048, angles, hidden=2048) for _ in range(3))) == 13_517_253


def test_a_gaussian_is_reached_from_any_proposals():
    mean, width, count = 0.7, 0.5, 100_000
    expected = mean**2 / (2 * width**2) + math.log(width * math.sqrt(2 * math.pi))
    for sigmas in ((0.5, 2.0), (1.0,), (0.2, 1.0, 4.0)):
        head = EnergyDensity(1, 1, sigmas, count, hidden=(2,)).double()
        head.energy = lambda _, y: -((y[..., 0] - mean) ** 2) / (2 * width**2)
        loss = head.loss(torch.zeros(1, 1).double(), torch.zeros(1).double())
        assert loss.item() == pytest.approx(expected, abs=0.02)
