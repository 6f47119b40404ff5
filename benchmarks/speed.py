"""Measure up-scaling against a floor of the same run.

    python benchmarks/speed.py [--models aplus-x2,aplus-x3,aplus-x4] [--json PATH]
    python benchmarks/speed.py --models conv-arn-x3,conv-arn-x3-tiny
    OMP_NUM_THREADS=1 python benchmarks/speed.py --convolution 64

For A+ the floor is one float32 product [n, d] x [d, m], output preallocated: every LR pixel's
features against all anchors, by BLAS on all cores. For convolutional ARNs it is onnxruntime, on
all cores, with a 3 x 3 convolution from 1 to 64 channels and eleven of 64 with ReLU. Both are
timed in turns in one run on a shipped picture, tiled to half a megapixel; medians of seven.

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
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sr_arn import load_model
from sr_arn.color import luminance
from sr_arn.conv_model import ConvModel
from sr_arn.convolution import Filters, convolve, padded
from sr_arn.image_io import read_image
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


def product(anchors: np.ndarray, pixels: int) -> Callable[[], object]:
    """Return the float32 product of features with anchors [m, d]."""
    features = np.random.default_rng(0).normal(size=(pixels, anchors.shape[1]))
    x, columns = features.astype(np.float32), anchors.T.astype(np.float32)
    scores = np.empty((pixels, len(anchors)), np.float32)
    return lambda: np.matmul(x, columns, out=scores)


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


def eleven_convolutions(lr: np.ndarray) -> Callable[[], object]:
    """Return onnxruntime's run of a plain network."""
    import torch
    from torch import nn

    def layer() -> nn.Module:
        return nn.Sequential(nn.Conv2d(64, 64, 3, padding=1), nn.ReLU())

    network = nn.Sequential(nn.Conv2d(1, 64, 3, padding=1), *(layer() for _ in range(11)))
    return onnx_session(network, torch.from_numpy(lr)[None, None])


def measure(name: str, lr: np.ndarray) -> dict[str, float]:
    """Return microseconds per LR pixel of the up-scaler and of its floor, and their ratio."""
    upscaler = load_model(name)
    model = upscaler.model
    if isinstance(model, ConvModel):
        floor = eleven_convolutions(lr)
    elif isinstance(model, PatchModel):
        floor = product(model.regressor.arrays()["anchors"], lr.size)
    else:
        raise TypeError(f"{name} has no floor")
    upscaler.upscale_luminance(lr[:9, :9])  # compiles
    times = [
        (seconds(lambda: upscaler.upscale_luminance(lr)), seconds(floor))
        for _ in range(REPEATS + 1)
    ][1:]  # the first touches the memory
    whole, least = (1e6 * statistics.median(t) / lr.size for t in zip(*times, strict=True))
    ratio = statistics.median(a / b for a, b in times)
    return {"us_per_lr_pixel": whole, "floor_us_per_lr_pixel": least, "ratio": ratio}


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


def main() -> None:
    """Measure each model and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--models", default="aplus-x2,aplus-x3,aplus-x4")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--convolution", type=int, metavar="CHANNELS", help="time this instead")
    args = parser.parse_args()
    if args.convolution:
        time_convolutions(args.convolution)
        return
    lr = np.tile(luminance(read_image(PHOTO).pixels), (1, 2))
    result = {name: measure(name, lr) for name in args.models.split(",")}
    print("| model | microseconds per LR pixel | the floor's | ratio |\n|---|---|---|---|")
    for name, row in result.items():
        whole, floor, ratio = row.values()
        print(f"| {name} | {whole:.2f} | {floor:.2f} | {ratio:.2f} |")
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
