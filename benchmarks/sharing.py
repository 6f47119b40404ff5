"""Measure what sharing costs ARN: fewer regressors than anchors, fewer directions than pixels.

    python benchmarks/sharing.py --data DATA_DIR

1024 anchors, trained at x3 by gradient descent in 7 epochs on 1.25 million pairs of DATA_DIR/T91;
PSNR on every twelfth image of DATA_DIR/BSD200: no test set is touched. The first row is the exact
sum over all anchors, each with its own regressor.
"""

import argparse
from pathlib import Path

from gpu import multiplications

from sr_arn.datasets.folders import find_images, read_luminances
from sr_arn.evaluation.held_out import Validation
from sr_arn.models.features import GradientFeatures
from sr_arn.models.patch import PatchModel
from sr_arn.regressors import ARNRegressor
from sr_arn.training.pairs import shrink, training_pairs
from sr_arn.upscaling.upscaler import Upscaler

SCALE = 3
SAMPLES = 1_250_000
SETTINGS = ((None, None), (128, None), (40, None), (32, None), (32, 48), (32, 32), (16, 48))


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of T91 and BSD200")
    args = parser.parse_args()
    planes = list(read_luminances(find_images(args.data / "T91")))
    features = GradientFeatures(SCALE).fit(shrink(planes, SCALE))
    x, y = training_pairs(planes, features, SAMPLES)
    validation = Validation(read_luminances(find_images(args.data / "BSD200")[::12]), SCALE)
    print("| regressors | directions | multiplications a pixel | dB |")
    print("|---|---|---|---|")
    for rank, components in SETTINGS:
        model = ARNRegressor(1024, rank=rank, components=components, epochs=7, precision="bfloat16")
        model.fit(x, y)
        count = sum(map(multiplications, model.soft_layers()))
        psnr = validation.psnr(Upscaler(PatchModel(features, model)))
        print(
            f"| {rank or len(model.anchors_)} | {components or y.shape[1]} "
            f"| {count:,} | {psnr:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
