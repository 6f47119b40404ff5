"""How an LR plane comes from an HR one: by bicubic shrinking alone, or as a camera would."""

import zlib
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sr_arn.checks import InputError, display
from sr_arn.resize import imresize

__all__ = ["BICUBIC", "Degradation"]

LARGEST = {"blur": 20.0, "noise": 100.0}

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Degradation:
    """Gaussian blur, bicubic shrinking, Gaussian noise, each where it is not 0.

    Attributes
    ----------
    blur : float, default 0
        Standard deviation in HR pixels, 0 to 20.
    noise : float, default 0
        Standard deviation in levels of 255, 0 to 100. It hangs on the pixels alone: the same plane
        gets the same noise.

    Raises
    ------
    InputError
        If a number is out of range.
    """

    blur: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        """Check."""
        for name, value in asdict(self).items():
            if not 0 <= value <= LARGEST[name]:  # NaN fails too
                raise InputError(f"{name}: expected 0 to {LARGEST[name]:g}, received {value}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return what a text such as "blur=1.2,noise=3" says; "bicubic" is neither.

        Raises
        ------
        InputError
            If it says something else.
        """
        if text == "bicubic":
            return cls()
        found: dict[str, Any] = {}
        for part in text.split(","):
            name, _, value = part.strip().partition("=")
            try:
                if name not in LARGEST or name in found:
                    raise ValueError
                found[name] = float(value)
            except ValueError:
                raise InputError(
                    f"degradation: expected bicubic, or blur=SIGMA,noise=SIGMA, "
                    f"received {display(text)}"
                ) from None
        return cls(**found)

    def __call__(self, hr: Plane, scale: int) -> Plane:
        """Return the LR plane [h / s, w / s] of an HR plane [h, w] in [0, 1], not clipped."""
        if self.blur:
            from scipy.ndimage import gaussian_filter

            hr = gaussian_filter(hr, self.blur, mode="nearest")
        lr = imresize(hr, 1 / scale)
        if self.noise:
            rng = np.random.default_rng(zlib.crc32(lr.tobytes()))
            lr = lr + rng.normal(0, self.noise / 255, lr.shape).astype(np.float32)
        return lr


BICUBIC = Degradation()
"""What the published tables are about."""
