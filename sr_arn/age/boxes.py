"""Boxes as targets of four dimensions, for detection and tracking (DCTD, appendices B and C)."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sr_arn.age.heads.energy import ascend, climb
from sr_arn.errors import InputError, display

__all__ = ["DETECTION", "TRACKING", "BoxSettings", "box_to_target", "target_to_box"]


class BoxSettings(NamedTuple):
    """How an energy of boxes is trained, and how a first guess climbs it.

    `EnergyDensity(features, 4, s.sigmas, s.samples, unit=1.0)`, then
    `refine(head, features, guess, algorithm=s.algorithm, **s.options)`.
    """

    sigmas: tuple[float, ...]
    """Of the proposals about a training target."""
    samples: int
    algorithm: Callable[..., Tensor]
    options: dict[str, Any]
    """Of the algorithm: the step is one for the place and another for the size."""


def _step(place: float, size: float) -> Tensor:
    return torch.tensor([place, place, size, size])


DETECTION = BoxSettings(
    (0.05, 0.1, 0.2), 128, ascend, {"step": _step(1e-4, 4e-4), "steps": 10, "decay": 0.5}
)
TRACKING = BoxSettings(  # plain gradient ascent: nothing ends it, nothing is taken back
    (0.05, 0.5),
    128,
    climb,
    {"step": _step(2e-4, 1e-3), "steps": 10, "least_change": 0.0, "largest_fall": -math.inf},
)
"""DCTD's, for detection (appendix B) and for tracking (appendix C)."""


def box_to_target(box: Tensor, size: Tensor | None = None) -> Tensor:
    """Return (x / w0, y / h0, log w, log h) [n, 4] of boxes' centres and sizes.

    Parameters
    ----------
    box : Tensor [n, 4]
        Left, top, width and height; the latter above 0.
    size : Tensor [n, 2], optional
        w0 and h0: of the ground truth in training, of the first guess in prediction. By
        default the boxes' own.

    Raises
    ------
    InputError
        If a width or height is not above 0, or a number is not finite.
    """
    if not bool(box.isfinite().all()):
        raise InputError("box: expected finite numbers, received NaN or infinity")
    corner, extent = box[:, :2], box[:, 2:]
    size = extent if size is None else size
    for name, value in (("box", extent), ("size", size)):
        if not bool((value > 0).all()):
            low = display(float(value.min()))
            raise InputError(f"{name}: expected widths and heights above 0, received {low}")
    return torch.cat([(corner + extent / 2) / size, extent.log()], dim=1)


def target_to_box(target: Tensor, size: Tensor) -> Tensor:
    """Return left, top, width and height [n, 4] of targets: the inverse of `box_to_target`."""
    extent = target[:, 2:].exp()
    return torch.cat([target[:, :2] * size - extent / 2, extent], dim=1)
