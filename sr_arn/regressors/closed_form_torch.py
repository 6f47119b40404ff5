"""The neighbour search of A+ and the sums of global ARN, by torch, for a GPU."""

import numpy as np
import torch
from torch import Tensor, nn

from sr_arn.nn import AnchoredRegression
from sr_arn.regressors.base import FloatArray
from sr_arn.regressors.neighbours import Near
from sr_arn.regressors.normal_equations import BLOCK, NormalEquations

__all__ = ["nearest_by_torch", "sums_by_torch"]

SIMILARITIES = 2**25  # of all anchors and some samples, held and sorted at a time


@torch.inference_mode()
def nearest_by_torch(
    samples: FloatArray, anchors: FloatArray, k: int, device: torch.device
) -> Near:
    """Return the same as `sr_arn.regressors.neighbours.nearest`, up to rounding."""
    m, size = len(anchors), max(1, SIMILARITIES // len(anchors))
    directions = _on_device(anchors, device)
    best, where = directions[:, :0], torch.empty((m, 0), dtype=torch.int64, device=device)
    for start in range(0, len(samples), size):
        some = _on_device(samples[start : start + size], device)
        numbers = torch.arange(start, start + len(some), device=device).expand(m, -1)
        every = torch.cat([best, directions @ some.T], dim=1)
        ordered, order = every.sort(dim=1, descending=True, stable=True)
        best = ordered[:, :k]
        where = torch.cat([where, numbers], dim=1).gather(1, order[:, :k])
    return Near(where.cpu().numpy(), best.cpu().numpy())


@torch.inference_mode()
def sums_by_torch(
    softness: tuple[FloatArray, str, float],
    mixing: FloatArray | None,
    block: range,
    device: torch.device,
    x: FloatArray,
    y: FloatArray,
) -> NormalEquations:
    """Return the same as `sr_arn.regressors.global_arn.sums`, up to rounding."""
    anchors, similarity, sharpness = softness
    m, d = anchors.shape
    with torch.device("meta"):  # draws no random numbers
        layer = AnchoredRegression(d, 1, m, similarity, sharpness)  # type: ignore[arg-type] # is checked
    layer.anchors = nn.Parameter(_on_device(anchors, device))
    shared = None if mixing is None else _on_device(mixing, device)
    weights = m if mixing is None else mixing.shape[1]
    targets = y.reshape(len(y), -1)
    equations = NormalEquations(weights, d, targets.shape[1], block)
    gram, moments = (
        torch.zeros(sums.shape, dtype=torch.float64, device=device)
        for sums in (equations.gram, equations.moments)
    )
    i, j = torch.triu_indices(d + 1, d + 1, device=device)
    for start in range(0, len(x), BLOCK):
        rows, wanted = (_on_device(part[start : start + BLOCK], device) for part in (x, targets))
        alpha = layer.assignments(rows)
        w = (alpha if shared is None else alpha @ shared).T.contiguous()
        columns = nn.functional.pad(rows.T, (0, 0, 0, 1), value=1.0)
        pairs = (columns[i] * columns[j]).T
        first = 0
        for a in block:
            last = first + weights - a
            gram[first:last] += (w[a] * w[a:]) @ pairs
            first = last
        lifted = w[block.start : block.stop, None] * columns
        moments += lifted.flatten(0, 1) @ wanted
    equations.gram, equations.moments = gram.cpu().numpy(), moments.cpu().numpy()
    return equations


def _on_device(array: FloatArray, device: torch.device) -> Tensor:
    """Return a copy of an array of any strides, which may be read-only."""
    return torch.tensor(np.ascontiguousarray(array), device=device)
