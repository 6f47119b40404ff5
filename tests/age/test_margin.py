"""Progressive margin loss: statistics, margins, curricula, by the paper's laws."""

from itertools import pairwise

import pytest

torch = pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn import InputError  # noqa: E402
from sr_arn.age.heads.margin import ClassStatistics, ProgressiveMargin, cosine_distance, curricula  # noqa: E402
from sr_arn.age.losses import label_distribution, margin_log_softmax  # noqa: E402


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def stream():
    return torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [-1.0, 2.0]])


def test_statistics_sample_by_sample():
    statistics = ClassStatistics(2, 3)
    centres = [[1, 0], [0.5, 0.5], [0.6667, 0.6667], [0.25, 1]]
    spreads = [0, 0.2928932188, 0.2928932188, 0.4575068696]
    for x, centre, spread in zip(stream(), centres, spreads, strict=True):
        statistics.update(x[None], torch.tensor([1]))
        torch.testing.assert_close(
            statistics.centres[1], torch.tensor(centre).float(), atol=1e-4, rtol=0
        )
        assert statistics.spread[1].item() == pytest.approx(spread, abs=1e-6)
    assert statistics.counts.tolist() == [0, 4, 0]
    assert not statistics.centres[0].any()


def test_a_running_mean_is_the_mean_for_any_order_and_any_batches():
    x, classes = torch.randn(60, 5), torch.randint(4, (60,))
    expected = torch.stack([x[classes == k].mean(0) for k in range(4)])
    for parts in (1, 7, 60):
        statistics, order = ClassStatistics(5, 4), torch.randperm(60)
        for rows in order.chunk(parts):
            statistics.update(x[rows], classes[rows])
        torch.testing.assert_close(statistics.centres, expected, atol=1e-5, rtol=1e-5)


def test_distances_between_classes():
    statistics = ClassStatistics(5, 4)
    statistics.update(torch.randn(30, 5), torch.randint(3, (30,)))
    psi = statistics.between()
    torch.testing.assert_close(psi, psi.T)
    assert not psi.diagonal().any()
    assert 0 <= psi.min() <= psi.max() <= 2
    assert (psi[3, :3] == 1).all()  # a class that was not seen
    assert statistics.table().shape == (4, 5 + 1 + 4)
    assert cosine_distance(torch.tensor([1.0, 0]), torch.tensor([-2.0, 0])).item() == 2


def test_without_margins_it_is_soft_cross_entropy():
    head, x, y = ProgressiveMargin(6).eval(), torch.randn(5, 6), torch.rand(5) * 80
    q = label_distribution(y, head.values)
    expected = -(q * head.network(x).log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(head.loss(x, y), expected)
    head.train()
    head.ordinal_weight = head.variational_weight = 0.0
    torch.testing.assert_close(head.loss(x, y), expected)
    assert head.statistics.counts.sum() == 5


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_margins_learn_and_do_not_reach_the_backbone(variant):
    features = 6 if variant == "paper" else 160  # the released network halves them often
    head = ProgressiveMargin(features, variant=variant)
    x, y = torch.randn(12, features, requires_grad=True), torch.rand(12) * 80
    head.loss(x, y).backward()
    own = "ordinal" if variant == "paper" else "margin_network"
    assert all(p.grad is not None for n, p in head.named_parameters() if n.startswith(own))
    with torch.no_grad():
        classes = y.round().long()
        now = head.statistics.table()
        margins = head.margins(now, 0 * now)[classes]
    detached = x.detach().clone().requires_grad_()
    if variant == "paper":  # the same, the margins being constants
        head.eval()
        q = label_distribution(y, head.values)
        loss = -(q * margin_log_softmax(head.network(detached), margins)).sum(1).mean()
        loss.backward()
        # the change of the first step is of V itself, which is small in the logits
        torch.testing.assert_close(x.grad, detached.grad, atol=2e-3, rtol=0.1)
    else:
        torch.testing.assert_close(margins.mean(1), torch.zeros(12), atol=1e-6, rtol=0)
        torch.testing.assert_close(margins.std(1), torch.full((12,), 0.01))


def test_rows_of_the_ordinal_margin_are_bells():
    head = ProgressiveMargin(6, ordinal_weight=1.0, variational_weight=0.0)
    head.loss(torch.randn(40, 6), torch.rand(40) * 80)
    table = head.statistics.table()
    rows = head.margins(table, 0 * table)
    logs = rows.clamp_min(1e-30).log()
    second = logs.diff(n=2, dim=1)[:, 45:50]  # of a parabola, constant
    torch.testing.assert_close(second, second[:, :1].expand(-1, 5), atol=1e-3, rtol=0.05)


def test_change_is_since_the_last_curriculum():
    head, x, y = ProgressiveMargin(6), torch.randn(9, 6), torch.rand(9) * 80
    seen = []
    head.margins = lambda now, change: seen.append(change.clone()) or torch.zeros(101, 101)
    head.loss(x, y)
    first = head.statistics.table().clone()
    head.end_curriculum()
    head.loss(x + 1, y)
    second = head.statistics.table().clone()
    head.loss(x - 1, y)
    torch.testing.assert_close(seen[0][:, :6], first[:, :6])
    torch.testing.assert_close(seen[1], second - first)
    torch.testing.assert_close(seen[2], head.statistics.table() - first)


def test_parameters_of_the_released_network():
    head = ProgressiveMargin(512, variant="released")
    assert sum(p.numel() for p in head.margin_network.parameters()) == 1_661_541
    assert head.statistics.table().shape == (101, 614)


def test_curricula():
    counts = torch.tensor([5, 0, 40, 12, 7, 100, 33, 2, 18, 60, 9])
    classes = torch.repeat_interleave(torch.arange(11), counts)
    parts = curricula(classes)
    sizes = counts[counts > 0].sort().values
    for share, part in zip((0.2, 0.4, 0.6, 0.8, 1.0), parts, strict=True):
        whole = int(share * 10 + 1e-9)
        most = sizes[whole - 1]
        assert len(part) == sizes[:whole].sum() + most * (10 - whole)
        found = torch.bincount(classes[part], minlength=11)
        assert torch.equal(found, counts.clamp_max(most))
    for small, large in pairwise(parts):
        assert set(small.tolist()) < set(large.tolist())
    assert torch.equal(parts[-1], torch.arange(len(classes)))
    assert all(torch.equal(a, b) for a, b in zip(parts, curricula(classes), strict=True))
    assert not torch.equal(parts[0], curricula(classes, seed=1)[0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ProgressiveMargin(4, variant="other"), "variant: expected paper or released"),
        (lambda: curricula(torch.tensor([1]), (0.5, 0.4)), "shares that rise"),
        (lambda: curricula(torch.tensor([], dtype=torch.long)), "expected samples"),
    ],
)
def test_what_cannot_be_is_told(make, message):
    with pytest.raises(InputError, match=message):
        make()
