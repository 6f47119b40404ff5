"""Features and training pairs of pictures: in memory here, or on the workers of a cluster."""

import logging
from copy import copy
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sr_arn.datasets.degradation import HowToDegrade
from sr_arn.datasets.folders import read_luminances
from sr_arn.errors import InputError, display
from sr_arn.models.features import SMALLEST, WINDOW, GradientFeatures, second_moments
from sr_arn.regressors.samples import Held, Samples, Spread
from sr_arn.system.cluster import Cluster
from sr_arn.training.pairs import SIZES, Draw, plan, shrink, training_pairs

__all__ = ["check_sizes", "training_samples"]

logger = logging.getLogger(__name__)

AT_A_TIME = 8  # pictures that a worker looks at
PART = 250_000  # samples that a worker keeps together

Plane = NDArray[np.float32]


def training_samples(
    paths: list[Path],
    scale: int,
    max_samples: int,
    degrade: HowToDegrade,
    cluster: Cluster | None = None,
) -> tuple[GradientFeatures, Samples]:
    """Return features, and `max_samples` training pairs at most: see `training_pairs`.

    The workers of a cluster read the pictures and keep the pairs. What each task does depends on
    the pictures alone, not on how many workers there are.
    """
    features = GradientFeatures(scale)
    if cluster is None:
        planes = list(read_luminances(paths))
        check_sizes(paths, [plane.shape for plane in planes], scale)
        features.fit(shrink(planes, scale, degrade))
        return features, Held(*training_pairs(planes, features, max_samples, degrade=degrade))
    # 1. each picture's shape and second moments
    paths = [path.absolute() for path in paths]
    how = cluster.keep(copy, degrade)
    tasks = ((paths[n : n + AT_A_TIME], scale, how) for n in range(0, len(paths), AT_A_TIME))
    shapes: list[tuple[int, ...]] = []
    moments = np.zeros(())
    for some_shapes, some_moments in cluster.in_order(_look, tasks):
        shapes += some_shapes
        moments = moments + some_moments
    check_sizes(paths, shapes, scale)
    features.fit_moments(moments)
    # 2. the pairs, where they are made
    draws = plan(shapes, scale, max_samples, 1 if degrade.is_of_whole_planes else SIZES)
    groups = _grouped(draws, PART)
    parts = [
        cluster.keep(_pairs_of, [paths[draw.plane] for draw in group], group, features, how)
        for group in groups
    ]
    counts = [sum(draw.share for draw in group) for group in groups]
    sizes = len(features.projection_), ((WINDOW * scale) ** 2,), np.dtype(np.float32)
    return features, Spread(cluster, parts, counts, *sizes)


def _look(
    paths: list[Path], scale: int, degrade: HowToDegrade
) -> tuple[list[tuple[int, ...]], NDArray[np.float64]]:
    """Return the shapes of pictures, and the second moments of their LR planes."""
    planes = list(read_luminances(paths))
    moments = second_moments(shrink(planes, scale, degrade))
    return [plane.shape for plane in planes], moments


def _pairs_of(
    paths: list[Path], draws: list[Draw], features: GradientFeatures, degrade: HowToDegrade
) -> tuple[Plane, Plane]:
    """Return what is drawn of pictures: features [n, d] and residual patches [n, (3 s)^2]."""
    pairs = [
        draw.pairs(plane, features, degrade)
        for draw, plane in zip(draws, read_luminances(paths), strict=True)
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


def check_sizes(paths: list[Path], shapes: list[tuple[int, ...]], scale: int) -> None:
    """Tell of pictures that are too small; raise `InputError` if all are."""
    side = SMALLEST * scale
    too_small = [path.name for path, s in zip(paths, shapes, strict=True) if min(s) < side]
    if len(too_small) == len(paths):
        raise InputError(f"images: all are smaller than {side} x {side} pixels; give larger ones")
    if too_small:
        logger.warning("too small to learn from: %s", display(", ".join(too_small)))
