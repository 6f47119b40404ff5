"""Measure up-scaling against a floor of the same run.

    python benchmarks/speed.py [--models aplus-x2,aplus-x3,aplus-x4] [--json PATH]
    python benchmarks/speed.py --models conv-arn-x3,conv-arn-x3-tiny

For A+ the floor is one float32 product [n, d] x [d, m], output preallocated: every LR pixel's
features against all anchors, by BLAS on all cores. For convolutional ARNs it is onnxruntime, on
all cores, with a 3 x 3 convolution from 1 to 64 channels and eleven of 64 with ReLU. Both are
timed in turns in one run on a shipped picture, tiled to half a megapixel; medians of seven.
"""

import argparse
import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sr_arn import load_model
from sr_arn.color import luminance
from sr_arn.conv_model import ConvModel
from sr_arn.image_io import read_image
from sr_arn.upscaler import PatchModel

PHOTO = Path(__file__).parents[1] / "data" / "camera.png"
REPEATS = 7


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


def eleven_convolutions(lr: np.ndarray) -> Callable[[], object]:
    """Return onnxruntime's run of a plain network."""
    import onnxruntime
    import torch
    from torch import nn

    def layer(channels: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(channels, 64, 3, padding=1), nn.ReLU())

    network = nn.Sequential(nn.Conv2d(1, 64, 3, padding=1), *(layer(64) for _ in range(11)))
    x = torch.from_numpy(lr)[None, None]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "network.onnx"
        torch.onnx.export(network.eval(), (x,), path, dynamo=True, verbose=False)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs = {session.get_inputs()[0].name: x.numpy()}
    return lambda: session.run(None, inputs)


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


def main() -> None:
    """Measure each model and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--models", default="aplus-x2,aplus-x3,aplus-x4")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
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
