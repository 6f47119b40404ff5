"""How an LR plane is made of an HR one: by bicubic shrinking, and what cameras do before and after.

A degradation is a chain of components, such as blur and noise. A component is a small class here;
registered, it is known to `sr-arn train --degradation`.
"""

import zlib
from abc import ABC
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError, display
from sr_arn.pictures.resize import imresize
from sr_arn.registry import Registry

__all__ = ["BICUBIC", "COMPONENTS", "Blur", "Component", "Degradation", "Noise", "register"]

Plane = NDArray[np.float32]


class Component(ABC):
    """Base class of what degrades a plane, by some strength.

    A subclass states `name`, `largest` and `help`, and defines `before` or `after`. One whose
    strength is not a number from 0 to `largest` defines `__init__`, `parse` and `is_off` too.

    Parameters
    ----------
    strength : float
        From 0, which does nothing, to `largest`.

    Raises
    ------
    InputError
        If it is out of range.
    """

    name: ClassVar[str]
    """In "name=strength", as `--degradation` takes it, and in model files."""

    metavar: ClassVar[str] = "SIGMA"
    """What stands for a strength in the help."""

    help: ClassVar[str]
    """What the strength is, in a few words."""

    largest: ClassVar[float]

    def __init__(self, strength: float) -> None:
        if not 0 <= strength <= self.largest:  # NaN fails too
            raise InputError(f"{self.name}: expected 0 to {self.largest:g}, received {strength}")
        self.strength = strength

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the component for a strength in text, or raise `ValueError`."""
        return cls(float(text))

    @property
    def is_off(self) -> bool:
        """Whether it does nothing."""
        return not self.strength

    def before(self, hr: Plane) -> Plane:
        """Return an HR plane as it is before it is shrunk."""
        return hr

    def after(self, lr: Plane) -> Plane:
        """Return an LR plane as it is after it was shrunk."""
        return lr


class Blur(Component):
    """Gaussian blur of the HR plane."""

    name: ClassVar[str] = "blur"
    help: ClassVar[str] = "in HR pixels"
    largest: ClassVar[float] = 20.0

    def before(self, hr: Plane) -> Plane:
        """Return the blurred plane."""
        from scipy.ndimage import gaussian_filter

        return gaussian_filter(hr, self.strength, mode="nearest")


class Noise(Component):
    """Gaussian noise of the LR plane. It depends on the pixels alone: equal planes, equal noise."""

    name: ClassVar[str] = "noise"
    help: ClassVar[str] = "in levels"
    largest: ClassVar[float] = 100.0

    def after(self, lr: Plane) -> Plane:
        """Return the noisy plane."""
        rng = np.random.default_rng(zlib.crc32(lr.tobytes()))
        return lr + rng.normal(0, self.strength / 255, lr.shape).astype(np.float32)


COMPONENTS: Registry[Component] = Registry(
    "name",
    {
        "blur": "sr_arn.datasets.degradation:Blur",
        "noise": "sr_arn.datasets.degradation:Noise",
    },
)
"""Classes of the components by name, in the order in which they apply."""

register = COMPONENTS.register
"""Make a component known to `Degradation` and to the command line: it is a decorator."""


class Degradation:
    """Gaussian blur, bicubic shrinking, Gaussian noise, each where it is not 0.

    Parameters
    ----------
    **strengths : float
        Of components, by their names in `COMPONENTS`; of others 0. `blur` is a standard deviation
        in HR pixels, 0 to 20; `noise` one in levels of 255, 0 to 100, which depends on the pixels
        alone: the same plane gets the same noise.

    Raises
    ------
    InputError
        If a number is out of range.
    """

    def __init__(self, **strengths: Any) -> None:
        others = set(strengths) - set(COMPONENTS)
        if others:
            raise InputError(_expected(", ".join(sorted(others))))
        self._chain([COMPONENTS[name](strength) for name, strength in strengths.items()])

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a text such as "blur=1.2,noise=3"; "bicubic" has no component.

        Raises
        ------
        InputError
            If the text is not valid.
        """
        degradation = cls()
        if text == "bicubic":
            return degradation
        found: dict[str, Component] = {}
        for part in text.split(","):
            name, _, value = part.strip().partition("=")
            if name not in COMPONENTS or name in found:
                raise InputError(_expected(text))
            try:
                found[name] = COMPONENTS[name].parse(value)
            except InputError:
                raise
            except ValueError:
                raise InputError(_expected(text)) from None
        degradation._chain(list(found.values()))
        return degradation

    def _chain(self, given: list[Component]) -> None:
        """Keep the components that do something, in their order."""
        order = list(COMPONENTS)
        active = [component for component in given if not component.is_off]
        self.components = tuple(sorted(active, key=lambda component: order.index(component.name)))

    def __call__(self, hr: Plane, scale: int) -> Plane:
        """Return the LR plane [h / s, w / s] of an HR plane [h, w] in [0, 1], not clipped."""
        for component in self.components:
            hr = component.before(hr)
        lr = imresize(hr, 1 / scale)
        for component in self.components:
            lr = component.after(lr)
        return lr

    @property
    def strengths(self) -> dict[str, Any]:
        """The strength of blur, noise, and what else there is, for JSON."""
        others = {component.name: component.strength for component in self.components}
        return {Blur.name: 0.0, Noise.name: 0.0} | others

    def __eq__(self, other: object) -> bool:
        """Return whether both do the same."""
        return isinstance(other, Degradation) and self.strengths == other.strengths

    def __hash__(self) -> int:
        """Return the same number for those that do the same."""
        return hash(repr(self))

    def __repr__(self) -> str:
        """Show the strengths."""
        shown = ", ".join(f"{name}={value!r}" for name, value in self.strengths.items())
        return f"Degradation({shown})"


def _expected(received: str) -> str:
    """Return the message for a text that is not a degradation."""
    known = ",".join(f"{c.name}={c.metavar}" for c in COMPONENTS.values())
    return f"degradation: expected bicubic, or {known}, received {display(received)}"


BICUBIC = Degradation()
"""What the published tables are about."""
