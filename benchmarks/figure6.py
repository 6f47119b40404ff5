"""Draw parts of a picture as each model enlarges it, with PSNR: Figure 6 of the ARN paper.

    python benchmarks/figure6.py data/camera.png -o docs/figure6.png

The picture is shrunk by bicubic to a third, then enlarged again by each model; the strip
shows a part of each beside the original, with PSNR on Y of the whole picture.
"""

import argparse
from pathlib import Path

from sr_arn import imresize, load_model, psnr_y
from sr_arn.pictures.io import read_image, write_image
from sr_arn.pictures.picture import Picture
from sr_arn.pictures.resize import crop_to_multiple
from sr_arn.upscaling.drawing import side_by_side

MODELS = "bicubic,aplus-x3,global-arn-x3,arn-x3,deep-arn-x3"
SCALE = 3


def main() -> None:
    """Shrink, enlarge, compare, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("picture", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument(
        "--crop", type=int, nargs=4, default=(220, 60, 180, 150), metavar=("X", "Y", "W", "H")
    )
    parser.add_argument("--models", default=MODELS, help=f"default: {MODELS}")
    args = parser.parse_args()
    hr = crop_to_multiple(read_image(args.picture).pixels, SCALE)
    lr = imresize(hr, 1 / SCALE)
    panels = {
        name: load_model(name, scale=SCALE).upscale(lr, restore="off")
        for name in args.models.split(",")
    }
    panels["original"] = hr
    x, y, width, height = args.crop
    parts = [
        (
            name if pixels is hr else f"{name}: {psnr_y(hr, pixels, SCALE):.2f} dB",
            pixels[y : y + height, x : x + width],
        )
        for name, pixels in panels.items()
    ]
    write_image(args.output, Picture(side_by_side(parts)))
    print(args.output)


if __name__ == "__main__":
    main()
