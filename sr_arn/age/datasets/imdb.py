"""IMDB-WIKI: faces from the web, with ages that follow from dates."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sr_arn.age.datasets.face_set import FaceSet
from sr_arn.age.datasets.faces import Faces
from sr_arn.age.datasets.parts import Split, check_split, hold_out, train_or_validation
from sr_arn.age.datasets.tables import check_name, check_present
from sr_arn.errors import InputError, display
from sr_arn.system.locations import location

__all__ = ["ages_on_photos", "imdb_wiki"]

FIELDS = ("dob", "photo_taken", "full_path", "gender", "face_score", "second_face_score")
MATLAB = 366  # days that a date number of Matlab is ahead of Python's ordinal
LAST_DAY = 3652059  # ordinal of 9999-12-31


def imdb_wiki(
    folder: str | Path,
    split: Split = "train",
    validation: int | float = 0.2,
    seed: int = 0,
    score: float = 1.0,
    second: float = 0.0,
    ages: tuple[float, float] = (0, 100),
    known_gender: bool = True,
) -> Faces:
    """Return a part of IMDB-WIKI, of the faces that SSR-Net kept: there is no part for testing.

    Parameters
    ----------
    folder : str or path
        `imdb_crop` or `wiki_crop`, with `imdb.mat` or `wiki.mat`; or what holds these folders, one
        or both, of which both are taken.
    split : {"train", "validation"}, default "train"
    validation : int or float, default 0.2
        Faces that "train" lacks: so many, or a share below 1.
    seed : int, default 0
        Draws them.
    score : float, default 1.0
        Least score of the face detector.
    second : float, default 0.0
        Most score of a second face in the picture.
    ages : (float, float), default (0, 100)
        Least and most.
    known_gender : bool, default True
        Whether to keep only faces whose gender is known.

    Raises
    ------
    InputError
        If there is no such file, it is damaged, a picture that is kept is missing, or none is.
    """
    check_split(split)
    if split == "test":
        raise InputError("split: expected train, validation, received test: IMDB-WIKI has none")
    parts = [_kept(table, score, second, ages, known_gender) for table in _tables(location(folder))]
    faces = Faces(
        tuple(path for part in parts for path in part.paths),
        np.concatenate([part.ages for part in parts]),
    )
    if not faces.paths:
        raise InputError("faces: expected at least one that passes the filter, received none")
    return train_or_validation(faces, split, hold_out(len(faces.paths), validation, seed))


def ages_on_photos(born: ArrayLike, taken: ArrayLike) -> NDArray[np.float64]:
    """Return ages in whole years [n], on photos that are taken to be of the middle of a year.

    Parameters
    ----------
    born : array_like [n]
        Matlab's date numbers.
    taken : array_like [n]
        Years. NaN, here or there, gives NaN.
    """
    numbers, years = np.asarray(born, float), np.asarray(taken, float)
    known = np.isfinite(numbers) & np.isfinite(years)
    days = np.clip(np.where(known, numbers, 0) - MATLAB, 1, LAST_DAY).astype(np.int64)
    dates = np.datetime64("0001-01-01", "D") + (days - 1)
    months = dates.astype("datetime64[M]").astype(np.int64)  # from January 1970
    ages = np.trunc(years) - (1970 + months // 12) - (months % 12 >= 6)
    return np.where(known, ages, np.nan)


def _tables(folder: Path) -> list[Path]:
    places = [
        path
        for name in ("imdb", "wiki")
        for path in (folder / f"{name}.mat", folder / f"{name}_crop" / f"{name}.mat")
    ]
    there = [path for path in places if path.is_file()]
    if not there:
        raise InputError(f"faces: {display(folder)} has neither imdb.mat nor wiki.mat")
    return there


def _kept(
    table: Path, score: float, second: float, ages: tuple[float, float], known_gender: bool
) -> Faces:
    """Return the faces of a table that pass the filter."""
    fields = _fields(table)
    years = ages_on_photos(fields["dob"], fields["photo_taken"])
    keep = (fields["face_score"].astype(float) >= score) & (ages[0] <= years) & (years <= ages[1])
    keep &= ~(fields["second_face_score"].astype(float) > second)  # NaN: there is no second face
    if known_gender:
        keep &= ~np.isnan(fields["gender"].astype(float))
    chosen = np.flatnonzero(keep)
    names = [str(np.ravel(cell)[0]) if np.size(cell) else "" for cell in fields["full_path"]]
    for i in chosen:
        check_name(names[i], f"{display(table)}, face {i + 1}")
    faces = Faces(tuple(table.parent / names[i] for i in chosen), years[chosen])
    check_present(faces.paths, table)
    return faces


def _fields(table: Path) -> dict[str, NDArray[Any]]:
    """Return the fields of a Matlab file, each [n]."""
    from scipy.io import loadmat

    try:
        with table.open("rb") as file:
            struct = loadmat(file)[table.stem][0, 0]
        fields = {name: struct[name][0] for name in FIELDS}
        lengths = {len(field) for field in fields.values()}
        if len(lengths) != 1:
            raise ValueError("fields of several lengths")
        for name in set(FIELDS) - {"full_path"}:
            fields[name].astype(float)
    except Exception as error:  # scipy raises many kinds for a file that is damaged
        raise InputError(
            f"faces: {display(table)}: expected a struct {table.stem} with fields of one length, "
            f"{', '.join(FIELDS)}; received {display(error)}"
        ) from error
    return fields


FACE_SET = FaceSet(name="imdb-wiki", load=imdb_wiki)
