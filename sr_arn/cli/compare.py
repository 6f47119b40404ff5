"""`sr-arn compare`."""

import argparse

from sr_arn.cli.options import check_page, emit_page, path_or_url

SUMMARY = "Put two pictures under a slider, in a page of one file."
EXAMPLE = "sr-arn compare bicubic.png conv-arn.png -o compare.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("left", type=path_or_url, metavar="LEFT")
    parser.add_argument("right", type=path_or_url, metavar="RIGHT", help="of any size and kind")
    parser.add_argument("-o", "--output", type=path_or_url, required=True, metavar="PAGE.html")


def run(args: argparse.Namespace) -> None:
    """Read both, write the page."""
    from sr_arn.errors import display
    from sr_arn.web.report import comparison_page

    check_page(args.output, "output")
    emit_page(args.output, comparison_page((args.left, args.right)))
    print(display(args.output))
