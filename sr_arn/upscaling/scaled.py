"""How pictures are enlarged whose numbers are no levels: heights, light, measurements.

They are scaled into [0, 1] and back. What has no value is transparent within, so that it does not
leak into its surroundings; in the result each of its pixels is repeated.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sr_arn.pictures.picture import Picture
from sr_arn.pictures.scaling import Scaling
from sr_arn.planes import WHITE, to_levels
from sr_arn.upscaling.channels import WITH_ALPHA

__all__ = ["Scaled"]

Pixels = NDArray[Any]


@dataclass(frozen=True)
class Scaled:
    """A picture scaled into [0, 1].

    Attributes
    ----------
    numbers : ndarray [h, w] or [h, w, c]
        As in the file, but within the range.
    scaling : Scaling
    mode, mode_within : str
        What the channels are, in the file and in `unit`.
    unit : ndarray of float32 [h, w] or [h, w, c] in [0, 1]
        With alpha if there are holes.
    kept : ndarray of bool [h, w]
        The pixels that are repeated.
    """

    numbers: Pixels
    scaling: Scaling
    mode: str
    mode_within: str
    unit: NDArray[np.float32]
    kept: NDArray[np.bool_]

    @classmethod
    def of(cls, picture: Picture, scaling: Scaling, reach: int | None, wrap: str = "") -> Self:
        """Return a picture scaled.

        Pixels that see but one number are kept, as holes are: what is flat stays exactly so.

        Parameters
        ----------
        picture : Picture
        scaling : Scaling
        reach : int, optional
            How far away a pixel is seen, in pixels; None if each sees itself alone.
        wrap : str, default ""
            Axes, of "x" and "y", beyond whose ends the other end is seen.
        """
        mode, numbers = picture.mode, picture.pixels
        has_alpha = mode in WITH_ALPHA
        colour = picture.without_alpha().pixels
        unit, holes = scaling.to_unit(colour), scaling.holes(colour, mode)
        kept = np.ones_like(holes)
        if reach is not None:
            kept = holes | _flat(np.atleast_3d(numbers), holes, reach, wrap)
        alpha = numbers[..., -1:]
        numbers = scaling.clipped(colour, holes)
        if has_alpha:
            numbers = np.concatenate([np.atleast_3d(numbers), alpha], axis=-1)
        elif not holes.any():
            return cls(numbers, scaling, mode, mode, unit, kept)
        white = np.float32(WHITE[alpha.dtype.name]) if has_alpha else None
        opacity = np.float32(1) if white is None else np.clip(alpha / white, 0, 1)
        seen = np.where(holes[..., None], 0, opacity).astype(np.float32)
        unit = np.concatenate([np.atleast_3d(unit), seen], axis=-1)
        return cls(numbers, scaling, mode, mode if has_alpha else f"{mode}A", unit, kept)

    def numbers_of(
        self, strips: Iterable[NDArray[np.float32]], size: tuple[int, int]
    ) -> Iterator[Pixels]:
        """Yield the numbers of strips of the enlarged `unit`, in rows and columns of any size."""
        top, (rows, columns) = 0, self.kept.shape
        across = _nearest(np.arange(size[1]), columns, size[1])
        for strip in strips:
            down = _nearest(top + np.arange(len(strip)), rows, size[0])[:, None]
            kept = self.kept[down, across]
            kept = kept if self.numbers.ndim == 2 else kept[..., None]
            yield np.where(kept, self.numbers[down, across], self._numbers(strip))
            top += len(strip)

    def _numbers(self, strip: NDArray[np.float32]) -> Pixels:
        """Return a strip scaled back."""
        dtype = self.numbers.dtype
        if self.mode_within not in WITH_ALPHA:
            return self.scaling.from_unit(strip, dtype)
        colour, alpha = strip[..., :-1], strip[..., -1:]
        numbers = self.scaling.from_unit(colour, dtype)
        if self.mode in WITH_ALPHA:
            return np.concatenate([numbers, to_levels(alpha, dtype)], axis=-1)
        return numbers.reshape(*strip.shape[:2], *self.numbers.shape[2:])


def _nearest(places: NDArray[np.int_], count: int, of: int) -> NDArray[np.int_]:
    """Return which of `count` pixels lie nearest to places among `of`, by their centres."""
    return (2 * places + 1) * count // (2 * of)


def _flat(numbers: Pixels, holes: NDArray[np.bool_], reach: int, wrap: str) -> NDArray[np.bool_]:
    """Return which pixels [h, w] see the same numbers [h, w, c] alone, besides holes."""
    from scipy.ndimage import maximum_filter, minimum_filter

    flat = np.ones(holes.shape, np.bool_)
    if numbers.dtype.kind != "f":  # they are rounded
        return ~flat
    window, mode = 2 * reach + 1, ["wrap" if axis in wrap else "nearest" for axis in "yx"]
    for plane in np.moveaxis(numbers, -1, 0):
        low = minimum_filter(np.where(holes, np.inf, plane), window, mode=mode)
        high = maximum_filter(np.where(holes, -np.inf, plane), window, mode=mode)
        flat &= low == high
    return flat
