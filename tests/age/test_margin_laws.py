"""Progressive margin loss: the laws that statistics, margins and both losses obey."""

import pytest

torch = pytest.importorskip("torch", reason='needs the extra "torch"')

from torch.distributions import Normal  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from sr_arn.age.heads import margin  # noqa: E402
from sr_arn.age.heads.margin import ClassStatistics, ProgressiveMargin  # noqa: E402
from sr_arn.age.losses import label_distribution, margin_log_softmax  # noqa: E402

VARIANTS = ["paper", "released"]
CLASSES = torch.arange(101)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def head_of(variant, **options):
    return ProgressiveMargin(160, variant=variant, **options)


def samples(n=9):
    return torch.randn(n, 160), 100 * torch.rand(n)


def given_logits(variant, margins):
    """Return a head whose features are its logits, and whose margins are given."""
    head = ProgressiveMargin(101, variant=variant).double()
    head.network = torch.nn.Identity()
    head.margins = lambda now, change: margins
    return head


def test_a_row_of_margins_does_not_sum_to_one():
    s, m = torch.tensor([[1.0, 2.0, 0.5]]).double(), torch.tensor([[0.2, -0.1, 0.0]]).double()
    assert margin_log_softmax(s, m).exp().sum().item() == pytest.approx(0.9894007691)
    y = torch.tensor([[0.2, 0.5, 0.3]]).double()
    cross = -(y * margin_log_softmax(s, 0 * m)).sum()
    assert cross.item() == pytest.approx(1.1143687841)
    assert (cross + (y * y.log()).sum()).item() == pytest.approx(0.0847157700)


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_loss_is_below_that_of_the_label_distribution(variant):
    y = 100 * torch.rand(5).double()
    q = label_distribution(y, CLASSES.double()).clamp_min(1e-300)
    head = given_logits(variant, torch.zeros(101, 101).double())
    least = {"paper": -(q * q.log()).sum(dim=1).mean(), "released": (q @ CLASSES.double() - y)}
    least["released"] = least["released"].abs().mean()  # an edge's expectation is off its age
    torch.testing.assert_close(head.loss(q.log(), y), least[variant])
    for scale in (0.1, 1.0, 10.0):
        off = q.log().clamp_min(-40) + scale * torch.randn(5, 101)
        divergence = F.kl_div(off.log_softmax(dim=1), q, reduction="batchmean")
        assert divergence > 0
        if variant == "paper":
            torch.testing.assert_close(head.loss(off, y), least["paper"] + divergence)


def test_the_released_loss_is_one_softmax_of_logits_less_margins():
    s, y, margins = torch.randn(5, 101).double(), 100 * torch.rand(5), torch.randn(101, 101)
    head = given_logits("released", margins.double())
    p = (s - margins[y.round().long()]).softmax(dim=1)
    q = label_distribution(y.double(), CLASSES.double())
    divergence = torch.where(q > 0, q * (q.clamp_min(1e-300) / p).log(), 0).sum(dim=1)
    expected = (divergence + (p @ CLASSES.double() - y).abs()).mean()
    torch.testing.assert_close(head.loss(s, y), expected)
    small, m = torch.tensor([1.0, 2.0, 0.5]), torch.tensor([0.2, -0.1, 0.0])
    expected = torch.tensor([0.1848389583, 0.6782289736, 0.1369320682])
    torch.testing.assert_close((small - m).softmax(dim=0), expected)


@pytest.mark.parametrize("variant", VARIANTS)
def test_evaluation_has_no_margins_and_changes_nothing(variant):
    s, y = torch.randn(5, 101).double(), 100 * torch.rand(5).double()
    with_margins = given_logits(variant, torch.randn(101, 101).double())
    without = given_logits(variant, torch.zeros(101, 101).double())
    assert with_margins.loss(s, y) != without.loss(s, y)
    state = {name: value.clone() for name, value in with_margins.state_dict().items()}
    torch.testing.assert_close(with_margins.eval().loss(s, y), without.loss(s, y))
    for name, value in with_margins.state_dict().items():
        assert torch.equal(value, state[name])


@pytest.mark.parametrize("order", range(3))
def test_with_euclidean_distances_the_spread_is_the_sum_of_squares(monkeypatch, order):
    monkeypatch.setattr(margin, "cosine_distance", lambda a, b: (a - b).norm(dim=-1))
    x, classes = torch.randn(60, 5).double(), torch.randint(4, (60,))
    rows = torch.randperm(60, generator=torch.Generator().manual_seed(order))
    whole, mean = (ClassStatistics(5, 4, mean).double() for mean in (False, True))
    for statistics in (whole, mean):
        statistics.update(x[rows], classes[rows])
    parts = [x[classes == k] for k in range(4)]
    squares = torch.stack([(part - part.mean(dim=0)).square().sum() for part in parts])
    counts = torch.tensor([len(part) for part in parts]).double()
    torch.testing.assert_close(whole.spread, squares)
    torch.testing.assert_close(whole.table()[:, 5], squares)
    torch.testing.assert_close(mean.table()[:, 5], squares / counts)


def test_classes_that_do_not_come_stay_and_a_reset_clears_all():
    statistics = ClassStatistics(5, 4)
    statistics.update(torch.randn(30, 5), torch.randint(4, (30,)))
    before = {name: value.clone() for name, value in statistics.state_dict().items()}
    statistics.update(torch.randn(7, 5), torch.tensor([2, 2, 0, 2, 0, 0, 2]))
    for name, value in statistics.state_dict().items():
        assert torch.equal(value[[1, 3]], before[name][[1, 3]])
        assert (value[[0, 2]] != before[name][[0, 2]]).all()
    statistics.reset()
    assert not any(value.any() for value in statistics.state_dict().values())


def test_nothing_changes_where_every_sample_is_its_centre():
    head, seen = ProgressiveMargin(6), []
    head.margins = lambda now, change: seen.append(change.abs().max()) or torch.zeros(101, 101)
    x, y = torch.randn(4, 6), torch.tensor([3.0, 20, 44, 99])
    for _ in range(3):
        head.loss(x, y)
    head.end_curriculum()
    head.loss(x, y)
    assert seen[0] > 0.5
    assert max(seen[1:]) < 1e-6
    head.loss(-x, y)
    assert seen[-1] > 0.1


def test_rows_of_the_ordinal_margin_are_normal_densities():
    head = ProgressiveMargin(6, ordinal_weight=0.3, variational_weight=0.0)
    head.statistics.update(torch.randn(200, 6), torch.randint(101, (200,)))
    with torch.no_grad():
        head.ordinal[2].weight.mul_(5)
        table = head.statistics.table()
        place, width = head.ordinal(table).unbind(dim=1)
        mean, sigma = 100 * place.sigmoid(), 0.5 + (1 + width.exp()).log()
        rows = head.margins(table, torch.randn_like(table))
    assert mean.std() > 1
    expected = Normal(mean[:, None], sigma[:, None]).log_prob(CLASSES.float()).exp()
    torch.testing.assert_close(rows, 0.3 * expected)


def test_the_variational_margin_is_one_number_for_each_class():
    head = ProgressiveMargin(6, ordinal_weight=0.0, variational_weight=0.2)
    change = torch.randn(101, 6 + 1 + 101)
    margins = head.margins(torch.randn_like(change), change)
    expected = 0.2 * head.variational(change)[:, 0]
    torch.testing.assert_close(margins, expected.expand(101, 101))


@pytest.mark.parametrize("variant", VARIANTS)
def test_margins_do_not_depend_on_the_backbone(variant):
    head, seen = head_of(variant), []
    kept = head.margins
    head.margins = lambda *tables: seen.extend([*tables, kept(*tables)]) or seen[-1]
    x, y = samples()
    head.loss(x.requires_grad_(), y).backward()
    now, change, margins = seen
    assert not any(table.requires_grad for table in (now, change))
    (slope,) = torch.autograd.grad(kept(now, change).square().sum(), x, allow_unused=True)
    assert slope is None
    assert margins.requires_grad  # it is the margins' own networks that learn
    assert x.grad.any()
