"""Measure pictures as they really are: JPEG, noise, blur, shrunk by other filters.

    python benchmarks/real_pictures.py --data DATA_DIR --sets Set5,Set14 [--scales 2,3,4]
        [--model NAME] [--crop N] [--colour] [--no-grid] [--json FILE]

Tables of PSNR on Y and on RGB by bicubic, by the model without restoring ("off") and by the model
as it is by default ("auto"), for LR pictures by bicubic as they are, as JPEG and with noise. Then
each picture under a grid of filters, JPEG, noise and blur: what "auto" gains over bicubic on Y, and
the ten worst. A set may be a part of one, as Python cuts lists: BSD200[::4], photos[7::15][:20].

LR pictures are rounded to levels; JPEG is Pillow's, 4:2:0, given as a file; noise is Gaussian on
RGB, of a fixed seed. The filter "none" takes the pixel nearest the centre; there HR is shifted by
half a pixel, by cubic splines, where no pixel lies in the centre.
"""

import argparse
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sr_arn import load_model, psnr_y
from sr_arn.datasets.components import Blur, Kernel, encoded
from sr_arn.datasets.folders import find_set

TABLE = ("none", "jpeg 90", "jpeg 75", "jpeg 50", "noise 5")
DEGRADATIONS = (
    "none",
    *(f"jpeg {quality}" for quality in (95, 90, 75, 50, 30, 20)),
    *(f"noise {sigma}" for sigma in (2, 5, 10, 20)),
    "blur 1",
    "blur 2",
)
FILTERS = ("bicubic", "box", "none", "lanczos", "linear")
TWICE = "jpeg 90, jpeg 75 shifted"
HELPED = [f"jpeg {q}" for q in (90, 75, 50, 30)] + [f"noise {s}" for s in (5, 10, 20)]
SHIFT = 3  # pixels, of the second JPEG's blocks
TOLERANCE = 0.05  # dB
WORST = 10

Pixels = NDArray[Any]


class Cell(NamedTuple):
    """How an LR picture is made."""

    kernel: str
    degradation: str


GRID = [Cell(k, d) for k in FILTERS for d in DEGRADATIONS] + [Cell("bicubic", TWICE)]


def rounded(values: NDArray[Any]) -> Pixels:
    """Return whole levels of 255."""
    return np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)


def degraded(hr: Pixels, scale: int, cell: Cell) -> tuple[Pixels | bytes, Pixels]:
    """Return an LR picture, a JPEG as its file, and the HR picture that it shows."""
    kind, _, strength = cell.degradation.partition(" ")
    seen = hr
    if kind == "blur":
        seen = rounded(Blur(strength).before(hr.astype(np.float32)))
    kernel = Kernel(cell.kernel)
    lr, hr = kernel.shrink(seen, scale), rounded(kernel.shown(hr.astype(np.float32), scale))
    if kind == "noise":
        noise = np.random.default_rng(0).normal(0, float(strength), lr.shape)
        return rounded(lr + noise), hr
    if cell.degradation == TWICE:
        once = np.array(Image.open(BytesIO(encoded(lr, 90))))[SHIFT:, SHIFT:]
        return encoded(once, 75), hr[SHIFT * scale :, SHIFT * scale :]
    return (encoded(lr, int(strength)) if kind == "jpeg" else lr), hr


def psnr_rgb(hr: Pixels, result: Pixels, border: int) -> float:
    """Return PSNR over all channels."""
    inner = slice(border, -border)
    difference = hr[inner, inner].astype(float) - result[inner, inner]
    return float(10 * np.log10(255**2 / np.mean(difference**2)))


class Models:
    """The methods that are compared, by name."""

    def __init__(self, scale: int, name: str | None) -> None:
        self.bicubic = load_model("bicubic", scale=scale)
        self.model = load_model(name and name.format(scale), scale=scale)

    def results(self, lr: Pixels | bytes, methods: tuple[str, ...]) -> Iterator[tuple[str, Pixels]]:
        """Yield what each method makes of a picture."""
        for method in methods:
            if method == "bicubic":
                yield method, np.array(self.bicubic.upscale(lr, restore="off"))
            else:
                yield method, np.array(self.model.upscale(lr, restore=method))


def pictures(data: Path, name: str, crop: int, colour: bool) -> Iterator[tuple[str, Pixels]]:
    """Yield the HR pictures of a set or of a part of it: their middle, so many pixels a side."""
    base, *cuts = re.split(r"[\[\]]+", name.rstrip("]"))
    paths = find_set(data, base)
    for cut in cuts:
        paths = paths[slice(*(int(n) if n else None for n in cut.split(":")))]
    for path in paths:
        with Image.open(path) as image:
            if colour and image.mode == "L":
                continue
            pixels = np.array(image if image.mode == "L" else image.convert("RGB"))
        top, left = (max(0, (n - crop) // 2) for n in pixels.shape[:2])
        yield path.stem, pixels[top : top + crop, left : left + crop]


def cropped(hr: Pixels, scale: int) -> Pixels:
    """Return it without what the scale does not divide."""
    height, width = (n - n % scale for n in hr.shape[:2])
    return hr[:height, :width]


def tables(images: list[tuple[str, Pixels]], scale: int, models: Models) -> dict[str, Any]:
    """Return mean PSNR by degradation, method and kind."""
    methods = ("bicubic", "off", "auto")
    found: dict[str, Any] = defaultdict(lambda: defaultdict(list))
    for _, image in images:
        for name in TABLE:
            lr, hr = degraded(cropped(image, scale), scale, Cell("bicubic", name))
            for method, result in models.results(lr, methods):
                scores = psnr_y(hr, result, scale), psnr_rgb(hr, result, scale)
                found[name][method].append(scores)
    return {
        name: {m: dict(zip(("Y", "RGB"), np.mean(s, axis=0), strict=True)) for m, s in row.items()}
        for name, row in found.items()
    }


def grid(images: list[tuple[str, Pixels]], scale: int, models: Models) -> list[dict[str, Any]]:
    """Return what the default gains over bicubic on Y, of each picture in each cell."""
    found = []
    for title, image in images:
        for cell in GRID:
            lr, hr = degraded(cropped(image, scale), scale, cell)
            by = {
                method: psnr_y(hr, result, scale)
                for method, result in models.results(lr, ("bicubic", "auto"))
            }
            gain = by["auto"] - by["bicubic"]
            found.append({"picture": title, **cell._asdict(), "gain": gain})
    return found


def print_tables(name: str, scale: int, rows: dict[str, Any]) -> None:
    """Print a table of a set."""
    methods = next(iter(rows.values())).keys()
    print(f"\n{name} x{scale}, PSNR on Y (RGB)\n\n| | {' | '.join(methods)} |")
    print("|---" * (len(methods) + 1) + "|")
    for degradation, row in rows.items():
        cells = (f"{row[method]['Y']:.2f} ({row[method]['RGB']:.2f})" for method in methods)
        print(f"| {degradation} | {' | '.join(cells)} |", flush=True)


def print_grid(name: str, scale: int, found: list[dict[str, Any]]) -> None:
    """Print mean and least gain of each cell, and the worst pictures."""
    gains = defaultdict(list)
    for one in found:
        gains[one["degradation"], one["kernel"]].append(one["gain"])
    print(f"\n{name} x{scale}, gain over bicubic in dB on Y: mean (least)\n")
    print(f"| | {' | '.join(FILTERS)} |\n|---" + "|---" * len(FILTERS) + "|")
    for degradation in (*DEGRADATIONS, TWICE):
        of = [gains.get((degradation, kernel)) for kernel in FILTERS]
        cells = (f"{np.mean(g):.2f} ({min(g):.2f})" if g else "" for g in of)
        print(f"| {degradation} | {' | '.join(cells)} |")
    harmed = sum(one["gain"] < -TOLERANCE for one in found)
    helped = np.mean([one["gain"] for one in found if one["degradation"] in HELPED])
    print(f"\nBelow bicubic - {TOLERANCE}: {harmed} of {len(found)}. Mean gain over JPEG 30 to 90")
    print(f"and noise 5 to 20: {helped:.2f}. The worst:\n")
    for one in sorted(found, key=lambda one: one["gain"])[:WORST]:
        print(f"- {one['picture']}, {one['kernel']}, {one['degradation']}: {one['gain']:.2f}")
    print(flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", default="Set5,Set14")
    parser.add_argument("--scales", default="2,3,4")
    parser.add_argument("--model", help="such as conv-arn-x{}-tiny (default: the best)")
    parser.add_argument("--crop", type=int, default=1 << 20, help="HR pixels a side, at most")
    parser.add_argument("--colour", action="store_true", help="leave out grey pictures")
    parser.add_argument("--no-table", action="store_true", help="the grid alone")
    parser.add_argument("--no-grid", action="store_true", help="the tables alone")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    results: dict[str, Any] = defaultdict(dict)
    for scale in map(int, args.scales.split(",")):
        models = Models(scale, args.model)
        for name in args.sets.split(","):
            images = list(pictures(args.data, name, args.crop, args.colour))
            own: dict[str, Any] = {}
            results[name][scale] = own
            if not args.no_table:
                own["psnr"] = tables(images, scale, models)
                print_tables(name, scale, own["psnr"])
            if not args.no_grid:
                own["gain"] = grid(images, scale, models)
                print_grid(name, scale, own["gain"])
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
