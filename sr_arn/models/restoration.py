"""What JPEG, noise and aliasing did to a picture: how strongly, and the network that knows it.

A network that restores has a second set of weights, and gains and biases of its channels that
depend on the strengths. A constant that goes through a convolution is a bias, and a gain is a
factor of the filters: so for each picture they are folded into the weights, and enlarging takes
the time that it takes without.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError, display

__all__ = [
    "CLEAN",
    "LARGEST_NOISE",
    "OFF",
    "RESTORING_AXES",
    "STRONGEST",
    "Restore",
    "Strengths",
    "damped",
    "folded",
]

LARGEST_NOISE = 100.0  # levels of 255
QUALITIES = (1, 100)
FINE_JPEG = 96
"""Quality from which the weights for clean pictures are better: such JPEG is not restored."""

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
    """How strongly a picture was compressed, how noisy it is, and how much it is aliased.

    Attributes
    ----------
    jpeg : float, optional
        Quality of JPEG, 1 to 100, by the scale of the Independent JPEG Group; None without.
    noise : float, default 0
        Standard deviation of the luminance's noise, in levels of 255, 0 to 100.
    aliasing : float, default 0
        How far the finest details mislead, 0 to 1, for the picture was shrunk without a filter:
        so much less than all details are added to bicubic.
    share : float, default 1
        How much of it is to be restored, 0 to 1.

    Raises
    ------
    InputError
        If a number is out of range.
    """

    jpeg: float | None = None
    noise: float = 0.0
    aliasing: float = 0.0
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
        for name in ("aliasing", "share"):
            if not 0 <= getattr(self, name) <= 1:
                value = display(getattr(self, name))
                raise InputError(f"{name}: expected 0 to 1, received {value}")

    @property
    def is_clean(self) -> bool:
        """Whether there is nothing to restore."""
        return self.share == 0 or not (self.is_degraded or self.aliasing)

    @property
    def is_degraded(self) -> bool:
        """Whether there is JPEG or noise."""
        return self.jpeg is not None or self.noise > 0

    @property
    def degradation(self) -> str:
        """JPEG and noise in words, such as "JPEG of quality 75, noise of 3"."""
        jpeg = [] if self.jpeg is None else [f"JPEG of quality {self.jpeg:g}"]
        noise = [f"noise of {self.noise:.2g}"] if self.noise else []
        return ", ".join(jpeg + noise)

    @property
    def trust(self) -> float:
        """The factor of the details that are added to bicubic, 0 to 1."""
        return 1 - self.share * self.aliasing

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

    def report(self) -> dict[str, Any]:
        """Return them for JSON; `strength` is the share in per cent."""
        return {
            "jpeg": self.jpeg,
            "noise": round(self.noise, 2) or None,
            "aliasing": round(self.aliasing, 2) or None,
            "strength": round(100 * self.share, 1),
        }

    def __str__(self) -> str:
        """Return a phrase such as "JPEG of quality 75, noise of 3: restored"; "" if clean."""
        if self.is_clean:
            return ""
        phrases = []
        if self.is_degraded:
            by = "" if self.share == 1 else f" by {100 * self.share:g} %"
            phrases.append(f"{self.degradation}: restored{by}")
        if self.aliasing:
            phrases.append(f"aliased: {100 * self.trust:.0f} % of the details")
        return "; ".join(phrases)


CLEAN = Strengths()
"""Nothing to restore."""

OFF = Strengths(share=0)
"""Nothing of what there is."""

STRONGEST = Strengths(jpeg=QUALITIES[0], noise=LARGEST_NOISE)
"""The most that there can be."""


@dataclass(frozen=True)
class Restore:
    """What to restore: a percentage of the detected or given strengths.

    Attributes
    ----------
    percent : float, optional
        0 to 100; None is all, for models that restore, and nothing for the others.
    jpeg, noise : float, optional
        Replace the detected strengths: see `Strengths`.
    given : Strengths, optional
        Replaces all that is found.

    Raises
    ------
    InputError
        If a number is out of range, or jpeg or noise stand beside 0 per cent.
    """

    percent: float | None = None
    jpeg: float | None = None
    noise: float | None = None
    given: Strengths | None = None

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.percent is not None and not 0 <= self.percent <= 100:
            raise _no_restore(self.percent)
        known = [name for name in ("jpeg", "noise") if getattr(self, name) is not None]
        if self.is_off and known:
            raise InputError(f"{known[0]}: has no effect with restore off; leave out one of them")
        Strengths(self.jpeg, self.noise or 0.0)

    @classmethod
    def of(cls, value: Any, jpeg: float | None = None, noise: float | None = None) -> "Restore":
        """Return what "auto", "off", a number of per cent, such text, or `Strengths` mean."""
        if isinstance(value, cls):
            return value
        if isinstance(value, Strengths):
            return cls(given=value)
        names = {"auto": None, "off": 0.0}
        try:
            percent = names[value] if value in names else float(value)
        except (TypeError, ValueError):
            raise _no_restore(value) from None
        return cls(percent, jpeg, noise)

    @property
    def is_off(self) -> bool:
        """Whether nothing is to be restored, or even looked for."""
        return self.percent == 0 or (self.given is not None and self.given.is_clean)

    @property
    def is_asked(self) -> bool:
        """Whether a model that does not restore is an error."""
        parts = self.percent, self.jpeg, self.noise, self.given
        return not self.is_off and any(part is not None for part in parts)

    def strengths(self, find: Callable[[], Strengths]) -> Strengths:
        """Return the strengths to restore; `find` examines the picture if necessary."""
        if self.is_off:
            return OFF
        if self.given is not None:
            return self.given
        found = find()
        if found.jpeg is not None and found.jpeg >= FINE_JPEG and not found.noise:
            found = replace(found, jpeg=None)
        return replace(
            found,
            jpeg=found.jpeg if self.jpeg is None else self.jpeg,
            noise=found.noise if self.noise is None else self.noise,
            share=1.0 if self.percent is None else self.percent / 100,
        )


def _no_restore(value: Any) -> InputError:
    return InputError(
        f"restore: expected auto, off or 0 to 100 per cent, received {display(value)}"
    )


def damped(arrays: dict[str, Array], trust: float) -> dict[str, Array]:
    """Return the weights of a network that gives its details times a factor."""
    factor = np.float32(trust)
    last = {name: arrays[name] * factor for name in ("last_weight", "last_bias")}
    return arrays | last


def folded(arrays: dict[str, Array], strengths: Strengths) -> dict[str, Array]:
    """Return the weights of a network for strengths.

    With the strengths' coordinates v, h = ReLU(hidden_weight v + hidden_bias), every gain is
    1 + gain h and every shift is shift h; a layer gives gain (W * x + b) + shift, and the
    last one takes its gain before it convolves.

    Parameters
    ----------
    arrays : dict of ndarray of float32
        By the names of `sr_arn.models.conv.ConvModel.array_axes` and of `RESTORING_AXES`.
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

    def on(weight: Array, factor: Array) -> Array:
        """Multiply what leads to each channel, whose axes come first."""
        return weight * factor.reshape(*factor.shape, *[1] * (weight.ndim - factor.ndim))

    def shift(name: str) -> Array:
        return arrays[f"{name}_shift"] @ hidden

    first, pair, last = gain("first"), gain("pair"), gain("last")
    before = last[:, None, None]  # of the last layer's inputs
    return {
        "first_weight": on(arrays["first_weight"], first),
        "first_bias": arrays["first_bias"] * first + shift("first"),
        "pair_weight": on(arrays["pair_weight"], pair),
        "pair_bias": arrays["pair_bias"] * pair + shift("pair"),
        "anchors": arrays["anchors"] * before,
        "anchor_bias": arrays["anchor_bias"] + shift("anchor"),
        "last_weight": arrays["last_weight"] * before,
        "last_bias": arrays["last_bias"] + shift("last"),
    }
