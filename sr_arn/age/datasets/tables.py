"""Lists of faces: a row for each, with a file and numbers."""

import csv
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path, PureWindowsPath

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError, display
from sr_arn.system.locations import is_local

__all__ = [
    "check_name",
    "check_present",
    "is_file",
    "parse_number",
    "pictures_folder",
    "read_lines",
    "read_table",
]

OLDEST = 130  # years that anybody may be
MEASURES = ("an age", "a standard deviation")


def read_table(
    table: Path, columns: Sequence[str | int], delimiter: str = ",", first: int = 0
) -> tuple[list[str], NDArray[np.float64]]:
    """Return the files of a table, and its numbers [n, columns - 1]: ages, standard deviations.

    Parameters
    ----------
    table : path
    columns : sequence of str or int
        Of the file, the age and perhaps the standard deviation: names, if the first row is a
        header, or positions from 0.
    delimiter : str, default ","
    first : int, default 0
        The age that the table's ages count from.

    Raises
    ------
    InputError
        If the table is no such table, a file lies outside its folder, or a number is none.
    """
    rows = _rows(table, delimiter)
    positions = _positions(table, rows, columns)
    if not rows:
        raise InputError(f"faces: {display(table)} lists no face")
    names, numbers = [], []
    for line, row in rows:
        where = f"{display(table)}, line {line}"
        file, *texts = (row[p] if 0 <= p < len(row) else "" for p in positions)
        names.append(check_name(file, where))
        limits = (OLDEST - first, OLDEST)
        measures = zip(texts, MEASURES, limits, strict=False)
        numbers.append([parse_number(text, where, what, most) for text, what, most in measures])
    return names, np.array(numbers, float) + [first, 0][: len(columns) - 1]


def _rows(table: Path, delimiter: str) -> list[tuple[int, list[str]]]:
    """Return the number and the fields of each line that isn't blank."""
    try:
        with table.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            reader = csv.reader(file, delimiter=delimiter)
            return [(reader.line_num, row) for row in reader if row]
    except (OSError, csv.Error, TypeError, ValueError) as error:  # the last two: of the delimiter
        raise InputError(f"faces: {display(table)}: cannot be read: {display(error)}") from error


def _positions(
    table: Path, rows: list[tuple[int, list[str]]], columns: Sequence[str | int]
) -> list[int]:
    """Return where the columns stand; a header is taken from the rows."""
    if not any(isinstance(column, str) for column in columns):
        return [int(column) for column in columns]
    header = [name.strip() for name in rows.pop(0)[1]] if rows else []
    if any(isinstance(column, str) and column not in header for column in columns):
        *others, last = (str(column) or "(unnamed)" for column in columns)
        expected = f"{', '.join(others)} and {last}"
        raise InputError(f"faces: {display(table)}: expected columns {display(expected)}")
    return [header.index(c) if isinstance(c, str) else c for c in columns]


def parse_number(text: str, where: str, what: str = MEASURES[0], most: float = OLDEST) -> float:
    """Return the number that a text is, if it is 0 to `most`, else raise `InputError`."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= most:
        received = display(text) or "nothing"
        raise InputError(f"faces: {where}: expected {what} of 0 to {most}, received {received}")
    return number


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text, without the spaces around them and without blank ones.

    Raises
    ------
    InputError
        If it cannot be read, or is empty.
    """
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            text = file.read()
    except OSError as error:
        raise InputError(f"faces: {display(path)}: cannot be read: {display(error)}") from error
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise InputError(f"faces: {display(path)} lists no face")
    return lines


def check_name(name: str, where: str) -> str:
    """Return the name of a file if it lies in the folder or below, else raise `InputError`.

    `where` says what names it. What would leave the folder on any system does so on all.
    """
    path = PureWindowsPath(name)  # parts at / and \, and knows drives
    if not path.parts or path.anchor or ".." in path.parts:
        raise InputError(f"faces: {where}: {display(name)} is no file within the folder")
    return name


def check_present(paths: Iterable[Path], table: Path) -> None:
    """Raise `InputError` for the first picture that a table lists and that isn't there."""
    for path in paths:
        if not is_file(path):
            raise InputError(f"faces: {display(path)} is listed in {table.name}, but missing")


def is_file(path: Path) -> bool:
    """Whether a file is there; none has a name too long, where `Path.is_file` raises."""
    return os.path.isfile(path) if is_local(path) else path.is_file()


def pictures_folder(folder: Path) -> Path:
    """Return where the pictures are: `images`, or beside the lists."""
    return folder / "images" if (folder / "images").is_dir() else folder
