"""Metrics of ages: the papers' own figures."""

import pytest

from sr_arn import InputError

pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn.age.metrics import cumulative_accuracy, epsilon_error, mean_absolute_error

LAP = [20, 76, 18, 27, 21, 42, 65, 17, 30, 34, 8, 32]
LAP_DEX = [20.83, 78.20, 18.00, 29.58, 22.06, 41.22, 67.28, 19.89, 32.83, 39.50, 16.80, 38.66]
LAP_ARN = [20.15, 76.55, 18.86, 28.25, 22.61, 44.07, 67.57, 20.23, 33.82, 38.81, 14.20, 41.71]


def test_figures_of_the_arn_paper():
    assert mean_absolute_error(LAP, LAP_DEX) == pytest.approx(3.0341666667)
    assert mean_absolute_error(LAP, LAP_ARN) == pytest.approx(3.0691666667)
    assert cumulative_accuracy(LAP, LAP_DEX, 3) == pytest.approx(0.75)
    assert cumulative_accuracy(LAP, LAP_ARN, 3) == pytest.approx(7 / 12)
    assert cumulative_accuracy(LAP, LAP_DEX, 5) == pytest.approx(0.75)
    assert cumulative_accuracy(LAP, LAP_ARN, 5) == pytest.approx(10 / 12)


def test_epsilon_error():
    error = epsilon_error([20, 30, 40], [20, 32, 46], [2, 2, 3])
    assert error == pytest.approx(0.4193780190)
    assert epsilon_error([1.0], [1.0], [0]) == 0
    assert epsilon_error([1.0], [1.1], [0]) == 1
    assert epsilon_error([0.0], [2.0], [1.0]) == pytest.approx(0.8646647168)


def test_an_error_of_just_so_many_years():
    assert cumulative_accuracy([20.0, 30.0], [23.0, 30.0], 3) == 1
    assert cumulative_accuracy([20.0, 30.0], [23.0, 30.0], 3, strict=True) == 0.5


@pytest.mark.parametrize(
    ("target", "estimate"), [([], []), ([1], [1, 2]), ([[1]], [[1]]), ([1], [float("nan")])]
)
def test_what_cannot_be_is_told(target, estimate):
    with pytest.raises(InputError, match="ages: expected"):
        mean_absolute_error(target, estimate)
