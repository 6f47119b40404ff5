"""FG-NET: a fold leaves a person out."""

import pytest
from face_trees import names_of, plant

from sr_arn import InputError

pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn.age.datasets import fgnet, fgnet_folds

NAMES = ["001A02.JPG", "001A43a.JPG", "001A43b.jpg", "004a28.jpg", "010A00.JPG", "082A69.JPG"]


@pytest.fixture
def folder(tmp_path):
    plant(tmp_path / "images", NAMES)
    (tmp_path / "images" / "001A02.pts").write_text("landmarks")
    return tmp_path


def test_a_person_is_left_out(folder):
    assert fgnet_folds(folder) == 4
    left_out = [fgnet(folder, "test", fold) for fold in range(4)]
    assert [names_of(faces) for faces in left_out] == [
        NAMES[:3],
        [NAMES[3]],
        [NAMES[4]],
        [NAMES[5]],
    ]
    assert [faces.ages.tolist() for faces in left_out] == [[2, 43, 43], [28], [0], [69]]
    assert [faces.subjects.tolist() for faces in left_out] == [[1, 1, 1], [4], [10], [82]]
    assert left_out[0].paths[0] == folder / "images" / NAMES[0]
    for fold, faces in enumerate(left_out):
        train = fgnet(folder, "train", fold)
        assert sorted(names_of(train) + names_of(faces)) == NAMES
        assert not set(train.subjects) & set(faces.subjects)


def test_people_are_held_out_for_validation(folder):
    for fold in range(4):
        train, held = (fgnet(folder, split, fold, 1) for split in ("train", "validation"))
        test = fgnet(folder, "test", fold, 1)
        assert sorted(names_of(train) + names_of(held) + names_of(test)) == NAMES
        assert len(set(held.subjects)) == 1
        assert not set(train.subjects) & set(held.subjects)
    drawn = [names_of(fgnet(folder, "validation", 0, 1, seed)) for seed in range(8)]
    assert any(names != drawn[0] for names in drawn)
    assert names_of(fgnet(folder, "validation", 0, 1, 0)) == drawn[0]


@pytest.mark.parametrize(
    "stray", ["face.jpg", "01A43.JPG", "001B43.JPG", "001A43A.JPG", "001A43.Jpg"]
)
def test_jpeg_files_that_are_misnamed(folder, stray):
    plant(folder / "images", [stray])
    with pytest.raises(InputError, match=f"expected a name as 001A43a.JPG, received {stray}"):
        fgnet(folder)
    with pytest.raises(InputError, match="expected a name as"):
        fgnet_folds(folder)


def test_what_is_asked_for_is_checked(folder):
    for arguments, message in (
        ({"split": "all"}, "split: expected train, validation, test, received all"),
        ({"fold": 4}, "fold: expected 0 to 3, received 4"),
        ({"fold": -1}, "fold: expected an integer of at least 0, received -1"),
        ({"validation": 3}, "validation: expected fewer than 3, received 3"),
        ({"split": "validation"}, "there would be no face"),
    ):
        with pytest.raises(InputError, match=message):
            fgnet(folder, **arguments)


def test_parts_that_would_be_empty(tmp_path):
    with pytest.raises(InputError, match=r"holds no picture named as 001A43a\.JPG"):
        fgnet_folds(tmp_path)
    plant(tmp_path, NAMES[:2])
    assert names_of(fgnet(tmp_path, "test")) == NAMES[:2]
    with pytest.raises(InputError, match="expected at least one in each part, received none"):
        fgnet(tmp_path, "train")
