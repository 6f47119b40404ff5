"""Boxes as targets of four dimensions, for detection and tracking (DCTD, appendices B and C)."""

import torch
from torch import Tensor

from sr_arn.checks import InputError, display

__all__ = ["DETECTION_SIGMAS", "TRACKING_SIGMAS", "box_to_target", "target_to_box"]

DETECTION_SIGMAS = (0.05, 0.1, 0.2)
TRACKING_SIGMAS = (0.05, 0.5)
"""Of the proposals about a training target, for `EnergyDensity`."""


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
        If a width or height is not above 0.
    """
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
