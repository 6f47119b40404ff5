"""Measure what a user waits for: start-up, the first picture, training.

    python benchmarks/limits.py [--data DATA_DIR] [--json PATH]

Times are of whole processes, on a 256 x 256 part of a shipped picture; medians of five
but for the first run, which starts with an empty numba cache. With --data, A+ is trained
on DATA_DIR/T91 too, and its stages and peak memory are told.
"""

import argparse
import json
import logging
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from sr_arn.image_io import read_image, write_image
from sr_arn.picture import Picture
from sr_arn.regressors import APlusRegressor
from sr_arn.train import train_upscaler

PHOTO = Path(__file__).parents[1] / "data" / "coffee.png"
REPEATS = 5


def seconds(*arguments: object, cache: Path) -> float:
    """Return how long one run of the command takes, interpreter and all."""
    command = [sys.executable, "-m", "sr_arn", *map(str, arguments)]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment)  # noqa: S603 - ours
    return time.perf_counter() - start


def startup(folder: Path) -> dict[str, float]:
    """Measure --help, the very first picture, and one like those that follow."""
    photo = folder / "photo.png"
    write_image(photo, Picture(np.ascontiguousarray(read_image(PHOTO).pixels[:256, :256])))
    upscale = ("upscale", photo, "-o", folder / "out.png")
    cache = folder / "cache"
    cache.mkdir()
    first = seconds(*upscale, cache=cache)
    return {
        "help, s": statistics.median(seconds("--help", cache=cache) for _ in range(REPEATS)),
        "256 x 256 photo x3, first run, s": first,
        "256 x 256 photo x3, s": statistics.median(
            seconds(*upscale, cache=cache) for _ in range(REPEATS)
        ),
    }


class Stages(logging.Handler):
    """Note when each stage of the training speaks last."""

    def __init__(self) -> None:
        super().__init__()
        self.start = time.perf_counter()
        self.ends: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Take the stage's name from the start of its message."""
        self.ends[record.getMessage().partition(":")[0]] = time.perf_counter() - self.start


def training(data: Path) -> dict[str, float]:
    """Train A+ x3 on T91 and tell the time of each stage, of all, and the peak memory."""
    stages = Stages()
    logger = logging.getLogger("sr_arn")
    logger.addHandler(stages)
    logger.setLevel(logging.INFO)
    train_upscaler(data / "T91", APlusRegressor(anchors=1024), scale=3)
    previous, result = 0.0, {}
    for name, end in stages.ends.items():
        result[f"train, {name}, s"], previous = end - previous, end
    result["train, all, s"] = time.perf_counter() - stages.start
    result["train, peak memory, GB"] = (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    )
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measured = startup(Path(folder))
    if args.data:
        measured |= training(args.data)
    for name, value in measured.items():
        print(f"{name:<40} {value:8.2f}")
    if args.json:
        args.json.write_text(json.dumps(measured, indent=2) + "\n")


if __name__ == "__main__":
    main()
