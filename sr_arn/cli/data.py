"""`sr-arn data`."""

import argparse
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sr_arn.cli.options import STDOUT, emit_json, path_or_url

SUMMARY = "Find the sets that tables are made of, and verify their pictures."
EXAMPLE = "sr-arn data --data DATA_DIR"
LAYOUTS = """Each set is a folder of HR pictures, such as DATA_DIR/Set5, in any format. Known too
are the folders that other projects lay out: benchmark/Set5/HR (EDSR), testsets/Set5 (KAIR),
datasets/Set5/original or GTmod12 (BasicSR), data/Set5/image_SRF_3 (SelfExSR). The downloads
of these projects hold the test sets."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "--data",
        type=path_or_url,
        metavar="DATA_DIR",
        help="folder of the sets (default: $SR_ARN_DATA)",
    )
    parser.add_argument(
        "--digest",
        type=path_or_url,
        metavar="DIR",
        help="print the manifest entry of a new set, which lies in this folder",
    )


def run(args: argparse.Namespace) -> int:
    """Print where each set is and whether its pictures are the known ones."""
    from sr_arn.datasets.folders import DATA_VARIABLE, data_folder, known_sets

    if args.digest is not None:
        emit_json(STDOUT, _entry(args.digest))
        return 0
    if args.data is None and not os.environ.get(DATA_VARIABLE):
        for name, known in known_sets().items():
            print(f"{name:<8} {len(known.pictures):>3} pictures, {known.origin}")
        print(f"\n{LAYOUTS}\n\nGive their folder with --data or {DATA_VARIABLE} to verify them.")
        return 0
    return _verify(data_folder(args.data))


def _entry(folder: Path) -> dict[str, Any]:
    """Return the entry of a set in `data_sets.json`."""
    from sr_arn.datasets.folders import HR_FOLDERS, KnownSet, digest_of_pixels, find_images

    pictures = [digest_of_pixels(path) for path in find_images(folder)]
    own = folder.resolve()
    return {(own.parent if own.name in HR_FOLDERS else own).name: asdict(KnownSet(pictures))}


def _verify(folder: Path) -> int:
    """Print what becomes of looking for each set; return 1 if something is amiss."""
    from sr_arn.datasets.folders import is_set, known_sets, verify
    from sr_arn.errors import display

    row = "{:<8} {:<22} {:>9}  {}".format
    print(row("set", "for", "pictures", "where"))
    sets = known_sets()
    states = [verify(folder, name) for name in sets]
    for state in states:
        where = "not found" if state.folder is None else display(state.folder)
        use = sets[state.name].use
        print(row(state.name, use, f"{state.known}/{state.wanted}", where))
        if state.folder is not None and state.known < state.wanted:
            print(f"         missing: {state.wanted - state.known}")
        for what, names in (("others", state.others), ("damaged", state.damaged)):
            if names:
                print(f"         {what}: {display(', '.join(names))}")
    if all(state.known == state.wanted and not state.others for state in states):
        print("all pictures are those that the tables were made with")
        return 0
    print("figures may differ from the tables for sets that are not whole")
    if all(state.folder is None for state in states) and is_set(folder):
        print(f"{display(folder)} is a set itself: give the folder that it lies in")
    return 1
