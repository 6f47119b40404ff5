"""Whether a picture may be pixel art, which a model of photos would blur."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["HINT", "may_be_pixel_art"]

HINT = "has few colours in blocks; of pixel art, --model nearest keeps every edge"
ROWS = 256  # that are looked at
COLOURS = range(3, 65)  # of two, it is rather a fax
FLAT = 0.5  # the share of pixels that are like the one before


def may_be_pixel_art(pixels: NDArray[Any]) -> bool:
    """Return whether pixels [h, w] or [h, w, c] have few colours, and mostly flat areas."""
    height, width = pixels.shape[:2]
    rows = pixels[:: -(-height // ROWS)].reshape(-1, width, *pixels.shape[2:])
    if rows.dtype.kind != "u" or width == 1:
        return False
    each = np.ascontiguousarray(rows.reshape(*rows.shape[:2], -1))
    colours = each.view(f"V{each.itemsize * each.shape[2]}")[..., 0]
    if len(np.unique(colours[: len(colours) // 8 + 1])) not in range(COLOURS.stop):  # a photo
        return False
    is_same = (each[:, 1:] == each[:, :-1]).all(axis=-1)
    return len(np.unique(colours)) in COLOURS and bool(is_same.mean() >= FLAT)
