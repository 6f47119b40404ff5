"""ChaLearn LAP: apparent ages, of 2015 and of 2016."""

from collections.abc import Sequence
from pathlib import Path

from sr_arn.age.datasets.face_set import FaceSet
from sr_arn.age.datasets.faces import Faces
from sr_arn.age.datasets.parts import Split, check_split
from sr_arn.age.datasets.tables import check_present, is_file, read_table
from sr_arn.errors import InputError, display
from sr_arn.system.locations import location

__all__ = ["chalearn_lap"]

PARTS = {"train": "train", "validation": "valid", "test": "test"}
LISTS = ("{}15_gt.csv", "{}16_gt.csv", "{}_gt.csv", "{}.csv")
HEADERS = (  # of a file, a mean and a standard deviation
    ("image", "mean", "stdv"),
    ("file", "mean", "std"),
    ("file", "age", "sigma"),
    ("path", "age", "sigma"),
)
DELIMITERS = "\t;,"


def chalearn_lap(
    folder: str | Path,
    split: Split = "train",
    table: str | Path | None = None,
    columns: Sequence[str | int] | None = None,
    delimiter: str | None = None,
) -> Faces:
    """Return a part of ChaLearn LAP: mean apparent ages, and their standard deviations.

    2015 has 2,476 faces for training, 1,136 for validation and 1,079 for testing (ARN's paper says
    1,087 and reports on validation, PML's on testing); 2016 has 4,113, 1,500 and 1,978.

    Parameters
    ----------
    folder : str or path
        Holds the lists, and the pictures in `train`, `valid` and `test`, in `images` or beside the
        lists.
    split : {"train", "validation", "test"}, default "train"
    table : str or path, optional
        The list in the folder; else one of `train15_gt.csv` (DLDL-v2), `train16_gt.csv`,
        `train_gt.csv` (the organisers', 2016) and `train.csv`, or the same with "valid" or "test".
    columns : sequence of str or int, optional
        Of the file, the mean and the standard deviation: names in a header, or positions from 0 in
        a list that has none. Else the names image, mean, stdv (2016), file, mean, std, or file or
        path, age, sigma, where there is such a header; else the first three positions.
    delimiter : str, optional
        Else a tab, a semicolon or a comma, by the first line.

    Raises
    ------
    InputError
        If a list or a listed file is missing, several lists are there, or a number is none.
    """
    check_split(split)
    folder, part = location(folder), PARTS[split]
    path = _list(folder, part) if table is None else folder / table
    first = _first_line(path)
    if delimiter is None:
        delimiter = next((d for d in DELIMITERS if first.count(d) >= 2), ",")
    if len(delimiter) != 1:
        raise InputError(f"delimiter: expected a character, received {display(repr(delimiter))}")
    if columns is None:
        header = [field.strip(' "') for field in first.split(delimiter)]
        columns = next((names for names in HEADERS if {*names} <= {*header}), (0, 1, 2))
    if len(columns) != 3:
        raise InputError(f"columns: expected 3, received {len(columns)}")
    names, numbers = read_table(path, columns, delimiter)
    pictures = _pictures(folder, part, names[0])
    faces = Faces(tuple(pictures / name for name in names), numbers[:, 0], numbers[:, 1])
    check_present(faces.paths, path)
    return faces


def _list(folder: Path, part: str) -> Path:
    """Return the one list of a part."""
    names = [name.format(part) for name in LISTS]
    there = [name for name in names if (folder / name).is_file()]
    if not there:
        raise InputError(f"faces: {display(folder)} has none of {', '.join(names)}")
    if len(there) > 1:
        raise InputError(f"table: expected one, {display(folder)} has {', '.join(there)}")
    return folder / there[0]


def _first_line(path: Path) -> str:
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return file.readline().rstrip("\n")
    except OSError as error:
        raise InputError(f"faces: {display(path)}: cannot be read: {display(error)}") from error


def _pictures(folder: Path, part: str, name: str) -> Path:
    """Return the folder that the first listed picture is in, or should be."""
    candidates = [folder / part, folder / part.capitalize(), folder / "images", folder]
    within = [candidate for candidate in candidates if candidate.is_dir()]
    return next((candidate for candidate in within if is_file(candidate / name)), within[0])


FACE_SET = FaceSet(name="lap", load=chalearn_lap)
