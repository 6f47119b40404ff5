"""`sr-arn benchmark`."""

import argparse
import logging
from pathlib import Path

from sr_arn.cli.options import add_json, add_refinement, add_scale, check_json, emit_json, names

SUMMARY = "Measure models on sets of images: PSNR and SSIM on Y."
EXAMPLE = "sr-arn benchmark --data DATA_DIR --sets Set5,Set14 --models bicubic,aplus-x3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "--data", type=Path, metavar="DATA_DIR", help="folder of the sets (default: $SR_ARN_DATA)"
    )
    parser.add_argument("--sets", default="Set5,Set14,B100", metavar="A,B", help="its sub-folders")
    add_scale(parser, default=3)
    parser.add_argument(
        "--models", metavar="A,B", help="names or files (default: bicubic and all for --scale)"
    )
    parser.add_argument(
        "--border",
        choices=("full", "paper"),
        default="paper",
        help="paper: nothing lies beyond the border, as in published tables (default)",
    )
    add_refinement(parser)
    add_json(parser)
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def run(args: argparse.Namespace) -> None:
    """Load the models, score them on the sets, print the table or JSON."""
    from sr_arn import __version__
    from sr_arn.benchmark import evaluate, report, table
    from sr_arn.cli.options import STDOUT
    from sr_arn.datasets import data_folder, find_set
    from sr_arn.model_file import load_model, models_in_the_box

    check_json(args.json)
    chosen = names(args.models) if args.models else ["bicubic", *models_in_the_box(args.scale)]
    models = {
        name: load_model(name, args.scale).refined(args.ensemble, args.back_project)
        for name in chosen
    }
    folder = data_folder(args.data)
    sets = {name: find_set(folder, name, args.scale) for name in names(args.sets)}
    scores = evaluate(models, sets, args.border, progress=logging.getLogger("sr_arn").info)
    if args.json != STDOUT:
        print(table(scores))
    if args.json:
        data = {"sr_arn": __version__, **report(scores, args.scale, args.border)}
        emit_json(args.json, data)
