"""What a JPEG or noise took from a picture: how strongly, and the network that knows it.

A network that restores has a second set of weights, and gains and biases of its channels that
depend on the strengths. A constant that goes through a convolution is a bias, and a gain is a
factor of the filters: so for each picture they are folded into the weights, and enlarging takes
the time that it takes without.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sr_arn.checks import InputError, display

__all__ = ["CLEAN", "RESTORING_AXES", "STRONGEST", "Strengths", "folded"]

LARGEST_NOISE = 100.0  # levels of 255
QUALITIES = (1, 100)

RESTORING_AXES = {
    "hidden_weight": "k2",
    "hidden_bias": "k",
    "first_gain": "ck",
    "first_shift": "ck",
    "pair_gain": "pzck",
    "pair_shift": "pzck",
    "last_gain": "ck",
    "anchor_shift": "mk",
    "last_shift": "mtk",
}
"""Axes of what depends on the strengths, beside those of the weights: see `folded`."""

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Strengths:
    """How strongly a picture was compressed, and how noisy it is.

    Attributes
    ----------
    jpeg : float, optional
        Quality of JPEG, 1 to 100, by the scale of the Independent JPEG Group; None without.
    noise : float, default 0
        Standard deviation of the luminance's noise, in levels of 255, 0 to 100.
    share : float, default 1
        How much of it is to be restored, 0 to 1.

    Raises
    ------
    InputError
        If a number is out of range.
    """

    jpeg: float | None = None
    noise: float = 0.0
    share: float = 1.0

    def __post_init__(self) -> None:
        """Check the ranges."""
        least, most = QUALITIES
        if self.jpeg is not None and not least <= self.jpeg <= most:  # NaN fails too
            raise InputError(f"jpeg: expected {least} to {most}, received {display(self.jpeg)}")
        if not 0 <= self.noise <= LARGEST_NOISE:
            raise InputError(
                f"noise: expected 0 to {LARGEST_NOISE:g}, received {display(self.noise)}"
            )
        if not 0 <= self.share <= 1:
            raise InputError(f"share: expected 0 to 1, received {display(self.share)}")

    @property
    def is_clean(self) -> bool:
        """Whether there is nothing to restore."""
        return (self.jpeg is None and self.noise == 0) or self.share == 0

    @property
    def coordinates(self) -> Array:
        """What a network is given: [2], 0 for none, about 1 for the strongest.

        Doubling the steps of the quantisation tables adds about as much anywhere, and so does
        doubling the noise.
        """
        compressed = 0.0
        if self.jpeg is not None:  # the scale of the tables in per cent, as libjpeg has it
            scale = 5000 / self.jpeg if self.jpeg < 50 else 200 - 2 * self.jpeg
            compressed = math.log2(1 + scale / 10) / 6
        noisy = math.log2(1 + self.noise / 2) / 4
        return np.array([self.share * compressed, self.share * noisy], np.float32)


CLEAN = Strengths()
"""Nothing to restore."""

STRONGEST = Strengths(jpeg=QUALITIES[0], noise=LARGEST_NOISE)
"""The most that there can be."""


def folded(arrays: dict[str, Array], strengths: Strengths) -> dict[str, Array]:
    """Return the weights of a network for strengths.

    With the strengths' coordinates v, h = ReLU(hidden_weight v + hidden_bias), every gain is
    1 + gain h and every shift is shift h; a layer gives gain (W * x + b) + shift, and the
    last one takes its gain before it convolves.

    Parameters
    ----------
    arrays : dict of ndarray of float32
        By the names of `sr_arn.conv_model.ConvModel.array_axes` and of `RESTORING_AXES`.
    strengths : Strengths

    Returns
    -------
    dict of ndarray of float32
        By the names of `ConvModel.array_axes`.
    """
    hidden = arrays["hidden_weight"] @ strengths.coordinates + arrays["hidden_bias"]
    hidden = np.maximum(hidden, np.float32(0))

    def gain(name: str) -> Array:
        return np.float32(1) + arrays[f"{name}_gain"] @ hidden

    def shift(name: str) -> Array:
        return arrays[f"{name}_shift"] @ hidden

    first, pair, last = gain("first"), gain("pair"), gain("last")
    before = last[:, None, None]  # of the last layer's inputs
    return {
        "first_weight": arrays["first_weight"] * first[:, None, None],
        "first_bias": arrays["first_bias"] * first + shift("first"),
        "pair_weight": arrays["pair_weight"] * pair[..., None, None, None],
        "pair_bias": arrays["pair_bias"] * pair + shift("pair"),
        "anchors": arrays["anchors"] * before,
        "anchor_bias": arrays["anchor_bias"] + shift("anchor"),
        "last_weight": arrays["last_weight"] * before,
        "last_bias": arrays["last_bias"] + shift("last"),
    }
