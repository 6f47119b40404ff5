"""Scores of `train_gpu.py` on held-out planes, clean and degraded."""

import numpy as np
import torch
from gpu_degradations import Jpeg
from gpu_network import Restoring
from gpu_planes import Bicubic, Levels, on_device, resized
from numpy.typing import NDArray
from torch import Tensor, nn

from sr_arn.evaluation.metrics import psnr_y
from sr_arn.models.restoration import CLEAN, Strengths

CONDITIONS = {
    "clean": CLEAN,
    **{f"jpeg {quality}": Strengths(jpeg=quality) for quality in (90, 75, 50, 30)},
    **{f"noise {sigma}": Strengths(noise=sigma) for sigma in (2.9, 8.6)},
}
"""What the held-out planes are degraded by, for the scores of the restoring sets."""

Scores = dict[str, dict[str, tuple[float, float]]]
"""By condition and set, the mean PSNR of a network and that of bicubic up-scaling, in dB."""


@torch.no_grad()
def scores(
    network: nn.Module, held_out: dict[str, list[Levels]], scale: int, device: torch.device
) -> Scores:
    """Return how well a network enlarges held-out planes, degraded by all it can restore.

    Each plane is cropped to the largest square at its top left with a side of a multiple of 8
    `scale`, so that JPEG's blocks fit the LR plane.
    """
    restores = isinstance(network, Restoring)
    network.eval()
    bicubic, jpeg = Bicubic(scale, device), Jpeg(device)
    found: Scores = {}
    for condition, strengths in CONDITIONS.items() if restores else [("clean", CLEAN)]:
        generator = torch.Generator(device).manual_seed(0)
        told = torch.from_numpy(strengths.coordinates)[None].to(device)
        found[condition] = {}
        for name, planes in held_out.items():
            values = []
            for levels in planes:
                side = min(levels.shape) // (8 * scale) * 8 * scale
                hr = on_device(levels[:side, :side], device)
                lr = degraded(resized(hr, 1 / scale)[None], strengths, jpeg, generator)
                basis = bicubic(lr)
                inputs = (lr[:, None], told) if restores else (lr[:, None],)
                results = basis + network(*inputs), basis
                values.append([psnr_y(levels[:side, :side], _plane(r), scale) for r in results])
            ours, theirs = np.mean(values, axis=0).tolist()
            found[condition][name] = ours, theirs
    return found


def degraded(lr: Tensor, strengths: Strengths, jpeg: Jpeg, generator: torch.Generator) -> Tensor:
    """Return LR planes [n, h, w] rounded, noisy and compressed; clean ones as they are."""
    if strengths.is_clean:
        return lr
    lr = _rounded(lr)
    if strengths.noise:
        noise = torch.randn(lr.shape, device=lr.device, generator=generator)
        lr = _rounded(lr + strengths.noise / 255 * noise)
    if strengths.jpeg is not None:
        lr = jpeg(lr, torch.full((len(lr),), float(strengths.jpeg), device=lr.device))
    return lr


def _rounded(y: Tensor) -> Tensor:
    return (y.clamp(0, 1) * 255).round() / 255


def _plane(result: Tensor) -> NDArray[np.float32]:
    """Return a result [1, 1, h, w] as a plane [h, w] in [0, 1]."""
    return result[0, 0].clamp(0, 1).cpu().numpy()


def compared(before: Scores, after: Scores) -> dict[str, dict[str, dict[str, float]]]:
    """Return, and print, scores in dB by condition, set and "bicubic", "before" or "after"."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for condition, sets in after.items():
        found[condition] = {}
        for name, (ours, bicubic) in sets.items():
            row = {"bicubic": bicubic, "before": before[condition][name][0], "after": ours}
            found[condition][name] = {what: round(value, 4) for what, value in row.items()}
            values = ", ".join(f"{what} {value:.3f}" for what, value in row.items())
            print(f"  {condition}, {name}: {values} dB", flush=True)
    return found
