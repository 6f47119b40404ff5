"""Planes of pixels: their levels, and their rim, which serves as context only."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["NO_RIM", "WHITE", "Rim", "to_levels"]

WHITE = {"uint8": 255, "uint16": 65535, "float32": 1, "float64": 1}
"""White, by the names of the dtypes that pixels have."""


class Rim(NamedTuple):
    """Widths, in LR pixels, of the edges of a plane that serve as context and get no result."""

    top: int
    bottom: int
    left: int
    right: int

    def cut(self, plane: NDArray[Any], scale: int = 1) -> NDArray[Any]:
        """Return a plane [h, w, ...] of `scale` pixels per LR pixel without its rim."""
        height, width = plane.shape[:2]
        rows = slice(self.top * scale, height - self.bottom * scale)
        return plane[rows, self.left * scale : width - self.right * scale]

    def narrowed(self, pixels: int) -> "Rim":
        """Return the rim reduced by some pixels at each edge, at least 0."""
        return Rim(*(max(0, width - pixels) for width in self))

    def without(self, inner: "Rim") -> "Rim":
        """Return the rim that remains after another is cut off."""
        return Rim(*(width - part for width, part in zip(self, inner, strict=True)))

    def turned(self) -> "Rim":
        """Return the rim of the plane turned by `np.rot90`."""
        return Rim(top=self.right, bottom=self.left, left=self.top, right=self.bottom)

    def mirrored(self) -> "Rim":
        """Return the rim of the plane mirrored by `np.fliplr`."""
        return self._replace(left=self.right, right=self.left)


NO_RIM = Rim(0, 0, 0, 0)


def to_levels(values: NDArray[np.floating[Any]], dtype: Any = np.uint8) -> NDArray[Any]:
    """Return values clipped to [0, 1] as pixels of a dtype; integers are rounded half up."""
    values, white = np.clip(values, 0, 1), WHITE[np.dtype(dtype).name]
    return (values if white == 1 else np.floor(values * white + 0.5)).astype(dtype)
