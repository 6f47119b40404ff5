"""What a luminance model is, and the simplest: bicubic up-scaling."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError
from sr_arn.models.restoration import Strengths
from sr_arn.pictures.resize import imresize
from sr_arn.planes import NO_RIM, Rim

__all__ = ["BicubicModel", "LuminanceModel", "check_restores", "restored", "restores"]

Plane = NDArray[np.float32]


class LuminanceModel(Protocol):
    """A function from LR to HR luminance, both float32 [h, w] in [0, 1], not clipped."""

    name: str
    scale: int
    reach: int
    """How far away, in LR pixels along either axis, a pixel still matters to the result: at
    least 2, what bicubic up-scaling reads."""

    def __call__(self, lr: Plane, rim: Rim = NO_RIM) -> Plane:
        """Return the HR plane of all LR pixels but those of the rim, which are only seen."""
        ...


class BicubicModel:
    """Bicubic up-scaling alone: the baseline of every table."""

    name = "bicubic"
    reach = 2

    def __init__(self, scale: int) -> None:
        self.scale = scale

    def __call__(self, lr: Plane, rim: Rim = NO_RIM) -> Plane:
        """Return the HR plane without the rim."""
        return rim.cut(imresize(lr, self.scale), self.scale)


def restores(model: LuminanceModel) -> bool:
    """Return whether a model knows what to do with pictures that are not clean."""
    return getattr(model, "restores", False)


def restored(model: Any, strengths: Strengths) -> Any:
    """Return a model for pictures of these strengths; itself for those that are clean.

    Raises
    ------
    InputError
        If it does not restore.
    """
    if strengths.is_clean:
        return model
    check_restores(model)
    return model.restored(strengths)


def check_restores(model: LuminanceModel) -> None:
    """Raise `InputError` if a model does not restore."""
    if not restores(model):
        raise InputError(
            f"restore: {model.name} knows clean pictures only; take a conv-arn model or leave "
            "restore out"
        )
