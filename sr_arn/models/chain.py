"""One luminance model after another, for scales beyond those that are trained."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr_arn.models.base import (
    Chroma,
    LuminanceModel,
    chroma_of,
    restored,
    restores,
    runs_by_torch,
)
from sr_arn.models.restoration import Strengths
from sr_arn.pictures.resize import imresize
from sr_arn.planes import NO_RIM, Rim

__all__ = ["Chain"]

BICUBIC_REACH = 2

Plane = NDArray[np.float32]


class Chain:
    """A model that enlarges what another one made, tile by tile as if it were one model.

    Only the first one restores: what it made is clean.

    Parameters
    ----------
    first, second : LuminanceModel
        What the first one made is clipped to [0, 1] and not rounded.
    """

    def __init__(self, first: LuminanceModel, second: LuminanceModel) -> None:
        self.first = first
        self.second = second
        self.name = f"{first.name}+{second.name}"
        self.scale = first.scale * second.scale
        self._seen = _even_part(second.reach, first.scale)
        self.reach = first.reach + self._seen
        chroma = chroma_of(first)
        self.chroma = chroma and _ChromaThenBicubic(chroma, first.scale, second.scale)

    @property
    def restores(self) -> bool:
        """Whether the first model does."""
        return restores(self.first)

    def restored(self, strengths: Strengths) -> "Chain":
        """Return that for pictures of these strengths."""
        return Chain(restored(self.first, strengths), self.second)

    @property
    def runs_by_torch(self) -> bool:
        """Whether both models do."""
        return runs_by_torch(self.first) and runs_by_torch(self.second)

    def to(self, device: str) -> "Chain":
        """Return that of the models that torch runs on a device."""
        models: tuple[Any, Any] = self.first, self.second
        return Chain(*(model.to(device) for model in models))

    def __call__(self, lr: Plane, rim: Rim = NO_RIM) -> Plane:
        """Return the HR plane without the rim."""
        seen = _seen_by_second(rim, self.reach, self._seen)
        middle = np.clip(self.first(lr, rim.without(seen)), 0, 1)
        return self.second(middle, Rim(*(width * self.first.scale for width in seen)))


class _ChromaThenBicubic:
    """Cb and Cr by the first model's network, enlarged again by bicubic.

    That of the second model would need luminance of the first one once more.
    """

    def __init__(self, first: Chroma, scale: int, then: int) -> None:
        self._first, self._scale, self._then = first, scale, then
        self._seen = _even_part(BICUBIC_REACH, scale)
        self.reach = first.reach + self._seen

    def __call__(self, ycbcr: Plane, rim: Rim = NO_RIM) -> Plane:
        """Return Cb and Cr without the rim."""
        seen = _seen_by_second(rim, self.reach, self._seen)
        middle = self._first(ycbcr, rim.without(seen))
        larger = imresize(middle, self._then)
        return Rim(*(width * self._scale for width in seen)).cut(larger, self._then)


def _even_part(reach: int, scale: int) -> int:
    """Return how many LR pixels a reach in the enlarged picture is: an even number, as tiles."""
    return 2 * -(-reach // (2 * scale))


def _seen_by_second(rim: Rim, reach: int, seen: int) -> Rim:
    """Return the part of the rim that the first model enlarges for the second.

    The row or column that makes a tile's number even is part of it: see `Grid.tiles`.
    """
    more = rim.narrowed(reach)
    return Rim(*(min(width, seen + m) for width, m in zip(rim, more, strict=True)))
