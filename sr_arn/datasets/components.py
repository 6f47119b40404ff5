"""What degrades a picture: blur, the filter that shrinks it, noise and JPEG."""

import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from sr_arn.datasets.component import Component, Pixels, Strength
from sr_arn.errors import InputError, display
from sr_arn.pictures.resize import imresize
from sr_arn.planes import to_levels

__all__ = ["Blur", "Jpeg", "Kernel", "Noise", "encoded"]

SEEDS = 1 << 32


class Blur(Component):
    """Gaussian blur of the HR pixels."""

    name: ClassVar[str] = "blur"
    help: ClassVar[str] = "in HR pixels"
    largest: ClassVar[float] = 20.0

    def before(self, hr: Pixels) -> Pixels:
        """Return the blurred pixels."""
        from scipy.ndimage import gaussian_filter

        sigmas = [self.strength, self.strength, 0][: hr.ndim]
        return gaussian_filter(hr, sigmas, mode="nearest")


class Kernel(Component):
    """The filter that shrinks a picture instead of bicubic.

    Those of Pillow widen with the factor, as bicubic does. "none" takes the pixel nearest the
    centre of each LR pixel. Where no pixel lies there, HR is shifted by half a pixel alike.
    """

    name: ClassVar[str] = "kernel"
    help: ClassVar[str] = "of shrinking"
    shrinks: ClassVar[bool] = True

    by_pillow: ClassVar[dict[str, str]] = {"box": "BOX", "lanczos": "LANCZOS", "linear": "BILINEAR"}
    names: ClassVar[list[str]] = ["bicubic", *by_pillow, "none"]
    metavar: ClassVar[str] = "|".join([*names, "any"])

    def __init__(self, strength: Strength) -> None:
        if strength not in (known := self.metavar.split("|")):
            received = display(strength) or "nothing"
            raise InputError(f"kernel: expected {', '.join(known)}, received {received}")
        self.strength = strength

    @property
    def is_off(self) -> bool:
        """Whether it is bicubic."""
        return self.strength == self.names[0]

    @property
    def is_range(self) -> bool:
        """Whether it is any of them."""
        return self.strength not in self.names

    def drawn(self, rng: np.random.Generator) -> Self:
        """Return one of the filters."""
        return type(self)(str(rng.choice(self.names))) if self.is_range else self

    def shrink(self, hr: NDArray[Any], scale: int) -> NDArray[Any]:
        """Return the LR pixels: floats, or uint8 rounded to levels."""
        if self.strength in self.by_pillow:
            return self._by_pillow(hr, scale)
        if self.is_off:
            return imresize(hr, 1 / scale)
        first = (scale - 1) // 2
        return np.ascontiguousarray(hr[first::scale, first::scale])

    def _by_pillow(self, hr: NDArray[Any], scale: int) -> NDArray[Any]:
        """Return the LR pixels."""
        from PIL import Image

        size = hr.shape[1] // scale, hr.shape[0] // scale
        how = Image.Resampling[self.by_pillow[self.strength]]
        return _by_channel(lambda plane: np.asarray(Image.fromarray(plane).resize(size, how)), hr)

    def shown(self, hr: Pixels, scale: int) -> Pixels:
        """Return the HR pixels, by half a pixel further where "none" took them so."""
        if self.strength != self.names[-1] or scale % 2:
            return hr
        from scipy.ndimage import shift

        return _by_channel(lambda plane: shift(plane, 0.5, order=3, mode="mirror"), hr)


class Noise(Component):
    """Gaussian noise of the LR pixels. It depends on them alone: equal pixels, equal noise.

    Parameters
    ----------
    strength : float or str
    seed : int, optional
        Of other noise: that of a strength that is drawn.
    """

    name: ClassVar[str] = "noise"
    help: ClassVar[str] = "in levels"
    largest: ClassVar[float] = 100.0
    in_colour: ClassVar[bool] = True

    def __init__(self, strength: Strength, seed: int | None = None) -> None:
        super().__init__(strength)
        self.seed = seed

    def drawn(self, rng: np.random.Generator) -> Self:
        """Return noise of its own, by a strength of the range."""
        if not self.is_range:
            return self
        return type(self)(rng.uniform(self.low, self.high), int(rng.integers(SEEDS)))

    def after(self, lr: Pixels) -> Pixels:
        """Return the noisy pixels."""
        own = zlib.crc32(lr.tobytes())
        rng = np.random.default_rng(own if self.seed is None else (own, self.seed))
        return lr + rng.normal(0, self.strength / 255, lr.shape).astype(np.float32)


class Jpeg(Component):
    """Compression of the LR pixels by Pillow's JPEG: of colour 4:2:0, of grey as a grey JPEG."""

    name: ClassVar[str] = "jpeg"
    metavar: ClassVar[str] = "QUALITY"
    help: ClassVar[str] = "of 100"
    smallest: ClassVar[float] = 1
    largest: ClassVar[float] = 100
    in_colour: ClassVar[bool] = True

    def __init__(self, strength: Strength) -> None:
        super().__init__(strength)
        if self.low % 1 or self.high % 1:
            raise InputError(f"jpeg: expected whole numbers, received {display(strength)}")
        self.strength = self.strength if self.is_range else int(self.low)

    def drawn(self, rng: np.random.Generator) -> Self:
        """Return a whole quality of the range, the highest included."""
        return type(self)(int(rng.integers(int(self.low), int(self.high) + 1)))

    def after(self, lr: Pixels) -> Pixels:
        """Return the pixels that a decoder sees."""
        from PIL import Image

        with Image.open(BytesIO(encoded(to_levels(lr), int(self.low)))) as image:
            return np.asarray(image, np.float32) / np.float32(255)


def _by_channel(work: Callable[[NDArray[Any]], NDArray[Any]], pixels: NDArray[Any]) -> NDArray[Any]:
    """Return what work makes of a plane, or of each channel by itself."""
    if pixels.ndim == 2:
        return work(pixels)
    channels = np.moveaxis(pixels, -1, 0)
    return np.stack([work(np.ascontiguousarray(plane)) for plane in channels], axis=-1)


def encoded(levels: NDArray[Any], quality: int) -> bytes:
    """Return the JPEG file that Pillow makes of grey [h, w] or RGB [h, w, 3], uint8."""
    from PIL import Image

    file = BytesIO()
    Image.fromarray(levels).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return file.getvalue()
