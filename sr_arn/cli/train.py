"""`sr-arn train`."""

import argparse
from pathlib import Path

from sr_arn.cli.options import add_scale

SUMMARY = "Train an up-scaler on a folder of images."
EXAMPLE = "sr-arn train IMAGES_DIR -o my.safetensors --regressor aplus --scale 3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("images", type=Path, metavar="IMAGES_DIR")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="MODEL")
    parser.add_argument("--regressor", default="aplus", metavar="NAME", help="aplus (default)")
    add_scale(parser, default=3)
    parser.add_argument(
        "--anchors", type=int, metavar="M", help="default: 1024, or less for few images"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="default: 0")
    parser.add_argument("--quiet", action="store_true", help="print nothing but warnings")


def run(args: argparse.Namespace) -> None:
    """Train and save."""
    from sr_arn.checks import InputError, check_integer, display
    from sr_arn.files import check_output
    from sr_arn.model_file import SUFFIX, save_model
    from sr_arn.regressors import regressor_class
    from sr_arn.train import train_upscaler

    if check_output(args.output).suffix != SUFFIX:
        raise InputError(
            f"output: expected a name ending in {SUFFIX}, received {display(args.output.name)}"
        )
    regressor = regressor_class(args.regressor)()
    options = (("anchors", "anchors", args.anchors, 1), ("seed", "random_state", args.seed, 0))
    for option, parameter, value, minimum in options:
        if value is None:
            continue
        if parameter not in regressor.get_params():
            raise InputError(f"{option}: the regressor {regressor.name} takes none")
        regressor.set_params(**{parameter: check_integer(value, option, minimum)})
    upscaler = train_upscaler(args.images, regressor, args.scale)
    save_model(args.output, upscaler)
    if not args.quiet:
        print(f"{display(args.output)}: {regressor.name} x{args.scale}")
