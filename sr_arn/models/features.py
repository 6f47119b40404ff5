"""Gradient features of a low-resolution plane, reduced by PCA.

A feature vector describes the window of 3 x 3 LR pixels around one LR pixel: gradient
and Laplacian, horizontal and vertical, of the bicubic up-scaling, projected on the
directions that hold 99.9 % of the energy.

All of that is linear in a small LR neighbourhood and the same at every pixel. So the
up-scaled plane is never formed: one matrix maps the 9 x 9 LR pixels around a pixel to
its features, and PCA needs no more than the 81 x 81 second moments of those pixels.

References
----------
R. Timofte, V. De Smet, L. Van Gool, "A+: Adjusted anchored neighborhood regression for
fast super-resolution", ACCV 2014, section 2 (features after Zeyde et al. 2010).
"""

from collections.abc import Iterable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sr_arn.checks import check_integer, check_luminance
from sr_arn.errors import InputError
from sr_arn.kernels.patches import extract
from sr_arn.kernels.rows import map_windows
from sr_arn.pictures.resize import imresize
from sr_arn.planes import Rim

__all__ = [
    "BORDER",
    "FLAT",
    "SCALES",
    "SMALLEST",
    "WINDOW",
    "GradientFeatures",
    "check_patch_scale",
    "gradient_map",
    "lr_windows",
    "needless",
    "second_moments",
    "with_margin",
]

SCALES = range(2, 9)

WINDOW = 3  # a feature window and its target patch cover WINDOW x WINDOW LR pixels
BORDER = 1  # LR pixels along each side of the plane that no window covers
SMALLEST = WINDOW + 2 * BORDER  # LR pixels a side that hold one window
NEIGHBOURHOOD = 9  # the LR pixels, a side, that such a window's features depend on
REACH = NEIGHBOURHOOD // 2
BAND = 64  # rows of windows copied at a time

FLAT = 1e-3
"""Length of a feature vector, in units of white, below which a window has next to no detail. A
regressor with an intercept predicts some for it; it fades out, so that flat areas stay flat."""


class GradientFeatures:
    """PCA of the gradients of the bicubic up-scaling, one vector per LR pixel.

    Parameters
    ----------
    scale : int
        Up-scaling factor, 2 to 8.
    energy : float, default 0.999
        Share of the features' energy that the kept directions hold, in (0, 1].

    Attributes
    ----------
    projection_ : ndarray of float32 [d, 81]
        Maps the 9 x 9 LR pixels around a pixel, row by row, to its features.
    """

    def __init__(self, scale: int, energy: float = 0.999) -> None:
        self.scale = scale
        self.energy = energy

    def fit(self, planes: Iterable[NDArray[np.floating[Any]]]) -> Self:
        """Learn the projection from LR luminance planes [h, w] in [0, 1].

        Raises
        ------
        InputError
            If `scale` or `energy` is out of range, or no plane holds detail.
        """
        return self.fit_moments(second_moments(planes))

    def fit_moments(self, moments: NDArray[np.float64]) -> Self:
        """Learn the projection from the `second_moments` of LR planes: those of several add up."""
        check_patch_scale(self.scale)
        if not 0 < self.energy <= 1:
            raise InputError(f"energy: expected a number in (0, 1], received {self.energy}")
        # 1. through the linear map: second moments of the gradients (PCA without centring)
        gradients = gradient_map(self.scale)
        energies, directions = np.linalg.eigh(gradients @ moments @ gradients.T)
        energies, directions = np.maximum(energies[::-1], 0), directions[:, ::-1]
        if energies[0] <= 0:
            raise InputError("images: expected some with detail, received only flat ones or none")
        # 2. as many directions as hold the energy, each with its largest entry positive
        share = np.cumsum(energies) / energies.sum()
        kept = directions[:, : 1 + int(np.searchsorted(share, self.energy))].T
        largest = np.abs(kept).argmax(axis=1)
        kept = kept * np.sign(kept[np.arange(len(kept)), largest])[:, None]
        self.projection_ = (kept @ gradients).astype(np.float32)
        return self

    def transform(self, plane: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Return the features of an LR luminance plane [h, w] in [0, 1].

        Returns
        -------
        ndarray of float32 [h - 4, w - 4, d]
            One vector for each LR pixel around which a window keeps one pixel off the
            border. Empty below 5 x 5 pixels.
        """
        plane = check_luminance(plane)
        if min(plane.shape) < SMALLEST:
            rows, columns = (max(0, n - (SMALLEST - 1)) for n in plane.shape)
            return np.empty((rows, columns, len(self.projection_)), np.float32)
        return map_windows(with_margin(plane), NEIGHBOURHOOD, self.projection_.T)


def check_patch_scale(scale: int) -> None:
    """Raise `InputError` unless `scale` is an integer that patch models exist for."""
    if check_integer(scale, "scale", SCALES[0]) not in SCALES:
        raise InputError(f"scale: expected {SCALES[0]} to {SCALES[-1]}, received {scale}")


def second_moments(planes: Iterable[NDArray[np.floating[Any]]]) -> NDArray[np.float64]:
    """Return the sum [81, 81] of w w^T over the 9 x 9 neighbourhoods w of LR planes [h, w]."""
    moments = np.zeros((NEIGHBOURHOOD**2, NEIGHBOURHOOD**2))
    for plane in planes:
        for windows in _bands(lr_windows(check_luminance(plane))):
            moments += windows.T.astype(np.float64) @ windows
    return moments


def lr_windows(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the 9 x 9 LR pixels around the middle of every window: [h - 4, w - 4, 9, 9].

    Beyond the border the edge pixel repeats, as it does in bicubic up-scaling.
    """
    if min(plane.shape) < SMALLEST:
        return np.empty((0, 0, NEIGHBOURHOOD, NEIGHBOURHOOD), plane.dtype)
    return extract(with_margin(plane), NEIGHBOURHOOD, stride=1)


def needless(rim: Rim) -> tuple[Rim, Rim]:
    """Return the windows that cover nothing but rim, and the LR pixels that the others leave."""
    windows = rim.narrowed(BORDER + WINDOW - 1)
    return windows, Rim(*(BORDER + width for width in windows))


def _bands(windows: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Yield windows [h, w, 9, 9] as copies [n, 81], some rows at a time to spare memory."""
    for start in range(0, len(windows), BAND):
        yield windows[start : start + BAND].reshape(-1, NEIGHBOURHOOD**2)


def with_margin(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Repeat the edge pixels, so that the outermost windows have all of their 9 x 9 LR pixels."""
    return np.pad(plane, REACH - BORDER - WINDOW // 2, mode="edge")


def gradient_map(scale: int) -> NDArray[np.float64]:
    """Return the matrix [4 (3 s)^2, 81] from 9 x 9 LR pixels to the gradients of a window.

    Built from its definition: each LR pixel alone goes through bicubic up-scaling and the
    four filters, and the window of 3 x 3 LR pixels in the middle is read off.
    """
    impulses = np.eye(NEIGHBOURHOOD**2).reshape(-1, NEIGHBOURHOOD, NEIGHBOURHOOD)
    middle = slice(scale * (REACH - 1), scale * (REACH + WINDOW - 1))
    columns = []
    for up in imresize(impulses, scale, axes=(1, 2)):
        maps = [
            np.apply_along_axis(_filter_same, axis, up, kernel)
            for kernel in _filters(scale)
            for axis in (1, 0)
        ]
        columns.append(np.stack(maps)[:, middle, middle].ravel())
    return np.stack(columns, axis=1)


def _filters(scale: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return gradient [1 0 0 -1] and Laplacian [1 0 0 -2 0 0 1] / 2, here for scale 3."""
    gap = [0.0] * (scale - 1)
    gradient = np.array([1.0, *gap, -1.0])
    laplacian = np.array([1.0, *gap, -2.0, *gap, 1.0]) / 2
    return gradient, laplacian


def _filter_same(line: NDArray[np.float64], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convolve with zero padding, centred as in MATLAB's ``conv2(..., 'same')``."""
    start = len(kernel) // 2
    return np.convolve(line, kernel)[start : start + len(line)]
