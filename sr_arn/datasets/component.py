"""What a component of a degradation is, and which there are."""

from abc import ABC
from contextlib import suppress
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError, display
from sr_arn.registry import Registry

__all__ = ["COMPONENTS", "Component", "Pixels", "Strength", "register", "short"]

Pixels = NDArray[np.float32]
"""Luminance or grey [h, w], or RGB [h, w, 3], in [0, 1]."""

Strength = float | str
"""A number, a range "LOW-HIGH", or what else a component takes."""


class Component(ABC):
    """Base class of what degrades pixels, by some strength.

    A subclass states `name`, `largest` and `help`, and defines `before` or `after`, which are
    called once the strength is a number. A component of other strengths defines `__init__`,
    `is_off`, `is_range` and `drawn` too.

    Parameters
    ----------
    strength : float or str
        From `smallest` to `largest`; 0 does nothing. Text may be a range such as "2-5".

    Attributes
    ----------
    strength : float or str
        The number, or the range in text.
    low, high : float
        The ends of the range; of a number both are equal.

    Raises
    ------
    InputError
        If it is no number or range, or out of range.
    """

    name: ClassVar[str]
    """In "name=strength", as `--degradation` takes it, and in model files."""

    metavar: ClassVar[str] = "SIGMA"
    """What stands for a strength in the help."""

    help: ClassVar[str]
    """What the strength is, in a few words."""

    smallest: ClassVar[float] = 0
    largest: ClassVar[float]

    in_colour: ClassVar[bool] = False
    """Whether it acts on the colour of a picture, not on its luminance alone."""

    shrinks: ClassVar[bool] = False
    """Whether its `shrink` takes the place of bicubic shrinking."""

    strength: Any

    def __init__(self, strength: Strength) -> None:
        try:
            self.low, self.high = _ends(strength)
        except ValueError:
            what = f"{self.name}: expected a number, or a range such as 1-2"
            raise InputError(f"{what}, received {display(strength) or 'nothing'}") from None
        if self.low > self.high:
            what = f"{self.name}: expected the lower end of a range first"
            raise InputError(f"{what}, received {display(strength)}")
        if not self.smallest <= self.low <= self.high <= self.largest:  # NaN fails too
            what = f"{self.name}: expected {self.smallest:g} to {self.largest:g}"
            raise InputError(f"{what}, received {display(strength)}")
        self.strength = f"{short(self.low)}-{short(self.high)}" if self.is_range else self.low

    @property
    def is_off(self) -> bool:
        """Whether it does nothing."""
        return not self.strength

    @property
    def is_range(self) -> bool:
        """Whether a strength is to be drawn."""
        return self.low < self.high

    def drawn(self, rng: np.random.Generator) -> Self:
        """Return it with a strength drawn from the range, or itself."""
        return type(self)(rng.uniform(self.low, self.high)) if self.is_range else self

    def before(self, hr: Pixels) -> Pixels:
        """Return HR pixels as they are before they are shrunk."""
        return hr

    def shrink(self, hr: Pixels, scale: int) -> Pixels:
        """Return the LR pixels of HR ones, if it `shrinks`."""
        raise NotImplementedError

    def after(self, lr: Pixels) -> Pixels:
        """Return LR pixels as they are after they were shrunk."""
        return lr

    def shown(self, hr: Pixels, scale: int) -> Pixels:
        """Return the HR pixels that the LR pixels show: others only if it moves the picture."""
        return hr


def _ends(strength: Strength) -> tuple[float, float]:
    """Return both ends of a range, or a number twice; raise `ValueError` for others."""
    with suppress(TypeError, ValueError):
        return float(strength), float(strength)
    low, _, high = str(strength).partition("-")
    return float(low), float(high)


def short(number: float) -> str:
    """Return a number in text, as short as it can be."""
    return f"{number:g}" if float(f"{number:g}") == number else repr(number)


COMPONENTS: Registry[Component] = Registry(
    "name",
    {
        "blur": "sr_arn.datasets.components:Blur",
        "kernel": "sr_arn.datasets.components:Kernel",
        "noise": "sr_arn.datasets.components:Noise",
        "jpeg": "sr_arn.datasets.components:Jpeg",
    },
)
"""Classes of the components by name, in the order in which they apply."""

register = COMPONENTS.register
"""Make a component known to `Degradation` and to the command line: it is a decorator."""
