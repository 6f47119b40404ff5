"""`sr-arn benchmark`."""

import argparse
import logging
from typing import TYPE_CHECKING, Any

from sr_arn.cli.options import (
    add_json,
    add_options,
    add_scale,
    check_json,
    emit_json,
    names,
    path_or_url,
)

if TYPE_CHECKING:
    from sr_arn.datasets.degradation import Degradation

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
    parser.add_argument(
        "--degradation",
        action="append",
        metavar="HOW",
        help="how LR images come about, such as jpeg=75, bicubic (default), or $degradations; "
        "several times, a table each",
    )
    parser.add_argument(
        "--restore",
        default="off",
        metavar="off|auto|0..100",
        help="how much of what is found is restored, as upscale does, in per cent (default: off)",
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


def _conditions(texts: list[str]) -> "list[Degradation]":
    """Return the degradations of tables, which have no ranges."""
    from sr_arn.datasets.degradation import Degradation
    from sr_arn.errors import InputError, display

    found: list[Degradation] = []
    for text in texts:
        degrade = Degradation.parse(text)
        if degrade.is_range:
            raise InputError(
                f"degradation: expected no range, as in training, but one condition a table, "
                f"received {display(text)}"
            )
        if degrade in found:
            raise InputError(f"degradation: {degrade} is given twice")
        found.append(degrade)
    return found


def run(args: argparse.Namespace) -> None:
    """Load the models, score them on the sets, print the table or JSON."""
    from sr_arn._version import __version__
    from sr_arn.checks import check_integer
    from sr_arn.cli.options import STDOUT, check_page, emit_page
    from sr_arn.datasets.folders import data_folder, find_set
    from sr_arn.evaluation.evaluate import SetScore, evaluate, report, table
    from sr_arn.models.files import list_models
    from sr_arn.models.restoration import Restore
    from sr_arn.upscaling.loading import load_model

    check_json(args.json)
    check_page(args.report, "report")
    check_integer(args.report_pictures, "report-pictures", 0)
    conditions = _conditions(args.degradation or ["bicubic"])
    chosen = names(args.models) if args.models else list_models(scale=args.scale)
    models = {
        name: load_model(name, scale=args.scale).refined(args.ensemble, args.back_project)
        for name in chosen
    }
    folder = data_folder(args.data)
    sets = {name: find_set(folder, name, args.scale) for name in names(args.sets)}
    options: dict[str, Any] = {
        "border": args.border,
        "restore": Restore.of(args.restore),
        "progress": logging.getLogger("sr_arn").info,
    }
    if args.report:
        from sr_arn.web.report import ShownPictures, benchmark_page

        shown = ShownPictures(args.report_pictures)
        options["keep"] = shown.add
    scores: list[SetScore] = []
    for number, degrade in enumerate(conditions):
        scores += (own := evaluate(models, sets, degrade=degrade, **options))
        if args.json != STDOUT:
            if args.degradation:
                print("\n" * bool(number) + f"{degrade}\n")
            print(table(own))
    if args.report:
        emit_page(args.report, benchmark_page(scores, shown, args.scale, args.border))
    if args.json:
        data = {
            "sr_arn": __version__,
            "restore": args.restore,
            **report(scores, args.scale, args.border),
        }
        emit_json(args.json, data)
