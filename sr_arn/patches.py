"""Extract overlapping patches and average them back: one exact inverse pair."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr_arn.checks import InputError

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
    """Lay patches on their grid and return the mean over those that cover each pixel.

    Inverse of `extract`: ``overlap_average(extract(image, size, stride), stride)`` is
    the part of `image` that the grid covers.

    Parameters
    ----------
    patches : ndarray [rows, columns, size, size]
        `size` a multiple of `stride`, at least one patch.
    stride : int
        Distance between neighbouring patches, in pixels.

    Returns
    -------
    ndarray [(rows - 1) * stride + size, (columns - 1) * stride + size]

    Raises
    ------
    InputError
        If there is no patch, or `size` is not a multiple of `stride`.
    """
    if patches.ndim != 4 or patches.size == 0 or patches.shape[2] != patches.shape[3]:
        raise InputError(f"patches: expected [rows, columns, size, size], received {patches.shape}")
    rows, columns, size, _ = patches.shape
    reach, remainder = divmod(size, stride)
    if remainder:
        raise InputError(f"stride: expected a divisor of the patch size {size}, received {stride}")
    # In cells of stride x stride pixels, a patch is reach x reach cells: as many shifted adds.
    cells = np.zeros((rows + reach - 1, stride, columns + reach - 1, stride), patches.dtype)
    parts = patches.reshape(rows, columns, reach, stride, reach, stride)
    for dy in range(reach):
        for dx in range(reach):
            part = parts[:, :, dy, :, dx, :].transpose(0, 2, 1, 3)
            cells[dy : dy + rows, :, dx : dx + columns, :] += part
    count = np.outer(_coverage(rows, reach), _coverage(columns, reach)).astype(patches.dtype)
    cells /= count[:, None, :, None]
    return cells.reshape(cells.shape[0] * stride, cells.shape[2] * stride)


def _coverage(patches: int, reach: int) -> NDArray[np.intp]:
    """Return how many of a row of patches cover each cell of the row."""
    return np.convolve(np.ones(patches, np.intp), np.ones(reach, np.intp))
