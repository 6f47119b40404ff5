"""Measure what half precision costs that GPUs are fast in, by torch on the processor.

    python benchmarks/half.py --data DATA_DIR [--models NAMES] [--sets NAMES]

The networks and regressors alone compute in it, as `sr_arn.models.patch_torch.in_half` has them.
For each model and precision: the mean change of PSNR, the largest change of a pixel and the share
of the pixels that change, in levels of 255, against the same model without torch.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from sr_arn import imresize, load_model, psnr_y
from sr_arn.datasets.folders import find_set, read_luminances
from sr_arn.models.conv_torch import TorchConvModel
from sr_arn.models.patch_torch import TorchPatchModel
from sr_arn.pictures.resize import crop_to_multiple
from sr_arn.upscaling.upscaler import Upscaler

MODELS = (
    "aplus-x3,global-arn-x3,arn-x3,deep-arn-x2,deep-arn-x3,deep-arn-x4,conv-arn-x2-91,"
    "conv-arn-x3-91,conv-arn-x4-91"
)


def in_precision(upscaler: Upscaler, dtype: torch.dtype) -> Upscaler:
    """Return the up-scaler by torch on the processor, with products of a dtype."""
    other = upscaler.to("cpu")
    model = other.model
    if isinstance(model, TorchConvModel):
        module: torch.nn.Module = model.network
    elif isinstance(model, TorchPatchModel):
        module = model.regressor
    forward = module.forward

    def less_precise(x: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", dtype):
            result: torch.Tensor = forward(x).float()
        return result

    module.forward = less_precise
    return other


def compare(upscaler: Upscaler, other: Upscaler, planes: list[np.ndarray]) -> dict[str, float]:
    """Return what is said above of HR planes."""
    changes, costs = [], []
    for plane in planes:
        hr = crop_to_multiple(plane, upscaler.scale)
        lr = imresize(hr, 1 / upscaler.scale)
        found, expected = (u.upscale_luminance(lr) for u in (other, upscaler))
        costs.append(psnr_y(hr, found, upscaler.scale) - psnr_y(hr, expected, upscaler.scale))
        a, b = (np.floor(np.clip(x, 0, 1) * 255 + 0.5) for x in (found, expected))
        changes.append(np.abs(a - b).ravel())
    levels = np.concatenate(changes)
    return {"dB": float(np.mean(costs)), "largest": levels.max(), "share": np.mean(levels > 0)}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets")
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--sets", default="Set5,Set14")
    args = parser.parse_args()
    planes = [
        plane
        for name in args.sets.split(",")
        for plane in read_luminances(find_set(args.data, name))
    ]
    print("| model | precision | PSNR, dB | largest change, levels | pixels that change |")
    print("|---|---|---|---|---|")
    for name in args.models.split(","):
        upscaler = load_model(name)
        for dtype in (torch.float16, torch.bfloat16):
            row = compare(upscaler, in_precision(upscaler, dtype), planes)
            print(
                f"| {name} | {str(dtype)[6:]} | {row['dB']:+.4f} | {row['largest']:.0f} "
                f"| {row['share']:.2%} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
