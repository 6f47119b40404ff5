"""Measure what workers of a Dask cluster gain and cost, and reckon for many more of them.

    OMP_NUM_THREADS=1 python benchmarks/scaling.py

Pictures are parts of the shipped ones; workers have a thread each. Every time is the median of a
few runs, taken in turns; the first of each, which starts and compiles, is not counted.
"""

import argparse
import json
import pickle
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sr_arn.regressors import APlusRegressor
from sr_arn.system.cluster import Cluster, open_cluster
from sr_arn.training.train import train_upscaler
from sr_arn.upscaling.batch import Job, run
from sr_arn.upscaling.file_upscaler import FileUpscaler
from sr_arn.upscaling.naming import naming
from sr_arn.upscaling.schedule import Schedule
from sr_arn.upscaling.sizes import Size

PICTURES = Path(__file__).parents[1] / "data"
MODEL = "aplus-x3"
SIDES = {"small": (64, 96), "usual": (400, 24)}  # pixels a side, and how many
EMPTY = 1000  # tasks that do nothing
MANY_WORKERS, MANY_IMAGES, MEGAPIXELS = 1000, 10**9, 1.0  # that are reckoned for


def median_in_turns(works: Mapping[str, Callable[[], None]], times: int = 3) -> dict[str, float]:
    """Return seconds of each work: medians of some runs, after one that is not counted."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(times + 1):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            if turn:
                found[name].append(time.perf_counter() - start)
    return {name: statistics.median(seconds) for name, seconds in found.items()}


def make_pictures(folder: Path, side: int, count: int) -> list[Path]:
    """Write parts of the shipped pictures."""
    folder.mkdir()
    sources = [np.array(Image.open(path).convert("RGB")) for path in sorted(PICTURES.glob("*.png"))]
    rng = np.random.default_rng(0)
    paths = []
    for number in range(count):
        source = sources[number % len(sources)]
        source = np.pad(
            source, [*[(0, max(0, side - n)) for n in source.shape[:2]], (0, 0)], "wrap"
        )
        top, left = (int(rng.integers(n - side + 1)) for n in source.shape[:2])
        paths.append(folder / f"{number:04}.png")
        Image.fromarray(source[top : top + side, left : left + side]).save(paths[-1])
    return paths


def jobs_of(paths: list[Path], folder: Path) -> list[Job]:
    """Return what is to be enlarged to where."""
    names = naming(None, Size(), 3, None)
    return [Job(path, folder / names.name_of(path)) for path in paths]


def enlarge_all(paths: list[Path], folder: Path, cluster: Cluster | None) -> None:
    """Enlarge every picture, here by one thread or by the workers."""
    enlarger = FileUpscaler(MODEL, schedule=Schedule(threads=1, cluster=cluster))
    outcomes = list(run(jobs_of(paths, folder), enlarger))
    if any(outcome.status != "done" for outcome in outcomes):
        raise SystemExit(f"a picture failed: {outcomes}")


def measure(place: Path, workers: list[int]) -> dict[str, Any]:
    """Return times of the same work by one process and by workers, and of tasks that do nothing."""
    found: dict[str, Any] = {}
    with ExitStack() as stack:
        clusters = {n: stack.enter_context(open_cluster(n, None)) for n in workers}
        for name, (side, count) in SIDES.items():
            paths = make_pictures(place / name, side, count)
            here = place / f"{name}_out"
            works = {"one process": partial(enlarge_all, paths, here, None)}
            for n, cluster in clusters.items():
                works[f"{n} workers"] = partial(enlarge_all, paths, here, cluster)
            seconds = median_in_turns(works)
            found[name] = {"side": side, "pictures": count, "seconds": seconds}
        empty = median_in_turns({"": partial(do_nothing, clusters[workers[-1]])})
        found["seconds of an empty task"] = empty[""] / EMPTY
        works = {"one process": partial(train, None)}
        works |= {f"{n} workers": partial(train, cluster) for n, cluster in clusters.items()}
        found["training"] = median_in_turns(works, times=1)
    return found


def do_nothing(cluster: Cluster | None) -> None:
    """Let workers do tasks that are nothing but overhead."""
    if cluster is not None:
        for _ in cluster.in_order(abs, ((n,) for n in range(EMPTY))):
            pass


def train(cluster: Cluster | None) -> None:
    """Train A+ on the shipped pictures."""
    train_upscaler(PICTURES, APlusRegressor(256), scale=3, max_samples=500_000, cluster=cluster)


def sent_for_a_picture(path: Path) -> dict[str, int]:
    """Return the bytes that go through the scheduler for one picture, and what the client keeps."""
    job = jobs_of([path], path.parent / "large")[0].absolute()
    outcome = replace(next(run([job], FileUpscaler("bicubic"))), model=MODEL)
    kept = sys.getsizeof(job.__dict__) + sum(
        sys.getsizeof(p) + sys.getsizeof(str(p)) for p in (job.source, job.target)
    )
    return {
        "there": len(pickle.dumps((job, False))),
        "back": len(pickle.dumps(outcome)),
        "kept": kept,
    }


def tell(found: dict[str, Any], workers: list[int]) -> None:
    """Print what was measured, then what that makes of many workers and pictures."""
    columns = ["one process", *(f"{n} workers" for n in workers)]
    print(f"| pictures by {MODEL} | {' | '.join(columns)} | overhead of one |")
    print("|---" * (len(columns) + 2) + "|")
    for name in SIDES:
        row = found[name]
        rates = [f"{row['pictures'] / row['seconds'][c]:.1f} a second" for c in columns]
        alone = row["seconds"]["one process"]
        spent = row["seconds"][f"{workers[0]} workers"] * workers[0]
        overhead = 1000 * (spent - alone) / row["pictures"]
        side = row["side"]
        print(f"| {side} x {side} | {' | '.join(rates)} | {overhead:.1f} ms |")
    seconds = [f"{found['training'][c]:.1f} s" for c in columns]
    print(f"| training A+ | {' | '.join(seconds)} | |")
    empty, sent = found["seconds of an empty task"], found["bytes"]
    print(f"\nan empty task: {1000 * empty:.2f} ms; bytes of a picture: {sent}\n")
    usual = found["usual"]
    pixels = usual["pictures"] * usual["side"] ** 2
    per_pixel = usual["seconds"]["one process"] / pixels
    work = MANY_IMAGES * MEGAPIXELS * 1e6 * per_pixel
    print(f"{MANY_WORKERS:,} workers, {MANY_IMAGES:,} pictures of {MEGAPIXELS} megapixels:")
    print("| | in all | at least |\n|---|---|---|")
    rows = [
        ("workers: read, enlarge x3, write", f"{work:.3g} s of a core", work / MANY_WORKERS),
        ("scheduler and client: tasks", f"{MANY_IMAGES * empty:.3g} s", MANY_IMAGES * empty),
    ]
    for what, total, least in rows:
        print(f"| {what} | {total} | {least / 86400:.1f} days |")
    through = MANY_IMAGES * (sent["there"] + sent["back"]) / 1e9
    kept = MANY_IMAGES * sent["kept"] / 1e9
    print(f"| through the scheduler | {through:.0f} GB | |")
    print(f"| names that the client keeps | {kept:.0f} GB of memory | |")
    both = per_pixel * 1e6 * MEGAPIXELS / empty
    print(f"\nworkers that one scheduler keeps busy with such pictures: {both:.0f}")


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--workers", default="1,2", metavar="N,M", help="default: 1,2")
    parser.add_argument("--json", type=Path, metavar="PATH")
    args = parser.parse_args()
    workers = [int(n) for n in args.workers.split(",")]
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        found = measure(place, workers)
        found["bytes"] = sent_for_a_picture(place / "usual" / "0000.png")
    tell(found, workers)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
