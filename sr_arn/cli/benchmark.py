"""`sr-arn benchmark`."""

import argparse
import logging

from sr_arn.cli.options import (
    add_json,
    add_options,
    add_scale,
    check_json,
    emit_json,
    names,
    path_or_url,
)

SUMMARY = "Measure models on sets of images: PSNR and SSIM on Y."
EXAMPLE = (
    "sr-arn benchmark --data DATA_DIR --sets Set5,Set14 --models bicubic,aplus-x3 "
    "--report report.html"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "--data",
        type=path_or_url,
        metavar="DATA_DIR",
        help="folder of the sets (default: $SR_ARN_DATA)",
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
    add_options(parser, ("ensemble", "back_project"))
    add_json(parser)
    parser.add_argument(
        "--report",
        type=path_or_url,
        metavar="PAGE.html",
        help="write tables, plots and sliders to a page",
    )
    parser.add_argument(
        "--report-pictures",
        type=int,
        default=5,
        metavar="N",
        help="of each set under sliders in the report, a megabyte or more each (default: 5)",
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def run(args: argparse.Namespace) -> None:
    """Load the models, score them on the sets, print the table or JSON."""
    from sr_arn._version import __version__
    from sr_arn.checks import check_integer
    from sr_arn.cli.options import STDOUT, check_page, emit_page
    from sr_arn.datasets.folders import data_folder, find_set
    from sr_arn.evaluation.evaluate import evaluate, report, table
    from sr_arn.models.files import list_models
    from sr_arn.upscaling.loading import load_model

    check_json(args.json)
    check_page(args.report, "report")
    check_integer(args.report_pictures, "report-pictures", 0)
    chosen = names(args.models) if args.models else list_models(scale=args.scale)
    models = {
        name: load_model(name, scale=args.scale).refined(args.ensemble, args.back_project)
        for name in chosen
    }
    folder = data_folder(args.data)
    sets = {name: find_set(folder, name, args.scale) for name in names(args.sets)}
    options = {"border": args.border, "progress": logging.getLogger("sr_arn").info}
    if args.report:
        from sr_arn.web.report import ShownPictures, benchmark_page

        shown = ShownPictures(args.report_pictures)
        scores = evaluate(models, sets, **options, keep=shown.add)
        emit_page(args.report, benchmark_page(scores, shown, args.scale, args.border))
    else:
        scores = evaluate(models, sets, **options)
    if args.json != STDOUT:
        print(table(scores))
    if args.json:
        data = {"sr_arn": __version__, **report(scores, args.scale, args.border)}
        emit_json(args.json, data)
