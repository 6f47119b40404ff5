"""Images held out of training, and how well a model does on them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sr_arn.checks import check_integer
from sr_arn.datasets.degradation import BICUBIC, HowToDegrade
from sr_arn.errors import InputError
from sr_arn.evaluation.metrics import psnr_y
from sr_arn.models.features import SMALLEST
from sr_arn.pictures.resize import crop_to_multiple
from sr_arn.upscaling.upscaler import Upscaler

__all__ = ["Validation", "hold_out"]

SHARE = 10  # by default, one image in ten is held out
MOST = 10
FEW = 4  # of less, none is

Plane = NDArray[np.float32]


def hold_out(paths: Sequence[Path], count: int | None) -> tuple[list[Path], list[Path]]:
    """Split into training images and `count` held-out ones, evenly spaced.

    Parameters
    ----------
    paths : sequence of path
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
    """HR planes and what a model makes of them, by the papers' protocol.

    Parameters
    ----------
    planes : iterable of float32 [h, w] in [0, 1]
        HR luminance; those too small for a window are left out.
    scale : int
    degrade : Degradation or Given, default bicubic
        What makes LR planes of HR ones.
    """

    def __init__(
        self, planes: Iterable[Plane], scale: int, degrade: HowToDegrade = BICUBIC
    ) -> None:
        large = (plane for plane in planes if min(plane.shape) >= SMALLEST * scale)
        self.planes = [crop_to_multiple(plane, scale) for plane in large]
        self.scale = scale
        self.degrade = degrade

    def __len__(self) -> int:
        """Return the number of planes."""
        return len(self.planes)

    def psnr(self, upscaler: Upscaler) -> float:
        """Return the mean PSNR in dB."""
        psnrs = []
        for hr in self.planes:
            lr = self.degrade(hr, self.scale)
            psnrs.append(psnr_y(hr, upscaler.upscale_luminance(lr, "paper"), self.scale))
        return float(np.mean(psnrs))
