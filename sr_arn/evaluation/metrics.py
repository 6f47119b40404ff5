"""PSNR and SSIM on luminance, by the protocol of the super-resolution tables.

References
----------
Z. Wang et al., "Image quality assessment: from error visibility to structural
similarity", IEEE Trans. Image Processing 13(4), 2004.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr_arn.checks import check_integer
from sr_arn.errors import InputError
from sr_arn.pictures.color import luminance_levels

__all__ = ["psnr_y", "ssim_y"]

PEAK = 255.0
SSIM_WINDOW = 11  # Wang's Gaussian window, sigma 1.5


def psnr_y(ref: NDArray[Any], out: NDArray[Any], border: int = 0) -> float:
    """Return the peak signal-to-noise ratio between two images on Y, in dB.

    Parameters
    ----------
    ref, out : ndarray
        Reference and result, of equal height and width; each as `color.luminance_levels`
        takes it (RGB is converted, one channel is taken as Y, floats are rounded to levels).
    border : int, default 0
        Pixels to shave off each side first; the protocol shaves `scale`.

    Returns
    -------
    float
        10 log10(255^2 / MSE); infinite for equal images.

    Raises
    ------
    InputError
        If the sizes differ or nothing is left inside the border.
    """
    a, b = _shaved_levels(ref, out, border, smallest=1)
    mse = np.mean((a.astype(np.float64) - b) ** 2)
    return math.inf if mse == 0 else float(10 * np.log10(PEAK**2 / mse))


def ssim_y(ref: NDArray[Any], out: NDArray[Any], border: int = 0) -> float:
    """Return the mean structural similarity between two images on Y (Wang et al. 2004).

    11 x 11 Gaussian window of sigma 1.5, population covariance, range 255. Parameters and
    errors as in `psnr_y`; at least 11 x 11 pixels must be left inside the border.
    """
    from skimage.metrics import structural_similarity

    a, b = _shaved_levels(ref, out, border, smallest=SSIM_WINDOW)
    return float(
        structural_similarity(
            a, b, data_range=PEAK, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
    )


def _shaved_levels(
    ref: NDArray[Any], out: NDArray[Any], border: int, smallest: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return both images' luminance levels without their border."""
    check_integer(border, "border", 0)
    a, b = luminance_levels(ref), luminance_levels(out)
    if a.shape != b.shape:
        raise InputError(
            f"images: expected equal sizes, received {_size(a)} (reference) and {_size(b)} (result)"
        )
    if min(a.shape) < smallest + 2 * border:
        raise InputError(
            f"images: expected at least {smallest} x {smallest} pixels inside a border of "
            f"{border}, received {_size(a)} with it"
        )
    height, width = a.shape
    inside = np.s_[border : height - border, border : width - border]
    return a[inside], b[inside]


def _size(plane: NDArray[Any]) -> str:
    """Return the size of a plane in words: width x height."""
    return f"{plane.shape[1]} x {plane.shape[0]}"
