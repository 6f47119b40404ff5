"""Folders of pictures: training images, and the sets that super-resolution is measured on."""

import hashlib
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sr_arn.checks import InputError, display
from sr_arn.color import luminance
from sr_arn.formats import SUFFIXES
from sr_arn.image_io import read_image

__all__ = ["data_folder", "digest", "find_images", "find_set", "read_luminances"]

logger = logging.getLogger(__name__)

DATA_VARIABLE = "SR_ARN_DATA"


def find_images(folder: str | os.PathLike[str]) -> list[Path]:
    """Return the pictures of a folder (by suffix) in alphabetical order.

    Other files are skipped, with a warning in the log; sub-folders and hidden files silently.

    Raises
    ------
    InputError
        If the folder is missing or holds no picture.
    """
    folder = Path(folder)
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


def read_luminances(paths: Iterable[Path]) -> Iterator[NDArray[np.float32]]:
    """Yield each picture's luminance [h, w] in [0, 1]: `sr_arn.color.luminance`."""
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
    folder = given or os.environ.get(DATA_VARIABLE)
    if not folder:
        raise InputError(f"data: give the folder of the sets, with --data or {DATA_VARIABLE}")
    if not Path(folder).is_dir():
        what = "is a file" if Path(folder).exists() else "does not exist"
        raise InputError(f"data: expected a folder, {display(folder)} {what}")
    return Path(folder)


def find_set(folder: Path, name: str) -> list[Path]:
    """Return the pictures of the set `name` under `folder`, else raise `InputError`."""
    if not (folder / name).is_dir():
        found = sorted(p.name for p in folder.iterdir() if p.is_dir())
        raise InputError(
            f"sets: no folder {display(name)} in {display(folder)}, "
            f"which has {display(', '.join(found) or 'none')}"
        )
    return find_images(folder / name)
