"""Enlarge pictures as this processor does: `python pictures_by_vectors.py FOLDER NAME=FILES ...`.

FOLDER gets a plane of luminance for each model and picture, and what they score, in JSON. FILES is
a pattern. The environment says what numba compiles for.
"""

import json
import sys
from pathlib import Path

import numpy as np

from sr_arn import load_model
from sr_arn.evaluation.evaluate import evaluate
from sr_arn.kernels.matmul import REGISTERS

MODELS = ("conv-arn-x3", "aplus-x3")
SCORES = "scores.json"


def main(folder: Path, *sets: str) -> None:
    """Enlarge all, after bicubic has shrunk them."""

    def keep(model, name, path, scale, result):
        np.save(folder / f"{model} {name} {path.stem}.npy", result)

    files = {
        name: sorted(Path(p).parent.glob(Path(p).name)) for name, p in (s.split("=") for s in sets)
    }
    scores = evaluate({name: load_model(name) for name in MODELS}, files, border="full", keep=keep)
    found = {f"{score.model} {score.set}": score.psnr for score in scores}
    (folder / SCORES).write_text(json.dumps({"lanes": REGISTERS.lanes, "psnr": found}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
