"""Make docs/thin_lines.png: crops of JPEGs beside what bicubic and a model make of them.

    python benchmarks/thin_lines.py [-o docs/thin_lines.png] [--quality 75] [--scale 2]

A face, text, a lattice of thin lines and leaves, from scikit-image's pictures, of which none was
learned from. Each is shrunk by bicubic and saved as JPEG (4:2:0); the columns are bicubic, the
model without restoring, the model as it is by default, and the original, with the PSNR of the
whole picture's luminance.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from real_pictures import Cell, Models, cropped, degraded
from skimage import data

from sr_arn import psnr_y

METHODS = ("bicubic", "off", "auto")
SIDE, ZOOM, LABEL, GAP = 96, 3, 26, 6  # pixels of a crop, its factor, its label, between crops

Pixels = NDArray[np.uint8]


class Part(NamedTuple):
    """A picture of scikit-image, and where a crop of it begins: row and column."""

    name: str
    row: int
    column: int


PARTS = (
    Part("astronaut", 72, 176),
    Part("page", 20, 100),
    Part("rocket", 40, 0),
    Part("grass", 60, 240),
)


def crops(part: Part, models: Models, scale: int, quality: int) -> list[tuple[str, Pixels]]:
    """Return the crop of each result and of the original, with a label."""
    hr = cropped(np.asarray(getattr(data, part.name)()), scale)
    lr, hr = degraded(hr, scale, Cell("bicubic", f"jpeg {quality}"))
    found = []
    for method, result in models.results(lr, METHODS):
        found.append((f"{method} {psnr_y(hr, result, scale):.2f} dB", result))
    window = np.s_[part.row : part.row + SIDE, part.column : part.column + SIDE]
    return [(label, picture[window]) for label, picture in (*found, ("original", hr))]


def sheet(rows: list[list[tuple[str, Pixels]]]) -> Image.Image:
    """Return the crops in rows, each under its label."""
    side, font = ZOOM * SIDE, ImageFont.load_default(17)
    width, height = (GAP + side) * len(rows[0]) + GAP, (GAP + side + LABEL) * len(rows) + GAP
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    for i, row in enumerate(rows):
        for j, (label, crop) in enumerate(row):
            left, top = GAP + j * (GAP + side), GAP + i * (GAP + side + LABEL)
            draw.text((left, top + 2), label, fill="black", font=font)
            large = Image.fromarray(crop).resize((side, side), Image.Resampling.NEAREST)
            image.paste(large, (left, top + LABEL))
    return image


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/thin_lines.png"))
    parser.add_argument("--quality", type=int, default=75)
    parser.add_argument("--scale", type=int, default=2)
    args = parser.parse_args()
    models = Models(args.scale, None)
    rows = [crops(part, models, args.scale, args.quality) for part in PARTS]
    sheet(rows).save(args.output)


if __name__ == "__main__":
    main()
