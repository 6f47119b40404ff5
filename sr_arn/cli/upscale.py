"""`sr-arn upscale`."""

import argparse
from dataclasses import replace
from pathlib import Path

from sr_arn.cli.options import add_refinement, add_scale

SUMMARY = "Enlarge a picture."
EXAMPLE = "sr-arn upscale photo.jpg -o photo_x3.png"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "input", type=Path, metavar="INPUT", help="PNG, TIFF, JPEG, WebP, AVIF, BMP or GIF"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT")
    parser.add_argument(
        "--model", metavar="NAME|FILE", help="see sr-arn models (default: the best for --scale)"
    )
    add_scale(parser, default=None)
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="cpu",
        help="cuda: convolutional ARNs by torch on a GPU; auto: if there is one (default: cpu)",
    )
    add_refinement(parser)
    parser.add_argument(
        "--threads", type=int, metavar="N", help="default: as many as the process may use"
    )
    parser.add_argument(
        "--tile", type=int, metavar="N", help="pixels a side at a time (default: as memory allows)"
    )
    parser.add_argument(
        "--memory",
        type=int,
        metavar="MB",
        help="megabytes for the work, beside the pictures (default: 300; 75 per thread if many)",
    )
    parser.add_argument(
        "--max-pixels",
        type=int,
        metavar="N",
        help="refuse larger pictures by their header (default: 100 million)",
    )
    parser.add_argument(
        "--strip", action="store_true", help="leave out ICC profile, EXIF, XMP and resolution"
    )
    parser.add_argument("--quiet", action="store_true", help="print only warnings and errors")


def run(args: argparse.Namespace) -> None:
    """Read, up-scale, write."""
    from PIL import Image

    from sr_arn.checks import InputError, check_integer, display
    from sr_arn.files import check_output
    from sr_arn.formats import format_of
    from sr_arn.image_io import MAX_PIXELS, check_picture_output, read_image, write_strips
    from sr_arn.metadata import Metadata
    from sr_arn.model_file import load_model
    from sr_arn.tiles import SMALLEST

    output = check_output(args.output)
    format_of(output)
    if output.exists() and args.input.exists() and output.samefile(args.input):
        raise InputError(f"output: {display(output)} is the input; give it another name")
    at_least = {"threads": 1, "tile": SMALLEST, "memory": 1, "max_pixels": 1, "back_project": 0}
    for option, least in at_least.items():
        if getattr(args, option) is not None:
            check_integer(getattr(args, option), option.replace("_", "-"), least)
    most = args.max_pixels or MAX_PIXELS
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 0, most)  # what was asked for

    picture = read_image(args.input, most)
    if args.strip:
        picture = replace(picture, metadata=Metadata())
    upscaler = load_model(args.model, args.scale)
    if args.device == "cuda" or (args.device == "auto" and upscaler.can_run_on_cuda):
        upscaler = upscaler.on("cuda")
    upscaler = upscaler.refined(args.ensemble, args.back_project)
    upscaler.threads, upscaler.tile, upscaler.memory = args.threads, args.tile, args.memory
    picture = check_picture_output(args.output, picture, upscaler.scale)
    frame = picture.frame.enlarged(upscaler.scale)
    write_strips(args.output, frame, upscaler.upscale_strips(picture), args.threads)
    if not args.quiet:
        height, width = frame.shape[:2]
        size, model = f"{width} x {height} pixels", upscaler.model.name
        print(f"{display(args.output)}: {size}, {model} x{upscaler.scale}")
