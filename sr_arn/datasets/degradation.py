"""How an LR picture is made of an HR one: by shrinking, and what happens before and after it.

A degradation is a chain of components, such as blur and noise: see `sr_arn.datasets.components`.
A registered component is known to `sr-arn train --degradation` and `sr-arn benchmark`.
"""

import zlib
from collections.abc import Mapping
from functools import reduce
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sr_arn.datasets.component import COMPONENTS, Component, Pixels, Strength, register, short
from sr_arn.errors import InputError, display
from sr_arn.pictures.color import rgb_to_ycbcr
from sr_arn.pictures.resize import imresize
from sr_arn.planes import to_levels

__all__ = [
    "BICUBIC",
    "COMPONENTS",
    "Component",
    "Degradation",
    "known_components",
    "luminance_of",
    "register",
    "text_of",
]

Plane = NDArray[np.float32]


def known_components() -> str:
    """Return the components, how their strengths are given and what these mean, for a help text."""
    known = [f"{c.name}={c.metavar} ({c.help})" for c in COMPONENTS.values()]
    return f"{', '.join(known[:-1])} and {known[-1]}".replace("%", "%%")


class Degradation:
    """Blur, shrinking, noise and JPEG, in this order, each by its strength.

    Equal pixels are degraded equally: strengths drawn from ranges, and noise, depend on the pixels
    alone. `drawn` draws strengths by a generator of one's own.

    Parameters
    ----------
    **strengths : float or str
        Of components, by their names in `COMPONENTS`: a number, or a range in text such as "2-5".
        Without any it is bicubic shrinking. `blur` is a standard deviation in HR pixels, 0 to 20;
        `kernel` the filter of shrinking, "bicubic", "box", "lanczos", "linear" or "none", or
        "any"; `noise` a standard deviation in levels of 255, 0 to 100; `jpeg` a quality, 1 to 100.

    Raises
    ------
    InputError
        If a strength is out of range.

    Examples
    --------
    >>> from sr_arn import Degradation
    >>> Degradation.parse("jpeg=30-95,blur=1.2") == Degradation(blur=1.2, jpeg="30-95")
    True
    """

    def __init__(self, **strengths: Strength) -> None:
        others = set(strengths) - set(COMPONENTS)
        if others:
            raise InputError(_expected(", ".join(sorted(others))))
        self._chain([COMPONENTS[name](strength) for name, strength in strengths.items()])

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a text such as "blur=1.2,noise=0-3"; "bicubic" has no component.

        Raises
        ------
        InputError
            If the text is not valid.
        """
        strengths: dict[str, Strength] = {}
        for part in [] if text.strip() == "bicubic" else text.split(","):
            name, is_given, strength = (one.strip() for one in part.partition("="))
            if name not in COMPONENTS or not is_given:
                raise InputError(_expected(text))
            if name in strengths:
                raise InputError(f"degradation: {name} is given twice in {display(text)}")
            strengths[name] = strength
        return cls(**strengths)

    def _chain(self, given: list[Component]) -> None:
        """Keep the components that do something, in their order."""
        order = list(COMPONENTS)
        active = [component for component in given if not component.is_off]
        self.components = tuple(sorted(active, key=lambda component: order.index(component.name)))

    @property
    def is_range(self) -> bool:
        """Whether strengths are to be drawn."""
        return any(component.is_range for component in self.components)

    @property
    def in_colour(self) -> bool:
        """Whether it acts on the colour of a picture, not on its luminance alone."""
        return any(component.in_colour for component in self.components)

    @property
    def jpeg(self) -> int | None:
        """The quality that the LR files state, if they are JPEG."""
        return self.strengths.get("jpeg")

    def drawn(self, rng: np.random.Generator) -> Self:
        """Return it with a strength from each range, or itself if it has none."""
        if not self.is_range:
            return self
        one = type(self)()
        one._chain([component.drawn(rng) for component in self.components])
        return one

    def __call__(self, hr: Pixels, scale: int) -> Pixels:
        """Return the LR pixels of HR ones.

        Parameters
        ----------
        hr : float32 [h, w] or RGB [h, w, 3] in [0, 1]
            Of sides that the scale divides.
        scale : int
            s.

        Returns
        -------
        float32 [h / s, w / s] or [h / s, w / s, 3]
            Not clipped. RGB that was degraded `in_colour` is of whole levels of 255, as files are.
        """
        chain = self.settled(hr).components
        for component in chain:
            hr = component.before(hr)
        shrinking = next((component for component in chain if component.shrinks), None)
        lr = shrinking.shrink(hr, scale) if shrinking else imresize(hr, 1 / scale)
        for component in chain:
            lr = component.after(lr)
        if self.in_colour and lr.ndim == 3:
            lr = to_levels(lr).astype(np.float32) / np.float32(255)
        return lr

    def shown(self, hr: Pixels, scale: int) -> Pixels:
        """Return the HR pixels that the LR picture shows: others if a component moves the picture.

        Ranges are settled.
        """
        return reduce(lambda pixels, component: component.shown(pixels, scale), self.components, hr)

    def pair(self, hr: Pixels, scale: int) -> tuple[Plane, Plane]:
        """Return the luminance of the HR pixels that are shown, and of the LR ones."""
        one = self.settled(hr)
        return one.shown(luminance_of(hr), scale), luminance_of(one(hr, scale))

    def settled(self, hr: Pixels) -> Self:
        """Return it with strengths drawn for these pixels, or itself if it has no ranges."""
        if not self.is_range:
            return self
        return self.drawn(np.random.default_rng(zlib.crc32(hr.tobytes())))

    @property
    def strengths(self) -> dict[str, Any]:
        """The strength of blur, noise, and what else there is, for JSON."""
        others = {component.name: component.strength for component in self.components}
        return {"blur": 0.0, "noise": 0.0} | others

    def __eq__(self, other: object) -> bool:
        """Return whether both do the same."""
        return isinstance(other, Degradation) and self.strengths == other.strengths

    def __hash__(self) -> int:
        """Return the same number for those that do the same."""
        return hash(repr(self))

    def __str__(self) -> str:
        """Return the text that `parse` takes."""
        return text_of(self.strengths)

    def __repr__(self) -> str:
        """Show the strengths."""
        shown = ", ".join(f"{name}={value!r}" for name, value in self.strengths.items())
        return f"Degradation({shown})"


def luminance_of(pixels: Pixels) -> Plane:
    """Return the luminance of RGB [h, w, 3], or a plane [h, w] as it is."""
    return pixels if pixels.ndim == 2 else np.ascontiguousarray(rgb_to_ycbcr(pixels)[..., 0])


def text_of(strengths: Mapping[str, Any]) -> str:
    """Return the text of a degradation with these strengths, as `Degradation.parse` takes it."""
    texts = {n: short(s) if isinstance(s, int | float) else s for n, s in strengths.items() if s}
    return ",".join(f"{name}={text}" for name, text in texts.items()) or "bicubic"


def _expected(received: str) -> str:
    """Return the message for a text that is not a degradation."""
    known = ",".join(f"{c.name}={c.metavar}" for c in COMPONENTS.values())
    return f"degradation: expected bicubic, or {known}, received {display(received) or 'nothing'}"


BICUBIC = Degradation()
"""What the published tables are about."""
