"""The patch model: bicubic up-scaling plus what a regressor predicts, window by window.

LR plane -> bicubic up-scaling                                     (the smooth part)
-> features of every window -> regressor -> HR residual patches
-> overlap-average                                        (the missing part)
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sr_arn.kernels.patches import overlap_average
from sr_arn.models.features import BORDER, NEIGHBOURHOOD, WINDOW, GradientFeatures
from sr_arn.pictures.resize import imresize
from sr_arn.planes import NO_RIM, Rim
from sr_arn.regressors.base import Regressor

__all__ = ["FLAT", "PatchModel", "needless"]

FLAT = 1e-3
"""Length of a feature vector, in units of white, below which a window has next to no detail. A
regressor with an intercept predicts some for it; it fades out, so that flat areas stay flat."""

Plane = NDArray[np.float32]


class PatchModel:
    """Bicubic up-scaling plus the residual that a regressor predicts, patch by patch.

    Parameters
    ----------
    features : GradientFeatures
        Fitted; its scale is the model's.
    regressor : Regressor
        Fitted on its features and on residual patches.
    """

    reach = NEIGHBOURHOOD // 2 + WINDOW // 2

    def __init__(self, features: GradientFeatures, regressor: Regressor) -> None:
        self.features = features
        self.regressor = regressor
        self.name = regressor.name
        self.scale = features.scale

    def __call__(self, lr: Plane, rim: Rim = NO_RIM) -> Plane:
        """Return the HR plane without the rim.

        The outermost LR pixel of `lr` stays bicubic, as in the papers.
        """
        hr = imresize(lr, self.scale)
        unseen, uncovered = needless(rim)
        features = unseen.cut(self.features.transform(lr))
        rows, columns, length = features.shape
        if rows and columns:
            rows_of_features = features.reshape(-1, length)
            residuals = self.regressor.predict(rows_of_features)
            if not self.keeps_flat_areas:
                faint = np.flatnonzero(np.abs(rows_of_features[:, 0]) < FLAT)  # others are longer
                squares = np.square(rows_of_features[faint]).sum(axis=1, keepdims=True)
                residuals[faint] *= np.minimum(np.sqrt(squares) / FLAT, 1)
            size = WINDOW * self.scale
            residual = overlap_average(residuals.reshape(rows, columns, size, size), self.scale)
            uncovered.cut(hr, self.scale)[...] += residual
        return rim.cut(hr, self.scale)

    @cached_property
    def keeps_flat_areas(self) -> bool:
        """Whether the regressor has no intercept."""
        nothing = np.zeros((1, len(self.features.projection_)), np.float32)
        return not self.regressor.predict(nothing).any()


def needless(rim: Rim) -> tuple[Rim, Rim]:
    """Return the windows that cover nothing but rim, and the LR pixels that the others leave."""
    windows = rim.narrowed(BORDER + WINDOW - 1)
    return windows, Rim(*(BORDER + width for width in windows))
