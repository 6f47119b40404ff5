"""Better results of any luminance model, for more time: self-ensemble and back-projection.

References
----------
R. Timofte, R. Rothe, L. Van Gool, "Seven ways to improve example-based single image super
resolution", CVPR 2016: both.

M. Irani, S. Peleg, "Improving resolution by image registration", CVGIP 1991: the latter.
"""

import numpy as np
from numpy.typing import NDArray

from sr_arn.checks import check_integer
from sr_arn.errors import InputError
from sr_arn.models.base import LuminanceModel, chroma_of, restored, restores
from sr_arn.models.restoration import Strengths
from sr_arn.pictures.resize import imresize
from sr_arn.planes import NO_RIM, Rim

__all__ = ["BackProjection", "SelfEnsemble"]

Plane = NDArray[np.float32]

MOST_STEPS = 50
REACH_PER_STEP = 4  # LR pixels: bicubic shrinking and enlarging look 2 far each


class SelfEnsemble:
    """The mean of what a model makes of a plane's 8 flips and rotations, turned back.

    A network that turns with the picture gains nothing: all 8 are the same.
    With the border "paper" and an odd number of rows or columns, the last bits of a `ConvModel`'s
    may depend on the tiles: there the parity of a flipped pixel does.

    Parameters
    ----------
    model : LuminanceModel
    """

    def __init__(self, model: LuminanceModel) -> None:
        self.model = model
        self.name = f"{model.name}, ensemble"
        self.scale = model.scale
        self.reach = model.reach
        self.chroma = chroma_of(model)

    @property
    def restores(self) -> bool:
        """Whether its model does."""
        return restores(self.model)

    def restored(self, strengths: Strengths) -> "SelfEnsemble":
        """Return that of the model for pictures of these strengths."""
        return SelfEnsemble(restored(self.model, strengths))

    def __call__(self, lr: Plane, rim: Rim = NO_RIM) -> Plane:
        """Return the HR plane without the rim."""
        height, width = rim.cut(lr).shape
        total = np.zeros((height * self.scale, width * self.scale), np.float32)
        for turns in range(4):
            seen = np.ascontiguousarray(np.rot90(lr, turns))
            total += np.rot90(self.model(seen, rim), -turns)
            seen = np.ascontiguousarray(np.fliplr(seen))
            total += np.rot90(np.fliplr(self.model(seen, rim.mirrored())), -turns)
            rim = rim.turned()
        total /= 8
        return total


class BackProjection:
    """A model's result, corrected until it shrinks to the LR plane it was made from.

    Parameters
    ----------
    model : LuminanceModel
    steps : int
        How often the difference to the LR plane is enlarged by bicubic and added, 1 to 50.

    Raises
    ------
    InputError
        If `steps` is out of range.
    """

    def __init__(self, model: LuminanceModel, steps: int) -> None:
        self.model = model
        if check_integer(steps, "back-project", 1) > MOST_STEPS:
            raise InputError(f"back-project: expected at most {MOST_STEPS}, received {steps}")
        self.steps = steps
        self.name = f"{model.name}, back-projection"
        self.scale = model.scale
        self.reach = model.reach + REACH_PER_STEP * steps
        self.chroma = chroma_of(model)

    def __call__(self, lr: Plane, rim: Rim = NO_RIM) -> Plane:
        """Return the HR plane without the rim."""
        needed = rim.without(rim.narrowed(REACH_PER_STEP * self.steps))
        hr = self.model(lr, rim.without(needed))
        lr = rim.without(needed).cut(lr)
        for _ in range(self.steps):
            hr = hr + imresize(lr - imresize(hr, 1 / self.scale), self.scale)
        return needed.cut(hr, self.scale)
