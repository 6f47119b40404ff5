"""MORPH2, by each of the protocols that were published."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sr_arn.age.datasets import parts, tables
from sr_arn.age.datasets.face_set import HELD_OUT, FaceSet
from sr_arn.age.datasets.faces import Faces
from sr_arn.age.datasets.names import Naming, named_faces, scan
from sr_arn.age.datasets.parts import Split
from sr_arn.checks import check_integer
from sr_arn.errors import InputError, display
from sr_arn.system.locations import location

__all__ = ["Protocol", "morph2"]

Protocol = Literal["arn", "setting-1", "ssr-net", "subjects", "coral"]
FOLDS = {"arn": 7, "setting-1": 1, "ssr-net": 1, "subjects": 5, "coral": 1}
NAMING = Naming(
    re.compile(r"^(?P<subject>[0-9]{1,9})_[0-9]+[MF](?P<age>[0-9]{2})\.(?i:jpe?g|png)$"),
    "009055_1M54.JPG",
)
HAVE_VALIDATION = ("subjects", "coral")  # a part for it of their own
ARN_IMAGES = 5475  # that ARN and DEX took; which ones was not published
SSR_NET_SEED = 1024
CORAL_FIRST = 16  # the age that coral's lists count from
CORAL_PARTS = {"train": "train", "validation": "valid", "test": "test"}
STARTS = (0, 2, 4, 5, 6)  # the first of a fold's six training folders, of ten in a ring
RING = {"train": (0, 6), "validation": (6, 8), "test": (8, 10)}
SUBSET, TEST, VALIDATION = range(3)  # each draw of a seed has a stream of its own


def morph2(
    folder: str | Path,
    split: Split = "train",
    protocol: Protocol = "arn",
    fold: int = 0,
    seed: int = 0,
    validation: int | float = 0,
    subset: str | Path | None = None,
) -> Faces:
    """Return a part of MORPH2, ages 16 to 77, with its subjects.

    All but "subjects" split at random, so that a person may be in two parts.

    Parameters
    ----------
    folder : str or path
        Holds pictures named as 009055_1M54.JPG, or `images` that does.
    split : {"train", "validation", "test"}, default "train"
    protocol : {"arn", "setting-1", "ssr-net", "subjects", "coral"}, default "arn"
        "arn": seven folds, each 80 % of 5,475 pictures and the rest, at random (ARN, DEX).
        "setting-1": 80 % of all and the rest, at random (PML). "ssr-net": the same by
        `RandomState(1024)`, over sorted names. "subjects": five folds by person, six tenths, two
        and two (Paplham and Franc). "coral": `morph2_train.csv`, `morph2_valid.csv` and
        `morph2_test.csv` of Cao et al., in the folder.
    fold : int, default 0
    seed : int, default 0
        Draws whatever is random.
    validation : int or float, default 0
        Pictures drawn from the training part, which "train" lacks: so many, or a share below 1.
        The papers with random splits drew none; "subjects" and "coral" have a part of their own.
    subset : str or path, optional
        A text with a name a line: the pictures to take instead of all; "arn" draws none then.

    Raises
    ------
    InputError
        If a name is malformed or listed twice, a listed file is missing, coral's lists overlap, or
        a part would be empty.
    """
    _check(split, protocol, fold, seed, validation, subset)
    if protocol == "coral":
        return _coral(location(folder), split)
    faces = _faces(location(folder), subset)
    if protocol == "subjects":
        return faces.take(_of_subjects(faces, split, fold, seed))
    if protocol == "arn" and subset is None and len(faces.paths) > ARN_IMAGES:
        drawn = np.random.default_rng([seed, SUBSET]).permutation(len(faces.paths))[:ARN_IMAGES]
        faces = faces.take(np.sort(drawn))
    test = _test(len(faces.paths), protocol, fold, seed)
    if split == "test":
        return faces.take(np.flatnonzero(test))
    train = faces.take(np.flatnonzero(~test))
    held = parts.hold_out(len(train.paths), validation, seed, (VALIDATION, fold))
    return parts.train_or_validation(train, split, held)


def _check(
    split: Split,
    protocol: Protocol,
    fold: int,
    seed: int,
    validation: float,
    subset: str | Path | None,
) -> None:
    parts.check_split(split)
    if protocol not in FOLDS:
        raise InputError(f"protocol: expected {', '.join(FOLDS)}, received {display(protocol)}")
    parts.check_fold(fold, FOLDS[protocol])
    check_integer(seed, "seed", 0)
    if protocol in HAVE_VALIDATION and validation != 0:
        raise InputError(f"validation: {protocol} has its own, expected 0, received {validation}")
    if protocol == "coral" and subset is not None:
        raise InputError(f"subset: coral has its own lists, expected none, received {subset}")


def _faces(folder: Path, subset: str | Path | None) -> Faces:
    """Return all pictures of the folder or of a list, sorted by name."""
    pictures = tables.pictures_folder(folder)
    if subset is None:
        return named_faces(pictures, scan(pictures, NAMING), NAMING, display(pictures))
    names = sorted(tables.read_lines(location(subset)))
    twice = next((a for a, b in pairwise(names) if a == b), None)
    if twice is not None:  # it could come into two parts
        raise InputError(f"subset: {display(subset)} lists {display(twice)} twice")
    faces = named_faces(pictures, names, NAMING, display(subset))
    tables.check_present(faces.paths, location(subset))
    return faces


def _test(count: int, protocol: Protocol, fold: int, seed: int) -> NDArray[np.bool_]:
    """Return which fifth of the pictures is for testing."""
    order = np.arange(count)
    if protocol == "ssr-net":
        np.random.RandomState(SSR_NET_SEED).shuffle(order)
    else:
        np.random.default_rng([seed, TEST, fold]).shuffle(order)
    test = np.zeros(count, bool)
    test[order[count * 4 // 5 :]] = True
    return test


def _of_subjects(faces: Faces, split: Split, fold: int, seed: int) -> NDArray[np.intp]:
    """Return the pictures of a part that shares no person with another."""
    people, person = np.unique(np.asarray(faces.subjects), return_inverse=True)
    folders = np.random.default_rng([seed, TEST]).permutation(len(people)) % 10
    place = (folders[person] - STARTS[fold]) % 10
    first, end = RING[split]
    return np.flatnonzero((place >= first) & (place < end))


def _coral(folder: Path, split: Split) -> Faces:
    """Return the faces of one of coral's lists, that has none of another."""
    lists = {part: folder / f"morph2_{stem}.csv" for part, stem in CORAL_PARTS.items()}
    own = lists.pop(split)
    names, ages = tables.read_table(own, ("", "age"), first=CORAL_FIRST)
    for other in (path for path in lists.values() if path.is_file()):
        shared = set(names) & set(tables.read_table(other, ("", "age"), first=CORAL_FIRST)[0])
        if shared:  # an early list for training holds the faces for validation too
            one = display(min(shared))
            raise InputError(f"faces: {one} is listed in {own.name} and {other.name}")
    faces = named_faces(tables.pictures_folder(folder), names, NAMING, display(own))
    tables.check_present(faces.paths, own)
    return faces._replace(ages=ages[:, 0])


FACE_SET = FaceSet(
    name="morph2",
    load=morph2,
    protocols=tuple(FOLDS),
    has_folds=True,
    validation=HELD_OUT,
    with_validation=HAVE_VALIDATION,
)
