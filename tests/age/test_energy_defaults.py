"""Energy-based densities: the papers' numbers, where none are given."""

import pytest

torch = pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn.age import ascend, climb, refine  # noqa: E402
from sr_arn.age.boxes import DETECTION, TRACKING  # noqa: E402
from sr_arn.age.heads import EnergyDensity  # noqa: E402


def column(*values):
    return torch.tensor(values, dtype=torch.float64)[:, None]


def slope(*rates):
    return lambda y: torch.tensor(rates, dtype=torch.float64) * y[:, 0]


def bowl(curvature, middle=0.0):
    return lambda y: -curvature * (y[:, 0] - middle) ** 2 / 2


def test_proposals_of_boxes_and_of_ages():
    assert (DETECTION.sigmas, DETECTION.samples) == ((0.05, 0.1, 0.2), 128)
    assert (TRACKING.sigmas, TRACKING.samples) == ((0.05, 0.5), 128)
    torch.testing.assert_close(EnergyDensity(8).sigmas, torch.tensor([[0.1], [20.0]]))
    assert EnergyDensity(8)._offsets(torch.zeros(2, 1)).shape == (1024, 1)


def test_parameters_of_what_a_target_goes_through_by_itself():
    assert sum(p.numel() for p in EnergyDensity(2048).of_target.parameters()) == 11_008


def test_algorithm_1_takes_ten_steps_of_a_tenth_that_halve_where_they_fail():
    torch.testing.assert_close(ascend(slope(2.0), column(0, 5)), column(2, 7))
    # at first to -16, which is lower; then nine times half as far, to -1/2 of where it was
    assert ascend(bowl(30), column(8)).item() == pytest.approx(8 * (-0.5) ** 9)


def test_algorithm_s1_takes_five_steps_of_three():
    assert climb(slope(2.0), column(1)).item() == pytest.approx(1 + 5 * 3 * 2)


def test_algorithm_s1_ends_after_a_change_below_a_thousandth():
    # a step of 3 k changes the height by 3 k^2: 0.00097 and 0.00103
    found = climb(slope(0.018, 0.0185), column(0, 0))
    torch.testing.assert_close(found, column(3 * 0.018, 15 * 0.0185))


def test_algorithm_s1_ends_after_a_fall_of_a_hundredth_and_keeps_it():
    # each step leads from y to -2 y and lowers the height by 1.5 y^2: 0.0096, then 0.038; 0.0108
    found = climb(bowl(1), column(0.08, 0.085))
    torch.testing.assert_close(found, column(0.32, -0.17))


def test_refinement_is_algorithm_s1_unless_told_otherwise():
    head = EnergyDensity(4, hidden=(2,))
    head.energy = lambda _, y: bowl(1 / 6, 3)(y[:, 0])[:, None]
    found = refine(head, torch.zeros(2, 4), column(0, 6))
    torch.testing.assert_close(found, column(3 - 3 / 32, 3 + 3 / 32))  # each step halves the way
    found = refine(head, torch.zeros(1, 4), column(0), algorithm=ascend, step=6.0)
    assert found.item() == pytest.approx(3)


def test_boxes_climb_as_in_detection_and_in_tracking():
    head = EnergyDensity(4, 4, hidden=(2,))
    head.energy = lambda _, y: (y[:, 0] @ torch.tensor([2.0, 2, 2, 2]))[:, None]
    start = torch.zeros(1, 4)
    place, size = 10 * 2 * 1e-4, 10 * 2 * 4e-4  # ten steps of lambda times the slope
    found = refine(
        head, torch.zeros(1, 4), start, algorithm=DETECTION.algorithm, **DETECTION.options
    )
    torch.testing.assert_close(found, torch.tensor([[place, place, size, size]]))
    place, size = 10 * 2 * 2e-4, 10 * 2 * 1e-3
    found = refine(head, torch.zeros(1, 4), start, algorithm=TRACKING.algorithm, **TRACKING.options)
    torch.testing.assert_close(found, torch.tensor([[place, place, size, size]]))
    head.energy = lambda _, y: -1e4 * y[:, 0].square().sum(dim=1, keepdim=True)  # ever lower
    found = refine(
        head, torch.zeros(1, 4), start + 1, algorithm=TRACKING.algorithm, **TRACKING.options
    )
    torch.testing.assert_close(found, torch.tensor([[(-3.0) ** 10] * 2 + [(-19.0) ** 10] * 2]))
