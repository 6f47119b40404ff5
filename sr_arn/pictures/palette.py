"""Pictures of few colours that stay so: as numbers of colours in a palette."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr_arn.pictures.picture import Picture

__all__ = [
    "BILEVEL",
    "depth_of",
    "is_bilevel",
    "is_black_and_white",
    "nearest_in",
    "packed",
    "palette_of",
]

MOST_COLOURS = 256
AT_A_TIME = 1 << 16  # pixels

Palette = NDArray[np.uint8]

BILEVEL = np.array([[0], [255]], np.uint8)
"""The palette of black and white."""


def palette_of(picture: Picture) -> Palette | None:
    """Return the colours [n, c] of a picture of 8 bits; None if they are more than 256, or inks.

    Also of grey with a profile, for the colours of a palette are RGB.
    """
    is_of_grey = picture.mode in ("L", "LA") and picture.metadata.icc_profile
    if picture.pixels.dtype != np.uint8 or picture.is_cmyk or is_of_grey:
        return None
    each = np.ascontiguousarray(np.atleast_3d(picture.pixels))
    channels = each.shape[2]
    colours = np.unique(each.view(f"V{channels}"))
    if len(colours) > MOST_COLOURS:
        return None
    return colours.view(np.uint8).reshape(-1, channels)


def is_bilevel(picture: Picture) -> bool:
    """Return whether a picture is of black and white alone."""
    is_grey = picture.mode == "L" and picture.pixels.dtype == np.uint8
    return is_grey and bool(np.isin(picture.pixels, BILEVEL).all())


def is_black_and_white(palette: Palette) -> bool:
    """Return whether a palette is `BILEVEL`."""
    return np.array_equal(palette, BILEVEL)


def depth_of(palette: Palette) -> int:
    """Return the bits that a number of a colour takes: 1, 2, 4 or 8."""
    return next(depth for depth in (1, 2, 4, 8) if len(palette) <= 1 << depth)


def packed(numbers: NDArray[np.uint8], depth: int) -> NDArray[np.uint8]:
    """Return numbers [h, w] of 1, 2, 4 or 8 bits as rows of whole bytes, the first bit first."""
    if depth == 8:
        return numbers
    bits = np.unpackbits(numbers[..., None], axis=-1)[..., -depth:]
    return np.packbits(bits.reshape(len(numbers), -1), axis=1)


def nearest_in(palette: Palette, pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the number [h, w] of the nearest colour of each pixel [h, w] or [h, w, c].

    Colours with alpha count by it: the more transparent, the less.
    """
    height, width = pixels.shape[:2]
    colours, each = _compared(palette), pixels.reshape(height * width, -1)
    squares = (colours**2).sum(axis=1)
    found = np.empty(len(each), np.uint8)
    for start in range(0, len(each), AT_A_TIME):
        part = _compared(each[start : start + AT_A_TIME])
        distances = squares - 2 * (part @ colours.T)  # whole numbers below 2^53: exact
        found[start : start + AT_A_TIME] = distances.argmin(axis=1)
    return found.reshape(height, width)


def _compared(colours: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return colours [n, c] as their distances are measured."""
    numbers = colours.astype(np.float64)
    if colours.shape[1] in (2, 4):
        numbers[:, :-1] *= numbers[:, -1:]
        numbers[:, -1] *= 255
    return numbers
