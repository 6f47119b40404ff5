"""The protocol of the papers for one image, by which every score here is measured.

The luminance is cropped to a multiple of the scale, shrunk by bicubic without rounding, enlarged,
rounded to levels, shaved by `scale` pixels and compared.

A picture that is degraded in colour, or restored, is enlarged as a user's file is: whole, from
levels of RGB to levels of RGB. The luminance of the result is compared.
"""

import time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sr_arn.datasets.degradation import BICUBIC, Degradation
from sr_arn.datasets.images import TrainingImage
from sr_arn.evaluation.metrics import psnr_y, ssim_y
from sr_arn.models.restoration import Restore
from sr_arn.pictures.color import luminance
from sr_arn.upscaling.tiles import Border
from sr_arn.upscaling.upscaler import HowToRestore, Upscaler

__all__ = ["Enlarged", "enlarge"]

Plane = NDArray[np.float32]


class Enlarged(NamedTuple):
    """An HR plane, its LR version, and what an up-scaler makes of that."""

    hr: Plane
    lr: Plane
    result: Plane
    scale: int
    seconds: float
    """From LR to HR luminance, or of the whole picture."""

    @property
    def psnr(self) -> float:
        """PSNR on Y in dB."""
        return psnr_y(self.hr, self.result, self.scale)

    @property
    def ssim(self) -> float:
        """SSIM on Y."""
        return ssim_y(self.hr, self.result, self.scale)


def enlarge(
    upscaler: Upscaler,
    image: TrainingImage,
    *,
    border: Border = "paper",
    degrade: Degradation = BICUBIC,
    restore: HowToRestore = "off",
) -> Enlarged:
    """Return what an up-scaler makes of an image by the protocol.

    Parameters
    ----------
    upscaler : Upscaler
    image : TrainingImage
        Its LR plane is taken if it has one.
    border : {"paper", "full"}, default "paper"
        Of luminance; pictures in colour are enlarged to the full border.
    degrade : Degradation, default bicubic
        Otherwise makes the LR plane.
    restore : {"off", "auto"}, float or Strengths, default "off"
        See `Upscaler.upscale`.
    """
    scale = upscaler.scale
    if image.is_colour or not Restore.of(restore).is_off:
        hr, picture = image.picture_pair(scale, degrade)
        start = time.perf_counter()
        enlarged = upscaler.upscale_picture(picture, restore=restore)
        seconds = time.perf_counter() - start
        result = luminance(enlarged.pixels)
        return Enlarged(hr, luminance(picture.pixels), result, scale, seconds)
    hr, lr = image.pair(scale, degrade)
    start = time.perf_counter()
    result = upscaler.upscale_luminance(lr, border)
    return Enlarged(hr, lr, result, scale, time.perf_counter() - start)
