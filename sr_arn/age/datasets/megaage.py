"""MegaAge-Asian."""

from pathlib import Path

import numpy as np

from sr_arn.age.datasets.face_set import HELD_OUT, FaceSet
from sr_arn.age.datasets.faces import Faces
from sr_arn.age.datasets.parts import Split, check_split, hold_out, train_or_validation
from sr_arn.age.datasets.tables import check_name, check_present, parse_number, read_lines
from sr_arn.errors import InputError, display
from sr_arn.system.locations import location

__all__ = ["megaage_asian"]


def megaage_asian(
    folder: str | Path,
    split: Split = "train",
    validation: int | float = 0,
    seed: int = 0,
) -> Faces:
    """Return a part of MegaAge-Asian, ages 0 to 70.

    Parameters
    ----------
    folder : str or path
        Holds `list/train_name.txt` and `list/train_age.txt`, a line for each picture in `train`;
        and the same for "test".
    split : {"train", "validation", "test"}, default "train"
    validation : int or float, default 0
        Pictures drawn from the training part, which "train" lacks: so many, or a share below 1. The
        papers drew none.
    seed : int, default 0
        Draws them.

    Raises
    ------
    InputError
        If a list or a listed file is missing, the lists differ in length, an age is none, or a part
        would be empty.
    """
    check_split(split)
    part = "test" if split == "test" else "train"
    folder = location(folder)
    lists = folder / "list"
    table, numbers = lists / f"{part}_name.txt", lists / f"{part}_age.txt"
    names, texts = read_lines(table), read_lines(numbers)
    if len(names) != len(texts):
        raise InputError(
            f"faces: {display(numbers)}: expected {len(names)} ages as in {table.name}, "
            f"received {len(texts)}"
        )
    ages = [parse_number(t, f"{display(numbers)}, line {i}") for i, t in enumerate(texts, 1)]
    for line, name in enumerate(names, 1):
        check_name(name, f"{display(table)}, line {line}")
    faces = Faces(tuple(folder / part / name for name in names), np.array(ages))
    check_present(faces.paths, table)
    if split == "test":
        return faces
    return train_or_validation(faces, split, hold_out(len(names), validation, seed))


FACE_SET = FaceSet(name="megaage-asian", load=megaage_asian, validation=HELD_OUT)
