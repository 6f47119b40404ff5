"""Losses: the papers' equations, by fixtures and by law."""

import math

import pytest

torch = pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn.age.losses import (  # noqa: E402
    energy_loss,
    expectation,
    gaussian_loss,
    label_distribution,
    label_distribution_loss,
    laplace_loss,
    laplace_vector_loss,
    margin_log_softmax,
    mean_variance_loss,
    softmax_loss,
    sum_of_proposals,
    variance,
)

AGES = torch.arange(101, dtype=torch.float64)


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def random(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_expectation_and_its_gradient():
    assert expectation(torch.zeros(1, 101).double(), AGES).item() == pytest.approx(50)
    logits = torch.full((1, 101), -1e4).double()
    logits[0, 37] = 1e4
    assert expectation(logits, AGES).item() == 37
    logits = random(3, 101).requires_grad_()
    y = expectation(logits, AGES)
    torch.testing.assert_close(expectation(logits + 5.0, AGES), y)
    (slope,) = torch.autograd.grad(y.sum(), logits)
    torch.testing.assert_close(slope, logits.softmax(1) * (AGES - y[:, None]))


def test_variance_is_that_of_the_distribution():
    p = random(2, 101).softmax(1)
    second = (p * AGES**2).sum(1) - (p @ AGES) ** 2
    torch.testing.assert_close(variance(p.log(), AGES), second)


def test_label_distributions():
    for sigma, peak in ((1.0, 1.0000000054), (2.0, 1.0)):
        q = label_distribution(tensor(30.0), AGES, sigma, normalize=False)
        assert q.sum().item() == pytest.approx(peak, abs=1e-9)
    edges = label_distribution(tensor(0.0, 100.0), AGES, 2.0, normalize=False)
    torch.testing.assert_close(edges.sum(1), tensor(0.59973557, 0.59973557), atol=1e-8, rtol=0)
    q = label_distribution(tensor(0.0), AGES, 2.0)
    assert (q @ AGES).item() == pytest.approx(1.30232014, abs=1e-8)
    for sigma, entropy in ((1.0, 1.41893844), (2.0, 2.11208571)):
        q = label_distribution(tensor(30.0), AGES, sigma)[0]
        assert -(q * q.clamp_min(1e-300).log()).sum().item() == pytest.approx(entropy, abs=1e-8)
    per_label = label_distribution(tensor(30.0, 40.0), AGES, tensor(1.0, 2.0))
    torch.testing.assert_close(per_label[1:], label_distribution(tensor(40.0), AGES, 2.0))


def test_label_distribution_loss_is_least_at_the_distribution():
    q = label_distribution(tensor(50.0), AGES, 2.0)
    assert label_distribution_loss(q.log(), tensor(50.0), AGES).item() == pytest.approx(0, abs=1e-9)
    other = label_distribution_loss(random(1, 101), tensor(50.0), AGES)
    assert other.item() > 0


def test_mean_variance_loss_is_its_parts():
    logits, y = random(4, 101), tensor(3.0, 40.2, 99.0, 70.0)
    cross = torch.nn.functional.cross_entropy(logits, torch.tensor([3, 40, 99, 70]))
    torch.testing.assert_close(softmax_loss(logits, y, AGES), cross)
    squares = ((expectation(logits, AGES) - y) ** 2).mean()
    expected = cross + 0.1 * squares + 0.05 * variance(logits, AGES).mean()
    torch.testing.assert_close(mean_variance_loss(logits, y, AGES), expected)


def test_likelihoods_of_three_dimensions():
    y, mean = tensor([1.0, 2.0, 3.0]), tensor([0.5, 2.5, 2.0])
    scale = tensor([0.25, 4.0, 1.0]).log()
    assert gaussian_loss(mean, scale, y).item() == pytest.approx(2.0625)
    assert laplace_vector_loss(mean, scale, y).item() == pytest.approx(1.4361406617)
    with pytest.raises(ValueError, match="one dimension, received 3"):
        laplace_loss(mean, scale, y)


def test_likelihoods_are_those_of_the_distributions():
    mean, scale, y = random(5, 1), random(5, 1, seed=1), random(5, 1, seed=2)
    normal = torch.distributions.Normal(mean, (0.5 * scale).exp())
    expected = -2 * normal.log_prob(y).mean() - math.log(2 * math.pi)
    torch.testing.assert_close(gaussian_loss(mean, scale, y), expected)
    laplace = torch.distributions.Laplace(mean, scale.exp())
    expected = -laplace.log_prob(y).mean() - math.log(2)
    torch.testing.assert_close(laplace_loss(mean, scale, y), expected)


def test_proposals_and_energy_loss():
    sigmas = tensor([0.1], [0.8])
    offsets = tensor([0.0], [0.05], [-0.3], [1.2])
    q = sum_of_proposals(offsets, sigmas)
    expected = tensor(2.2440503273, 2.0091790443, 0.2545686757, 0.0809484973)
    torch.testing.assert_close(q.exp(), expected, atol=1e-9, rtol=0)
    f = tensor([1.0, 0.5, -0.2, 0.3])
    assert energy_loss(tensor(1.0), f, q).item() == pytest.approx(0.7012692374, abs=1e-9)


def test_energy_loss_knows_no_constant_and_does_not_overflow():
    at, samples, q = random(3), random(3, 8, seed=1), random(3, 8, seed=2)
    torch.testing.assert_close(energy_loss(at + 7, samples + 7, q), energy_loss(at, samples, q))
    assert energy_loss(1e4 * at, -1e4 * samples, q).isfinite()


def test_energy_loss_is_exact_where_the_density_is_the_proposals():
    sigmas = tensor([0.1], [20.0])
    for samples in (1, 5, 100):
        offsets = random(samples, 1)
        q = sum_of_proposals(offsets, sigmas)
        at = sum_of_proposals(tensor([0.0]), sigmas)
        loss = energy_loss(at + 2.5, q[None] + 2.5, q)
        assert loss.item() == pytest.approx(-at.item(), abs=1e-12)


def test_energy_loss_approaches_the_likelihood():
    mu, s, sigmas = 0.7, 0.5, tensor([0.3], [2.0])
    component = torch.randint(2, (200_000,), generator=torch.Generator().manual_seed(0))
    offsets = random(200_000, 1) * sigmas[component]
    energy = -((offsets - mu) ** 2) / (2 * s**2)
    loss = energy_loss(tensor(-(mu**2) / (2 * s**2)), energy.T, sum_of_proposals(offsets, sigmas))
    expected = mu**2 / (2 * s**2) + math.log(s * math.sqrt(2 * math.pi))
    assert loss.item() == pytest.approx(expected, abs=0.02)


def test_margins():
    s, m = tensor([1.0, 2.0, 0.5]), tensor([0.2, -0.1, 0.0])
    expected = tensor([0.1975919413, 0.6515644446, 0.1402443832])
    torch.testing.assert_close(margin_log_softmax(s, m).exp(), expected, atol=1e-9, rtol=0)
    y = tensor([0.2, 0.5, 0.3])
    loss = -(y * margin_log_softmax(s, m)).sum()
    assert loss.item() == pytest.approx(1.1278103757, abs=1e-9)
    torch.testing.assert_close(margin_log_softmax(s, 0 * m), s.log_softmax(1))
    big = margin_log_softmax(1e4 * s, m)
    assert big.isfinite().all()
    arguments = random(2, 5).requires_grad_(), random(2, 5, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(margin_log_softmax, arguments)
