"""How an LR plane comes from an HR one: by bicubic shrinking alone, as a camera would, or known."""

import hashlib
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError, display
from sr_arn.pictures.resize import imresize

__all__ = ["BICUBIC", "Degradation", "Given", "HowToDegrade"]

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

    is_of_whole_planes: ClassVar[bool] = False

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


class Given:
    """LR planes that came with their HR ones: nobody knows how. Only whole planes have one.

    Parameters
    ----------
    pairs : iterable of (hr, lr)
        Planes [h * s, w * s] and [h, w].
    """

    is_of_whole_planes: ClassVar[bool] = True

    def __init__(self, pairs: Iterable[tuple[Plane, Plane]]) -> None:
        self._lrs = {_key(hr): lr for hr, lr in pairs}

    def __call__(self, hr: Plane, scale: int) -> Plane:
        """Return the LR plane that came with an HR one.

        Raises
        ------
        KeyError
            If none did.
        """
        return self._lrs[_key(hr)]

    def __repr__(self) -> str:
        """Show a digest of the pairs."""
        digest = hashlib.blake2b(digest_size=16)
        for key, lr in sorted(self._lrs.items()):
            digest.update(key + np.ascontiguousarray(lr).tobytes())
        return f"Given({digest.hexdigest()})"


HowToDegrade = Degradation | Given


def _key(hr: Plane) -> bytes:
    return hashlib.blake2b(f"{hr.shape}".encode() + np.ascontiguousarray(hr).tobytes()).digest()
