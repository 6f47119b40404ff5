"""Images held out of training, and how well a model does on them."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sr_arn.checks import check_integer
from sr_arn.datasets.degradation import BICUBIC, Degradation
from sr_arn.datasets.images import TrainingImage
from sr_arn.errors import InputError
from sr_arn.evaluation.protocol import enlarge
from sr_arn.models.features import SMALLEST
from sr_arn.upscaling.upscaler import Upscaler

__all__ = ["Validation", "hold_out"]

SHARE = 10  # by default, one image in ten is held out
MOST = 10
FEW = 4  # of less, none is

Plane = NDArray[np.float32]
T = TypeVar("T")


def hold_out(paths: Sequence[T], count: int | None) -> tuple[list[T], list[T]]:
    """Split into training images and `count` held-out ones, evenly spaced.

    Parameters
    ----------
    paths : sequence
    count : int or None
        Less than the number of paths; None is one in ten, at most ten, and at least one of four
        images or more.
    """
    if count is None:
        count = min(max(len(paths) // SHARE, int(len(paths) >= FEW)), MOST)
    elif check_integer(count, "validation", 0) >= len(paths):
        raise InputError(
            f"validation: expected fewer than the {len(paths)} images, received {count}"
        )
    held = {(2 * k + 1) * len(paths) // (2 * count) for k in range(count)}
    training = [path for number, path in enumerate(paths) if number not in held]
    return training, [paths[number] for number in sorted(held)]


class Validation:
    """Held-out HR planes, and the PSNR of a model on them.

    Parameters
    ----------
    planes : iterable of float32 [h, w] in [0, 1] or of TrainingImage
        HR luminance; those too small for a window are left out.
    scale : int
    degrade : Degradation, default bicubic
        What makes LR planes of HR ones.
    """

    def __init__(
        self,
        planes: Iterable[Plane | TrainingImage],
        scale: int,
        degrade: Degradation = BICUBIC,
    ) -> None:
        large = [plane for plane in planes if min(plane.shape) >= SMALLEST * scale]
        self.images = [TrainingImage.of(plane) for plane in large]
        self.degrade = degrade

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def psnr(self, upscaler: Upscaler) -> float:
        """Return the mean PSNR in dB."""
        made = (enlarge(upscaler, image, degrade=self.degrade) for image in self.images)
        return float(np.mean([one.psnr for one in made]))
