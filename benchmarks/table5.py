"""Print Table 5 of the ARN paper with our column beside it, from the bundled models.

    python benchmarks/table5.py --data DATA_DIR

PSNR on Y in dB at x3 with the papers' border. DATA_DIR holds Set5, Set14 and B100. How each
model was trained, and its seed, stands in `benchmarks/train_models.py`.
"""

import argparse
from pathlib import Path

from sr_arn.datasets.folders import find_set
from sr_arn.evaluation.evaluate import evaluate
from sr_arn.upscaling.loading import load_model

SETS = ("Set5", "Set14", "B100")
PUBLISHED = {  # by Agustsson et al. 2017, Table 5
    "bicubic": (30.39, 27.55, 27.21),
    "aplus-x3": (32.59, 29.13, 28.29),
    "global-arn-x3": (32.69, 29.20, 28.32),
    "arn-x3": (32.89, 29.31, 28.38),
    "deep-arn-x3": (33.01, 29.37, 28.45),
}


def main() -> None:
    """Score the models and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of the test sets")
    args = parser.parse_args()
    models = {name: load_model(name, scale=3) for name in PUBLISHED}
    scores = evaluate(models, {name: find_set(args.data, name) for name in SETS})
    print("| x3 | published | ours |")
    print("|---|---|---|")
    for name, published in PUBLISHED.items():
        ours = [score.psnr for score in scores if score.model == name]
        columns = [" / ".join(f"{psnr:.2f}" for psnr in row) for row in (published, ours)]
        print(f"| {name} | {' | '.join(columns)} |")


if __name__ == "__main__":
    main()
