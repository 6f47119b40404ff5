"""Solve the last layer of a trained convolutional ARN in closed form, and see whether it gains.

    python benchmarks/closed_form.py --data DATA_DIR [MODEL ...]

Features and assignments of a model stay as they are; the filters of all anchors together are the
ridge regression of the missing details of the 91 images (equation 17 of the ARN paper, over windows
of learned features). Compared is PSNR on every fourth image of BSD200, for several ridges.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from sr_arn.datasets.folders import find_set, read_luminances
from sr_arn.evaluation.held_out import Validation
from sr_arn.models.conv import ConvModel
from sr_arn.models.conv_network import OUTPUT_GAIN, ConvAnchoredNetwork
from sr_arn.models.conv_torch import TorchConvModel
from sr_arn.pictures.resize import crop_to_multiple, imresize
from sr_arn.training.conv_arn import plain
from sr_arn.upscaling.loading import load_model
from sr_arn.upscaling.upscaler import Upscaler

MODELS = ["conv-arn-x3-tiny"]
RIDGES = (1e-5, 1e-4, 1e-3, 1e-2)  # shares of the mean of the diagonal
ROWS = 16_384  # of the design matrix at a time


@torch.no_grad()
def features_and_assignments(
    network: ConvAnchoredNetwork, lr: NDArray[np.float32]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return windows [pixels, 9 c + 1] of the last layer's input, and alpha [pixels, m]."""
    seen: list[torch.Tensor] = []
    hook = network.last.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    network(torch.from_numpy(lr)[None, None])
    hook.remove()
    windows = F.unfold(seen[0], 3, padding=1)[0].T
    alpha = network.last.assignments(seen[0])[0].flatten(1).T
    return torch.cat([windows, torch.ones(len(windows), 1)], dim=1), alpha


@torch.no_grad()
def sums(
    network: ConvAnchoredNetwork, planes: list[NDArray[np.float32]]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the sums of the normal equations: [k, k] and [k, s^2], k = m (9 c + 1)."""
    s = network.scale
    gram: torch.Tensor | float = 0.0
    right: torch.Tensor | float = 0.0
    for plane in planes:
        hr = crop_to_multiple(plane, s)
        lr = imresize(hr, 1 / s)
        details = torch.from_numpy(hr - imresize(lr, s))[None, None] / OUTPUT_GAIN
        targets = F.pixel_unshuffle(details, s)[0].flatten(1).T
        x, alpha = features_and_assignments(network, lr)
        for start in range(0, len(x), ROWS):
            rows = slice(start, start + ROWS)
            design = (alpha[rows, :, None] * x[rows, None]).flatten(1)
            gram = gram + (design.T @ design).double()
            right = right + (design.T @ targets[rows]).double()
    return torch.as_tensor(gram), torch.as_tensor(right)


def solved(
    network: ConvAnchoredNetwork, gram: torch.Tensor, right: torch.Tensor, ridge: float
) -> ConvModel:
    """Return the model with the last layer of least squares."""
    amount = ridge * gram.diagonal().mean()
    solution = torch.linalg.solve(gram + amount * torch.eye(len(gram)).double(), right)
    m, outputs, c = network.last.weight.shape[:3]
    per_anchor = solution.float().reshape(m, 9 * c + 1, outputs).transpose(1, 2)
    with torch.no_grad():
        network.last.weight.copy_(per_anchor[..., :-1].reshape(m, outputs, c, 3, 3))
        torch.as_tensor(network.last.bias).copy_(per_anchor[..., -1])
    return plain(network)


def main() -> None:
    """Solve for each model and ridge, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of T91 and BSD200")
    parser.add_argument("models", nargs="*", default=MODELS)
    args = parser.parse_args()
    planes = list(read_luminances(find_set(args.data, "T91")))
    print("| model | last layer | PSNR, dB |\n|---|---|---|")
    for name in args.models:
        model = load_model(name).model
        if not isinstance(model, ConvModel):
            parser.error(f"{name} is no convolutional ARN")
        held_out = Validation(read_luminances(find_set(args.data, "BSD200")[2::4]), model.scale)
        print(f"| {name} | as trained | {held_out.psnr(Upscaler(model)):.3f} |", flush=True)
        network = TorchConvModel(model, "cpu").network
        gram, right = sums(network, planes)
        for ridge in RIDGES:
            psnr = held_out.psnr(Upscaler(solved(network, gram, right, ridge)))
            print(f"| {name} | closed form, ridge {ridge:g} | {psnr:.3f} |", flush=True)


if __name__ == "__main__":
    main()
