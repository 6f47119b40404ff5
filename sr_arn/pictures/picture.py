"""A picture: upright pixels of any kind, and the metadata of its file."""

from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError
from sr_arn.pictures.change import Change
from sr_arn.pictures.metadata import Metadata
from sr_arn.planes import WHITE

__all__ = ["MODES", "Picture", "PictureInfo"]

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
"""Mode by number of channels: grey or colour, with A for alpha. CMYK has four as well."""


@dataclass(frozen=True)
class PictureInfo:
    """All of a picture but its pixels: they may not be there yet."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    metadata: Metadata = field(default_factory=Metadata)
    is_cmyk: bool = False
    palette: NDArray[np.uint8] | None = None
    """Colours [n, c] that the pixels [h, w] are numbers of, where they are no colours."""

    @property
    def mode(self) -> str:
        """What the channels are: L, LA, RGB, RGBA or CMYK."""
        channels = 1 if len(self.shape) == 2 else self.shape[2]
        return "CMYK" if self.is_cmyk else MODES[channels]

    def of_size(self, height: int, width: int) -> "PictureInfo":
        """Return that of the same picture in another size."""
        before = self.shape[1], self.shape[0]
        metadata = self.metadata.changed(Change(before, (width, height)))
        return replace(self, shape=(height, width, *self.shape[2:]), metadata=metadata)


@dataclass(frozen=True)
class Picture:
    """Upright pixels, and the metadata of a file."""

    pixels: NDArray[Any]
    """[h, w] grey, or [h, w, c]: grey and alpha, RGB, RGBA or CMYK. uint8, uint16, or float32
    or float64 in [0, 1]. Alpha is straight, not multiplied into the colour."""

    metadata: Metadata = field(default_factory=Metadata)
    _: KW_ONLY
    is_cmyk: bool = False
    jpeg: float | None = None
    """Quality of the JPEG file that the pixels were read from, 1 to 100."""

    @property
    def info(self) -> PictureInfo:
        """All but the pixels."""
        return PictureInfo(self.pixels.shape, self.pixels.dtype, self.metadata, self.is_cmyk)

    @property
    def mode(self) -> str:
        """What the channels are: L, LA, RGB, RGBA or CMYK."""
        return self.info.mode

    def with_pixels(self, pixels: NDArray[Any]) -> "Picture":
        """Return the same picture with other pixels, of any size, which no file holds."""
        info = self.info.of_size(*pixels.shape[:2])
        return replace(self, pixels=pixels, metadata=info.metadata, jpeg=None)

    @property
    def is_opaque(self) -> bool:
        """Whether nothing is transparent."""
        if self.mode not in ("LA", "RGBA"):
            return True
        return bool((self.pixels[..., -1] == WHITE[self.pixels.dtype.name]).all())

    def without_alpha(self) -> "Picture":
        """Return its colour alone."""
        if self.mode not in ("LA", "RGBA"):
            return self
        pixels = self.pixels[..., :-1]
        return replace(self, pixels=pixels[..., 0] if self.mode == "LA" else pixels)

    def upright(self, orientation: int) -> "Picture":
        """Return it turned as EXIF's orientation says, with metadata that agree with the pixels.

        Damaged metadata are left out and named.
        """
        pixels = _turned(self.pixels, orientation)
        (height, width), (rows, columns) = self.pixels.shape[:2], pixels.shape[:2]
        change = Change((width, height), (columns, rows), orientation)
        metadata = self.metadata.for_mode(self.mode).changed(change)
        return replace(self, pixels=pixels, metadata=metadata)

    def seen(self, name: str) -> NDArray[Any]:
        """Return its visible pixels, grey [h, w] or RGB [h, w, 3].

        Raises
        ------
        InputError
            If something is transparent, or it is CMYK, whose luminance depends on the inks.
        """
        if self.is_cmyk:
            raise InputError(f"{name}: expected grey or RGB, this is CMYK; convert it first")
        if not self.is_opaque:
            raise InputError(f"{name}: has transparency, which has no luminance; flatten it first")
        return self.without_alpha().pixels


def _turned(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return stored pixels upright. [EXIF 2.32: what the stored 0th row and column are]."""
    if orientation in (3, 4, 6, 7):
        pixels = pixels[::-1]
    if orientation in (2, 3, 7, 8):
        pixels = pixels[:, ::-1]
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    return np.ascontiguousarray(pixels)
