"""Measure up-scaling against floors and peers, in one run.

    python benchmarks/speed.py [--models NAMES] [--json PATH] [-o PLOT.png]
    OMP_NUM_THREADS=1 python benchmarks/speed.py --convolution 64

From LR to HR luminance of a shipped picture, tiled to half a megapixel; all in turns, medians of
seven. What each model is compared with, (`pip install -e ".[dev,torch]"`):

- patch models: one float32 product [n, d] x [d, m] by BLAS, output preallocated, of every LR
  pixel's features with all anchors; A+ also with its plain NumPy form (`reference.py`), Deep ARN
  with the products that its layers consist of, and with PyTorch, in batches of the best size;
- convolutional ARNs: onnxruntime with a ReLU network of the same multiplications, and with a 3 x 3
  convolution from 1 to 64 channels and eleven of 64 with ReLU.

`--convolution` times one 3 x 3 convolution from and to so many channels, over 256 x 256 pixels, by
all that could do it; NumPy's product is given the windows ready-made.
"""

import argparse
import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import reference

from sr_arn import load_model
from sr_arn.color import luminance
from sr_arn.conv_model import ConvModel
from sr_arn.convolution import Filters, convolve, padded
from sr_arn.image_io import read_image
from sr_arn.model_file import models_in_the_box
from sr_arn.upscaler import PatchModel

if TYPE_CHECKING:
    import torch
    from torch import nn

PHOTO = Path(__file__).parents[1] / "data" / "camera.png"
REPEATS = 7
SIDE = 256


def seconds(work: Callable[[], object]) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def bare_products(
    pixels: int, *layers: tuple[int, int], rows: int | None = None
) -> Callable[[], object]:
    """Return float32 products of so many rows with matrices of some shapes, outputs preallocated.

    With `rows`, so many are taken at a time.
    """
    rows = rows or pixels
    rng = np.random.default_rng(0)
    work = [
        (
            rng.normal(size=(rows, d)).astype(np.float32),
            rng.normal(size=(d, m)).astype(np.float32),
            np.empty((rows, m), np.float32),
        )
        for d, m in layers
    ]

    def run() -> None:
        for _ in range(pixels // rows):
            for x, matrix, out in work:
                np.matmul(x, matrix, out=out)

    return run


def deep_layers(arrays: dict[str, np.ndarray]) -> list[tuple[int, int]]:
    """Return the shapes of the matrices that Deep ARN multiplies with."""
    m, t, d = arrays["weight"].shape
    hidden = len(arrays["hidden_anchors"])
    return [*[(d, m), (m * (d + 1), d)] * hidden, (d, m), (m * (d + 1), t)]


def deep_by_torch(arrays: dict[str, np.ndarray], pixels: int) -> dict[str, Callable[[], object]]:
    """Return PyTorch's run of such a network, not compiled, by size of batch."""
    import torch

    from sr_arn.nn import DeepAnchoredRegression

    m, t, d = arrays["weight"].shape
    network = DeepAnchoredRegression(d, t, m, layers=1 + len(arrays["hidden_anchors"]))
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(pixels, d)).astype(np.float32))

    def run(size: int) -> None:
        with torch.inference_mode():
            for start in range(0, pixels, size):
                network(x[start : start + size])

    return {f"PyTorch, batches of {size}": partial(run, size) for size in (512, 2048, 8192)}


def onnx_session(network: "nn.Module", x: "torch.Tensor", threads: int = 0) -> Callable[[], object]:
    """Return onnxruntime's run of a network on x; no number of threads is all cores."""
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "network.onnx"
        torch.onnx.export(network.eval(), (x,), path, dynamo=True, verbose=False)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs = {session.get_inputs()[0].name: x.numpy()}
    return lambda: session.run(None, inputs)


def relu_network(lr: np.ndarray, channels: int, layers: int, last: int = 0) -> Callable[[], object]:
    """Return onnxruntime's run of so many 3 x 3 convolutions, and one to `last` channels."""
    import torch
    from torch import nn

    def layer(inputs: int, outputs: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU())

    network = nn.Sequential(
        nn.Conv2d(1, channels, 3, padding=1), *(layer(channels, channels) for _ in range(layers))
    )
    if last:
        network.append(nn.Conv2d(channels, last, 3, padding=1))
    return onnx_session(network, torch.from_numpy(lr)[None, None])


def floors(model: PatchModel | ConvModel, lr: np.ndarray) -> dict[str, Callable[[], object]]:
    """Return what a model is compared with."""
    if isinstance(model, ConvModel):
        channels, layers = model.sizes["channels"], model.sizes["layers"]
        last = model.sizes["anchors"] * (1 + model.scale**2)
        return {
            "onnxruntime, the same multiplications": relu_network(lr, channels, layers, last),
            "onnxruntime, eleven convolutions": relu_network(lr, 64, 11),
        }
    arrays = model.regressor.arrays()
    m, d = arrays["anchors"].shape
    if model.name == "deep-arn":
        shapes = deep_layers(arrays)
        blocks = {
            f"its products, {rows} rows at a time": bare_products(lr.size, *shapes, rows=rows)
            for rows in (512, 2048, 8192)
        }
        return {**blocks, **deep_by_torch(arrays, lr.size)}
    both: dict[str, Callable[[], object]] = {
        "product with all anchors": bare_products(lr.size, (d, m))
    }
    if model.name == "aplus":
        both["plain NumPy"] = partial(reference.upscale, lr, model)
    return both


def measure(name: str, lr: np.ndarray) -> dict[str, Any]:
    """Return microseconds per LR pixel of the up-scaler and of its floors, and their ratios."""
    upscaler = load_model(name)
    if not isinstance(upscaler.model, PatchModel | ConvModel):
        raise TypeError(f"{name} has no floor")
    work: dict[str, Callable[[], object]] = {name: partial(upscaler.upscale_luminance, lr)}
    work |= floors(upscaler.model, lr)
    upscaler.upscale_luminance(lr[:9, :9])  # compiles
    times: dict[str, list[float]] = {what: [] for what in work}
    for _ in range(REPEATS + 1):
        for what, run in work.items():
            times[what].append(seconds(run))
    own, *others = (t[1:] for t in times.values())  # the first touches the memory
    spent = {what: 1e6 * statistics.median(t[1:]) / lr.size for what, t in times.items()}
    ratios = [statistics.median(a / b for a, b in zip(own, t, strict=True)) for t in others]
    return {
        "set5": upscaler.header["scores"]["Set5"]["psnr"],
        "us_per_lr_pixel": spent.pop(name),
        "floors": {
            what: {"us_per_lr_pixel": us, "ratio": ratio}
            for (what, us), ratio in zip(spent.items(), ratios, strict=True)
        },
    }


def convolutions(channels: int) -> dict[str, Callable[[], object]]:
    """Return 3 x 3 convolutions of so many channels by all that could do them, on one core."""
    import torch
    from torch.nn.functional import conv2d

    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    features = np.zeros((SIDE + 2, SIDE + 2, padded(channels)), np.float32)
    features[1:-1, 1:-1, :channels] = rng.normal(size=(SIDE, SIDE, channels))
    weight = rng.normal(size=(channels, channels, 3, 3)).astype(np.float32)
    filters, out = Filters.of(weight, np.zeros(channels, np.float32)), np.zeros_like(features)
    windows = rng.normal(size=(SIDE**2, 9 * channels)).astype(np.float32)
    columns = np.ascontiguousarray(weight.reshape(channels, -1).T)
    product = np.empty((SIDE**2, channels), np.float32)
    x, w = (
        torch.from_numpy(features[..., :channels].transpose(2, 0, 1)[None]),
        torch.from_numpy(weight),
    )
    images = x.contiguous(), x.contiguous(memory_format=torch.channels_last)
    layer = torch.nn.Conv2d(channels, channels, 3, bias=False)
    layer.weight.data = w
    run = onnx_session(layer, images[0], threads=1)
    return {
        "NumPy, product alone": lambda: np.matmul(windows, columns, out=product),
        "PyTorch": lambda: conv2d(images[0], w),
        "PyTorch, channels last": lambda: conv2d(images[1], w),
        "onnxruntime": run,
        "sr_arn": lambda: convolve(features, filters, out),
    }


def time_convolutions(channels: int) -> None:
    """Time them in turns and print a table."""
    work = convolutions(channels)
    times = {name: [seconds(run)] for name, run in work.items()}  # compiles
    for _ in range(REPEATS):
        for name, run in work.items():
            times[name].append(seconds(run))
    products = 2 * 9 * channels**2 * SIDE**2
    print("| | microseconds per pixel | GFLOP/s of the plain sum |\n|---|---|---|")
    for name, spent in times.items():
        median = statistics.median(spent[1:])
        print(f"| {name} | {1e6 * median / SIDE**2:.3f} | {products / median / 1e9:.0f} |")


def growth(name: str) -> float:
    """Return the exponent of the time in the number of pixels, fitted from 0.06 to 4 megapixels."""
    upscaler, photo = load_model(name), luminance(read_image(PHOTO).pixels)
    sizes, times = [], []
    for count in (1, 2, 4, 8):
        lr = np.tile(photo[:256, :256], (count, count))
        upscaler.upscale_luminance(lr)
        sizes.append(lr.size)
        times.append(
            statistics.median(seconds(partial(upscaler.upscale_luminance, lr)) for _ in range(3))
        )
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def plot(result: dict[str, Any], path: Path) -> None:
    """Draw PSNR against time."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for name, row in result.items():
        axes.plot(row["us_per_lr_pixel"], row["set5"], "o")
        place = (row["us_per_lr_pixel"], row["set5"])
        axes.annotate(name, place, xytext=(6, -3), textcoords="offset points")
    axes.set(xlabel="microseconds per LR pixel", ylabel="PSNR on Set5, dB", xscale="log")
    axes.margins(x=0.25)
    axes.grid(alpha=0.3, which="both")
    figure.savefig(path, dpi=120)


def main() -> None:
    """Measure each model and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--models", help="default: all in the box for x3")
    parser.add_argument("--json", type=Path)
    parser.add_argument("-o", "--output", type=Path, help="plot of PSNR against time")
    parser.add_argument("--convolution", type=int, metavar="CHANNELS", help="time this instead")
    args = parser.parse_args()
    if args.convolution:
        time_convolutions(args.convolution)
        return
    lr = np.tile(luminance(read_image(PHOTO).pixels), (1, 2))
    names = args.models.split(",") if args.models else models_in_the_box(3)
    result = {name: measure(name, lr) for name in names}
    print("| model | Set5, dB | us per LR pixel | beside | its us | ratio |")
    print("|---|---|---|---|---|---|")
    for name, row in result.items():
        for what, floor in row["floors"].items():
            print(
                f"| {name} | {row['set5']:.2f} | {row['us_per_lr_pixel']:.2f} | {what} "
                f"| {floor['us_per_lr_pixel']:.2f} | {floor['ratio']:.2f} |"
            )
    for name, row in result.items():
        row["exponent"] = growth(name)
        print(f"{name}: time grows as the number of pixels to the power of {row['exponent']:.3f}")
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")
    if args.output:
        plot(result, args.output)


if __name__ == "__main__":
    main()
