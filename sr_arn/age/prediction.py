"""From a photo to the ages of the faces on it."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sr_arn.age.faces import Box, crop_face, find_faces
from sr_arn.age.heads.base import OLDEST, Head
from sr_arn.age.model import AgeModel
from sr_arn.age.model_file import SavedModel
from sr_arn.age.training import to_tensor

__all__ = ["GRID", "Estimate", "estimate_ages"]

GRID = np.linspace(0, OLDEST, 4 * OLDEST + 1)
"""Ages at which densities are given."""


class Estimate(NamedTuple):
    """What a model says of a face."""

    box: Box
    age: float
    """Years."""
    spread: float | None
    """Standard deviation of the head's density, in years; None if it models none."""
    density: NDArray[np.float64] | None
    """At the ages of `GRID`."""


def estimate_ages(
    saved: SavedModel, photo: NDArray[np.uint8], *, cropped: bool = False
) -> list[Estimate]:
    """Return an estimate for each face found, the largest first; none where none is found.

    Parameters
    ----------
    saved : SavedModel
    photo : ndarray of uint8 [h, w, 3]
    cropped : bool, default False
        Whether the photo is nothing but a face, cut out as those of the training.
    """
    height, width = photo.shape[:2]
    boxes = [Box(0, 0, width, height)] if cropped else find_faces(photo)
    if not boxes:
        return []
    margin = 0.0 if cropped else saved.margin
    faces = to_tensor(np.stack([crop_face(photo, box, saved.side, margin) for box in boxes]))
    ages, densities = _predicted(saved.model, faces)
    estimates = []
    for number, (box, age) in enumerate(zip(boxes, ages, strict=True)):
        density = None if densities is None else densities[number]
        spread = None if density is None else _spread(density)
        estimates.append(Estimate(box, age, spread, density))
    return estimates


@torch.no_grad()
def _predicted(model: AgeModel, faces: Tensor) -> tuple[list[float], NDArray[np.float64] | None]:
    """Return the ages [n] and, if the head models one, the densities [n, g] at `GRID`."""
    features = model.features(faces.float() / 255)
    ages = model.head.predict(features)[:, 0].tolist()
    if type(model.head).density is Head.density:
        return ages, None
    grid = torch.from_numpy(GRID).to(features)[:, None]
    return ages, model.head.density(features, grid).double().numpy()


def _spread(density: NDArray[np.float64]) -> float:
    """Return the standard deviation of a density at `GRID`."""
    weights = density / max(density.sum(), np.finfo(float).tiny)
    mean = weights @ GRID
    return float(np.sqrt(weights @ (GRID - mean) ** 2))
