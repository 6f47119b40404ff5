"""A picture to learn from or to be measured on, with its LR version where that is known.

It is luminance, as models see it, or in colour if that is what a degradation acts on.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from sr_arn.datasets.degradation import BICUBIC, Degradation, luminance_of
from sr_arn.datasets.folders import read_luminances
from sr_arn.errors import InputError, display
from sr_arn.pictures.color import luminance
from sr_arn.pictures.io import read_image
from sr_arn.pictures.picture import Picture
from sr_arn.pictures.resize import crop_to_multiple, imresize
from sr_arn.planes import WHITE, to_levels
from sr_arn.system.threads import available_cores, in_order

__all__ = ["ImageFiles", "TrainingImage", "usable"]

logger = logging.getLogger(__name__)

ALL = slice(None)

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class TrainingImage:
    """An HR picture, and the LR plane that came with it.

    Attributes
    ----------
    hr : float32 [h, w] in [0, 1], or uint8 [h, w, 3]
        Luminance, or RGB that is to be degraded in colour.
    lr : float32 [h / s, w / s], optional
        Without it, a degradation makes one.
    """

    hr: NDArray[Any]
    lr: Plane | None = None

    @classmethod
    def of(cls, plane: "Plane | TrainingImage") -> "TrainingImage":
        """Return an HR plane as an image."""
        return plane if isinstance(plane, TrainingImage) else cls(plane)

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns of the HR picture."""
        return self.hr.shape[:2]

    @property
    def is_colour(self) -> bool:
        """Whether it is to be degraded in colour."""
        return self.hr.ndim == 3

    def resized(self, factor: float) -> "TrainingImage":
        """Return it at another size, or itself: an LR plane is of one size alone."""
        return self if factor == 1 else TrainingImage(imresize(self.hr, factor))

    def part(self, rows: slice, columns: slice) -> Plane:
        """Return HR pixels [h, w] or [h, w, 3] in [0, 1]."""
        pixels = self.hr[rows, columns]
        return pixels if pixels.ndim == 2 else pixels.astype(np.float32) / np.float32(255)

    def pair(self, scale: int, degrade: Degradation = BICUBIC) -> tuple[Plane, Plane]:
        """Return the luminance, cropped to a multiple of the scale, and that of the LR version."""
        hr = crop_to_multiple(self.part(ALL, ALL), scale)
        return degrade.pair(hr, scale) if self.lr is None else (hr, self.lr)

    def picture_pair(self, scale: int, degrade: Degradation = BICUBIC) -> tuple[Plane, Picture]:
        """Return the luminance, and the LR version as a file holds it: in levels, in colour."""
        hr = crop_to_multiple(self.part(ALL, ALL), scale)
        one = degrade.settled(hr)
        lr = one(hr, scale) if self.lr is None else self.lr
        return one.shown(luminance_of(hr), scale), Picture(to_levels(lr), jpeg=one.jpeg)


class ImageFiles(NamedTuple):
    """The file of an HR picture, and that of the LR picture that came with it."""

    hr: Path
    lr: Path | None = None

    @classmethod
    def of(cls, path: "Path | ImageFiles") -> "ImageFiles":
        """Return the file of an HR picture as files."""
        return path if isinstance(path, ImageFiles) else cls(path)

    def absolute(self) -> Self:
        """Return them with whole paths."""
        return type(self)(self.hr.absolute(), self.lr and self.lr.absolute())

    def read(self, scale: int, in_colour: bool = False) -> TrainingImage:
        """Return the luminances, or an HR picture in colour, if it has colour.

        Raises
        ------
        InputError
            If a picture cannot be read, or the HR one is not `scale` times as large.
        """
        if self.lr is None:
            pixels = read_image(self.hr).seen(display(self.hr))
            is_colour = in_colour and pixels.ndim == 3
            return TrainingImage(_levels(pixels) if is_colour else luminance(pixels))
        hr, lr = read_luminances([self.hr, self.lr])
        expected = tuple(n * scale for n in lr.shape)
        if hr.shape != expected:
            (h, w), (rows, columns) = hr.shape, expected
            raise InputError(
                f"images: expected {columns} x {rows} pixels, {scale} times those of "
                f"{display(self.lr.name)}, received {w} x {h} in {display(self.hr)}"
            )
        return TrainingImage(hr, lr)


def _levels(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return pixels of any dtype as whole levels of 255."""
    if pixels.dtype == np.uint8:
        return pixels
    return to_levels(pixels / np.float32(WHITE[pixels.dtype.name]))


def usable(files: Sequence[ImageFiles], scale: int) -> list[ImageFiles]:
    """Return the pictures that have a luminance; a warning in the log lists the others.

    Raises
    ------
    InputError
        If none has, with the reason of the first.
    """

    def problem_of(one: ImageFiles) -> str:
        try:
            one.read(scale)
        except InputError as error:
            return str(error)
        return ""

    problems = list(in_order(problem_of, files, available_cores()))
    found = [one for one, problem in zip(files, problems, strict=True) if not problem]
    reasons = [problem for problem in problems if problem]
    if not found:
        others = f" (so are the other {len(files) - 1})" if len(files) > 1 else ""
        raise InputError(f"{reasons[0]}{others}")
    if reasons:
        listed = "".join(f"\n  {reason}" for reason in reasons)
        logger.warning("left out %d of %d images:%s", len(reasons), len(files), listed)
    return found
