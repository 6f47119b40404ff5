"""Measure up-scaling against floors and peers, in one run.

    python benchmarks/speed.py [--models NAMES] [--data DATA_DIR] [--json PATH] [-o PLOT.png]

From LR to HR luminance of a shipped picture, tiled to half a megapixel; all in turns, a tenth of a
second apart, medians of seven. What each model is compared with (`pip install -e ".[dev,torch]"`):

- patch models: one float32 product [n, d] x [d, m] by BLAS, output preallocated, of every LR
  pixel's features with all anchors; A+ also with its plain NumPy form (`reference.py`), Deep ARN
  with the products that its layers consist of, and with PyTorch, in batches of the best size;
- convolutional ARNs: onnxruntime with a ReLU network of the same multiplications, and with a 3 x 3
  convolution from 1 to 64 channels and eleven of 64 with ReLU.

Then how the time grows with the size of the picture and, for A+, with the number of anchors. With
DATA_DIR, which holds Set5, other resizers are measured too, as far as they are installed: ours
and Pillow's bicubic, Pillow's Lanczos, OpenCV's bicubic and Lanczos.

A processor with AVX2 alone is imitated by these variables. onnxruntime asks the processor itself
and does not notice: ratios to it are then not comparable.

    NUMBA_CPU_NAME=haswell NUMBA_CPU_FEATURES=+avx,+avx2,+fma,+bmi,+bmi2
    OPENBLAS_CORETYPE=Haswell ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2
"""

import argparse
import json
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import reference
from PIL import Image

from sr_arn import imresize, load_model, psnr_y
from sr_arn.datasets.folders import find_set, read_luminances
from sr_arn.kernels.rows import map_rows, strongest
from sr_arn.models.conv import ConvModel
from sr_arn.models.files import bundled_models
from sr_arn.models.patch import PatchModel
from sr_arn.pictures.color import luminance
from sr_arn.pictures.io import read_image
from sr_arn.pictures.resize import crop_to_multiple
from sr_arn.web.plot import Point, scatter

if TYPE_CHECKING:
    import torch
    from torch import nn

PHOTO = Path(__file__).parents[1] / "data" / "camera.png"
REPEATS = 7
PAUSE = 0.1  # s, in which threads of the work before, as BLAS has them, cease to look out for more
SCALE = 3  # of other resizers
IMITATES = "NUMBA_CPU_NAME" in os.environ  # another processor


def seconds(work: Callable[[], object]) -> float:
    """Return how long one call takes, on a machine that has nothing else to do."""
    time.sleep(PAUSE)
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
        "scale": upscaler.scale,
        "set5": upscaler.header["scores"]["Set5"]["psnr"],
        "us_per_lr_pixel": spent.pop(name),
        "floors": {
            what: {"us_per_lr_pixel": us, "ratio": ratio}
            for (what, us), ratio in zip(spent.items(), ratios, strict=True)
        },
    }


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


def by_anchors() -> dict[int, float]:
    """Return microseconds per row of A+ with random anchors, by their number."""
    rng, result = np.random.default_rng(0), {}
    x = rng.normal(size=(20_000, 30)).astype(np.float32)
    for count in (64, 256, 1024, 4096):
        anchors = rng.normal(size=(count, 30)).astype(np.float32)
        maps = rng.normal(size=(count, 30, 81)).astype(np.float32)
        run = partial(lambda a, m: map_rows(x, m, strongest(x, a)), anchors, maps)
        run()
        spent = statistics.median(seconds(run) for _ in range(REPEATS))
        result[count] = 1e6 * spent / len(x)
    return result


def resizers() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Return functions that make a plane SCALE times as large, without any training."""

    def by_pillow(lr: np.ndarray, kind: Image.Resampling) -> np.ndarray:
        height, width = lr.shape
        return np.asarray(Image.fromarray(lr).resize((width * SCALE, height * SCALE), kind))

    found: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "bicubic": load_model("bicubic", scale=SCALE).upscale_luminance,
        "Pillow, bicubic": partial(by_pillow, kind=Image.Resampling.BICUBIC),
        "Pillow, Lanczos": partial(by_pillow, kind=Image.Resampling.LANCZOS),
    }
    if find_spec("cv2"):
        import cv2

        def by_opencv(lr: np.ndarray, kind: int) -> np.ndarray:
            return cv2.resize(lr, None, fx=SCALE, fy=SCALE, interpolation=kind)

        found["OpenCV, bicubic"] = partial(by_opencv, kind=cv2.INTER_CUBIC)
        found["OpenCV, Lanczos"] = partial(by_opencv, kind=cv2.INTER_LANCZOS4)
    return found


def measure_resizers(lr: np.ndarray, data: Path) -> dict[str, dict[str, Any]]:
    """Return microseconds per LR pixel and PSNR on Set5 of each."""
    planes = [crop_to_multiple(plane, SCALE) for plane in read_luminances(find_set(data, "Set5"))]
    result = {}
    for name, resize in resizers().items():
        spent = statistics.median(seconds(partial(resize, lr)) for _ in range(REPEATS))
        psnrs = [psnr_y(hr, resize(imresize(hr, 1 / SCALE)), SCALE) for hr in planes]
        result[name] = {
            "scale": SCALE,
            "set5": statistics.fmean(psnrs),
            "us_per_lr_pixel": 1e6 * spent / lr.size,
            "floors": {},
        }
    return result


def plot(result: dict[str, Any], path: Path) -> None:
    """Draw PSNR at x3 against time."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9.5, 5), layout="constrained")
    points = [Point(name, row["us_per_lr_pixel"], row["set5"]) for name, row in result.items()]
    values = {point.name: point for point in points}
    for mark in scatter(points, "", "").points:
        point = values[mark.text]
        axes.plot(point.x, point.y, "o")
        offset = (6, mark.y - mark.text_y - 4)  # so that neighbours' names keep apart
        axes.annotate(point.name, (point.x, point.y), xytext=offset, textcoords="offset points")
    axes.set(xlabel="microseconds per LR pixel", ylabel="PSNR on Set5, dB", xscale="log")
    axes.margins(x=0.25, y=0.12)
    axes.grid(alpha=0.3, which="both")
    figure.savefig(path, dpi=120)


def main() -> None:
    """Measure each model and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--models", help="default: all bundled for x3")
    parser.add_argument("--data", type=Path, help="folder of Set5: measures other resizers, too")
    parser.add_argument("--json", type=Path)
    parser.add_argument("-o", "--output", type=Path, help="plot of PSNR against time")
    args = parser.parse_args()
    lr = np.tile(luminance(read_image(PHOTO).pixels), (1, 2))
    names = args.models.split(",") if args.models else bundled_models(3)
    result = {name: measure(name, lr) for name in names}
    print("| model | Set5, dB | us per LR pixel | beside | its us | ratio |")
    print("|---|---|---|---|---|---|")
    for name, row in result.items():
        for what, floor in row["floors"].items():
            is_native = IMITATES and what.startswith("onnxruntime")
            ratio = "not comparable" if is_native else f"{floor['ratio']:.2f}"
            print(
                f"| {name} | {row['set5']:.2f} | {row['us_per_lr_pixel']:.2f} | {what} "
                f"| {floor['us_per_lr_pixel']:.2f} | {ratio} |"
            )
    for name, row in result.items():
        row["exponent"] = growth(name)
        print(f"{name}: time grows as the number of pixels to the power of {row['exponent']:.3f}")
    spent = by_anchors()
    print("A+'s regressor, one core, us per row by number of anchors:", spent)
    if args.data:
        others = measure_resizers(lr, args.data)
        for name, row in others.items():
            print(f"{name}: {row['set5']:.2f} dB, {row['us_per_lr_pixel']:.3f} us per LR pixel")
        result |= others
    if args.json:
        args.json.write_text(json.dumps(result | {"us_by_anchors": spent}, indent=2) + "\n")
    if args.output:
        plot({name: row for name, row in result.items() if row["scale"] == SCALE}, args.output)


if __name__ == "__main__":
    main()
