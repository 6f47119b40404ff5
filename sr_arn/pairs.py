"""Training images to training pairs: features of LR windows and the residuals they lack."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sr_arn.checks import InputError, check_integer
from sr_arn.degradation import BICUBIC, HowToDegrade
from sr_arn.features import BORDER, SMALLEST, WINDOW, GradientFeatures
from sr_arn.patches import extract
from sr_arn.resize import imresize, resized_length

__all__ = ["crop_to_multiple", "shrink", "training_pairs"]

logger = logging.getLogger(__name__)

SIZES = 12  # each training image is taken at sizes 1, 0.98, ..., 0.98^11 (Timofte et al. 2014)
SHRINKAGE = 0.98

Plane = NDArray[np.float32]
Number = TypeVar("Number", bound=np.generic)


def crop_to_multiple(plane: NDArray[Number], scale: int) -> NDArray[Number]:
    """Cut the bottom and right so that height and width divide by `scale`."""
    height, width = (n - n % scale for n in plane.shape[:2])
    if not height or not width:
        raise InputError(
            f"image: expected at least {scale} x {scale} pixels, "
            f"received {plane.shape[1]} x {plane.shape[0]}"
        )
    return plane[:height, :width]


def shrink(planes: Iterable[Plane], scale: int, degrade: HowToDegrade = BICUBIC) -> Iterator[Plane]:
    """Yield the LR version of each HR plane that has at least 5 x 5 LR pixels."""
    for plane in planes:
        if min(plane.shape) >= SMALLEST * scale:
            yield degrade(crop_to_multiple(plane, scale), scale)


def training_pairs(
    planes: Sequence[Plane],
    features: GradientFeatures,
    max_samples: int = 5_000_000,
    sizes: int = SIZES,
    degrade: HowToDegrade = BICUBIC,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return features and residual patches from HR luminance planes.

    Each plane is taken at `sizes` sizes, size by size, and shrunk by the scale of
    `features`; every window gives a pair. The first `max_samples` count. If the planes give more
    at their own size, each gives its share of them, drawn at random.

    Parameters
    ----------
    planes : sequence of float32 [h, w] in [0, 1]
    features : GradientFeatures
        Fitted.
    max_samples, sizes : int
        At least 1.
    degrade : Degradation or Given, default bicubic
        What makes LR planes of HR ones.

    Returns
    -------
    x : ndarray of float32 [n, d]
        Features.
    y : ndarray of float32 [n, (3 s)^2]
        HR minus bicubic in the same window, row by row.

    Raises
    ------
    InputError
        If no image is large enough to give a pair.
    """
    check_integer(max_samples, "max_samples", 1)
    check_integer(sizes, "sizes", 1)
    scale = features.scale
    if degrade.is_of_whole_planes:
        sizes = 1
    jobs = [(plane, SHRINKAGE**power) for power in range(sizes) for plane in planes]
    # 1. count, so that every sample is written once, in its place
    counts = [_pair_count(plane, factor, scale) for plane, factor in jobs]
    total = min(max_samples, sum(counts))
    if total == 0:
        side = SMALLEST * scale
        raise InputError(f"images: expected some of at least {side} x {side} pixels, received none")
    x = np.empty((total, len(features.projection_)), np.float32)
    y = np.empty((total, (WINDOW * scale) ** 2), np.float32)
    # 2. all of each until there are enough, or if that were too soon a share of each
    shares = counts
    if sum(counts[: len(planes)]) > total:
        ends = np.cumsum(counts[: len(planes)]) * (total / sum(counts[: len(planes)]))
        shares = np.diff(ends.round().astype(np.intp), prepend=0).tolist()
    rng = np.random.default_rng(0)
    # 3. fill
    filled = 0
    for number, ((plane, factor), share) in enumerate(zip(jobs, shares, strict=False), start=1):
        inputs, targets = _pairs(imresize(plane, factor), features, degrade)
        if share < len(inputs):
            some = np.sort(rng.choice(len(inputs), share, replace=False))
            inputs, targets = inputs[some], targets[some]
        end = min(filled + len(inputs), total)
        x[filled:end], y[filled:end] = inputs[: end - filled], targets[: end - filled]
        filled = end
        if number % len(planes) == 0 or filled == total:
            logger.info("pairs: %s of %s samples", f"{filled:,}", f"{total:,}")
        if filled == total:
            break
    return x, y


def _pair_count(plane: Plane, factor: float, scale: int) -> int:
    """Return how many pairs a plane gives once it is resized by `factor`."""
    rows, columns = (
        max(0, resized_length(n, factor) // scale - (SMALLEST - 1)) for n in plane.shape
    )
    return rows * columns


def _pairs(plane: Plane, features: GradientFeatures, degrade: HowToDegrade) -> tuple[Plane, Plane]:
    """Return the features [n, d] and residuals [n, (3 s)^2] of one HR plane."""
    scale = features.scale
    size = WINDOW * scale
    if min(plane.shape) < SMALLEST * scale:
        return np.empty((0, len(features.projection_)), np.float32), np.empty(
            (0, size**2), np.float32
        )
    hr = crop_to_multiple(plane, scale)
    lr = degrade(hr, scale)
    border = BORDER * scale
    lacking = (hr - imresize(lr, scale))[border:-border, border:-border]
    inputs, targets = features.transform(lr), extract(lacking, size, stride=scale)
    return inputs.reshape(-1, inputs.shape[-1]), targets.reshape(-1, size**2)
