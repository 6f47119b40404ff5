"""What A+ and global ARN learn in closed form, searched and summed by torch: on a GPU."""

import torch
from torch import nn

from sr_arn.neighbours import Near
from sr_arn.nn import AnchoredRegression
from sr_arn.regressors.base import FloatArray
from sr_arn.regressors.normal_equations import BLOCK, NormalEquations

__all__ = ["nearest_by_torch", "sums_by_torch"]

SEARCHED = 32_768  # samples whose similarities to all anchors are held, and sorted, at a time


@torch.inference_mode()
def nearest_by_torch(samples: FloatArray, anchors: FloatArray, k: int, device: str) -> Near:
    """Return what `sr_arn.neighbours.nearest` does, but for rounding."""
    rows = torch.tensor(anchors, device=device)
    best, where = rows[:, :0], torch.empty(len(rows), 0, dtype=torch.int64, device=device)
    for start in range(0, len(samples), SEARCHED):
        block = torch.tensor(samples[start : start + SEARCHED], device=device)
        numbers = torch.arange(start, start + len(block), device=device).expand(len(rows), -1)
        best, order = (
            part[:, :k]
            for part in torch.cat([best, rows @ block.T], dim=1).sort(
                dim=1, descending=True, stable=True
            )
        )
        where = torch.cat([where, numbers], dim=1).gather(1, order)
    return Near(where.cpu().numpy(), best.cpu().numpy())


@torch.inference_mode()
def sums_by_torch(
    softness: tuple[FloatArray, str, float],
    mixing: FloatArray | None,
    block: range,
    device: str,
    x: FloatArray,
    y: FloatArray,
) -> NormalEquations:
    """Return a block of global ARN's sums over samples x [n, d], y [n, t] or [n].

    Those of `sr_arn.regressors.global_arn`, but for rounding; `softness` is anchors [m, d],
    similarity and sharpness.
    """
    anchors, similarity, sharpness = softness
    m, d = anchors.shape
    with torch.device("meta"):  # draws nothing
        layer = AnchoredRegression(d, 1, m, similarity, sharpness)  # type: ignore[arg-type] # is checked
    layer.anchors = nn.Parameter(torch.tensor(anchors, device=device))
    shared = None if mixing is None else torch.tensor(mixing, device=device)
    weights = m if mixing is None else mixing.shape[1]
    targets = y.reshape(len(y), -1)
    equations = NormalEquations(weights, d, targets.shape[1], block)
    gram, moments = (
        torch.tensor(sums, device=device) for sums in (equations.gram, equations.moments)
    )
    i, j = torch.triu_indices(d + 1, d + 1, device=device)
    for start in range(0, len(x), BLOCK):
        rows, wanted = (
            torch.tensor(part[start : start + BLOCK], device=device) for part in (x, targets)
        )
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
