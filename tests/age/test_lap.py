"""ChaLearn LAP: the lists of both years, and lists of other forms."""

import pytest
from face_trees import names_of, plant

from sr_arn import InputError

pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn.age.datasets import chalearn_lap

PARTS = {"train": "train", "validation": "valid", "test": "test"}


@pytest.fixture
def folder(tmp_path):
    """The pictures of all parts, in a folder for each."""
    for number, part in enumerate(PARTS.values()):
        plant(tmp_path / part, [f"{number}{i}.jpg" for i in range(2)])
    return tmp_path


def assert_told(folder, **options):
    for number, (split, part) in enumerate(PARTS.items()):
        faces = chalearn_lap(folder, split, **options)
        assert faces.paths == tuple(folder / part / f"{number}{i}.jpg" for i in range(2))
        assert faces.ages.tolist() == [20.5 + number, 30]
        assert faces.sigmas.tolist() == [2.25, 0]
        assert faces.subjects is None


@pytest.mark.parametrize("pattern", ["{}15_gt.csv", "{}16_gt.csv"])
def test_dldls_lists(folder, pattern):
    for number, part in enumerate(PARTS.values()):
        rows = f"{number}0.jpg,{20.5 + number},2.25\n{number}1.jpg,30,0\n"
        (folder / pattern.format(part)).write_text(rows)
    assert_told(folder)


@pytest.mark.parametrize("names", ["image,mean,stdv", "file,mean,std", "path,age,sigma"])
def test_lists_with_a_header(folder, names):
    for number, part in enumerate(PARTS.values()):
        rows = f"{names}\n{number}0.jpg,{20.5 + number},2.25\n{number}1.jpg,30,0\n"
        (folder / f"{part}_gt.csv").write_text(rows)
    assert_told(folder)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_delimiters_and_the_order_of_columns(folder, delimiter):
    for number, part in enumerate(PARTS.values()):
        rows = [
            ["stdv", "image", "mean"],
            [2.25, f"{number}0.jpg", 20.5 + number],
            [0, f"{number}1.jpg", 30],
        ]
        (folder / f"{part}.csv").write_text("\n".join(delimiter.join(map(str, r)) for r in rows))
    assert_told(folder)
    assert_told(folder, columns=("image", "mean", "stdv"), delimiter=delimiter)
    with pytest.raises(InputError, match="expected columns image, mean and stdv"):
        chalearn_lap(folder, columns=("image", "mean", "stdv"), delimiter=",")


def test_a_list_that_is_named(folder):
    (folder / "mine.txt").write_text("9|00.jpg|41|1.5\n")
    faces = chalearn_lap(folder, table="mine.txt", columns=(1, 2, 3), delimiter="|")
    assert (faces.ages.tolist(), faces.sigmas.tolist()) == ([41], [1.5])
    for split in ("validation", "test"):
        with pytest.raises(InputError, match=r"00\.jpg is listed in mine\.txt, but missing"):
            chalearn_lap(folder, split, "mine.txt", (1, 2, 3), "|")
    with pytest.raises(InputError, match=r"nobodys\.txt: cannot be read"):
        chalearn_lap(folder, table="nobodys.txt")


@pytest.mark.parametrize("place", ["Train", "images", "."])
def test_places_of_pictures(tmp_path, place):
    plant(tmp_path / place, ["a.jpg"])
    (tmp_path / "train15_gt.csv").write_text("a.jpg,20,1\n")
    assert chalearn_lap(tmp_path).paths == (tmp_path / place / "a.jpg",)


def test_names_with_the_part(folder):
    (folder / "train15_gt.csv").write_text("train/00.jpg,20,1\n")
    assert chalearn_lap(folder).paths == (folder / "train" / "00.jpg",)
    assert names_of(chalearn_lap(folder)) == ["00.jpg"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lists no face"),
        ("image,mean,stdv\n", "lists no face"),
        ("apparent,age,x\n00.jpg,20,1\n", "line 1: expected an age of 0 to 130, received age"),
        ("00.jpg,nan,1\n", r"train15_gt\.csv, line 1: expected an age of 0 to 130, received nan"),
        ("00.jpg,131,1\n", "received 131"),
        ("00.jpg,20,1\n01.jpg,20,-1\n", "line 2: expected a standard deviation of 0 to 130, rec"),
        ("00.jpg,20,inf\n", "expected a standard deviation of 0 to 130, received inf"),
        ("00.jpg,20\n", "expected a standard deviation of 0 to 130, received nothing"),
        ("missing.jpg,20,1\n", r"train/missing\.jpg is listed in train15_gt\.csv, but missing"),
        ("00.jpg,20,1\n10.jpg,20,1\n", r"train/10\.jpg is listed in train15_gt\.csv, but missing"),
        ("../train/00.jpg,20,1\n", r"\.\./train/00\.jpg is no file within the folder"),
        ("/00.jpg,20,1\n", "is no file within the folder"),
    ],
)
def test_lists_that_are_wrong(folder, text, message):
    (folder / "train15_gt.csv").write_text(text)
    with pytest.raises(InputError, match=message) as told:
        chalearn_lap(folder)
    assert "\n" not in str(told.value)


def test_what_is_asked_for_is_checked(folder):
    with pytest.raises(InputError, match=r"has none of test15_gt\.csv, .*, test\.csv"):
        chalearn_lap(folder, "test")
    (folder / "train15_gt.csv").write_text("00.jpg,20,1\n")
    with pytest.raises(InputError, match="split: expected train, validation, test, received all"):
        chalearn_lap(folder, "all")
    with pytest.raises(InputError, match="columns: expected 3, received 2"):
        chalearn_lap(folder, columns=(0, 1))
    for delimiter in ("", "||"):
        with pytest.raises(InputError, match="delimiter: expected a character, received '"):
            chalearn_lap(folder, delimiter=delimiter)
    (folder / "train_gt.csv").write_text("image,mean,stdv\n00.jpg,20,1\n")
    with pytest.raises(InputError, match=r"table: expected one, .* has train15_gt\.csv, train_gt"):
        chalearn_lap(folder)
    assert chalearn_lap(folder, table="train_gt.csv").ages.tolist() == [20]
