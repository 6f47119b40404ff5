"""Folders of pictures: training images, and the sets that super-resolution is measured on."""

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError, display
from sr_arn.pictures.color import luminance
from sr_arn.pictures.formats import SUFFIXES
from sr_arn.pictures.io import read_image
from sr_arn.system.locations import location

__all__ = [
    "KnownSet",
    "State",
    "data_folder",
    "digest",
    "digest_of_pixels",
    "find_images",
    "find_set",
    "is_set",
    "known_sets",
    "lr_versions",
    "pair_folders",
    "read_luminances",
    "verify",
]

logger = logging.getLogger(__name__)

DATA_VARIABLE = "SR_ARN_DATA"
MANIFEST = Path(__file__).with_name("data_sets.json")
PARENTS = ("benchmark", "testsets", "datasets", "data")
SCALES = (2, 3, 4)
HR_FOLDERS = ("", "HR", "original", "GTmod12")


def find_images(folder: str | os.PathLike[str]) -> list[Path]:
    """Return the pictures of a folder (by suffix) in alphabetical order.

    Other files are skipped, with a warning in the log; sub-folders and hidden files silently.

    Raises
    ------
    InputError
        If the folder is missing or holds no picture.
    """
    folder = location(folder)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise InputError(f"images: expected a folder, {display(folder)} {what}")
    files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    pictures = [path for path in files if path.suffix.lower() in SUFFIXES]
    others = [path.name for path in files if path.suffix.lower() not in SUFFIXES]
    if others:
        logger.warning("skipped %d other files: %s", len(others), display(", ".join(others)))
    if not pictures:
        raise InputError(f"images: no picture in {display(folder)} ({', '.join(SUFFIXES)})")
    return pictures


def pair_folders(folder: str | os.PathLike[str]) -> tuple[Path, Path] | None:
    """Return the folders HR and LR within a folder, if both are there."""
    below = {p.name.upper(): p for p in location(folder).iterdir() if p.is_dir()}
    return (below["HR"], below["LR"]) if {"HR", "LR"} <= below.keys() else None


def lr_versions(hr_paths: Iterable[Path], lr_folder: Path, scale: int) -> list[Path]:
    """Return the LR pictures of the same names as HR ones.

    An LR picture may be called by the name and the scale too: a.png, or ax3.png.

    Raises
    ------
    InputError
        If one is missing.
    """
    by_stem = {path.stem: path for path in find_images(lr_folder)}
    found = []
    for path in hr_paths:
        other = by_stem.get(path.stem) or by_stem.get(f"{path.stem}x{scale}")
        if other is None:
            raise InputError(f"images: {display(lr_folder)} has no {display(path.stem)}")
        found.append(other)
    return found


def read_luminances(paths: Iterable[Path]) -> Iterator[NDArray[np.float32]]:
    """Yield each picture's luminance [h, w] in [0, 1]: `sr_arn.pictures.color.luminance`."""
    for path in paths:
        yield luminance(read_image(path).seen(display(path)))


def digest(paths: Iterable[Path]) -> str:
    """Return the SHA-256, in hexadecimal, of the files' contents in the given order."""
    total = hashlib.sha256()
    for path in paths:
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def data_folder(given: str | os.PathLike[str] | None) -> Path:
    """Return the folder of the data sets: the given one, or what SR_ARN_DATA names."""
    named = given or os.environ.get(DATA_VARIABLE)
    if not named:
        raise InputError(f"data: give the folder of the sets, with --data or {DATA_VARIABLE}")
    folder = location(named)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise InputError(f"data: expected a folder, {display(folder)} {what}")
    return folder


def find_set(folder: Path, name: str, scale: int | None = None) -> list[Path]:
    """Return the HR pictures of the set `name` under `folder`, else raise `InputError`.

    They may lie in `name` itself or, as others lay them out, in its `HR` (EDSR), `original` or
    `GTmod12` (BasicSR) or `image_SRF_<scale>` (SelfExSR), and `name` in `benchmark`, `testsets`
    (KAIR), `datasets` or `data`. Upper and lower case are alike, and BSD100 is B100.
    """
    paths = _pictures_of(folder, name, scale)
    if not paths:
        raise InputError(
            f"sets: no folder {display(name)} with pictures in {display(folder)}; "
            f"{_what_it_is(folder)}"
        )
    return paths


def _pictures_of(folder: Path, name: str, scale: int | None) -> list[Path]:
    scales = SCALES if scale is None else (scale,)
    layouts = [(below, "") for below in HR_FOLDERS]
    layouts += [(f"image_SRF_{n}", "_HR") for n in scales]  # and how names of HR pictures end
    for set_folder in _places(folder, name):
        for below, ending in layouts:
            with suppress(InputError):  # none is there
                paths = [p for p in find_images(set_folder / below) if p.stem.endswith(ending)]
                if paths:
                    return paths
    return []


def _what_it_is(folder: Path) -> str:
    """Describe the content of a folder that lacks a set."""
    if is_set(folder):
        return "it is a set itself: give the folder that it lies in"
    known = [name for name in known_sets() if _pictures_of(folder, name, None)]
    names = known or sorted(p.name for p in folder.iterdir() if p.is_dir())
    return f"it has {display(', '.join(names) or 'no folders')}"


def is_set(folder: Path) -> bool:
    """Return whether a folder is called as a known set is."""
    return any(folder.resolve().name.casefold() in _called(name) for name in known_sets())


def _places(folder: Path, name: str) -> Iterator[Path]:
    """Yield the folders that may be a set's."""
    called = _called(name)
    for parent in (folder, *(folder / below for below in PARENTS)):
        if parent.is_dir():
            for entry in sorted(parent.iterdir()):
                if entry.is_dir() and entry.name.casefold() in called:
                    yield entry


def _called(name: str) -> set[str]:
    """Return what a set may be called, in lower case."""
    own = name.casefold()
    known = ({n.casefold() for n in (k, *s.also_called)} for k, s in known_sets().items())
    return next((names for names in known if own in names), {own})


@dataclass(frozen=True)
class KnownSet:
    """A set of the manifest, which `sr-arn data --digest DIR` writes an entry for."""

    pictures: list[str]
    """The digest of each: see `digest_of_pixels`."""
    origin: str = ""
    """Who made it."""
    use: str = "testing"
    also_called: tuple[str, ...] = ()
    """Names that its folder has elsewhere."""


class State(NamedTuple):
    """What became of looking for a set."""

    name: str
    folder: Path | None
    known: int
    """Of its pictures, how many are there."""
    wanted: int
    others: list[str]
    """Names of pictures that are none of them."""
    damaged: list[str]
    """Names of pictures that cannot be read."""


def known_sets() -> dict[str, KnownSet]:
    """Return the sets that tables are made of, by name."""
    return {name: KnownSet(**entry) for name, entry in json.loads(MANIFEST.read_text()).items()}


def verify(folder: Path, name: str) -> State:
    """Find a known set and compare each of its pictures with the manifest."""
    digests = known_sets()[name].pictures
    try:
        paths = find_set(folder, name)
    except InputError:
        return State(name, None, 0, len(digests), [], [])
    found: dict[Path, str] = {}
    for path in paths:
        with suppress(InputError):  # it is damaged
            found[path] = digest_of_pixels(path)
    others = [path.name for path, text in found.items() if text not in digests]
    damaged = [path.name for path in paths if path not in found]
    known = sum(text in found.values() for text in digests)
    return State(name, paths[0].parent, known, len(digests), others, damaged)


def digest_of_pixels(path: Path) -> str:
    """Return the SHA-256 of a picture's shape and pixels, whatever its name and format."""
    pixels = read_image(path).pixels
    return hashlib.sha256(f"{pixels.shape} {pixels.dtype} ".encode() + pixels.tobytes()).hexdigest()
