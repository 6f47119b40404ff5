"""Draw the before/after picture of the README from a shipped picture.

    python benchmarks/before_after.py data/camera.png -o docs/before_after.png

The picture is shrunk by bicubic to a third, then enlarged again by bicubic and by the
model; the strip shows a part of each beside the original, with PSNR on Y.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from sr_arn import imresize, load_model, psnr_y
from sr_arn.image_io import Picture, read_image, write_image
from sr_arn.pairs import crop_to_multiple

MODEL = "aplus-x3"
ZOOM = 2  # screen pixels per HR pixel, by repetition, so that pixels stay visible
CAPTION = 18


def main() -> None:
    """Shrink, enlarge, compare, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("picture", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument(
        "--crop", type=int, nargs=4, default=(220, 60, 180, 150), metavar=("X", "Y", "W", "H")
    )
    args = parser.parse_args()
    upscaler = load_model(MODEL)
    scale = upscaler.scale
    hr = crop_to_multiple(read_image(args.picture).pixels, scale)
    lr = imresize(hr, 1 / scale)
    panels = {
        "bicubic": load_model("bicubic", scale).upscale(lr),
        MODEL: upscaler.upscale(lr),
        "original": hr,
    }
    x, y, width, height = args.crop
    strip = Image.new(
        "RGB", (len(panels) * (width * ZOOM + 4) - 4, height * ZOOM + CAPTION), "white"
    )
    draw = ImageDraw.Draw(strip)
    for column, (name, pixels) in enumerate(panels.items()):
        left = column * (width * ZOOM + 4)
        part = Image.fromarray(pixels[y : y + height, x : x + width]).convert("RGB")
        part = part.resize((width * ZOOM, height * ZOOM), Image.Resampling.NEAREST)
        strip.paste(part, (left, CAPTION))
        label = name if pixels is hr else f"{name}: {psnr_y(hr, pixels, scale):.2f} dB"
        draw.text((left + 4, 3), label, fill="black")
    write_image(args.output, Picture(np.asarray(strip)))
    print(args.output)


if __name__ == "__main__":
    main()
