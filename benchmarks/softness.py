"""Measure what softness is worth to the global ARN, and what sparse assignments cost.

    python benchmarks/softness.py --data DATA_DIR

Trained at x3 on every 40th pair of DATA_DIR/T91; PSNR on every tenth image of
DATA_DIR/BSD200: no test set is touched.
"""

import argparse
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sr_arn.datasets.folders import find_images, read_luminances
from sr_arn.evaluation.held_out import Validation
from sr_arn.models.base import BicubicModel
from sr_arn.models.features import GradientFeatures
from sr_arn.models.patch import PatchModel
from sr_arn.regressors import APlusRegressor, GlobalARNRegressor, Regressor
from sr_arn.regressors.base import FloatArray
from sr_arn.regressors.normal_equations import NormalEquations
from sr_arn.regressors.numpy_layer import assignments
from sr_arn.training.pairs import shrink, training_pairs
from sr_arn.upscaling.upscaler import Upscaler

SCALE = 3
EVERY = 40  # th pair is trained on


class Truncated(GlobalARNRegressor):
    """Global ARN whose assignments are cut to the k largest and made to sum to 1 again."""

    name: ClassVar[str] = "truncated"
    kept: int

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Solve for given anchors."""
        X, y = np.asarray(X), np.asarray(y)
        self.anchors_ = np.asarray(self.anchors)
        equations = NormalEquations(len(self.anchors_), X.shape[1], y.shape[1])
        equations.add(self._cut(X), X, y)
        self.solution = equations.solve(self.regularisation).astype(X.dtype)
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Return the predictions, block by block."""
        X = np.asarray(X)
        flat = self.solution.reshape(-1, self.solution.shape[2])
        parts = []
        for rows in np.array_split(X, -(-len(X) // 4096)):
            homogeneous = np.hstack([rows, np.ones((len(rows), 1), rows.dtype)])
            lifted = self._cut(rows)[:, :, None] * homogeneous[:, None, :]
            parts.append(lifted.reshape(len(rows), -1) @ flat)
        return np.concatenate(parts)

    def _cut(self, X: NDArray[Any]) -> NDArray[Any]:
        alpha = assignments(X, self.anchors_, self.similarity, self.sharpness)
        limit = np.partition(alpha, -self.kept, axis=1)[:, -self.kept, None]
        alpha = np.where(alpha >= limit, alpha, 0)
        return alpha / alpha.sum(axis=1, keepdims=True)


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of T91 and BSD200")
    args = parser.parse_args()
    planes = list(read_luminances(find_images(args.data / "T91")))
    features = GradientFeatures(SCALE).fit(shrink(planes, SCALE))
    x, y = (array[::EVERY].copy() for array in training_pairs(planes, features))
    validation = Validation(read_luminances(find_images(args.data / "BSD200")[::10]), SCALE)

    def score(regressor: Regressor) -> float:
        return validation.psnr(Upscaler(PatchModel(features, regressor.fit(x, y))))

    print("| | dB |\n|---|---|")
    print(f"| bicubic | {validation.psnr(Upscaler(BicubicModel(SCALE))):.3f} |")
    aplus = {m: APlusRegressor(m) for m in (64, 1024)}
    for m, regressor in aplus.items():
        print(f"| A+, {m} anchors | {score(regressor):.3f} |", flush=True)
    print("\n1024 anchors, by sharpness and rank:\n\n| sharpness | rank | dB |\n|---|---|---|")
    settings = [(k, 128) for k in (3.0, 4.0, 6.0, 8.0, 12.0)] + [(6.0, 32), (6.0, 64), (6.0, 192)]
    for sharpness, rank in settings:
        model = GlobalARNRegressor(aplus[1024].anchors_, sharpness=sharpness, rank=rank)
        print(f"| {sharpness:g} | {rank} | {score(model):.3f} |", flush=True)
    print("\n64 anchors, each with its own regressor, the k largest assignments kept:\n")
    print("| sharpness | k | dB |\n|---|---|---|")
    for sharpness in (6.0, 20.0):
        for kept in (64, 32, 16, 4, 1):
            truncated = Truncated(aplus[64].anchors_, sharpness=sharpness, rank=None)
            truncated.kept = kept
            print(f"| {sharpness:g} | {kept} | {score(truncated):.3f} |", flush=True)


if __name__ == "__main__":
    main()
