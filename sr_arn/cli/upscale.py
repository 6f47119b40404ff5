"""`sr-arn upscale`."""

import argparse
from pathlib import Path

from sr_arn.cli.options import add_scale

SUMMARY = "Enlarge a picture."
EXAMPLE = "sr-arn upscale photo.jpg -o photo_x3.png"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("input", type=Path, metavar="INPUT", help="PNG, JPEG, BMP, WebP or TIFF")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT")
    parser.add_argument(
        "--model", metavar="NAME|FILE", help="see sr-arn models (default: the best for --scale)"
    )
    add_scale(parser, default=None)
    parser.add_argument(
        "--threads", type=int, metavar="N", help="default: as many as the process may use"
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def run(args: argparse.Namespace) -> None:
    """Read, up-scale, write."""
    from sr_arn.checks import InputError, check_integer, display
    from sr_arn.files import check_output
    from sr_arn.image_io import check_picture_output, read_image, write_image
    from sr_arn.model_file import load_model

    output = check_output(args.output)
    if output.exists() and args.input.exists() and output.samefile(args.input):
        raise InputError(f"output: {display(output)} is the input; give it another name")
    if args.threads is not None:
        check_integer(args.threads, "threads", 1)
    picture = read_image(args.input)
    upscaler = load_model(args.model, args.scale)
    upscaler.threads = args.threads
    height, width = (n * upscaler.scale for n in picture.pixels.shape[:2])
    check_picture_output(args.output, (height, width), picture.pixels.dtype)
    write_image(args.output, picture.with_pixels(upscaler.upscale(picture.pixels)))
    if not args.quiet:
        size, model = f"{width} x {height} pixels", upscaler.model.name
        print(f"{display(args.output)}: {size}, {model} x{upscaler.scale}")
