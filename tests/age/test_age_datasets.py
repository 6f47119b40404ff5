"""Faces with ages: the split that was published, and folders that are wrong."""

import numpy as np
import pytest
from PIL import Image

from sr_arn import InputError

pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn.age.datasets import read_faces, utkface


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
        ("file,age\na.jpg,\n", "expected an age"),
        ("file,age\n../../etc/passwd,30\n", "is no file"),
    ],
)
def test_lists_that_are_wrong(folder, text, message):
    (folder / "test.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        utkface(folder, "test")


def test_what_is_asked_for_is_checked(folder, tmp_path):
    for arguments, message in (
        ({"split": "all"}, "split: expected train, validation, test"),
        ({"validation": 10}, "validation: expected fewer than 10"),
        ({"split": "validation", "validation": 0}, "there would be no face"),
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
