"""`sr-arn data`."""

import argparse
import os
from pathlib import Path

SUMMARY = "Find the sets that tables are made of, and verify their pictures."
EXAMPLE = "sr-arn data --data DATA_DIR"
USE = {"T91": "training", "BSD200": "training, validation"}
TESTING = "testing"
ORIGIN = {
    "T91": "the 91 images of Yang et al. 2010, which A+ and SRCNN were trained on",
    "Set5": "Bevilacqua et al. 2012",
    "Set14": "Zeyde et al. 2010",
    "B100": "the test images of the Berkeley Segmentation Dataset 300 (BSDS300)",
    "BSD200": "its training images",
}
LAYOUTS = """Each set is a folder of HR pictures, such as DATA_DIR/Set5, in any format. Known too
are the folders that other projects lay out: benchmark/Set5/HR (EDSR), testsets/Set5 (KAIR),
datasets/Set5/original or GTmod12 (BasicSR), data/Set5/image_SRF_3 (SelfExSR). The downloads
of these projects hold the test sets."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "--data", type=Path, metavar="DATA_DIR", help="folder of the sets (default: $SR_ARN_DATA)"
    )


def run(args: argparse.Namespace) -> int:
    """Print where each set is and whether its pictures are the known ones."""
    from sr_arn.datasets.folders import DATA_VARIABLE, data_folder, known_sets

    if args.data is None and not os.environ.get(DATA_VARIABLE):
        for name, digests in known_sets().items():
            print(f"{name:<8} {len(digests):>3} pictures, {ORIGIN[name]}")
        print(f"\n{LAYOUTS}\n\nGive their folder with --data or {DATA_VARIABLE} to verify them.")
        return 0
    return _verify(data_folder(args.data))


def _verify(folder: Path) -> int:
    """Print what becomes of looking for each set; return 1 if something is amiss."""
    from sr_arn.datasets.folders import is_set, known_sets, verify
    from sr_arn.errors import display

    row = "{:<8} {:<22} {:>9}  {}".format
    print(row("set", "for", "pictures", "where"))
    states = [verify(folder, name) for name in known_sets()]
    for state in states:
        where = "not found" if state.place is None else display(state.place)
        use = USE.get(state.name, TESTING)
        print(row(state.name, use, f"{state.known}/{state.wanted}", where))
        if state.place is not None and state.known < state.wanted:
            print(f"         missing: {state.wanted - state.known}")
        for what, names in (("others", state.others), ("damaged", state.damaged)):
            if names:
                print(f"         {what}: {display(', '.join(names))}")
    if all(state.known == state.wanted and not state.others for state in states):
        print("all pictures are those that the tables were made with")
        return 0
    print("figures may differ from the tables for sets that are not whole")
    if all(state.place is None for state in states) and is_set(folder):
        print(f"{display(folder)} is a set itself: give the folder that it lies in")
    return 1
