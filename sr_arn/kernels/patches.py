"""Extract overlapping patches and average them back: one exact inverse pair."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError
from sr_arn.kernels.cache import compiled

__all__ = ["extract", "overlap_average"]


def extract(image: NDArray[Any], size: int, stride: int) -> NDArray[Any]:
    """Return every `size` x `size` patch on a grid of `stride`, from the top left corner.

    Parameters
    ----------
    image : ndarray [h, w]
    size, stride : int
        In pixels.

    Returns
    -------
    ndarray [rows, columns, size, size]
        A read-only view; empty where the image is smaller than a patch.
    """
    if min(image.shape) < size:
        return np.empty((0, 0, size, size), image.dtype)
    windows = np.lib.stride_tricks.sliding_window_view(image, (size, size))
    return windows[::stride, ::stride]


def overlap_average(patches: NDArray[Any], stride: int) -> NDArray[Any]:
    """Return, for each pixel, the mean over the patches on the grid that cover it.

    Inverse of `extract`: ``overlap_average(extract(image, size, stride), stride)`` is
    the part of `image` that the grid covers.

    Parameters
    ----------
    patches : ndarray of float32 or float64 [rows, columns, size, size]
        `size` a multiple of `stride`, at least one patch.
    stride : int
        Distance between neighbouring patches, in pixels.

    Returns
    -------
    ndarray [(rows - 1) * stride + size, (columns - 1) * stride + size]

    Raises
    ------
    InputError
        If there is no patch, `size` is not a multiple of `stride`, or the dtype is not a float.
    """
    if patches.ndim != 4 or patches.size == 0 or patches.shape[2] != patches.shape[3]:
        raise InputError(f"patches: expected [rows, columns, size, size], received {patches.shape}")
    if patches.dtype not in (np.float32, np.float64):
        raise InputError(f"patches: expected float32 or float64, received {patches.dtype}")
    rows, columns, size, _ = patches.shape
    reach, remainder = divmod(size, stride)
    if remainder:
        raise InputError(f"stride: expected a divisor of the patch size {size}, received {stride}")
    # In cells of stride x stride pixels, a patch is reach x reach cells.
    out = np.zeros(((rows + reach - 1) * stride, (columns + reach - 1) * stride), patches.dtype)
    # patches (rows, columns, size, size) -> out (rows stride + size - stride, columns likewise)
    _average(np.ascontiguousarray(patches), stride, out)
    return out


@compiled(nogil=True)
def _average(patches: NDArray[Any], stride: int, out: NDArray[Any]) -> None:
    """Set every pixel of `out`, which is all 0, to the mean over the patches that cover it."""
    rows, columns, size, _ = patches.shape
    reach = size // stride
    for i in range(rows + reach - 1):
        if i < rows:
            for j in range(columns):
                for a in range(size):
                    for b in range(size):
                        out[i * stride + a, j * stride + b] += patches[i, j, a, b]
        # this row of cells is complete
        down = min(i + 1, rows + reach - 1 - i, reach, rows)
        for j in range(columns + reach - 1):
            count = down * min(j + 1, columns + reach - 1 - j, reach, columns)
            for a in range(stride):
                for b in range(stride):
                    out[i * stride + a, j * stride + b] /= patches.dtype.type(count)
