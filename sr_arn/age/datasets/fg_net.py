"""FG-NET, by person."""

import re
from pathlib import Path

import numpy as np

from sr_arn.age.datasets.face_set import HELD_OUT, FaceSet
from sr_arn.age.datasets.faces import Faces
from sr_arn.age.datasets.names import Naming, named_faces, scan
from sr_arn.age.datasets.parts import Split, check_fold, check_split, hold_out, train_or_validation
from sr_arn.age.datasets.tables import pictures_folder
from sr_arn.errors import display
from sr_arn.system.locations import location

__all__ = ["fgnet", "fgnet_folds"]

NAMING = Naming(
    re.compile(r"^(?P<subject>[0-9]{3})[Aa](?P<age>[0-9]{2})[a-z]?\.(?:jpg|JPG)$"), "001A43a.JPG"
)


def fgnet(
    folder: str | Path,
    split: Split = "train",
    fold: int = 0,
    validation: int | float = 0,
    seed: int = 0,
) -> Faces:
    """Return a part of FG-NET, ages 0 to 69: a fold leaves one person out of the training.

    What is reported is the mean over the 82 people of the mean absolute error on each.

    Parameters
    ----------
    folder : str or path
        Holds pictures named as 001A43a.JPG, or `images` that does.
    split : {"train", "validation", "test"}, default "train"
        "test" is the person left out.
    fold : int, default 0
        Which person, by number, from 0.
    validation : int or float, default 0
        People drawn from the others, whom "train" lacks: so many, or a share below 1. The papers
        drew none.
    seed : int, default 0
        Draws them.

    Raises
    ------
    InputError
        If a name is malformed, there is no such fold, or a part would be empty.
    """
    check_split(split)
    faces = _faces(location(folder))
    people, person = np.unique(np.asarray(faces.subjects), return_inverse=True)
    left_out = person == check_fold(fold, len(people))
    if split == "test":
        return faces.take(np.flatnonzero(left_out))
    train = faces.take(np.flatnonzero(~left_out))
    held = people[people != people[fold]][hold_out(len(people) - 1, validation, seed)]
    return train_or_validation(train, split, np.isin(np.asarray(train.subjects), held))


def fgnet_folds(folder: str | Path) -> int:
    """Return the number of folds of `fgnet`, which is that of the people: 82 in all of FG-NET.

    Parameters
    ----------
    folder : str or path
        As for `fgnet`.

    Raises
    ------
    InputError
        If a name is malformed, or there is no picture.
    """
    return len(np.unique(np.asarray(_faces(location(folder)).subjects)))


def _faces(folder: Path) -> Faces:
    pictures = pictures_folder(folder)
    return named_faces(pictures, scan(pictures, NAMING), NAMING, display(pictures))


FACE_SET = FaceSet(name="fgnet", load=fgnet, has_folds=True, validation=HELD_OUT)
