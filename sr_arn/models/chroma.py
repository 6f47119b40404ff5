"""Cb and Cr of a larger picture: bicubic up-scaling plus details that luminance helps to find."""

from typing import Self

import numpy as np
from numpy.typing import NDArray

from sr_arn.models.conv_details import ARRAY_AXES, ConvDetails
from sr_arn.models.restoration import CLEAN, RESTORING_AXES, Strengths, damped, folded
from sr_arn.pictures.resize import imresize
from sr_arn.planes import NO_RIM, Rim

__all__ = ["ChromaModel"]

Array = NDArray[np.float32]


class ChromaModel:
    """Bicubic up-scaling of Cb and Cr plus the details that a small `ConvAnchoredNetwork` predicts.

    The network sees luminance, too: edges of colours mostly are edges of luminance, which JPEG
    keeps in more detail. One set of weights is for clean pictures and all others.

    Parameters
    ----------
    scale : int
        s, HR pixels per LR pixel.
    arrays : dict of ndarray of float32
        By the names of `array_axes`, of a network from 3 planes to 2.
    strengths : Strengths, default clean
        Of the picture.

    Attributes
    ----------
    reach : int
        How far away, in LR pixels along either axis, a pixel still matters.
    """

    array_axes = ARRAY_AXES | RESTORING_AXES
    inputs, outputs = 3, 2

    def __init__(self, scale: int, arrays: dict[str, Array], strengths: Strengths = CLEAN) -> None:
        self.scale = scale
        self.arrays = arrays
        self._details = ConvDetails(scale, damped(folded(arrays, strengths), strengths.trust))
        self.reach = self._details.reach

    def restored(self, strengths: Strengths) -> Self:
        """Return the model for pictures of these strengths."""
        return type(self)(self.scale, self.arrays, strengths)

    def __call__(self, ycbcr: Array, rim: Rim = NO_RIM) -> Array:
        """Return Cb and Cr [h s, w s, 2] of Y, Cb and Cr [h, w, 3], without the rim, not clipped.

        The last bits depend on whether the rows and columns of a pixel in `ycbcr` are even.
        """
        hr = np.ascontiguousarray(rim.cut(imresize(ycbcr[..., 1:], self.scale), self.scale))
        self._details.add(ycbcr, rim, hr)
        return hr
