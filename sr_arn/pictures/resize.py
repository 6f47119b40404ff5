"""Bicubic resizing that equals MATLAB's `imresize`, pixel for pixel.

References
----------
R. Keys, "Cubic convolution interpolation for digital image processing", IEEE Trans.
ASSP 29(6), 1981: the kernel, with a = -0.5.
"""

import math
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from sr_arn.checks import check_scale
from sr_arn.errors import InputError

__all__ = [
    "KERNEL_WIDTH",
    "contributions",
    "crop_to_multiple",
    "imresize",
    "nearest_contributions",
    "resized_length",
    "weighted",
]

Number = TypeVar("Number", bound=np.generic)

KERNEL_WIDTH = 4.0  # the support of Keys' cubic, in input pixels
KEYS_A = -0.5
ROUND_OFF = 1e-9  # `scale * length` this close above an integer is that integer
SMALLEST_RESULT = 1 / 16  # pixels: below, the kernel is far wider than the array
GRID = 2.0**32  # distances are rounded to 1 / GRID: a shifted picture gets the same weights


def imresize(array: NDArray[Any], scale: float, *, axes: tuple[int, int] = (0, 1)) -> NDArray[Any]:
    """Resize two axes of an array by the bicubic kernel, as MATLAB's `imresize` does.

    Shrinking widens the kernel by 1 / `scale` (antialiasing). Beyond the border the
    edge pixel repeats, as in the MATLAB versions that the common test sets were made with.

    Parameters
    ----------
    array : ndarray
        Pixels of any range. Integers (uint8, uint16) are rounded half up and clipped to
        their type after each of the two passes, as MATLAB does; floats stay unrounded.
    scale : float
        Output pixels per input pixel, above 0.
    axes : (int, int), default (0, 1)
        The row axis and the column axis; rows are resized first. (0, 1) fits [h, w] and
        [h, w, c]; (-2, -1) fits [c, h, w].

    Returns
    -------
    ndarray
        Same dtype and axis order, ceil(scale * n) pixels along each of the two axes.

    Raises
    ------
    InputError
        If `scale` is not a finite positive number or the array is empty, too
        short of axes, or neither unsigned integer nor float.
    """
    check_scale(scale)
    array = np.asarray(array)
    if array.ndim < 2 or array.size == 0:
        raise InputError(f"array: expected at least one row and column, received {array.shape}")
    if array.dtype not in (np.uint8, np.uint16, np.float32, np.float64):
        raise InputError(
            f"array: expected uint8, uint16, float32 or float64, received {array.dtype}"
        )
    if scale * min(array.shape[axis] for axis in axes) < SMALLEST_RESULT:
        raise InputError(f"scale: {scale:g} leaves nothing of an array of shape {array.shape}")
    for axis in axes:
        array = _resize_axis(array, float(scale), axis)
    return array


def resized_length(length: int, scale: float) -> int:
    """Return ceil(scale * length), forgiving the round-off of the product."""
    return max(1, math.ceil(scale * length - ROUND_OFF))


def crop_to_multiple(plane: NDArray[Number], scale: int) -> NDArray[Number]:
    """Cut the bottom and right so that height and width divide by `scale`."""
    height, width = (n - n % scale for n in plane.shape[:2])
    if not height or not width:
        raise InputError(
            f"image: expected at least {scale} x {scale} pixels, "
            f"received {plane.shape[1]} x {plane.shape[0]}"
        )
    return plane[:height, :width]


def _resize_axis(array: NDArray[Any], scale: float, axis: int) -> NDArray[Any]:
    """Resize one axis."""
    is_integer = array.dtype.kind == "u"
    work_dtype = np.float64 if is_integer else array.dtype
    length = array.shape[axis]
    total = weighted(
        array, *contributions(length, scale, resized_length(length, scale)), axis, work_dtype
    )
    if is_integer:
        ceiling = np.iinfo(array.dtype).max
        total = np.clip(np.floor(total + 0.5), 0, ceiling).astype(array.dtype)
    return total


def weighted(
    array: NDArray[Any],
    taps: NDArray[np.intp],
    weights: NDArray[np.float64],
    axis: int,
    dtype: Any,
) -> NDArray[Any]:
    """Return the sums of pixels along an axis, of a float dtype: see `contributions`."""
    shape = [1] * array.ndim
    shape[axis] = -1
    total = np.zeros(1, dtype)
    for tap, weight in zip(taps, weights, strict=True):
        total = total + weight.astype(dtype).reshape(shape) * np.take(array, tap, axis=axis)
    return total


@lru_cache(maxsize=256)
def contributions(
    length: int, scale: float, count: int, is_open: bool = False
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return, for so many output pixels of an axis, the input pixels they read and their weights.

    If it is open, they may lie beyond the axis; otherwise its ends repeat.

    Returns
    -------
    taps : ndarray of intp [k, n_out]
    weights : ndarray of float64 [k, n_out], every column sums to 1
    """
    stretch = max(1.0, 1.0 / scale)  # antialiasing when shrinking
    width = KERNEL_WIDTH * stretch
    # MATLAB counts pixels from 1: the centre of output pixel x lies at input position u.
    x = np.arange(1, count + 1)
    u = x / scale + 0.5 * (1 - 1 / scale)
    first = np.floor(u - width / 2)
    positions = first + np.arange(math.ceil(width) + 2)[:, None]
    distances = np.round((u - positions) * GRID) / GRID
    weights = _keys_cubic(distances / stretch)
    weights /= weights.sum(axis=0)
    taps = (positions - 1).astype(np.intp)
    if not is_open:
        taps = np.clip(taps, 0, length - 1)
    is_used = np.any(weights != 0, axis=1)
    taps, weights = taps[is_used], weights[is_used]
    taps.flags.writeable = weights.flags.writeable = False  # the cache hands out the same arrays
    return taps, weights


def nearest_contributions(
    length: int, scale: float, count: int, is_open: bool = False
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the one input pixel that each output pixel copies: see `contributions`."""
    taps = np.floor((np.arange(count) + 0.5) / scale).astype(np.intp)
    return np.clip(taps, 0, length - 1)[None], np.ones((1, count))


def _keys_cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' cubic convolution kernel (Keys 1981, eq. 4 with a = -0.5)."""
    x = np.abs(x)
    near = (KEYS_A + 2) * x**3 - (KEYS_A + 3) * x**2 + 1
    far = KEYS_A * (x**3 - 5 * x**2 + 8 * x - 4)
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))
