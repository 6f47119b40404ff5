"""RGB and YCbCr, ITU-R BT.601 in studio range, as MATLAB's `rgb2ycbcr` defines them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr_arn.checks import check_range
from sr_arn.errors import InputError

__all__ = ["luminance", "luminance_levels", "rgb_to_ycbcr", "ycbcr_to_rgb"]

# BT.601 with 8-bit studio swing: Y in 16..235, Cb and Cr in 16..240, all divided by 255.
BT601 = np.array(
    [
        [65.481, 128.553, 24.966],
        [-37.797, -74.203, 112.0],
        [112.0, -93.786, -18.214],
    ]
)
OFFSET = np.array([16.0, 128.0, 128.0])
BT601_INVERSE = np.linalg.inv(BT601)


def rgb_to_ycbcr(rgb: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Convert RGB [..., 3] in [0, 1] to YCbCr [..., 3], float32, studio range / 255."""
    return _mix(rgb, BT601 / 255, OFFSET / 255)


def ycbcr_to_rgb(ycbcr: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Invert `rgb_to_ycbcr`; the result is not clipped to [0, 1]."""
    return _mix(ycbcr, 255 * BT601_INVERSE, -BT601_INVERSE @ OFFSET)


def luminance_levels(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the luminance Y of an image in whole levels 0..255, as every SR table uses it.

    Parameters
    ----------
    image : ndarray
        RGB [h, w, 3], or a single channel [h, w], taken as Y itself: uint8, uint16
        (0..65535) or float in [0, 1] (clipped).

    Returns
    -------
    ndarray of uint8 [h, w]

    Raises
    ------
    InputError
        If the array has another shape or dtype.
    """
    image = np.asarray(image)
    is_rgb = image.ndim == 3 and image.shape[2] == 3
    is_known = image.dtype.kind == "f" or image.dtype in (np.uint8, np.uint16)
    if not image.size or not (is_rgb or image.ndim == 2) or not is_known:
        raise InputError(
            "image: expected uint8, uint16 or float [h, w] or [h, w, 3], "
            f"received {image.dtype} of shape {image.shape}"
        )
    if image.dtype == np.uint8 and not is_rgb:
        return image
    if image.dtype.kind == "f":
        check_range(image, "image")
        image = np.clip(image, 0, 1) * 255.0
    elif image.dtype == np.uint16:
        image = image / 257.0
    levels = image @ (BT601[0] / 255) + OFFSET[0] if is_rgb else image
    return np.floor(levels + 0.5).astype(np.uint8)


def luminance(image: NDArray[Any]) -> NDArray[np.float32]:
    """Return `luminance_levels` / 255, the float32 plane [h, w] that models are trained on."""
    return luminance_levels(image).astype(np.float32) / np.float32(255)


def _mix(
    image: NDArray[np.floating[Any]], matrix: NDArray[np.float64], offset: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return matrix @ pixel + offset for the pixels [..., 3], each rounded in the same way."""
    a, b, c = np.moveaxis(np.asarray(image, np.float32), -1, 0)
    rows = zip(matrix.astype(np.float32), offset.astype(np.float32), strict=True)
    return np.stack([a * p + b * q + c * r + shift for (p, q, r), shift in rows], axis=-1)
