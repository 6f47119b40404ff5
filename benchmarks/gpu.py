"""Measure models on a GPU against what the card can do.

    python benchmarks/gpu.py [--models NAMES] [--device cuda] [--json PATH]

First the card: products of float32, float16 and bfloat16 matrices, copies to and from it of memory
that is pinned or not. Then, for a picture of a megapixel: the network or regressor alone, also as a
share of the rate of products of its precision; the whole of `Upscaler.upscale` there and on the
processor, and by how many levels of 255 the two differ; and a step of training as `sr-arn train`
does it, of what torch trains, beside the time of its products. Last, A+'s search and global ARN's
sums, there and on the processor, beside the time of their products. Medians of seven. On the
processor (--device cpu), steps of training are compiled by a C++ compiler.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from sr_arn import load_model
from sr_arn.models.conv import ConvModel
from sr_arn.models.conv_network import ConvAnchoredNetwork
from sr_arn.models.conv_torch import TorchConvModel, by_torch_alone
from sr_arn.models.patch import PatchModel
from sr_arn.models.patch_torch import HALF_ON, MEMORY, TorchPatchModel, in_half
from sr_arn.nn.training import train
from sr_arn.pictures.io import read_image
from sr_arn.regressors.anchored import AnchoredRegressor
from sr_arn.regressors.closed_form_torch import nearest_by_torch, sums_by_torch
from sr_arn.regressors.global_arn import sums
from sr_arn.regressors.gradient import GradientRegressor
from sr_arn.regressors.neighbours import nearest
from sr_arn.regressors.numpy_layer import NumpyAnchoredRegression
from sr_arn.regressors.predict_torch import Strongest
from sr_arn.training import conv_arn
from sr_arn.training.conv_arn import ConvARN
from sr_arn.training.crops import Crops

PHOTO = Path(__file__).parents[1] / "data" / "coffee.png"
REPEATS = 7
SIDE = 4096  # of the matrices
SIZE = (1000, 1000)  # of the picture
TERA, GIGA = 1e12, 1e9


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """Return the median time of a call, with all that it starts on the device."""
    spent = []
    for _ in range(REPEATS + 1):
        _wait(device)
        start = time.perf_counter()
        work()
        _wait(device)
        spent.append(time.perf_counter() - start)
    return statistics.median(spent[1:])


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def card(device: torch.device, side: int) -> dict[str, float]:
    """Return what the device does at best."""
    result = {}
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        a = torch.randn(side, side, device=device, dtype=dtype)
        spent = seconds(partial(torch.matmul, a, a), device)
        result[product_of(dtype)] = 2 * side**3 / spent / TERA
    host = torch.empty(side, side)
    there = torch.empty(side, side, device=device)
    for name, memory in (("pageable", host), ("pinned", _pinned(host, device))):
        result[f"copy there, {name}, GB/s"] = (
            host.nbytes / seconds(partial(there.copy_, memory), device) / GIGA
        )
        result[f"copy back, {name}, GB/s"] = (
            host.nbytes / seconds(partial(memory.copy_, there), device) / GIGA
        )
    return result


def product_of(dtype: torch.dtype) -> str:
    """Return what the rate of products of a dtype is called in the results."""
    return f"product, {str(dtype)[6:]}, TFLOP/s"


def _pinned(memory: torch.Tensor, device: torch.device) -> torch.Tensor:
    return memory.pin_memory() if device.type == "cuda" else memory


def operations(model: ConvModel | PatchModel) -> float:
    """Return the floating-point operations of the network or regressor, per LR pixel."""
    if isinstance(model, ConvModel):
        c, layers = model.sizes["channels"], model.sizes["layers"]
        last = model.sizes["anchors"] * (1 + model.scale**2)
        return 2 * 9 * c * (1 + layers * c + last)
    if isinstance(model.regressor, AnchoredRegressor):
        return 2 * sum(multiplications(layer) for layer in model.regressor.soft_layers())
    m, d, t = model.regressor.arrays()["projections"].shape
    return 2 * d * (m + t)


def multiplications(layer: NumpyAnchoredRegression) -> int:
    """Return those of one row."""
    parts = layer.mixing, layer.basis
    shared = sum(part.size for part in parts if part is not None)
    return layer.anchors.size + shared + layer.weight.size + layer.bias.size


def measure(
    name: str, device: torch.device, size: tuple[int, int], best: dict[str, float]
) -> dict[str, float]:
    """Return what a model takes on the device, of which `card` told what it does at best."""
    upscaler = load_model(name)
    model = upscaler.model
    if not isinstance(model, ConvModel | PatchModel):
        raise TypeError(f"{name} does not run on a GPU")
    image = np.resize(read_image(PHOTO).pixels, (*size, 3))
    there = upscaler.to(device.type)
    pixels, batches = size[0] * size[1], 1
    network: nn.Module
    if isinstance(there.model, TorchConvModel):
        network, x = there.model.network, torch.rand(1, 1, *size, device=device)
    elif isinstance(there.model, TorchPatchModel):
        network = there.model.regressor
        batches = -(-pixels * there.model.regressor.numbers // MEMORY)
        x = torch.randn(pixels // batches, len(there.model.projection), device=device)
    work, dtype = partial(network, x), torch.float32
    if device.type in HALF_ON and not isinstance(network, Strongest | ConvAnchoredNetwork):
        work, dtype = partial(in_half, device, work), torch.float16
    with by_torch_alone():
        alone = batches * seconds(work, device)
    rate = operations(model) * pixels / alone / TERA
    difference = there.upscale(image).astype(int) - upscaler.upscale(image)
    result = {
        "alone, us per LR pixel": 1e6 * alone / pixels,
        "alone, TFLOP/s": rate,
        "alone, share of the product's": rate / best[product_of(dtype)],
        "picture there, s": seconds(lambda: there.upscale(image), device),
        "picture on the processor, s": seconds(lambda: upscaler.upscale(image), device),
        "largest difference, levels of 255": float(np.abs(difference).max()),
    }
    if isinstance(model, ConvModel):
        result["training, ms per step"] = 1e3 * step_of_network(model, device)
    elif isinstance(model.regressor, GradientRegressor):
        spent, rows = step_of_regressor(model.regressor, device)
        quick, _ = step_of_regressor(model.regressor, device, "bfloat16", compiled=True)
        forward = operations(model) * rows / (best[product_of(torch.float32)] * TERA)
        result |= {
            "training, ms per step": 1e3 * spent,
            "training, times its products": spent / (3 * forward),  # and both ways back
            "training in bfloat16, compiled, ms per step": 1e3 * quick,
        }
    return result


def step_of_regressor(
    model: GradientRegressor,
    device: torch.device,
    precision: str = "float32",
    compiled: bool = False,
    steps: int = 200,
) -> tuple[float, int]:
    """Return the seconds of a step of training a regressor of the same sizes, and its rows."""
    rows, sizes = 2048, model.arrays()
    rng = np.random.default_rng(0)
    width, targets = sizes["anchors"].shape[1], len(sizes["intercept"])
    x, y = (rng.standard_normal((steps * rows, n), np.float32) for n in (width, targets))
    changes = {"anchors": len(sizes["anchors"]), "epochs": 2, "batch_size": rows}
    how = {"device": device.type, "precision": precision, "compiled": compiled}
    other = type(model)(**model.get_params() | changes | how)
    ends: list[float] = []
    other.fit(
        x,
        y,
        observe=lambda progress: ends.append(time.perf_counter()) if progress.epoch_ended else None,
    )
    return (ends[1] - ends[0]) / steps, rows  # the first epoch warms up


def step_of_network(model: ConvModel, device: torch.device, steps: int = 50) -> float:
    """Return the seconds of a step of training a network of the same sizes."""
    plane = (read_image(PHOTO).pixels[..., 1] / 255).astype(np.float32)
    (channels, layers, anchors), settings = model.sizes.values(), ConvARN()
    recipe = conv_arn.recipe(2, settings.learning_rate, "bfloat16", 0)
    batches = Crops([plane], model.scale, settings.crop, settings.batch_size, steps, seed=0)
    ends: list[float] = []
    train(
        ConvAnchoredNetwork(model.scale, channels, layers, anchors),
        batches,
        recipe,
        conv_arn.loss,
        device=device.type,
        observe=lambda progress: ends.append(time.perf_counter()) if progress.epoch_ended else None,
    )
    return (ends[1] - ends[0]) / steps  # the first epoch warms up


def closed_forms(device: torch.device, samples: int, best: dict[str, float]) -> dict[str, float]:
    """Return what A+'s search and global ARN's sums take over random samples, by their products.

    For 1024 anchors, 30 features, 81 targets. The processor sums over a fiftieth of the samples.
    """
    m, d, t, r, k = 1024, 30, 81, 192, 2048
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((samples, n), np.float32) for n in (d, t))
    anchors, mixing = (rng.standard_normal((m, n), np.float32) for n in (d, r))
    softness, few = (anchors, "abs_cosine", 6.0), samples // 50
    gram = (r * (r + 1) // 2) * ((d + 1) * (d + 2) // 2)
    work: dict[str, tuple[Callable[[], object], Callable[[], object], int, int]] = {
        "search": (
            partial(nearest_by_torch, x, anchors, k, device),
            partial(nearest, x, anchors, k),
            samples,
            m * d,
        ),
        "sums": (
            partial(sums_by_torch, softness, mixing, range(r), device, x, y),
            partial(sums, softness, mixing, range(r), None, x[:few], y[:few]),
            few,
            m * (d + r) + gram + r * (d + 1) * t,
        ),
    }
    result = {}
    for name, (there, here, samples_here, multiplications) in work.items():
        spent = seconds(there, device)
        products = 2 * multiplications * samples / (best[product_of(torch.float32)] * TERA)
        result[f"{name}, s per million"] = 1e6 * spent / samples
        result[f"{name}, times its products"] = spent / products
        spent = seconds(here, device)
        result[f"{name} on the processor, s per million"] = 1e6 * spent / samples_here
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--models", default="aplus-x3,arn-x3,deep-arn-x3,conv-arn-x3-tiny,conv-arn-x3"
    )
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--small", action="store_true", help="a quick run, to see that it works")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    device = torch.device(args.device)
    side, size = (512, (100, 120)) if args.small else (SIDE, SIZE)
    best = card(device, side)
    result: dict[str, Any] = {"card": best}
    for name in args.models.split(","):
        result[name] = measure(name, device, size, best)
    result["closed forms"] = closed_forms(device, 5000 if args.small else 1_000_000, best)
    for what, row in result.items():
        for quantity, value in row.items():
            print(f"{what:<20} {quantity:<44} {value:10.3f}")
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
