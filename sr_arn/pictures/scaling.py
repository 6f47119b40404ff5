"""Numbers that are no levels: floats beyond 0..1, signed integers, and pixels without a value.

They are scaled into 0..1 and back by the least and the largest of them, in a straight line.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError
from sr_arn.planes import WHITE

__all__ = ["Scaling", "scaling_of"]

ALPHA = "LA", "RGBA"

Pixels = NDArray[Any]


class Scaling(NamedTuple):
    """How the numbers of a picture's pixels are scaled.

    Attributes
    ----------
    low, high : float or tuple of float
        What becomes 0 and 1; of bands, for each.
    nodata : float, optional
        What pixels without a value have, besides NaN and infinity.
    has_holes : bool
        Whether some pixels have none.
    """

    low: float | tuple[float, ...]
    high: float | tuple[float, ...]
    nodata: float | None = None
    has_holes: bool = False

    def within(self, low: float, high: float) -> "Scaling":
        """Return the scaling of a given range."""
        if not low < high < np.inf or low == -np.inf:
            raise InputError(f"range: expected LOW below HIGH, received {low:g} {high:g}")
        return self._replace(low=low, high=high)

    def of_band(self, which: int) -> "Scaling":
        """Return that of a band alone."""
        low, high = (n[which] if isinstance(n, tuple) else n for n in (self.low, self.high))
        return self._replace(low=low, high=high)

    def holes(self, colour: Pixels, mode: str) -> NDArray[np.bool_]:
        """Return which pixels [h, w] have no value, by colours [h, w] or [h, w, c].

        One channel that is no number is enough. Of colours, all must be `nodata`.
        """
        if not self.has_holes:
            return np.zeros(colour.shape[:2], np.bool_)
        is_none, is_nodata = ~np.isfinite(colour), _is_nodata(colour, self.nodata)
        if colour.ndim == 2:
            return is_none | is_nodata
        enough = np.any if mode == "BANDS" else np.all
        return is_none.any(axis=-1) | enough(is_nodata, axis=-1)

    def to_unit(self, numbers: Pixels) -> NDArray[np.float32]:
        """Return numbers in [0, 1]; what lies beyond the range is cut off, and holes are 0."""
        span = np.subtract(self.high, self.low, dtype=np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            unit = (numbers - np.asarray(self.low, np.float64)) / np.where(span == 0, 1, span)
            return np.clip(np.nan_to_num(unit, nan=0), 0, 1).astype(np.float32)

    def clipped(self, numbers: Pixels, holes: NDArray[np.bool_]) -> Pixels:
        """Return numbers [h, w] or [h, w, c] cut off beyond the range, but for holes [h, w]."""
        kept = holes if numbers.ndim == 2 else holes[..., None]
        with np.errstate(invalid="ignore"):
            within = np.clip(numbers, self.low, self.high)
        return np.where(kept, numbers, within).astype(numbers.dtype)

    def from_unit(self, unit: NDArray[np.floating[Any]], dtype: np.dtype[Any]) -> Pixels:
        """Return what `to_unit` scaled as numbers of a dtype."""
        low, high = np.asarray(self.low, np.float64), np.asarray(self.high, np.float64)
        numbers = np.clip(low + np.clip(unit, 0, 1).astype(np.float64) * (high - low), low, high)
        return (np.floor(numbers + 0.5) if dtype.kind in "iu" else numbers).astype(dtype)


def scaling_of(pixels: Pixels, mode: str, nodata: float | None = None) -> Scaling | None:
    """Return how numbers [h, w] or [h, w, c] must be scaled; None if they are levels.

    That is, integers without sign and floats in [0, 1] that all have a value.

    Parameters
    ----------
    pixels : ndarray
    mode : str
        What the channels are. Alpha is not scaled.
    nodata : float, optional
        See `Scaling`.
    """
    colour = pixels[..., :-1] if mode in ALPHA else pixels
    missing = ~np.isfinite(colour) | _is_nodata(colour, nodata)
    least, largest = _limits(colour.dtype)
    axes = (0, 1) if mode == "BANDS" else None
    low = np.min(colour, axis=axes, where=~missing, initial=largest).astype(np.float64)
    high = np.max(colour, axis=axes, where=~missing, initial=least).astype(np.float64)
    low, high = (np.where(low > high, 0, n) for n in (low, high))  # if nothing has a value
    scaling = Scaling(_plain(low), _plain(high), nodata, bool(missing.any()))
    white = WHITE.get(colour.dtype.name)
    if white is not None and (low >= 0).all() and (high <= white).all():
        return scaling._replace(low=0.0, high=float(white)) if scaling.has_holes else None
    return scaling


def _limits(dtype: np.dtype[Any]) -> tuple[float, float]:
    if dtype.kind == "f":
        return -np.inf, np.inf
    return np.iinfo(dtype).min, np.iinfo(dtype).max


def _is_nodata(colour: Pixels, nodata: float | None) -> NDArray[np.bool_]:
    """Return where numbers are `nodata`, as their own precision has it."""
    if nodata is None or not np.isfinite(nodata):
        return np.zeros(colour.shape, np.bool_)
    if colour.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return colour == colour.dtype.type(nodata)
    return colour == nodata


def _plain(numbers: NDArray[np.float64]) -> float | tuple[float, ...]:
    return float(numbers) if numbers.ndim == 0 else tuple(map(float, numbers))
