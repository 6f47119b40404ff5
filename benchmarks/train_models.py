r"""Train the bundled models, score and time them, write them where the package finds them.

    python benchmarks/train_models.py --data DATA_DIR [NAME ...] [--measure]

DATA_DIR holds T91 (training) and Set5, Set14, B100 (scoring only; nothing is chosen on them).
Without names, every model of the 91 images is trained, and then all that are bundled are scored and
timed; `benchmarks/train_gpu.py` trains the others.
Each of them is, but for its scores, time and licence, what a command like these writes:

    sr-arn train DATA_DIR/T91 -o my.safetensors --validation 0 --seed 0 \
        --regressor aplus --scale 3 --anchors 1024
    sr-arn train DATA_DIR/T91 -o my.safetensors --validation 0 --seed 0 \
        --regressor deep-arn --scale 3 --anchors 16 --layers 7 --epochs 12
    sr-arn train DATA_DIR/T91 -o my.safetensors --validation 0 --seed 0 --precision bfloat16 \
        --regressor conv-arn --scale 3 --channels 48 --layers 18 --anchors 16 --epochs 40

What is trained in epochs leaves a checkpoint in `checkpoints/` after each, and goes on from it.
Teachers stay there: they are for other models to imitate.
"""

import argparse
import logging
import statistics
import time
from pathlib import Path
from typing import Any

from sr_arn.datasets.folders import find_set
from sr_arn.evaluation.evaluate import evaluate, table
from sr_arn.models.files import BUNDLED, SUFFIX, bundled_models
from sr_arn.pictures.color import luminance
from sr_arn.pictures.io import read_image
from sr_arn.regressors.in_epochs import TrainedInEpochs
from sr_arn.system.threads import available_cores
from sr_arn.training.train import train_upscaler
from sr_arn.training.trainers import learner_class
from sr_arn.upscaling.loading import load_model, save_model
from sr_arn.upscaling.upscaler import Upscaler

APLUS = {"anchors": 1024, "random_state": 0}
DEEP = {"anchors": 16, "layers": 7, "random_state": 0}
RECIPES: dict[str, tuple[str, int, dict[str, Any]]] = {
    "aplus-x2": ("aplus", 2, APLUS),
    "aplus-x3": ("aplus", 3, APLUS),
    "aplus-x4": ("aplus", 4, APLUS),
    "global-arn-x3": ("global-arn", 3, {"anchors": 1024, "random_state": 0}),
    "arn-x3": (
        "arn",
        3,
        {"anchors": 1024, "epochs": 20, "precision": "bfloat16", "random_state": 0},
    ),
    "deep-arn-x2": ("deep-arn", 2, DEEP | {"epochs": 6}),
    "deep-arn-x3": ("deep-arn", 3, DEEP | {"epochs": 12}),
    "deep-arn-x4": ("deep-arn", 4, DEEP | {"epochs": 10}),
}
CONV = {"anchors": 16, "precision": "bfloat16", "random_state": 0}
BASE = CONV | {"channels": 48, "layers": 18}
TINY = CONV | {"channels": 32, "layers": 8, "anchors": 8, "equivariant": False}  # see docs
TEACHER = CONV | {"channels": 48, "layers": 16, "equivariant": False}
AGAIN = {"epochs": 15, "learning_rate": 0.001}  # from a bundled model
RECIPES |= {
    "teacher-x3": ("conv-arn", 3, TEACHER | {"epochs": 60, "learning_rate": 0.002}),
    "conv-arn-x3-91": ("conv-arn", 3, BASE | {"epochs": 40, "teacher": "teacher-x3"}),
    "conv-arn-x2-91": ("conv-arn", 2, BASE | AGAIN | {"start": "conv-arn-x3-91"}),
    "conv-arn-x4-91": ("conv-arn", 4, BASE | AGAIN | {"start": "conv-arn-x3-91"}),
    "teacher-x3-tiny": ("conv-arn", 3, TINY | {"epochs": 80, "learning_rate": 0.0015}),
}
CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"  # and models that are not to be bundled
TEST_SETS = ("Set5", "Set14", "B100")
LICENCE = "BSD-3-Clause"
PHOTO = Path(__file__).parents[1] / "data" / "camera.png"
REPEATS = 5


def train(name: str, data: Path) -> None:
    """Train one model, score it, and bundle it."""
    regressor_name, scale, parameters = RECIPES[name]
    start = time.perf_counter()
    for role in ("start", "teacher"):
        if role in parameters:
            parameters = parameters | {role: load_model(_path(parameters[role])).model}
    regressor = learner_class(regressor_name)().set_params(**parameters)
    options: dict[str, Any] = {}
    checkpoint = CHECKPOINTS / f"{name}.checkpoint{SUFFIX}"
    if isinstance(regressor, TrainedInEpochs):
        CHECKPOINTS.mkdir(exist_ok=True)
        options = {"checkpoint": checkpoint, "resume": checkpoint if checkpoint.exists() else None}
    upscaler = train_upscaler([data / "T91"], regressor, scale=scale, **options)
    print(f"{name}: trained in {time.perf_counter() - start:.0f} s", flush=True)
    path = _path(name)
    save_model(path, upscaler, licence=LICENCE)
    stored = load_model(path)  # what users get: arrays rounded to float16
    save_model(path, stored, licence=LICENCE, scores=score(name, stored, data))
    checkpoint.unlink(missing_ok=True)


def _path(name: str) -> Path:
    """Return the file of a model: bundled, but for teachers."""
    return (CHECKPOINTS if name.startswith("teacher") else BUNDLED) / f"{name}{SUFFIX}"


def score(name: str, upscaler: Upscaler, data: Path) -> dict[str, dict[str, float]]:
    """Return a model's PSNR and SSIM on the test sets."""
    scores = evaluate({name: upscaler}, {s: find_set(data, s) for s in TEST_SETS})
    print(table(scores), flush=True)
    return {s.set: {"psnr": round(s.psnr, 5), "ssim": round(s.ssim, 5)} for s in scores}


def measure_models(names: list[str], data: Path) -> None:
    """Score bundled models, time them in turns, and write both into each."""
    lr = luminance(read_image(PHOTO).pixels)
    upscalers = {name: load_model(name) for name in names}
    seconds: dict[str, list[float]] = {name: [] for name in upscalers}
    for repeat in range(REPEATS + 1):
        for name, upscaler in upscalers.items():
            start = time.perf_counter()
            upscaler.upscale_luminance(lr)
            if repeat > 0:  # the first compiles
                seconds[name].append(time.perf_counter() - start)
    for name, upscaler in upscalers.items():
        megapixels = lr.size * upscaler.scale**2 / 1e6
        spent = round(statistics.median(seconds[name]) / megapixels, 3)
        print(f"{name}: {spent} s per megapixel")
        save_model(
            BUNDLED / f"{name}{SUFFIX}",
            upscaler,
            licence=LICENCE,
            scores=score(name, upscaler, data),
            time={"seconds": spent, "cores": available_cores()},
        )


def main() -> None:
    """Train what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of T91 and the test sets")
    names = [*RECIPES, *bundled_models(), []]
    parser.add_argument("names", nargs="*", choices=names, help="models (default: all)")
    parser.add_argument(
        "--measure", action="store_true", help="only score models, and time them: be quiet"
    )
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(relativeCreated)8d ms  %(message)s")
    others = set(args.names) - set(RECIPES)
    if others and not args.measure:
        parser.error(f"{', '.join(sorted(others))}: benchmarks/train_gpu.py trains these")
    if not args.measure:
        for name in args.names or RECIPES:
            train(name, args.data)
    if args.measure or not args.names:
        measure_models(args.names or bundled_models(), args.data)


if __name__ == "__main__":
    main()
