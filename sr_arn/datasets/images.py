"""A picture to learn from or to be measured on, with its LR version where that is known."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from sr_arn.datasets.degradation import BICUBIC, Degradation
from sr_arn.datasets.folders import read_luminances
from sr_arn.errors import InputError, display
from sr_arn.pictures.resize import crop_to_multiple, imresize
from sr_arn.system.threads import available_cores, in_order

__all__ = ["ImageFiles", "TrainingImage", "usable"]

logger = logging.getLogger(__name__)

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class TrainingImage:
    """An HR plane, and the LR plane that came with it.

    Attributes
    ----------
    hr : float32 [h, w] in [0, 1]
    lr : float32 [h / s, w / s], optional
        Without it, a degradation makes one.
    """

    hr: Plane
    lr: Plane | None = None

    @classmethod
    def of(cls, plane: "Plane | TrainingImage") -> "TrainingImage":
        """Return an HR plane as an image."""
        return plane if isinstance(plane, TrainingImage) else cls(plane)

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns of the HR plane."""
        return self.hr.shape

    def resized(self, factor: float) -> "TrainingImage":
        """Return it at another size, or itself: an LR plane is of one size alone."""
        return self if factor == 1 else TrainingImage(imresize(self.hr, factor))

    def pair(self, scale: int, degrade: Degradation = BICUBIC) -> tuple[Plane, Plane]:
        """Return the HR plane, cropped to a multiple of the scale, and its LR plane."""
        hr = crop_to_multiple(self.hr, scale)
        return hr, degrade(hr, scale) if self.lr is None else self.lr


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

    def read(self, scale: int) -> TrainingImage:
        """Return the luminances.

        Raises
        ------
        InputError
            If a picture cannot be read, or the HR one is not `scale` times as large.
        """
        if self.lr is None:
            (hr,) = read_luminances([self.hr])
            return TrainingImage(hr)
        hr, lr = read_luminances([self.hr, self.lr])
        expected = tuple(n * scale for n in lr.shape)
        if hr.shape != expected:
            (h, w), (rows, columns) = hr.shape, expected
            raise InputError(
                f"images: expected {columns} x {rows} pixels, {scale} times those of "
                f"{display(self.lr.name)}, received {w} x {h} in {display(self.hr)}"
            )
        return TrainingImage(hr, lr)


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
