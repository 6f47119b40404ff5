"""Measure PSNR against the number of regressors: Figure 5 of the ARN paper.

    python benchmarks/figure5.py --data DATA_DIR --json docs/figure5.json -o docs/figure5.png

A+, global ARN and ARN with 16 to 1024 anchors are trained at x3 on every tenth pair of
DATA_DIR/T91, global ARN with a rank of at most 128, ARN in 2 epochs, and scored on
DATA_DIR/Set14: a smaller training than that of the bundled models, the same for all
points. Points that the JSON file has already are not measured again.
"""

import argparse
import json
import time
from pathlib import Path

import matplotlib.pyplot as plt

from sr_arn.datasets.folders import find_images, find_set, read_luminances
from sr_arn.evaluation.evaluate import evaluate
from sr_arn.models.features import GradientFeatures
from sr_arn.models.patch import PatchModel
from sr_arn.regressors import APlusRegressor, ARNRegressor, GlobalARNRegressor, Regressor
from sr_arn.training.pairs import shrink, training_pairs
from sr_arn.upscaling.upscaler import Upscaler

SCALE = 3
EVERY = 10  # th pair is trained on
COUNTS = (16, 32, 64, 128, 256, 512, 1024)
LABELS = {"aplus": "A+", "global-arn": "global ARN", "arn": "ARN"}


def regressor(name: str, anchors: int) -> Regressor:
    """Return the regressor of a point, not yet fitted."""
    if name == "aplus":
        return APlusRegressor(anchors)
    if name == "global-arn":
        return GlobalARNRegressor(anchors, rank=min(128, anchors))
    return ARNRegressor(anchors, rank=min(128, anchors), components=None, epochs=2)


def measure(data: Path, path: Path) -> dict[str, dict[str, float]]:
    """Train and score what the JSON file lacks; return {name: {anchors: PSNR}}."""
    points: dict[str, dict[str, float]] = json.loads(path.read_text()) if path.exists() else {}
    planes = list(read_luminances(find_images(data / "T91")))
    features = GradientFeatures(SCALE).fit(shrink(planes, SCALE))
    x, y = (array[::EVERY].copy() for array in training_pairs(planes, features))
    for anchors in COUNTS:
        for name in LABELS:
            if str(anchors) in points.setdefault(name, {}):
                continue
            start = time.perf_counter()
            fitted = regressor(name, anchors).fit(x, y)
            took = time.perf_counter() - start
            model = {name: Upscaler(PatchModel(features, fitted))}
            (score,) = evaluate(model, {"Set14": find_set(data, "Set14")})
            points[name][str(anchors)] = round(score.psnr, 3)
            path.write_text(json.dumps(points, indent=2) + "\n")
            print(f"{name} {anchors}: {score.psnr:.3f} dB, fitted in {took:.0f} s", flush=True)
    return points


def draw(points: dict[str, dict[str, float]], path: Path) -> None:
    """Plot PSNR against the number of regressors."""
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, label in LABELS.items():
        axes.plot([int(m) for m in points[name]], list(points[name].values()), "o-", label=label)
    axes.set_xscale("log", base=2)
    axes.set_xticks(COUNTS, [str(m) for m in COUNTS])
    axes.set_xlabel("regressors")
    axes.set_ylabel("PSNR on Set14, x3 (dB)")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120, metadata={"Software": None})


def main() -> None:
    """Measure and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of T91 and Set14")
    parser.add_argument("--json", type=Path, required=True, help="points, read and written")
    parser.add_argument("-o", "--output", type=Path, required=True, help="PNG")
    args = parser.parse_args()
    draw(measure(args.data, args.json), args.output)


if __name__ == "__main__":
    main()
