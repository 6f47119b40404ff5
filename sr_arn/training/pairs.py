"""Training images to training pairs: features of LR windows and the residuals they lack."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sr_arn.checks import check_integer
from sr_arn.datasets.degradation import BICUBIC, Degradation
from sr_arn.datasets.images import ImageFiles, TrainingImage
from sr_arn.errors import InputError
from sr_arn.kernels.patches import extract
from sr_arn.models.features import BORDER, SMALLEST, WINDOW, GradientFeatures
from sr_arn.pictures.resize import imresize, resized_length

__all__ = ["Draw", "plan", "shrink", "sizes_of", "training_pairs"]

logger = logging.getLogger(__name__)

SIZES = 12  # each training image is taken at sizes 1, 0.98, ..., 0.98^11 (Timofte et al. 2014)
SHRINKAGE = 0.98

Plane = NDArray[np.float32]


def shrink(
    planes: Iterable[Plane | TrainingImage], scale: int, degrade: Degradation = BICUBIC
) -> Iterator[Plane]:
    """Yield the LR version of each HR plane that has at least 5 x 5 LR pixels."""
    for image in map(TrainingImage.of, planes):
        if min(image.shape) >= SMALLEST * scale:
            yield image.pair(scale, degrade)[1]


def training_pairs(
    planes: Sequence[Plane | TrainingImage],
    features: GradientFeatures,
    max_samples: int = 5_000_000,
    sizes: int = SIZES,
    degrade: Degradation = BICUBIC,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return features and residual patches from HR luminance planes.

    Each plane is taken at `sizes` sizes, size by size, and shrunk by the scale of `features`; one
    that came with an LR plane is taken as it is. Every window gives a pair. The first
    `max_samples` count. If the planes give more at their own size, each gives its share of them,
    drawn at random.

    Parameters
    ----------
    planes : sequence of float32 [h, w] in [0, 1] or of TrainingImage
        All of them have an LR plane, or none has.
    features : GradientFeatures
        Fitted.
    max_samples, sizes : int
        At least 1.
    degrade : Degradation, default bicubic
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
    images = [TrainingImage.of(plane) for plane in planes]
    shapes = [image.shape for image in images]
    draws = plan(shapes, features.scale, max_samples, sizes_of(images, sizes))
    # every sample is written once, in its place
    total = sum(draw.share for draw in draws)
    x = np.empty((total, len(features.projection_)), np.float32)
    y = np.empty((total, (WINDOW * features.scale) ** 2), np.float32)
    filled = 0
    for number, draw in enumerate(draws, start=1):
        end = filled + draw.share
        x[filled:end], y[filled:end] = draw.pairs(images[draw.plane], features, degrade)
        filled = end
        if number % len(images) == 0 or filled == total:
            logger.info("pairs: %s of %s samples", f"{filled:,}", f"{total:,}")
    return x, y


def sizes_of(images: Sequence[TrainingImage | ImageFiles], sizes: int = SIZES) -> int:
    """Return at how many sizes images are taken: one, if they have LR versions of their own."""
    return sizes if all(image.lr is None for image in images) else 1


class Draw(NamedTuple):
    """What is taken of one plane at one size."""

    plane: int
    """Its number."""
    factor: float
    """What it is resized by."""
    share: int
    """How many pairs are wanted: the first, or if `is_drawn` any."""
    is_drawn: bool
    seed: tuple[int, int]

    def pairs(
        self, image: TrainingImage, features: GradientFeatures, degrade: Degradation
    ) -> tuple[Plane, Plane]:
        """Return features [n, d] and residual patches [n, (3 s)^2] of the image."""
        inputs, targets = _pairs(image.resized(self.factor), features, degrade)
        if not self.is_drawn:
            return inputs[: self.share], targets[: self.share]
        rng = np.random.default_rng(self.seed)
        some = np.sort(rng.choice(len(inputs), self.share, replace=False))
        return inputs[some], targets[some]


def plan(
    shapes: Sequence[tuple[int, ...]], scale: int, max_samples: int, sizes: int = SIZES
) -> list[Draw]:
    """Return the samples to take from planes of these shapes: see `training_pairs`."""
    check_integer(max_samples, "max_samples", 1)
    check_integer(sizes, "sizes", 1)
    jobs = [(n, SHRINKAGE**power) for power in range(sizes) for n in range(len(shapes))]
    counts = [_pair_count(shapes[n], factor, scale) for n, factor in jobs]
    total = min(max_samples, sum(counts))
    if total == 0:
        side = SMALLEST * scale
        raise InputError(f"images: expected some of at least {side} x {side} pixels, received none")
    at_own_size = sum(counts[: len(shapes)])
    if at_own_size > total:  # a share of each
        ends = np.cumsum(counts[: len(shapes)]) * (total / at_own_size)
        shares = np.diff(ends.round().astype(np.intp), prepend=0).tolist()
    else:  # all of each until there are enough
        ends = np.minimum(np.cumsum(counts), total)
        shares = np.diff(ends, prepend=0).tolist()
    return [
        Draw(n, factor, share, at_own_size > total, (0, number))
        for number, ((n, factor), share) in enumerate(zip(jobs, shares, strict=False))
        if share
    ]


def _pair_count(shape: tuple[int, ...], factor: float, scale: int) -> int:
    """Return how many pairs a plane gives once it is resized by `factor`."""
    rows, columns = (max(0, resized_length(n, factor) // scale - (SMALLEST - 1)) for n in shape)
    return rows * columns


def _pairs(
    image: TrainingImage, features: GradientFeatures, degrade: Degradation
) -> tuple[Plane, Plane]:
    """Return the features [n, d] and residuals [n, (3 s)^2] of one image."""
    scale = features.scale
    size = WINDOW * scale
    if min(image.shape) < SMALLEST * scale:
        return np.empty((0, len(features.projection_)), np.float32), np.empty(
            (0, size**2), np.float32
        )
    hr, lr = image.pair(scale, degrade)
    border = BORDER * scale
    lacking = (hr - imresize(lr, scale))[border:-border, border:-border]
    inputs, targets = features.transform(lr), extract(lacking, size, stride=scale)
    return inputs.reshape(-1, inputs.shape[-1]), targets.reshape(-1, size**2)
