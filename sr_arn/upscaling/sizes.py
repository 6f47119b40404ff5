"""Results of any size: which one is wanted, and strips of pixels brought to it."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from sr_arn.checks import check_integer, check_scale
from sr_arn.errors import InputError, display
from sr_arn.pictures.resize import (
    contributions,
    nearest_contributions,
    resized_length,
    weighted,
)
from sr_arn.upscaling.options import LARGEST_SCALE

__all__ = ["Size", "resized"]

LARGEST_SIDE = 1_000_000  # pixels
LARGEST = {"scale": LARGEST_SCALE, "megapixels": 1e6}
ROWS = 64  # of a strip that comes out
LEAST_ALPHA = np.float32(1e-4)  # below, colours are averaged as if nothing were transparent

Strip = NDArray[np.float32]
Taps = tuple[NDArray[np.intp], NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large a result is wanted: one of these, or width and height; the sides' ratio stays.

    Attributes
    ----------
    scale : float, optional
        Pixels per pixel, above 0 and up to 16; sides are rounded up, as MATLAB does.
    width, height : int, optional
        Pixels. Of both, the largest result that fits.
    max_side : int, optional
        Pixels of the longer side.
    megapixels : float, optional
        Millions of pixels.

    Raises
    ------
    InputError
        If one is out of range, or more are given.
    """

    scale: float | None = None
    width: int | None = None
    height: int | None = None
    max_side: int | None = None
    megapixels: float | None = None

    def __post_init__(self) -> None:
        """Check."""
        given = self.given
        if len(given) > 1 and given.keys() != {"width", "height"}:
            names = " and ".join(name.replace("_", "-") for name in given)
            raise InputError(f"size: expected one way to say it, received {names}")
        for name, value in given.items():
            shown = name.replace("_", "-")
            if name in ("scale", "megapixels"):
                check_scale(value, shown)
            else:
                check_integer(value, shown, 1)  # type: ignore[arg-type] # checked here
            if value > LARGEST.get(name, LARGEST_SIDE):
                most = LARGEST.get(name, LARGEST_SIDE)
                raise InputError(f"{shown}: expected up to {most:g}, received {display(value)}")

    @property
    def given(self) -> dict[str, float]:
        """What is not None."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def of(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of the result for a picture.

        Raises
        ------
        InputError
            If they are more than 16 times the picture's.
        """
        if self.scale is not None:
            return resized_length(height, self.scale), resized_length(width, self.scale)
        if self.megapixels is not None:
            factor = math.sqrt(1e6 * self.megapixels / (height * width))
        elif self.max_side is not None:
            factor = self.max_side / max(height, width)
        else:
            factor = min(
                math.inf if self.width is None else self.width / width,
                math.inf if self.height is None else self.height / height,
            )
        if factor > LARGEST_SCALE:
            raise InputError(
                f"size: expected up to {LARGEST_SCALE} times the picture's, received {factor:.3g}"
            )
        rounded = (max(1, math.floor(side * factor + 0.5)) for side in (height, width))
        return next(rounded), next(rounded)


def resized(
    strips: Iterable[Strip],
    shape: tuple[int, ...],
    new: tuple[int, int],
    has_alpha: bool,
    copies: bool = False,
    wrap: str = "",
    before: int = 0,
) -> Iterator[Strip]:
    """Yield a picture brought to another size, strip by strip, as `imresize` would the whole.

    Parameters
    ----------
    strips : iterable of float32 [h, w] or [h, w, c] in [0, 1]
        The picture, from the top.
    shape : tuple of int
        Of the picture.
    new : (int, int)
        Rows and columns wanted.
    has_alpha : bool
        Whether the last channel is alpha, straight: a colour then counts by it.
    copies : bool, default False
        Whether every pixel becomes that of the nearest one, instead of by bicubic.
    wrap : str, default none
        The axes, "x" and "y", along which the picture repeats.
    before : int, default 0
        So many rows, of the bottom of a picture that repeats along y, come before the picture;
        enough of its top come after it.

    Yields
    ------
    ndarray of float32
        Not clipped.
    """
    (rows, columns), (height, width) = shape[:2], new
    reads = nearest_contributions if copies else contributions
    taps, weights = reads(rows, height / rows, height, "y" in wrap)
    across = reads(columns, width / columns, width, "x" in wrap)
    if "x" in wrap:
        across = across[0] % columns, across[1]
    source = iter(strips)
    kept, first = next(source), 0  # rows that are still needed, and the first of them
    for done in range(0, height, ROWS):
        part = slice(done, done + ROWS)
        begin, end = before + int(taps[:, part].min()), before + int(taps[:, part].max()) + 1
        while first + len(kept) <= begin:
            first, kept = first + len(kept), next(source)
        parts = [kept[begin - first :]]
        while first + len(kept) + sum(map(len, parts[1:])) < end:
            parts.append(next(source))
        kept, first = parts[0] if len(parts) == 1 else np.concatenate(parts), begin
        down = taps[:, part] + (before - first), weights[:, part]
        yield _mixed(kept, down, across, has_alpha and not copies)


def _mixed(pixels: Strip, down: Taps, across: Taps, has_alpha: bool) -> Strip:
    """Return sums of rows, then of columns; of colours by their alpha."""
    if not has_alpha:
        return _summed(_summed(pixels, down, 0), across, 1)
    colour, alpha = pixels[..., :-1], pixels[..., -1:]
    plain, hidden, weight = (
        _summed(_summed(part, down, 0), across, 1) for part in (colour, colour * alpha, alpha)
    )
    is_seen = weight > LEAST_ALPHA
    mixed = np.where(is_seen, hidden / np.where(is_seen, weight, 1), plain)
    return np.concatenate([mixed, weight], axis=-1)


def _summed(pixels: Strip, taps: Taps, axis: int) -> Strip:
    """Return weighted sums along an axis."""
    return weighted(pixels, *taps, axis, np.float32)
