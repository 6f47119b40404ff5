"""IMDB-WIKI: ages from dates, the filter of faces, and Matlab's files that are wrong."""

import numpy as np
import pytest
from face_trees import names_of, plant
from scipy.io import savemat

from sr_arn import InputError

pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn.age.datasets import imdb_wiki
from sr_arn.age.datasets.imdb import ages_on_photos

BORN = [723671, 703186, 712496, 727015, 727014]
TAKEN = [2009, 1964, 2000, 2010, 2010]
AGES = [28, 39, 49, 19, 20]
NAN = np.nan


def save(folder, kind="wiki", paths=None, **changes):
    """Write a file of five faces that all pass, but for what is changed; return its folder."""
    names = np.empty((1, 5), object)
    for i, name in enumerate(paths or [f"{i}8/{i}_1925-04-04_1964.jpg" for i in range(5)]):
        names[0, i] = np.array([name])
    fields = {
        "dob": np.array([BORN], np.int32),
        "photo_taken": np.array([TAKEN], np.uint16),
        "full_path": names,
        "gender": np.array([[1.0, 0, 1, 0, 1]]),
        "face_score": np.array([[1.0, 2, 3, 4, 5]]),
        "second_face_score": np.full((1, 5), NAN),
        **{name: np.array([values]) for name, values in changes.items()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    savemat(folder / f"{kind}.mat", {kind: {k: v for k, v in fields.items() if v.size}})
    return folder


@pytest.fixture
def folder(tmp_path):
    return plant(save(tmp_path / "wiki_crop"), [f"{i}8/{i}_1925-04-04_1964.jpg" for i in range(5)])


def kept(folder, **options):
    """Return the numbers of the faces that pass."""
    return [int(name[0]) for name in names_of(imdb_wiki(folder, validation=0, **options))]


def test_ages():
    assert ages_on_photos(BORN, TAKEN).tolist() == AGES
    assert ages_on_photos(np.array(BORN, np.int32), np.array(TAKEN, np.uint16)).tolist() == AGES
    assert ages_on_photos([0, -5, 366, 367], [2009] * 4).tolist() == [2008] * 4  # all in year 1
    assert ages_on_photos([727015, 1e300], [1980, 2000]).tolist() == [-11, 2000 - 9999 - 1]
    assert np.isnan(ages_on_photos([NAN, 727015, np.inf], [2000, NAN, 2000])).all()


def test_faces(folder):
    faces = imdb_wiki(folder, validation=0)
    assert faces.ages.tolist() == AGES
    assert faces.paths[0] == folder / "08" / "0_1925-04-04_1964.jpg"
    assert imdb_wiki(folder.parent, validation=0).paths == faces.paths


def test_both_parts(folder):
    imdb = save(folder.parent / "imdb_crop", "imdb", dob=[BORN[1]] * 5, photo_taken=[1964] * 5)
    plant(imdb, [f"{i}8/{i}_1925-04-04_1964.jpg" for i in range(5)])
    faces = imdb_wiki(folder.parent, validation=0)
    assert faces.ages.tolist() == [39] * 5 + AGES
    assert [path.parent.parent.name for path in faces.paths[4:6]] == ["imdb_crop", "wiki_crop"]


@pytest.mark.parametrize(
    ("changes", "options", "numbers"),
    [
        ({"face_score": [-np.inf, 0.99, 1.0, NAN, 3]}, {}, [2, 4]),
        ({"face_score": [-np.inf, 0.99, 1.0, NAN, 3]}, {"score": 0.5}, [1, 2, 4]),
        ({"second_face_score": [NAN, 0.0, 0.1, -1, 3]}, {}, [0, 1, 3]),
        ({"second_face_score": [NAN, 0.0, 0.1, -1, 3]}, {"second": 0.5}, [0, 1, 2, 3]),
        ({"gender": [NAN, 0, 1, NAN, 1]}, {}, [1, 2, 4]),
        ({"gender": [NAN, 0, 1, NAN, 1]}, {"known_gender": False}, [0, 1, 2, 3, 4]),
        ({"dob": [1, *BORN[1:]]}, {}, [1, 2, 3, 4]),
        ({"photo_taken": [2081, 2082, 2051, 1990, 1989]}, {}, [0, 2]),
        ({}, {"ages": (20, 39)}, [0, 1, 4]),
    ],
)
def test_the_filter(folder, changes, options, numbers):
    save(folder, **changes)
    assert kept(folder, **options) == numbers


def test_parts(folder):
    train, held = imdb_wiki(folder), imdb_wiki(folder, "validation")
    assert (len(train.paths), len(held.paths)) == (4, 1)
    assert not set(train.paths) & set(held.paths)
    drawn = [imdb_wiki(folder, "validation", 2, seed).paths for seed in (0, 0, 1, 2, 3)]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) > 1


def test_files_that_are_missing(folder):
    (folder / "28" / "2_1925-04-04_1964.jpg").unlink()
    with pytest.raises(
        InputError, match=r"2_1925-04-04_1964\.jpg is listed in wiki\.mat, but miss"
    ):
        imdb_wiki(folder)
    save(folder, face_score=[1.0, 2, 0, 4, 5])  # a face that isn't kept may be missing
    assert kept(folder) == [0, 1, 3, 4]


@pytest.mark.parametrize("name", ["../a.jpg", "/a.jpg", "48/../../a.jpg"])
def test_names_that_leave_the_folder(folder, name):
    plant(folder.parent, ["a.jpg"])
    save(folder, paths=["08/0_1925-04-04_1964.jpg", name, "c", "d", "e"])
    with pytest.raises(InputError, match=r"wiki\.mat, face 2: .* is no file within the folder"):
        imdb_wiki(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gender": [1.0, 2.0]}, "received fields of several lengths"),
        (
            {"gender": []},
            "wiki.mat: expected a struct wiki with fields of one length, dob, photo_ta",
        ),
        ({"gender": ["a", "b", "c", "d", "e"]}, "expected a struct wiki"),
        ({"face_score": [0.0] * 5}, "expected at least one that passes the filter, received none"),
    ],
)
def test_fields_that_are_wrong(folder, changes, message):
    save(folder, **changes)
    with pytest.raises(InputError, match=message) as told:
        imdb_wiki(folder)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("damage", ["text", "cut", "other"])
def test_files_that_are_damaged(folder, damage):
    table = folder / "wiki.mat"
    if damage == "text":
        table.write_text("no file of Matlab" * 20)
    elif damage == "cut":
        table.write_bytes(table.read_bytes()[:300])
    else:
        savemat(table, {"imdb": np.zeros(3)})
    with pytest.raises(InputError, match=r"wiki\.mat: expected a struct wiki") as told:
        imdb_wiki(folder)
    assert "\n" not in str(told.value)


def test_what_is_asked_for_is_checked(folder):
    for arguments, message in (
        ({"split": "all"}, "split: expected train, validation, test, received all"),
        ({"split": "test"}, "split: expected train, validation, received test"),
        ({"validation": 5}, "validation: expected fewer than 5, received 5"),
        ({"split": "validation", "validation": 0}, "there would be no face"),
    ):
        with pytest.raises(InputError, match=message):
            imdb_wiki(folder, **arguments)
    with pytest.raises(InputError, match=r"has neither imdb\.mat nor wiki\.mat"):
        imdb_wiki(folder / "08")
