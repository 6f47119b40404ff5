"""Guards shared by every module: one wording for what was expected and what came."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError, display

__all__ = [
    "RandomState",
    "check_integer",
    "check_luminance",
    "check_random_state",
    "check_range",
    "check_scale",
    "seed_from",
]

LARGEST_SEED = 2**63  # of torch
DRAWN_SEEDS = 2**31

RandomState = int | np.integer[Any] | np.random.RandomState | np.random.Generator | None
"""What a parameter `random_state` may be: see `seed_from`."""


def check_scale(scale: float, name: str = "scale") -> float:
    """Return `scale` if it is a finite positive number, else raise `InputError`."""
    is_number = isinstance(scale, int | float | np.number) and not isinstance(scale, bool)
    if not is_number or not 0 < _as_float(scale) < math.inf:
        raise InputError(f"{name}: expected a finite number above 0, received {display(scale)}")
    return scale


def _as_float(value: float) -> float:
    """Return `value` as a float; integers too large for one are infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def check_integer(value: int | np.integer[Any], name: str, minimum: int) -> int:
    """Return `value` if it is an integer of at least `minimum`, else raise `InputError`."""
    is_integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_integer or value < minimum:
        received = display(value)
        raise InputError(f"{name}: expected an integer of at least {minimum}, received {received}")
    return int(value)


def check_random_state(random_state: RandomState) -> None:
    """Raise `InputError` unless `seed_from` takes it; nothing is drawn."""
    if isinstance(random_state, np.random.RandomState | np.random.Generator | None):
        return
    if check_integer(random_state, "random_state", 0) >= LARGEST_SEED:
        raise InputError(f"random_state: expected less than 2^63, received {random_state}")


def seed_from(random_state: RandomState) -> int:
    """Return the seed that a `random_state` stands for, as scikit-learn has it.

    Parameters
    ----------
    random_state : int, RandomState, Generator or None
        An integer is the seed. The others draw one: None by the global state of `numpy.random`.

    Raises
    ------
    InputError
        If it is none of these, a negative integer or one of at least 2^63.
    """
    check_random_state(random_state)
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(DRAWN_SEEDS))
    if random_state is None:
        return int(np.random.randint(DRAWN_SEEDS))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(DRAWN_SEEDS))
    return int(random_state)


def check_luminance(array: NDArray[Any], name: str = "luminance") -> NDArray[np.float32]:
    """Return a float plane [h, w] as float32, or raise `InputError`."""
    array = np.asarray(array)
    if array.ndim != 2 or array.size == 0 or array.dtype.kind != "f":
        raise InputError(
            f"{name}: expected a float array [h, w] in [0, 1], "
            f"received {array.dtype} of shape {array.shape}"
        )
    check_range(array, name)
    return np.asarray(array, dtype=np.float32)


def check_range(array: NDArray[Any], name: str) -> None:
    """Raise `InputError` for floats that cannot be meant to lie in [0, 1], as levels 0..255."""
    low, high = float(array.min()), float(array.max())
    if not (low >= -1 and high <= 2):  # overshoot is fine; NaN fails too
        raise InputError(f"{name}: expected floats in [0, 1], received {low:g} to {high:g}")
