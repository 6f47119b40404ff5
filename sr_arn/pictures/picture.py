"""A picture: upright pixels of any kind, and the metadata of its file."""

from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError
from sr_arn.pictures.change import Change
from sr_arn.pictures.metadata import Metadata
from sr_arn.pictures.scaling import Scaling
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
    is_bands: bool = False
    palette: NDArray[np.uint8] | None = None
    """Colours [n, c] that the pixels [h, w] are numbers of, where they are no colours."""

    @property
    def mode(self) -> str:
        """What the channels are: L, LA, RGB, RGBA, CMYK or BANDS."""
        channels = 1 if len(self.shape) == 2 else self.shape[2]
        return "CMYK" if self.is_cmyk else "BANDS" if self.is_bands else MODES[channels]

    def of_size(self, height: int, width: int) -> "PictureInfo":
        """Return that of the same picture in another size."""
        before = self.shape[1], self.shape[0]
        metadata = self.metadata.changed(Change(before, (width, height)))
        return replace(self, shape=(height, width, *self.shape[2:]), metadata=metadata)


@dataclass(frozen=True)
class Picture:
    """Upright pixels, and the metadata of a file."""

    pixels: NDArray[Any]
    """[h, w] grey, or [h, w, c]: grey and alpha, RGB, RGBA, CMYK or bands. uint8, uint16, or
    float32 or float64 in [0, 1]; other numbers with a `scaling`. Alpha is straight, not multiplied
    into the colour."""

    metadata: Metadata = field(default_factory=Metadata)
    _: KW_ONLY
    is_cmyk: bool = False
    is_bands: bool = False
    """Whether the channels, 2 or more, are no colours but planes of their own."""
    scaling: Scaling | None = None
    """Of numbers that are no levels: floats beyond [0, 1], signed integers, pixels without a
    value. It says what is black and white; `pixels` are as in the file."""
    jpeg: float | None = None
    """Quality of the JPEG file that the pixels were read from, 1 to 100."""

    @property
    def info(self) -> PictureInfo:
        """All but the pixels."""
        return PictureInfo(
            self.pixels.shape, self.pixels.dtype, self.metadata, self.is_cmyk, self.is_bands
        )

    @property
    def mode(self) -> str:
        """What the channels are: L, LA, RGB, RGBA, CMYK or BANDS."""
        return self.info.mode

    def of_range(self, low: float, high: float, name: str) -> "Picture":
        """Return it with another range of numbers, which are cut off beyond.

        Raises
        ------
        InputError
            If it has levels: integers without sign.
        """
        if self.pixels.dtype.kind == "u":
            bits = 8 * self.pixels.dtype.itemsize
            raise InputError(f"range: is for floats and signed integers; {name} has {bits} bits")
        scaling = self.scaling or Scaling(0, 1)
        return replace(self, scaling=scaling.within(low, high))

    def in_unit(self) -> "Picture":
        """Return it with floats in [0, 1] if its numbers are no levels, and of bands the first."""
        if self.is_bands:
            scaling = None if self.scaling is None else self.scaling.of_band(0)
            first = np.ascontiguousarray(self.pixels[..., 0])
            return replace(self, pixels=first, is_bands=False, scaling=scaling).in_unit()
        if self.scaling is None:
            return self
        unit = self.scaling.to_unit(self.without_alpha().pixels)
        if self.mode in ("LA", "RGBA"):
            alpha = self.pixels[..., -1:] / np.float32(WHITE[self.pixels.dtype.name])
            opacity = np.clip(alpha, 0, 1).astype(np.float32)
            unit = np.concatenate([np.atleast_3d(unit), opacity], axis=-1)
        return replace(self, pixels=unit, scaling=None)

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
            If something is transparent; if it is CMYK, whose luminance depends on the inks; if
            its numbers or channels are no colours.
        """
        if self.is_bands or self.scaling is not None:
            raise InputError(f"{name}: expected grey or RGB in 0..1; scale it first")
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
