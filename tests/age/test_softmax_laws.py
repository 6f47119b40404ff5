"""Losses of softmax heads by their definitions, and the figures of the MORPH faces."""

import pytest

torch = pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn.age.heads import DEX, LabelDistribution, Softmax  # noqa: E402
from sr_arn.age.losses import label_distribution, label_distribution_loss, mean_variance_loss  # noqa: E402
from sr_arn.age.metrics import cumulative_accuracy, epsilon_error, mean_absolute_error  # noqa: E402

AGES = torch.arange(101, dtype=torch.float64)
FACES = [40, 38, 18, 51, 24, 20, 30, 48, 27, 45, 37, 36]
DEX_SAYS = [39.08, 38.80, 19.45, 52.75, 21.84, 18.19, 32.49, 44.75, 23.18, 39.21, 33.15, 44.48]
ARN_SAYS = [39.83, 37.47, 18.88, 52.24, 22.43, 18.03, 32.38, 45.19, 23.71, 40.93, 31.78, 43.51]


@pytest.fixture
def samples():
    """Logits [6, 101] and ages [6]."""
    torch.manual_seed(0)
    return torch.randn(6, 101).double(), 100 * torch.rand(6).double()


@pytest.mark.parametrize("sigma", [1.0, 2.0, 3.5])
@pytest.mark.parametrize("weight", [0.0, 1.0, 2.5])
def test_label_distributions_diverge_and_miss(samples, sigma, weight):
    logits, y = samples
    q = torch.exp(-((AGES - y[:, None]) ** 2) / (2 * sigma**2))
    q = q / q.sum(dim=1, keepdim=True)
    p = logits.softmax(dim=1)
    divergence = torch.where(q > 0, q * (q.clamp_min(1e-300) / p).log(), 0.0).sum(dim=1)
    expected = (divergence + weight * (p @ AGES - y).abs()).mean()
    torch.testing.assert_close(label_distribution(y, AGES, sigma), q)
    loss = label_distribution_loss(logits, y, AGES, sigma, weight)
    torch.testing.assert_close(loss, expected)


def test_the_weights_are_those_of_pan_halved(samples):
    logits, y = samples
    p = logits.softmax(dim=1)
    mean = p @ AGES
    second = (p * (AGES - mean[:, None]) ** 2).sum(dim=1)
    cross = -p[torch.arange(6), y.round().long()].log().mean()
    pan = cross + 0.2 * ((mean - y) ** 2 / 2).mean() + 0.05 * second.mean()
    torch.testing.assert_close(mean_variance_loss(logits, y, AGES), pan)


def test_heads_have_the_losses_of_their_names(samples):
    logits, y = samples
    heads = {
        "dex": DEX(101),
        "ldl": LabelDistribution(101, sigma=3.0, weight=0.5),
        "mean-variance": Softmax(101),
    }
    for head in heads.values():
        head.double().network = torch.nn.Identity()  # the features are the logits
    expected = {
        "dex": torch.nn.functional.cross_entropy(logits, y.round().long()),
        "ldl": label_distribution_loss(logits, y, AGES, 3.0, 0.5),
        "mean-variance": mean_variance_loss(logits, y, AGES),
    }
    for name, head in heads.items():
        torch.testing.assert_close(head.loss(logits, y), expected[name])
        torch.testing.assert_close(head.predict(logits)[:, 0], logits.softmax(dim=1) @ AGES)


def test_figures_of_the_morph_faces():
    assert mean_absolute_error(FACES, DEX_SAYS) == pytest.approx(3.0475)
    assert mean_absolute_error(FACES, ARN_SAYS) == pytest.approx(2.6366666667)
    assert cumulative_accuracy(FACES, DEX_SAYS, 3) == pytest.approx(7 / 12)
    assert cumulative_accuracy(FACES, ARN_SAYS, 3) == pytest.approx(8 / 12)


def test_a_miss_by_sigmas():
    errors = [epsilon_error([40.0], [40.0 + 3 * k], [3.0]) for k in (0, 1, 2)]
    assert errors == pytest.approx([0, 0.3934693403, 0.8646647168])
