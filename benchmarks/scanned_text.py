"""Render pages of text as a scanner sees them: a domain of its own to train an up-scaler for.

    python benchmarks/scanned_text.py FOLDER [--pages 40]

Words of no language in letters of several sizes, ink of several darknesses on paper of its own
tint, a little turned, blurred and grainy; the same pages for the same seed.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SIZE = (500, 700)  # of a page, pixels
LETTERS = "abcdefghijklmnopqrstuvwxyz" * 6 + "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + "0123456789" * 2
MARKS = ("", "", "", "", ",", ".", ";", "!", "?")


def page(rng: np.random.Generator) -> Image.Image:
    """Return a page."""
    paper, ink = int(rng.integers(225, 250)), int(rng.integers(10, 70))
    image = Image.new("L", (2 * SIZE[0], 2 * SIZE[1]), paper)  # twice as large, shrunk in the end
    draw, top = ImageDraw.Draw(image), 60
    while top < 2 * SIZE[1] - 60:
        size = int(rng.choice([22, 26, 30, 44], p=[0.35, 0.35, 0.2, 0.1]))
        font = ImageFont.load_default(size)
        line = ""
        while draw.textlength(line, font) < 2 * SIZE[0] - 200:
            word = "".join(rng.choice(list(LETTERS), int(rng.integers(1, 10))))
            line += f"{word}{rng.choice(MARKS)} "
        draw.text((60, top), line, fill=ink, font=font)
        top += round(1.5 * size)
    turned = image.rotate(float(rng.normal(0, 0.4)), Image.Resampling.BICUBIC, fillcolor=paper)
    blurred = turned.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.4, 1.0))))
    small = blurred.resize(SIZE, Image.Resampling.LANCZOS)
    grain = rng.normal(0, 1.5, (SIZE[1], SIZE[0]))
    return Image.fromarray(np.clip(np.asarray(small) + grain, 0, 255).round().astype(np.uint8))


def main() -> None:
    """Write the pages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pages", type=int, default=40)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    for number in range(args.pages):
        page(np.random.default_rng(number)).save(args.folder / f"page{number:03}.png")


if __name__ == "__main__":
    main()
