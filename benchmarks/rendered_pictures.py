"""Measure restoring on pictures that no camera took: drawings, screenshots, scanned text.

    python benchmarks/rendered_pictures.py [--scales 2,3,4] [--quality 75] [--count 8] [--save DIR]

Prints a table: PSNR on Y and on RGB by bicubic, by the model without restoring ("off") and by the
model as it is by default ("auto"), for pictures that were rendered here, shrunk by bicubic and
saved as JPEG (4:2:0). The same pictures for the same count.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from real_pictures import Cell, Models, cropped, degraded, psnr_rgb
from scanned_text import LETTERS, page

from sr_arn import psnr_y

SIDE = 480  # pixels, of drawings and screenshots
FIRST = 1000  # seed; the thresholds of `sr_arn.upscaling.detection` were chosen with smaller ones
FINER = 4  # times as large are drawings first, so that their edges are smooth
METHODS = ("bicubic", "off", "auto")

Pixels = NDArray[np.uint8]


def drawing(rng: np.random.Generator) -> Pixels:
    """Return flat and shaded shapes with dark outlines, as of a comic."""
    side = FINER * SIDE
    image = Image.new("RGB", (side, side), _colour(rng, 170))
    draw = ImageDraw.Draw(image)
    for _ in range(24):
        middle, size = rng.integers(0, side, 2), int(rng.integers(side // 20, side // 4))
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 9))))
        points = [
            (int(middle[0] + size * np.cos(a)), int(middle[1] + size * np.sin(a))) for a in angles
        ]
        width = int(rng.integers(4, 14))
        if rng.random() < 0.5:
            box = [*(middle - size).tolist(), *(middle + size * rng.uniform(0.3, 1)).tolist()]
            draw.ellipse(box, fill=_colour(rng), outline=(20, 16, 24), width=width)
        else:
            draw.polygon(points, fill=_colour(rng), outline=(20, 16, 24), width=width)
        draw.line([*points, points[0]][:3], fill=(20, 16, 24), width=width // 2, joint="curve")
    return np.array(image.resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def screenshot(rng: np.random.Generator) -> Pixels:
    """Return windows with bars, buttons and lines of small letters."""
    image = Image.new("RGB", (SIDE, SIDE), _colour(rng))
    draw = ImageDraw.Draw(image)
    for _ in range(5):
        left, top = rng.integers(0, SIDE // 2, 2).tolist()
        right, bottom = left + int(rng.integers(160, 320)), top + int(rng.integers(120, 260))
        is_dark = rng.random() < 0.3
        paper, ink = ((30, 32, 36), (220, 220, 220)) if is_dark else ((250, 250, 250), (30, 30, 30))
        draw.rectangle([left, top, right, bottom], fill=paper, outline=(128, 128, 128))
        draw.rectangle([left, top, right, top + 18], fill=_colour(rng))
        font = ImageFont.load_default(int(rng.integers(9, 14)))
        for line in range(top + 24, bottom - 30, 15):
            words = "".join(rng.choice([*LETTERS, " "], 60))
            while draw.textlength(words, font) > right - left - 12:
                words = words[:-1]
            draw.text((left + 6, line), words, fill=ink, font=font)
        draw.rounded_rectangle([left + 8, bottom - 24, left + 70, bottom - 6], 4, _colour(rng))
    return np.array(image)


def scanned(rng: np.random.Generator) -> Pixels:
    """Return a page of text."""
    return np.array(page(rng))


def _colour(rng: np.random.Generator, least: int = 40) -> tuple[int, ...]:
    return tuple(rng.integers(least, 256, 3).tolist())


KINDS: dict[str, Callable[[np.random.Generator], Pixels]] = {
    "drawings": drawing,
    "screenshots": screenshot,
    "scanned text": scanned,
}


def row(images: list[Pixels], scale: int, quality: int, models: Models) -> list[str]:
    """Return the mean PSNR on Y (RGB) by each method."""
    found: dict[str, list[tuple[float, float]]] = {method: [] for method in METHODS}
    for image in images:
        lr, hr = degraded(cropped(image, scale), scale, Cell("bicubic", f"jpeg {quality}"))
        for method, result in models.results(lr, METHODS):
            rgb = psnr_rgb(hr, result, scale)
            found[method].append((psnr_y(hr, result, scale), rgb))
    means = (np.mean(values, axis=0) for values in found.values())
    return [f"{y:.2f} ({rgb:.2f})" for y, rgb in means]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--scales", default="2,3,4")
    parser.add_argument("--quality", type=int, default=75)
    parser.add_argument("--count", type=int, default=8, help="pictures of each kind")
    parser.add_argument("--save", type=Path, help="a folder for the pictures")
    args = parser.parse_args()
    pictures = {
        kind: [make(np.random.default_rng(FIRST + number)) for number in range(args.count)]
        for kind, make in KINDS.items()
    }
    if args.save:
        args.save.mkdir(parents=True, exist_ok=True)
        for kind, images in pictures.items():
            for number, image in enumerate(images):
                Image.fromarray(image).save(args.save / f"{kind.replace(' ', '_')}{number}.png")
    print(f"| JPEG {args.quality} | {' | '.join(METHODS)} |")
    print("|---" * (len(METHODS) + 1) + "|")
    for scale in map(int, args.scales.split(",")):
        models = Models(scale, None)
        for kind, images in pictures.items():
            cells = row(images, scale, args.quality, models)
            print(f"| {kind} x{scale} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
