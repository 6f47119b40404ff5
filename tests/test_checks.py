"""Guards that every room shares."""

import numpy as np
import pytest

from sr_arn import InputError
from sr_arn.checks import check_random_state, seed_from
from sr_arn.regressors import APlusRegressor, GlobalARNRegressor


def test_an_integer_is_the_seed():
    assert seed_from(3) == seed_from(np.int64(3)) == 3


@pytest.mark.parametrize("kind", [np.random.RandomState, np.random.default_rng])
def test_a_state_is_asked_for_a_seed_each_time(kind):
    state = kind(0)
    seeds = [seed_from(state), seed_from(state)]
    assert seeds[0] != seeds[1]
    state = kind(0)
    check_random_state(state)  # draws nothing
    assert seeds == [seed_from(state), seed_from(state)]


def test_none_is_the_global_state_of_numpy():
    kept = np.random.get_state()
    try:
        np.random.seed(5)
        first = seed_from(None)
        assert first != seed_from(None)
        np.random.seed(5)
        assert first == seed_from(None)
    finally:
        np.random.set_state(kept)


@pytest.mark.parametrize("wrong", [-1, 1.5, "a", True, 2**63])
def test_refuses_other_states(wrong):
    with pytest.raises(InputError, match=r"^random_state: expected "):
        seed_from(wrong)


@pytest.mark.parametrize("regressor", [APlusRegressor, GlobalARNRegressor])
def test_regressors_take_a_state_as_scikit_learn_does(regressor):
    X = np.random.default_rng(0).normal(size=(300, 3))

    def anchors(state):
        return regressor(8, random_state=state).fit(X, X).anchors_

    state = np.random.RandomState(0)
    first, second = anchors(state), anchors(state)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, anchors(np.random.RandomState(0)))
    np.testing.assert_array_equal(first, anchors(seed_from(np.random.RandomState(0))))
    anchors(None)
