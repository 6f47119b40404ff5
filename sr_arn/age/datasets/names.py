"""Pictures whose names tell the person and the age."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sr_arn.age.datasets.faces import Faces
from sr_arn.age.datasets.tables import check_name
from sr_arn.errors import InputError, display

__all__ = ["Naming", "named_faces", "scan"]


class Naming(NamedTuple):
    """How a data set names its pictures."""

    pattern: re.Pattern[str]
    """With groups `subject` and `age`."""
    example: str


def scan(folder: Path, naming: Naming) -> list[str]:
    """Return the names in a folder that fit, sorted.

    Other files are left out, but not other JPEG files: a face must not go silently.

    Raises
    ------
    InputError
        If a JPEG file is named otherwise, or no name fits.
    """
    if not folder.is_dir():
        raise InputError(f"faces: {display(folder)} is no folder")
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    fitting = [name for name in names if naming.pattern.search(name)]
    for name in sorted(set(names) - set(fitting)):
        if name.lower().endswith((".jpg", ".jpeg")):
            raise _misnamed(name, naming, display(folder))
    if not fitting:
        raise InputError(f"faces: {display(folder)} holds no picture named as {naming.example}")
    return fitting


def named_faces(folder: Path, names: Sequence[str], naming: Naming, where: str) -> Faces:
    """Return pictures with the ages and subjects that their names tell.

    Parameters
    ----------
    folder : path
    names : sequence of str
        At least one; files in the folder or below it.
    naming : Naming
    where : str
        What lists the names, for messages.

    Raises
    ------
    InputError
        If a name does not fit or leaves the folder.
    """
    told = []
    for name in names:
        match = naming.pattern.search(Path(check_name(name, where)).name)
        if match is None:
            raise _misnamed(name, naming, where)
        told.append((int(match["subject"]), int(match["age"])))
    subjects, ages = np.array(told, np.int64).T
    return Faces(tuple(folder / name for name in names), ages.astype(float), None, subjects)


def _misnamed(name: str, naming: Naming, where: str) -> InputError:
    return InputError(
        f"faces: {where}: expected a name as {naming.example}, received {display(name)}"
    )
