"""UTKFace: the published lists row by row, and names that lack a field."""

import pytest
from face_trees import names_of, plant

pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn.age.datasets import utkface

WITHOUT_A_RACE = {
    "61_1_20170109142408075.jpg.chip.jpg": 61,
    "61_1_20170109150557335.jpg.chip.jpg": 61,
    "39_1_20170116174525125.jpg.chip.jpg": 39,
    "53__0_20170116184028385.jpg.chip.jpg": 53,
}


@pytest.mark.parametrize(("table", "first"), [("test.csv", 0), ("utk_test.csv", 21)])
def test_the_four_names_without_a_race_are_faces_as_others(tmp_path, table, first):
    plant(tmp_path / "images", WITHOUT_A_RACE)
    rows = [f"{name},{age - first}" for name, age in WITHOUT_A_RACE.items()]
    (tmp_path / table).write_text("\n".join(["file,age", *rows]))
    faces = utkface(tmp_path, "test")
    assert names_of(faces) == list(WITHOUT_A_RACE)
    assert faces.ages.tolist() == list(WITHOUT_A_RACE.values())


@pytest.mark.parametrize(
    ("table", "rows", "parts"),
    [("train", 13_147, ("train", "validation")), ("test", 3_287, ("test",))],
)
def test_every_row_of_the_published_lists_is_a_face_of_the_age_in_its_name(
    data, table, rows, parts
):
    folder = data / "UTKFace64"
    if not folder.is_dir():
        pytest.skip("UTKFace64 is not here")
    header, *lines = (folder / f"{table}.csv").read_text().splitlines()
    assert (header, len(lines)) == ("file,age", rows)
    found = {}
    for faces in (utkface(folder, part) for part in parts):
        found |= dict(zip(names_of(faces), faces.ages.tolist(), strict=True))
    assert found == {line.split(",")[0]: int(line.split("_")[0]) for line in lines}
