"""Better results of any luminance model, for more time: self-ensemble and back-projection.

References
----------
R. Timofte, R. Rothe, L. Van Gool, "Seven ways to improve example-based single image super
resolution", CVPR 2016: both.

M. Irani, S. Peleg, "Improving resolution by image registration", CVGIP 1991: the latter.
"""

import numpy as np
from numpy.typing import NDArray

from sr_arn.channels import LuminanceModel
from sr_arn.checks import check_integer
from sr_arn.resize import imresize

__all__ = ["BackProjection", "SelfEnsemble"]

Plane = NDArray[np.float32]

REACH_PER_STEP = 4  # LR pixels: bicubic shrinking and enlarging look 2 far each


class SelfEnsemble:
    """The mean of what a model makes of a plane's 8 flips and rotations, turned back.

    Parameters
    ----------
    model : LuminanceModel
    """

    def __init__(self, model: LuminanceModel) -> None:
        self.model = model
        self.name = f"{model.name}, ensemble"
        self.scale = model.scale
        self.reach = model.reach

    def __call__(self, lr: Plane) -> Plane:
        """Return the HR plane [h * scale, w * scale]."""
        total = np.zeros([n * self.scale for n in lr.shape], np.float32)
        for turns in range(4):
            for flip in (_same, np.fliplr):
                seen = np.ascontiguousarray(flip(np.rot90(lr, turns)))
                total += np.rot90(flip(self.model(seen)), -turns)
        return total / np.float32(8)


class BackProjection:
    """A model's result, corrected until it shrinks to the LR plane it was made from.

    Parameters
    ----------
    model : LuminanceModel
    steps : int
        How often what is missing in the LR plane is enlarged by bicubic and added, at least 1.
    """

    def __init__(self, model: LuminanceModel, steps: int) -> None:
        self.model = model
        self.steps = check_integer(steps, "back-project", 1)
        self.name = f"{model.name}, back-projection"
        self.scale = model.scale
        self.reach = model.reach + REACH_PER_STEP * steps

    def __call__(self, lr: Plane) -> Plane:
        """Return the HR plane [h * scale, w * scale]."""
        hr = self.model(lr)
        for _ in range(self.steps):
            hr = hr + imresize(lr - imresize(hr, 1 / self.scale), self.scale)
        return hr


def _same(plane: Plane) -> Plane:
    return plane
