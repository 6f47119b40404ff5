"""`sr-arn data`."""

import argparse
from pathlib import Path

SUMMARY = "Find the sets that tables are made of, and verify their pictures."
EXAMPLE = "sr-arn data --data DATA_DIR"
USE = {"T91": "training", "BSD200": "training, validation"}
TESTING = "testing"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "--data", type=Path, metavar="DATA_DIR", help="folder of the sets (default: $SR_ARN_DATA)"
    )


def run(args: argparse.Namespace) -> int:
    """Print where each set is and whether its pictures are the known ones."""
    from sr_arn.checks import display
    from sr_arn.datasets import data_folder, known_sets, verify

    folder = data_folder(args.data)
    row = "{:<8} {:<22} {:>9}  {}".format
    print(row("set", "for", "pictures", "where"))
    is_whole = True
    for name in known_sets():
        state = verify(folder, name)
        where = "not found" if state.place is None else display(state.place)
        print(row(name, USE.get(name, TESTING), f"{state.known}/{state.wanted}", where))
        if state.others:
            print(f"         {len(state.others)} others: {display(', '.join(state.others))}")
        is_whole &= state.known == state.wanted and not state.others
    print(
        "all pictures are those that the tables were made with"
        if is_whole
        else "figures may differ from the tables for sets that are not whole"
    )
    return 0 if is_whole else 1
