"""MegaAge-Asian: two lists for a part."""

import pytest
from face_trees import names_of, plant

from sr_arn import InputError

pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn.age.datasets import megaage_asian


@pytest.fixture
def folder(tmp_path):
    """Eight faces of training, two of testing, under the same names."""
    (tmp_path / "list").mkdir()
    for part, ages in (("train", range(8)), ("test", (70, 33.0))):
        names = [f"{i}.jpg" for i in range(len(ages))]
        plant(tmp_path / part, names)
        (tmp_path / "list" / f"{part}_name.txt").write_text("\n".join(names) + "\n")
        (tmp_path / "list" / f"{part}_age.txt").write_text("\n".join(map(str, ages)) + "\n")
    return tmp_path


def test_parts(folder):
    test = megaage_asian(folder, "test")
    assert test.paths == (folder / "test" / "0.jpg", folder / "test" / "1.jpg")
    assert test.ages.tolist() == [70, 33]
    train = megaage_asian(folder)
    assert train.paths[7] == folder / "train" / "7.jpg"
    assert train.ages.tolist() == list(range(8))


def test_parts_are_seeded_and_apart(folder):
    train, held = (megaage_asian(folder, split, 3) for split in ("train", "validation"))
    assert len(held.paths) == 3
    assert sorted(names_of(train) + names_of(held)) == [f"{i}.jpg" for i in range(8)]
    assert [f"{age:.0f}.jpg" for age in held.ages] == names_of(held)
    assert megaage_asian(folder, "validation", 3).paths == held.paths
    others = [megaage_asian(folder, "validation", 3, seed).paths for seed in range(1, 4)]
    assert any(paths != held.paths for paths in others)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("name", "", r"test_name\.txt lists no face"),
        ("age", "\n\n", r"test_age\.txt lists no face"),
        ("age", "1\n2\n3\n", r"test_age\.txt: expected 2 ages as in test_name\.txt, received 3"),
        ("age", "1\nNaN\n", r"test_age\.txt, line 2: expected an age of 0 to 130, received NaN"),
        ("age", "-1\n2\n", r"test_age\.txt, line 1: expected an age of 0 to 130, received -1"),
        ("name", "0.jpg\n7.jpg\n", r"test/7\.jpg is listed in test_name\.txt, but missing"),
        ("name", "0.jpg\n../train/1.jpg\n", r"test_name\.txt, line 2: .* is no file within"),
        ("name", None, r"test_name\.txt: cannot be read"),
    ],
)
def test_lists_that_are_wrong(folder, file, text, message):
    path = folder / "list" / f"test_{file}.txt"
    path.unlink()
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=message) as told:
        megaage_asian(folder, "test")
    assert "\n" not in str(told.value)


def test_what_is_asked_for_is_checked(folder):
    for arguments, message in (
        ({"split": "all"}, "split: expected train, validation, test, received all"),
        ({"validation": 8}, "validation: expected fewer than 8, received 8"),
        ({"split": "validation"}, "there would be no face"),
    ):
        with pytest.raises(InputError, match=message):
            megaage_asian(folder, **arguments)
