"""What a luminance model is, and the simplest: bicubic up-scaling."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sr_arn.planes import NO_RIM, Rim
from sr_arn.resize import imresize

__all__ = ["BicubicModel", "LuminanceModel"]

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
