"""Margins of the authors' code of progressive margin loss, and labels' spread in both losses."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn.age.heads.margin import ProgressiveMargin  # noqa: E402

CLASSES, FEATURES = 101, 512
SEEN = FEATURES + 1  # columns of centre and spread within: what tells places and widths
ALL = SEEN + CLASSES
AGES = np.arange(CLASSES)


class Given(torch.nn.Module):
    """In the place of a network: of tables of so many columns it gives what it was given."""

    def __init__(self, outputs):
        super().__init__()
        self.outputs, self.seen = outputs, []

    def forward(self, table):
        self.seen.append(table)
        return torch.from_numpy(self.outputs[table.shape[1]])


@pytest.fixture
def head():
    """A head whose network gives widths of both signs, and changes as large as the bells."""
    rng = np.random.default_rng(0)
    raw = rng.uniform(1, 5, CLASSES) * rng.choice([-1, 1], CLASSES)
    head = ProgressiveMargin(FEATURES, variant="released").double()
    head.margin_network = Given({SEEN: raw, ALL: 3 * rng.normal(size=CLASSES)})
    return head


def margins_of(raw, varying):
    """Return the margins [101, 101] of samples of each age, step by step as they are told."""
    margins = np.empty((CLASSES, CLASSES))
    for age in AGES:
        place = 101 * (raw[age] - raw.min()) / (raw.max() - raw.min())
        bell = np.exp(-((AGES - place) ** 2) / (2 * raw[age] ** 2)) / raw[age] / np.sqrt(2 * np.pi)
        whole = bell + 0.1 * varying
        margins[age] = 0.01 * (whole - np.mean(whole)) / np.std(whole, ddof=1)
    return margins


def test_margins_follow_from_two_outputs_of_one_network(head):
    table, change = torch.randn(2, CLASSES, ALL).double()
    outputs = head.margin_network.outputs
    expected = margins_of(outputs[SEEN], outputs[ALL])
    np.testing.assert_allclose(head.margins(table, change), expected, rtol=1e-6, atol=1e-12)
    first, second = head.margin_network.seen
    assert torch.equal(first, table[:, :513])  # without the distances between classes
    assert torch.equal(second, change)


def test_a_width_of_nothing_gives_finite_margins(head):
    head.margin_network.outputs[SEEN][[3, 50]] = 0.0
    margins = head.margins(*torch.zeros(2, CLASSES, ALL).double())
    assert margins.isfinite().all()
    np.testing.assert_allclose(margins.std(dim=1), 0.01)


def test_the_loss_takes_the_margins_of_each_samples_age_off_all_logits(head):
    logits, y = torch.randn(4, CLASSES).double(), np.array([0.0, 30, 61, 100])
    head.network = Given({FEATURES: logits.numpy()})
    outputs = head.margin_network.outputs
    s = logits.numpy() - margins_of(outputs[SEEN], outputs[ALL])[y.astype(int)]
    p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    q = labels(y, 2.0)
    expected = (q * np.log((q + 1e-300) / p)).sum(axis=1) + np.abs(p @ AGES - y)
    loss = head.loss(torch.randn(4, FEATURES).double(), torch.from_numpy(y))
    assert loss.item() == pytest.approx(expected.mean(), rel=1e-9)


def test_what_varies_is_of_the_batch_though_a_curriculum_ended(head):
    head.network, y = Given({FEATURES: np.zeros((3, CLASSES))}), torch.tensor([20.0, 30, 40])
    head.end_curriculum()
    tables = [head.statistics.table()]
    for _ in range(3):
        head.loss(torch.randn(3, FEATURES).double(), y)
        tables.append(head.statistics.table())
    changes = head.margin_network.seen[1::2]
    for before, after, change in zip(tables, tables[1:], changes, strict=False):
        torch.testing.assert_close(change, after - before)


def labels(y, sigma, normalize=True):
    q = np.exp(-((AGES - y[:, None]) ** 2) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi))
    return q / q.sum(axis=1, keepdims=True) if normalize else q


@pytest.mark.parametrize("variant", ["paper", "released"])
@pytest.mark.parametrize("options", [{}, {"sigma": 3.5}, {"sigma": 1.0, "normalize": False}])
def test_labels_are_as_wide_as_asked_and_sum_to_one_or_not(variant, options):
    head = ProgressiveMargin(CLASSES, variant=variant, **options).double().eval()
    head.network = torch.nn.Identity()  # the features are the logits
    s, y = np.random.default_rng(1).normal(size=(3, CLASSES)), np.array([1.0, 42, 100])
    q = labels(y, **{"sigma": 2.0, **options})
    p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    expected = -(q * np.log(p)).sum(axis=1)
    if variant == "released":
        entropy = -(q * np.log(q + 1e-300)).sum(axis=1)
        expected = expected - entropy + np.abs(p @ AGES - y)
    loss = head.loss(torch.from_numpy(s), torch.from_numpy(y))
    assert loss.item() == pytest.approx(expected.mean(), rel=1e-9)
