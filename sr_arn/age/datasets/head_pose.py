"""BIWI: heads with their poses."""

import zlib
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from sr_arn.age.datasets.parts import Split, check_split, hold_out
from sr_arn.errors import InputError, display
from sr_arn.system.locations import location

__all__ = ["Poses", "biwi"]

SIDE = 64
VALIDATION = 1010  # DCTD: whether of the 10,613 for training is not said
DAMAGE = (OSError, ValueError, KeyError, EOFError, TypeError, BadZipFile, zlib.error)


class Poses(NamedTuple):
    """Pictures of heads, and where they turn."""

    images: NDArray[np.uint8]
    """RGB levels [n, 64, 64, 3]."""
    poses: NDArray[np.float64]
    """[n, 3]: yaw, pitch, roll, in degrees."""


def biwi(
    folder: str | Path,
    split: Split = "train",
    validation: int | float = VALIDATION,
    seed: int = 0,
) -> Poses:
    """Return a part of BIWI by protocol 2 of FSA-Net: 16 of 24 sequences train, 8 test.

    Parameters
    ----------
    folder : str or path
        Holds `BIWI_train.npz` and `BIWI_test.npz` as FSA-Net distributes them: `image` [n, 64, 64,
        3] uint8 in the order of OpenCV, BGR, and `pose` [n, 3].
    split : {"train", "validation", "test"}, default "train"
    validation : int or float, default 1010
        Pictures drawn from the training part, which "train" lacks: so many, or a share below 1.
        They are frames of the same sequences.
    seed : int, default 0
        Draws them.

    Raises
    ------
    InputError
        If a file is missing, damaged or holds something else, or a part would be empty.
    """
    check_split(split)
    part = "test" if split == "test" else "train"
    images, poses = _read(location(folder) / f"BIWI_{part}.npz")
    chosen = np.ones(len(images), bool)
    if split != "test":
        chosen = hold_out(len(images), validation, seed) == (split == "validation")
    if not chosen.any():
        raise InputError("validation: expected at least 1, for there would be no picture")
    return Poses(images[chosen][..., ::-1], poses[chosen].astype(float))


def _read(path: Path) -> Poses:
    """Return what a file holds, checked."""
    if not path.is_file():
        raise InputError(f"poses: {display(path)} is missing")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            images, poses = file["image"], file["pose"]
    except DAMAGE as error:
        raise InputError(f"poses: {display(path)}: damaged, or without image and pose") from error
    if images.dtype != np.uint8 or images.shape[1:] != (SIDE, SIDE, 3) or not len(images):
        raise InputError(
            f"poses: {display(path)}: expected image [n, {SIDE}, {SIDE}, 3] uint8, "
            f"received {display(images.shape)} {images.dtype}"
        )
    if poses.dtype.kind != "f" or poses.shape != (len(images), 3):
        raise InputError(
            f"poses: {display(path)}: expected pose [{len(images)}, 3] float, "
            f"received {display(poses.shape)} {poses.dtype}"
        )
    if not (np.abs(poses) <= 180).all():  # NaN fails too
        raise InputError(
            f"poses: {display(path)}: expected degrees of -180 to 180, "
            f"received {poses.min():g} to {poses.max():g}"
        )
    return Poses(images, poses)
