"""UTKFace."""

from pathlib import Path

from sr_arn.age.datasets.face_set import FaceSet
from sr_arn.age.datasets.faces import Faces
from sr_arn.age.datasets.parts import Split, check_split, hold_out, train_or_validation
from sr_arn.age.datasets.tables import check_present, pictures_folder, read_table
from sr_arn.errors import InputError, display
from sr_arn.system.locations import location

__all__ = ["utkface"]

VALIDATION = 1644  # of the training part (DCTD)
FIRST = 21  # the age that Cao's files count from


def utkface(
    folder: str | Path,
    split: Split = "train",
    validation: int | float | None = None,
    seed: int = 0,
) -> Faces:
    """Return a part of UTKFace by the split of Cao et al., ages 21 to 60.

    Parameters
    ----------
    folder : str or path
        Holds `train.csv` and `test.csv` with columns file and age, or Cao's own `utk_train.csv` and
        `utk_test.csv`, whose ages count from 21; and the pictures, in `images` or beside them.
    split : {"train", "validation", "test"}, default "train"
    validation : int or float, optional
        Faces drawn from the training part, which "train" lacks: so many, or a share below 1. By
        default 1644, as in DCTD, or of less than twice as many faces an eighth.
    seed : int, default 0
        Draws them.

    Raises
    ------
    InputError
        If a list or a listed file is missing, an age is none, or a part would be empty.
    """
    check_split(split)
    folder = location(folder)
    part = "test" if split == "test" else "train"
    own, released = folder / f"{part}.csv", folder / f"utk_{part}.csv"
    table = next((path for path in (own, released) if path.is_file()), None)
    if table is None:
        raise InputError(f"faces: {display(folder)} has neither {own.name} nor {released.name}")
    names, ages = read_table(table, ("file", "age"), first=FIRST if table == released else 0)
    pictures = pictures_folder(folder)
    faces = Faces(tuple(pictures / name for name in names), ages[:, 0])
    check_present(faces.paths, table)
    if split == "test":
        return faces
    if validation is None:
        validation = VALIDATION if len(names) >= 2 * VALIDATION else len(names) // 8
    return train_or_validation(faces, split, hold_out(len(names), validation, seed))


FACE_SET = FaceSet(name="utkface", load=utkface, margin=0.0)
