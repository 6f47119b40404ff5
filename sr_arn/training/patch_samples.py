"""Features and training pairs of pictures: in memory here, or on the workers of a cluster."""

from copy import copy

import numpy as np
from numpy.typing import NDArray

from sr_arn.datasets.degradation import Degradation
from sr_arn.datasets.images import ImageFiles
from sr_arn.models.features import WINDOW, GradientFeatures, second_moments
from sr_arn.regressors.samples import Held, Samples, Spread
from sr_arn.training.pairs import Draw, plan, shrink, sizes_of, training_pairs
from sr_arn.training.trainer import TrainingSet, check_sizes

__all__ = ["training_samples"]

AT_A_TIME = 8  # pictures that a worker looks at
PART = 250_000  # samples that a worker keeps together

Plane = NDArray[np.float32]


def training_samples(data: TrainingSet) -> tuple[GradientFeatures, Samples]:
    """Return features, and `max_samples` training pairs at most: see `training_pairs`.

    The workers of a cluster read the pictures and keep the pairs. What each task does depends on
    the pictures alone, not on how many workers there are.
    """
    scale, cluster = data.scale, data.cluster
    features = GradientFeatures(scale)
    if cluster is None:
        images = data.images()
        features.fit(shrink(images, scale, data.degrade))
        pairs = training_pairs(images, features, data.max_samples, degrade=data.degrade)
        return features, Held(*pairs)
    # 1. each picture's shape and second moments
    files = [one.absolute() for one in data.files]
    how = cluster.keep(copy, data.degrade)
    tasks = ((files[n : n + AT_A_TIME], scale, how) for n in range(0, len(files), AT_A_TIME))
    shapes: list[tuple[int, ...]] = []
    moments = np.zeros(())
    for some_shapes, some_moments in cluster.in_order(_look, tasks):
        shapes += some_shapes
        moments = moments + some_moments
    check_sizes(files, shapes, scale)
    features.fit_moments(moments)
    # 2. the pairs, where they are made
    draws = plan(shapes, scale, data.max_samples, sizes_of(files))
    groups = _grouped(draws, PART)
    parts = [
        cluster.keep(_pairs_of, [files[draw.plane] for draw in group], group, features, how)
        for group in groups
    ]
    counts = [sum(draw.share for draw in group) for group in groups]
    sizes = len(features.projection_), ((WINDOW * scale) ** 2,), np.dtype(np.float32)
    return features, Spread(cluster, parts, counts, *sizes)


def _look(
    files: list[ImageFiles], scale: int, degrade: Degradation
) -> tuple[list[tuple[int, ...]], NDArray[np.float64]]:
    """Return the shapes of pictures, and the second moments of their LR planes."""
    images = [one.read(scale, degrade.in_colour) for one in files]
    moments = second_moments(shrink(images, scale, degrade))
    return [image.shape for image in images], moments


def _pairs_of(
    files: list[ImageFiles], draws: list[Draw], features: GradientFeatures, degrade: Degradation
) -> tuple[Plane, Plane]:
    """Return the samples of pictures: features [n, d] and residual patches [n, (3 s)^2]."""
    pairs = [
        draw.pairs(one.read(features.scale, degrade.in_colour), features, degrade)
        for draw, one in zip(draws, files, strict=True)
    ]
    x, y = (np.concatenate(side) for side in zip(*pairs, strict=True))
    return x, y


def _grouped(draws: list[Draw], size: int) -> list[list[Draw]]:
    """Return draws in groups, in their order, of so many samples or little more."""
    groups: list[list[Draw]] = [[]]
    for draw in draws:
        if sum(other.share for other in groups[-1]) >= size:
            groups.append([])
        groups[-1].append(draw)
    return groups
