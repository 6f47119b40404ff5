"""Measure up-scaling against the matrix product that a plain search for anchors needs.

    python benchmarks/speed.py [--models aplus-x2,aplus-x3,aplus-x4] [--json PATH]

The floor is one float32 product [n, d] x [d, m], output preallocated: every LR pixel's
features against all anchors, by BLAS on all cores. Both are timed in turns in one run on a
shipped picture, tiled to half a megapixel; medians of seven.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sr_arn import load_model
from sr_arn.color import luminance
from sr_arn.image_io import read_image
from sr_arn.upscaler import PatchModel

PHOTO = Path(__file__).parents[1] / "data" / "camera.png"
REPEATS = 7


def seconds(work: Callable[[], object]) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(name: str, lr: np.ndarray) -> dict[str, float]:
    """Return microseconds per LR pixel of the up-scaler and of its floor, and their ratio."""
    upscaler = load_model(name)
    if not isinstance(upscaler.model, PatchModel):
        raise TypeError(f"{name} has no anchors to search")
    anchors = upscaler.model.regressor.arrays()["anchors"].T.astype(np.float32)
    features = np.random.default_rng(0).normal(size=(lr.size, len(anchors))).astype(np.float32)
    scores = np.empty((lr.size, anchors.shape[1]), np.float32)
    upscaler.upscale_luminance(lr[:9, :9])  # compiles
    times = [
        (
            seconds(lambda: upscaler.upscale_luminance(lr)),
            seconds(lambda: np.matmul(features, anchors, out=scores)),
        )
        for _ in range(REPEATS + 1)
    ][1:]  # the first touches the memory
    whole, floor = (1e6 * statistics.median(t) / lr.size for t in zip(*times, strict=True))
    ratio = statistics.median(a / b for a, b in times)
    return {"us_per_lr_pixel": whole, "floor_us_per_lr_pixel": floor, "ratio": ratio}


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
