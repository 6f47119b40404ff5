"""The protocol of the papers for one image, by which every score here is measured.

The luminance is cropped to a multiple of the scale, shrunk by bicubic without rounding, enlarged,
rounded to levels, shaved by `scale` pixels and compared.
"""

import time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sr_arn.datasets.degradation import BICUBIC, Degradation
from sr_arn.datasets.images import TrainingImage
from sr_arn.evaluation.metrics import psnr_y, ssim_y
from sr_arn.upscaling.tiles import Border
from sr_arn.upscaling.upscaler import Upscaler

__all__ = ["Enlarged", "enlarge"]

Plane = NDArray[np.float32]


class Enlarged(NamedTuple):
    """An HR plane, its LR version, and what an up-scaler makes of that."""

    hr: Plane
    lr: Plane
    result: Plane
    scale: int
    seconds: float
    """From LR to HR luminance."""

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
) -> Enlarged:
    """Return what an up-scaler makes of an image by the protocol.

    Parameters
    ----------
    upscaler : Upscaler
    image : TrainingImage
        Its LR plane is taken if it has one.
    border : {"paper", "full"}, default "paper"
    degrade : Degradation, default bicubic
        Otherwise makes the LR plane.
    """
    scale = upscaler.scale
    hr, lr = image.pair(scale, degrade)
    start = time.perf_counter()
    result = upscaler.upscale_luminance(lr, border)
    return Enlarged(hr, lr, result, scale, time.perf_counter() - start)
