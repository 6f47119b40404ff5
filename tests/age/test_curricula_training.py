"""Progressive margins trained curriculum by curriculum, as the paper's algorithm 1 has it."""

from itertools import pairwise

import pytest

torch = pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn.age.heads.margin import ProgressiveMargin, curricula  # noqa: E402

FEATURES, CLASSES, EPOCHS = 5, 21, 8
AGES = torch.tensor([2.0, 6, 10, 14, 18])
COUNTS = torch.tensor([100, 60, 30, 12, 5])  # a long tail


@pytest.fixture(scope="module")
def trained():
    """Return losses without margins before and after each curriculum, tables and changes."""
    torch.manual_seed(0)
    y = AGES.repeat_interleave(COUNTS)
    x = 2 * torch.eye(5).repeat_interleave(COUNTS, dim=0) + 0.3 * torch.randn(len(y), FEATURES)
    head, seen = ProgressiveMargin(FEATURES, torch.arange(float(CLASSES)), sigma=1.0), []
    margins = head.margins
    head.margins = lambda now, change: seen.append((now, change)) or margins(now, change)
    optimiser = torch.optim.Adam(head.parameters(), 0.01)
    losses, tables = [head.eval().loss(x, y).item()], []
    for part in curricula(y.long()):
        head.train()
        for _ in range(EPOCHS):
            head.begin_epoch()
            for rows in part[torch.randperm(len(part))].chunk(2):
                optimiser.zero_grad()
                head.loss(x[rows], y[rows]).backward()
                optimiser.step()
        tables.append(head.statistics.table())
        head.end_curriculum()
        losses.append(head.eval().loss(x, y).item())
    return losses, tables, seen


def test_each_curriculum_lowers_the_loss(trained):
    losses, *_ = trained
    assert all(after < before for before, after in pairwise(losses))
    assert 0 < losses[-1] < 0.7 * losses[0]


def test_in_the_first_curriculum_margins_vary_with_each_batch(trained):
    *_, seen = trained
    first = seen[: 2 * EPOCHS]
    for (now, change), (later, later_change) in zip(first[::2], first[1::2], strict=True):
        torch.testing.assert_close(change, now - blank())  # statistics begin anew in each epoch
        torch.testing.assert_close(later_change, later - now)


def blank():
    """Return V of no samples: unknown classes are at a distance of 1."""
    table = torch.zeros(CLASSES, FEATURES + 1 + CLASSES)
    table[:, FEATURES + 1 :] = 1 - torch.eye(CLASSES)
    return table


def test_from_the_second_on_with_what_the_last_curriculum_left(trained):
    _, tables, seen = trained
    assert len(seen) == 2 * EPOCHS * 5
    for number, frozen in enumerate(tables[:-1], 1):
        for now, change in seen[2 * EPOCHS * number : 2 * EPOCHS * (number + 1)]:
            torch.testing.assert_close(change, now - frozen)
            assert change.abs().max() > 0.01
