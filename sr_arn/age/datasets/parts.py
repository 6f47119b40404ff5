"""Parts of a data set: for training, for validation, for testing."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from sr_arn.age.datasets.faces import Faces
from sr_arn.checks import check_integer
from sr_arn.errors import InputError, display

__all__ = ["Split", "check_fold", "check_split", "hold_out", "train_or_validation"]

Split = Literal["train", "validation", "test"]


def check_split(split: str) -> None:
    """Raise `InputError` unless it names a part."""
    splits = get_args(Split)
    if split not in splits:
        raise InputError(f"split: expected {', '.join(splits)}, received {display(split)}")


def check_fold(fold: int, folds: int) -> int:
    """Return the number of a fold, counted from 0, or raise `InputError`."""
    if check_integer(fold, "fold", 0) >= folds:
        raise InputError(f"fold: expected 0 to {folds - 1}, received {fold}")
    return int(fold)


def hold_out(
    count: int, validation: int | float, seed: int, stream: Sequence[int] = ()
) -> NDArray[np.bool_]:
    """Return which of so many are held out for validation, [count].

    Parameters
    ----------
    count : int
    validation : int or float
        How many, or a share below 1.
    seed : int
    stream : sequence of int, default ()
        Keeps what is drawn here apart from other draws of the seed.

    Raises
    ------
    InputError
        If none would be left.
    """
    if isinstance(validation, float) and 0 < validation < 1:
        number = round(validation * count)
    else:
        number = check_integer(validation, "validation", 0)  # type: ignore[arg-type]  # no float passes
    if number >= count:
        raise InputError(f"validation: expected fewer than {count}, received {number}")
    held = np.zeros(count, bool)
    rng = np.random.default_rng([check_integer(seed, "seed", 0), *stream])
    held[rng.permutation(count)[:number]] = True
    return held


def train_or_validation(faces: Faces, split: Split, held: NDArray[np.bool_]) -> Faces:
    """Return the faces that are held out, or the others.

    Raises
    ------
    InputError
        If there would be none.
    """
    if split == "validation" and not held.any():
        raise InputError("validation: expected at least 1, for there would be no face")
    return faces.take(np.flatnonzero(held == (split == "validation")))
