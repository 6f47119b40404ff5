"""Faces with ages: the split of UTKFace, and what all loaders share."""

import inspect

import numpy as np
import pytest
from face_trees import names_of, plant
from PIL import Image

from sr_arn import InputError

pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn.age.datasets import DATASETS, Faces, read_faces, utkface
from sr_arn.age.datasets.parts import hold_out
from sr_arn.age.datasets.tables import check_name, read_table


@pytest.fixture
def folder(tmp_path, coffee):
    """Ten faces of training, three of testing."""
    (tmp_path / "images").mkdir()
    lines = {"train": ["file,age"], "test": ["file,age"]}
    for number in range(13):
        name, age = f"{20 + number}_0_0_2017.jpg.chip.jpg", 20 + number
        Image.fromarray(coffee[number : number + 64, :64]).save(tmp_path / "images" / name)
        lines["train" if number < 10 else "test"].append(f"{name},{age}")
    for part, rows in lines.items():
        (tmp_path / f"{part}.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_the_published_split(data):
    if not (data / "UTKFace64").is_dir():
        pytest.skip("UTKFace64 is not here")
    parts = {s: utkface(data / "UTKFace64", s) for s in ("train", "validation", "test")}
    assert [len(f.paths) for f in parts.values()] == [11_503, 1_644, 3_287]
    names = [path for faces in parts.values() for path in faces.paths]
    assert len(set(names)) == 16_434
    for faces in parts.values():
        assert faces.ages.min() >= 21
        assert faces.ages.max() <= 60
        first = faces.paths[0]
        assert int(first.name.split("_")[0]) == faces.ages[0]
    constant = np.median(np.concatenate([parts["train"].ages, parts["validation"].ages]))
    assert constant == 32
    assert np.abs(parts["test"].ages - constant).mean() == pytest.approx(8.695, abs=0.001)
    assert read_faces(parts["test"].paths[:3]).shape == (3, 64, 64, 3)


def test_parts_are_seeded_and_apart(folder):
    train, held = utkface(folder, "train", 3), utkface(folder, "validation", 3)
    assert (len(train.paths), len(held.paths)) == (7, 3)
    assert not set(train.paths) & set(held.paths)
    assert utkface(folder, "validation", 3).paths == held.paths
    assert any(utkface(folder, "validation", 3, seed=s).paths != held.paths for s in range(1, 4))
    assert utkface(folder, "test").ages.tolist() == [30, 31, 32]


def test_caos_own_files_count_from_21(folder):
    for part in ("train", "test"):
        rows = (folder / f"{part}.csv").read_text().splitlines()
        shifted = [",file,age"]
        for number, row in enumerate(rows[1:]):
            name, age = row.split(",")
            shifted.append(f"{number},{name},{int(age) - 21}")
        (folder / f"utk_{part}.csv").write_text("\n".join(shifted))
        (folder / f"{part}.csv").unlink()
    assert utkface(folder, "test").ages.tolist() == [30, 31, 32]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,age\n", "lists no face"),
        ("name,years\na.jpg,3\n", "expected columns file and age"),
        ("file,age\nmissing.jpg,30\n", r"missing\.jpg is listed in test\.csv, but missing"),
        ("file,age\na.jpg,NaN\n", "line 2: expected an age of 0 to 130, received NaN"),
        ("file,age\na.jpg,200\n", "received 200"),
        ("file,age\na.jpg,\n", "expected an age of 0 to 130, received nothing"),
        ("file,age\na.jpg\n", "expected an age of 0 to 130, received nothing"),
        ("file,age\n\na.jpg,-1\n", "line 3: expected an age of 0 to 130, received -1"),
        ("file,age\n../../etc/passwd,30\n", r"line 2: \.\./\.\./etc/passwd is no file"),
        ("file,age\n/etc/passwd,30\n", "is no file within the folder"),
        ("file,age\n,30\n", "is no file within the folder"),
        (f"file,age\n{'a' * 300}.jpg,30\n", "is listed in test"),
        (f"file,age\n{'a' * 200_000},30\n", "cannot be read: field larger"),
    ],
)
def test_lists_that_are_wrong(folder, text, message):
    (folder / "test.csv").write_text(text)
    with pytest.raises(InputError, match=message) as told:
        utkface(folder, "test")
    assert "\n" not in str(told.value)


def test_caos_ages_are_checked_before_they_are_shifted(folder):
    (folder / "test.csv").unlink()
    (folder / "utk_test.csv").write_text(",file,age\n0,30_0_0_2017.jpg.chip.jpg,110\n")
    with pytest.raises(InputError, match="line 2: expected an age of 0 to 109, received 110"):
        utkface(folder, "test")


def test_what_is_asked_for_is_checked(folder, tmp_path):
    for arguments, message in (
        ({"split": "all"}, "split: expected train, validation, test"),
        ({"validation": 10}, "validation: expected fewer than 10"),
        ({"split": "validation", "validation": 0}, "there would be no face"),
        ({"validation": -1}, "validation: expected an integer of at least 0, received -1"),
        ({"validation": 1.5}, "validation: expected an integer of at least 0, received 1.5"),
        ({"validation": 3, "seed": -1}, "seed: expected an integer of at least 0, received -1"),
    ):
        with pytest.raises(InputError, match=message):
            utkface(folder, **arguments)
    with pytest.raises(InputError, match=r"has neither train\.csv nor utk_train\.csv"):
        utkface(folder / "images")


@pytest.mark.parametrize("kind", ["size", "alpha", "damaged", "missing"])
def test_faces_that_are_wrong(tmp_path, coffee, kind):
    path = tmp_path / "a.png"
    if kind == "size":
        Image.fromarray(coffee[:64, :65]).save(path)
    elif kind == "alpha":
        Image.fromarray(coffee[:64, :64]).convert("RGBA").save(path)
    elif kind == "damaged":
        path.write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"faces: .*a\.png: ") as told:
        read_faces([path])
    assert "\n" not in str(told.value)
    Image.fromarray(coffee[:64, :64, 0]).save(path)
    assert (read_faces([path])[0] == coffee[:64, :64, :1]).all()


def test_shares_are_held_out_too(folder):
    assert len(utkface(folder, "validation", 0.3).paths) == 3
    assert utkface(folder, "validation", 0.3).paths == utkface(folder, "validation", 3).paths
    with pytest.raises(InputError, match="validation: expected fewer than 10, received 10"):
        utkface(folder, "train", 0.99)


def test_streams_of_a_seed_differ():
    held = [hold_out(100, 50, 0, stream).tolist() for stream in ((), (1,), (1, 2))]
    assert held[0] != held[1] != held[2] != held[0]


def test_some_faces_of_several(tmp_path):
    faces = Faces(tuple(tmp_path / name for name in "abc"), np.array([1.0, 2.0, 3.0]))
    some = faces.take(np.array([2, 0]))
    assert names_of(some) == ["c", "a"]
    assert some.ages.tolist() == [3, 1]
    assert some.sigmas is some.subjects is None
    full = faces._replace(sigmas=np.array([0.1, 0.2, 0.3]), subjects=np.array([7, 8, 9]))
    assert full.take(np.array([1])).sigmas.tolist() == [0.2]
    assert full.take(np.array([1])).subjects.tolist() == [8]
    with pytest.raises(InputError, match="expected at least one in each part, received none"):
        faces.take(np.array([], int))


def test_columns_by_name_and_by_position(tmp_path):
    table = tmp_path / "a.csv"
    table.write_text("\ufeffsigma;file;x;age\n2;48/a.jpg;-;30.5\n", encoding="utf-8")
    names, numbers = read_table(table, ("file", "age", "sigma"), ";")
    assert (names, numbers.tolist()) == (["48/a.jpg"], [[30.5, 2]])
    table.write_text("2;a.jpg;-;30.5\n")
    names, numbers = read_table(table, (1, 3, 0), ";", first=16)
    assert (names, numbers.tolist()) == (["a.jpg"], [[46.5, 2]])  # a deviation has no offset
    for columns, delimiter, message in (
        (("file", "age", "sigma"), ";", "expected columns file, age and sigma"),
        ((1, 4), ";", "received nothing"),
        ((1, -1), ";", "received nothing"),
        ((1, 3), ";;", "cannot be read"),
        ((1, 3, 2), ";", "line 1: expected a standard deviation of 0 to 130, received -"),
    ):
        with pytest.raises(InputError, match=message):
            read_table(table, columns, delimiter)


@pytest.mark.parametrize(
    "name", ["..", "../a", "a/../../b", "/a", "C:a", "C:/a", "\\a", r"..\a", ""]
)
def test_names_that_leave_the_folder(name):
    with pytest.raises(InputError, match=r"list, line 3: .* is no file within the folder"):
        check_name(name, "list, line 3")


def test_names_within_the_folder():
    for name in ("a.jpg", "48/a.jpg", "a..jpg", "./a.jpg"):
        assert check_name(name, "list") == name


def test_loaders_by_name(tmp_path):
    assert list(DATASETS) == ["fgnet", "imdb-wiki", "lap", "megaage-asian", "morph2", "utkface"]
    for loader in (face_set.load for face_set in DATASETS.values()):
        assert list(inspect.signature(loader).parameters)[:2] == ["folder", "split"]
        with pytest.raises(InputError, match="split: expected train, validation, test, received x"):
            loader(tmp_path, "x")
        for folder in (tmp_path, tmp_path / "missing"):
            with pytest.raises(InputError, match="faces: "):
                loader(folder, "train")


def test_pictures_beside_the_lists(tmp_path):
    plant(tmp_path, ["a.jpg"])
    (tmp_path / "test.csv").write_text("file,age\na.jpg,30\n")
    assert utkface(tmp_path, "test").paths == (tmp_path / "a.jpg",)
