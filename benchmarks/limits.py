"""Measure what a user waits for and needs: start-up, the first picture, a large one, training.

    python benchmarks/limits.py [--large] [--data DATA_DIR] [--json PATH]

Times are of whole processes, on a 256 x 256 part of a shipped picture; medians of five
but for the first run, which starts with an empty numba cache. Where no cache can be written, as in
a read-only installation, every run is a first one: it is to take 6 seconds at most. With --large, a
shipped picture is laid side by side with itself to 6000 x 4000 pixels and enlarged x3: time, and
peak memory, also less that of the interpreter with all imports. With --data, A+ is trained on
DATA_DIR/T91, then Deep ARN for two epochs of 5 million samples, in float32, bfloat16 and, which
needs a C++ compiler, that compiled: the stages and the peak memory.
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
from typing import Literal

import numpy as np

from sr_arn.pictures.io import read_image, write_image
from sr_arn.pictures.picture import Picture
from sr_arn.regressors import APlusRegressor, DeepARNRegressor, Regressor
from sr_arn.training.train import train_upscaler

PHOTO = Path(__file__).parents[1] / "data" / "coffee.png"
REPEATS = 5
NO_CACHE = {  # even for root: this folder cannot be made, and numba is to try no other
    "NUMBA_CACHE_DIR": f"{os.devnull}/cache",
    "NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator",
}
LARGE = (4000, 6000)
WAYS: list[tuple[Literal["float32", "bfloat16"], bool]] = [  # to train: precision, compiled
    ("float32", False),
    ("bfloat16", False),
    ("bfloat16", True),
]


def seconds(*arguments: object, numba: dict[str, str]) -> float:
    """Return how long one run of the command takes, interpreter and all."""
    command = [sys.executable, "-m", "sr_arn", *map(str, arguments)]
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=os.environ | numba)  # noqa: S603 - ours
    return time.perf_counter() - start


def startup(folder: Path) -> dict[str, float]:
    """Measure --help, the very first picture, and one like those that follow."""
    photo = folder / "photo.png"
    write_image(photo, Picture(np.ascontiguousarray(read_image(PHOTO).pixels[:256, :256])))
    upscale = ("upscale", photo, "-o", folder / "out.png")
    cache = {"NUMBA_CACHE_DIR": str(folder / "cache")}
    first = seconds(*upscale, numba=cache)

    def usual(*arguments: object, numba: dict[str, str]) -> float:
        return statistics.median(seconds(*arguments, numba=numba) for _ in range(REPEATS))

    return {
        "help, s": usual("--help", numba=cache),
        "256 x 256 photo x3, first run, s": first,
        "256 x 256 photo x3, no cache can be written, s": usual(*upscale, numba=NO_CACHE),
        "256 x 256 photo x3, s": usual(*upscale, numba=cache),
    }


def large(folder: Path) -> dict[str, float]:
    """Measure a 6000 x 4000 photo x3, by the default model and by A+."""
    photo, tiny = folder / "large.png", folder / "tiny.png"
    pixels = read_image(PHOTO).pixels
    counts = [-(-length // side) for length, side in zip(LARGE, pixels.shape, strict=False)]
    tiled = np.tile(pixels, (*counts, 1))[: LARGE[0], : LARGE[1]]
    write_image(photo, Picture(np.ascontiguousarray(tiled)))
    write_image(tiny, Picture(np.ascontiguousarray(pixels[:9, :9])))
    result = {}
    for name in ("conv-arn-x3", "aplus-x3"):
        peaks = []
        for picture in (tiny, photo):
            upscale = ("upscale", picture, "-o", folder / "out.png", "--model", name)
            spent, peak = seconds_and_peak(*upscale)
            peaks.append(peak)
        result[f"6000 x 4000 photo, {name}, s"] = spent
        result[f"6000 x 4000 photo, {name}, peak memory, MB"] = peaks[1]
        result[f"6000 x 4000 photo, {name}, less a 9 x 9 one's, MB"] = peaks[1] - peaks[0]
    return result


def seconds_and_peak(*arguments: object) -> tuple[float, float]:
    """Return the seconds and the megabytes that one run of the command takes at its peak."""
    command = [sys.executable, "-m", "sr_arn", *map(str, arguments)]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - ours
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"failed: {command}")
    return time.perf_counter() - start, usage.ru_maxrss * 1024 / 1e6


class Stages(logging.Handler):
    """Note when each stage of the training speaks last."""

    def __init__(self) -> None:
        super().__init__()
        self.start = time.perf_counter()
        self.ends: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Take the stage's name from the start of its message."""
        self.ends[record.getMessage().partition(":")[0]] = time.perf_counter() - self.start


def training(data: Path, regressor: Regressor, name: str) -> dict[str, float]:
    """Train x3 on T91 and tell the time of each stage, of all, and the peak memory so far."""
    stages = Stages()
    logger = logging.getLogger("sr_arn")
    logger.addHandler(stages)
    logger.setLevel(logging.INFO)
    train_upscaler(data / "T91", regressor, scale=3)
    logger.removeHandler(stages)
    previous, result = 0.0, {}
    for stage, end in stages.ends.items():
        result[f"train {name}: {stage}, s"], previous = end - previous, end
    result[f"train {name}: all, s"] = time.perf_counter() - stages.start
    result[f"train {name}: peak memory, GB"] = (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    )
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--large", action="store_true", help="a 6000 x 4000 photo, too")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measured = startup(Path(folder))
        if args.large:
            measured |= large(Path(folder))
    if args.data:
        measured |= training(args.data, APlusRegressor(anchors=1024), "aplus")
        for precision, compiled in WAYS:
            deep = DeepARNRegressor(
                anchors=16, layers=7, epochs=2, precision=precision, compiled=compiled
            )
            name = f"deep-arn, {precision}{', compiled' * compiled}"
            measured |= training(args.data, deep, name)
    for name, value in measured.items():
        print(f"{name:<60} {value:8.2f}")
    if args.json:
        args.json.write_text(json.dumps(measured, indent=2) + "\n")


if __name__ == "__main__":
    main()
