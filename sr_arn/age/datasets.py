"""Faces with ages, as they lie on people's disks. Begun: UTKFace."""

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sr_arn.checks import InputError, check_integer, display

__all__ = ["Faces", "read_faces", "utkface"]

Split = Literal["train", "validation", "test"]
SPLITS = ("train", "validation", "test")
OLDEST = 130  # years that anybody may be
UTKFACE_VALIDATION = 1644  # of the training part (DCTD)
UTKFACE_FIRST = 21  # the age that Cao's files count from


class Faces(NamedTuple):
    """Files of faces, and the ages on them."""

    paths: tuple[Path, ...]
    ages: NDArray[np.float64]
    """[n], in years."""


def utkface(
    folder: str | Path,
    split: Split = "train",
    validation: int = UTKFACE_VALIDATION,
    seed: int = 0,
) -> Faces:
    """Return a part of UTKFace by the split of Cao et al., ages 21 to 60.

    Parameters
    ----------
    folder : str or path
        Holds `train.csv` and `test.csv` with columns file and age, or Cao's own `utk_train.csv` and
        `utk_test.csv`, whose ages count from 21; and the pictures, in `images` or beside them.
    split : {"train", "validation", "test"}, default "train"
    validation : int, default 1644
        Faces drawn from the training part, which "train" lacks.
    seed : int, default 0
        Draws them.

    Raises
    ------
    InputError
        If a list or a listed file is missing, an age is none, or a part would be empty.
    """
    if split not in SPLITS:
        raise InputError(f"split: expected {', '.join(SPLITS)}, received {display(split)}")
    folder = Path(folder)
    part = "test" if split == "test" else "train"
    own, released = folder / f"{part}.csv", folder / f"utk_{part}.csv"
    table = next((path for path in (own, released) if path.is_file()), None)
    if table is None:
        raise InputError(f"faces: {display(folder)} has neither {own.name} nor {released.name}")
    names, ages = zip(*_rows(table), strict=True)
    pictures = folder / "images" if (folder / "images").is_dir() else folder
    first = UTKFACE_FIRST if table == released else 0
    faces = Faces(tuple(pictures / name for name in names), np.array(ages) + first)
    for path in faces.paths:
        if not path.is_file():
            raise InputError(f"faces: {display(path)} is listed in {table.name}, but missing")
    if split == "test":
        return faces
    if check_integer(validation, "validation", 0) >= len(names):
        raise InputError(f"validation: expected fewer than {len(names)}, received {validation}")
    held = np.zeros(len(names), bool)
    held[np.random.default_rng(seed).permutation(len(names))[:validation]] = True
    chosen = np.flatnonzero(held == (split == "validation"))
    if not len(chosen):
        raise InputError("validation: expected at least 1, for there would be no face")
    return Faces(tuple(faces.paths[i] for i in chosen), faces.ages[chosen])


def _rows(table: Path) -> Iterator[tuple[str, float]]:
    """Yield file and age of each row."""
    with table.open(newline="", encoding="utf-8", errors="replace") as file:
        reader = csv.DictReader(file)
        if not {"file", "age"} <= set(reader.fieldnames or ()):
            raise InputError(f"faces: {display(table)}: expected columns file and age")
        rows = list(reader)
    if not rows:
        raise InputError(f"faces: {display(table)} lists no face")
    for number, row in enumerate(rows, 2):
        name = row["file"] or ""
        if not name or Path(name).name != name:
            raise InputError(f"faces: {display(table)}, line {number}: {display(name)} is no file")
        try:
            age = float(row["age"])
        except (TypeError, ValueError):
            age = math.nan
        if not 0 <= age <= OLDEST:
            raise InputError(
                f"faces: {display(table)}, line {number}: expected an age of 0 to {OLDEST}, "
                f"received {display(row['age'])}"
            )
        yield name, age


def read_faces(paths: Sequence[Path], side: int = 64) -> NDArray[np.uint8]:
    """Return pictures as RGB levels [n, side, side, 3].

    Parameters
    ----------
    paths : sequence of path
        Of RGB pictures; grey ones become RGB.
    side : int, default 64
        Pixels that each must have, a side.

    Raises
    ------
    InputError
        If one is damaged, of another size, or transparent.
    """
    from PIL import Image

    faces = np.empty((len(paths), side, side, 3), np.uint8)
    for face, path in zip(faces, paths, strict=True):
        try:
            with Image.open(path) as image:
                if image.size != (side, side):
                    width, height = image.size
                    raise InputError(
                        f"faces: {display(path)}: expected {side} x {side} pixels, "
                        f"received {width} x {height}"
                    )
                if image.mode not in ("RGB", "L"):
                    raise InputError(
                        f"faces: {display(path)}: expected RGB or grey, received {image.mode}"
                    )
                face[...] = np.asarray(image.convert("RGB"))
        except (OSError, SyntaxError) as error:
            raise InputError(f"faces: {display(path)}: damaged or missing") from error
    return faces
