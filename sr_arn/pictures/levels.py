"""The numbers of pixels as files store them, and as a `Picture` has them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr_arn.planes import WHITE

__all__ = ["straight", "stretched", "stretched_from"]

Pixels = NDArray[Any]


def stretched(pixels: Pixels, bits: int) -> Pixels:
    """Return integers of so many bits as uint8 or uint16, white as their largest."""
    return stretched_from(pixels, (1 << bits) - 1)


def stretched_from(pixels: Pixels, largest: int) -> Pixels:
    """Return integers of which the largest possible is white as uint8 or uint16."""
    dtype = np.uint8 if largest < 1 << 8 else np.uint16
    peak = np.iinfo(dtype).max
    if peak != largest:
        pixels = (pixels.astype(np.uint32) * peak + largest // 2) // largest
    return pixels.astype(dtype)


def straight(pixels: Pixels) -> Pixels:
    """Return pixels [h, w, c] whose colour was multiplied by alpha, the last channel, without."""
    colour, alpha = pixels[..., :-1], pixels[..., -1:]
    if pixels.dtype.kind == "f" and not (colour.min() >= 0 and colour.max() <= 1):  # of light
        divided = np.divide(colour, alpha, out=np.zeros_like(colour), where=alpha > 0)
        return np.concatenate([divided, alpha], axis=-1)
    peak, alpha = WHITE[pixels.dtype.name], np.maximum(alpha, np.float64(1e-9))
    colour = np.clip(colour / alpha, 0, 1) * peak
    colour = colour if peak == 1 else np.round(colour)
    return np.concatenate([colour.astype(pixels.dtype), pixels[..., -1:]], axis=-1)
