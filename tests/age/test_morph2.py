"""MORPH2: every protocol, its parts and folds, and names that are wrong."""

from contextlib import suppress
from itertools import chain

import numpy as np
import pytest
from face_trees import names_of, plant

from sr_arn import InputError

pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn.age.datasets import morph2
from sr_arn.age.datasets.morph import ARN_IMAGES

PARTS = ("train", "validation", "test")
TENTHS = [  # training, validation and test folders of the five folds (Paplham and Franc)
    ("012345", "67", "89"),
    ("234567", "89", "01"),
    ("456789", "01", "23"),
    ("567890", "12", "34"),
    ("678901", "23", "45"),
]


def name(subject, picture, age, end="JPG"):
    return f"{subject:06}_{picture}{'MF'[subject % 2]}{age}.{end}"


NAMES = sorted(name(9000 + s, p, 16 + s + p) for s in range(20) for p in range(3))


@pytest.fixture
def folder(tmp_path):
    """Sixty pictures of twenty people, and what else may lie there."""
    plant(tmp_path, NAMES)
    (tmp_path / "readme.txt").write_text("009055_1M54")
    return tmp_path


def test_names_tell_ages_and_subjects(tmp_path):
    plant(tmp_path / "images", ["009055_1M54.JPG", "321798_03F36.jpg"])
    both = [morph2(tmp_path, split, "setting-1") for split in ("train", "test")]
    told = {f.paths[0]: (f.ages.tolist(), f.subjects.tolist()) for f in both}
    assert told == {
        tmp_path / "images" / "009055_1M54.JPG": ([54], [9055]),
        tmp_path / "images" / "321798_03F36.jpg": ([36], [321798]),
    }


@pytest.mark.parametrize("protocol", ["arn", "setting-1", "ssr-net"])
def test_parts_at_random(folder, protocol):
    train, test = (morph2(folder, split, protocol) for split in ("train", "test"))
    assert (len(train.paths), len(test.paths)) == (48, 12)
    assert sorted(names_of(train) + names_of(test)) == NAMES
    assert train.subjects.shape == train.ages.shape == (48,)
    assert morph2(folder, "test", protocol).paths == test.paths
    rest, held = (morph2(folder, s, protocol, validation=8) for s in ("train", "validation"))
    assert (len(rest.paths), len(held.paths)) == (40, 8)
    assert sorted(names_of(rest) + names_of(held)) == names_of(train)
    others = [morph2(folder, "validation", protocol, validation=8, seed=s).paths for s in (1, 2)]
    assert others[0] != others[1]
    with pytest.raises(InputError, match="there would be no face"):
        morph2(folder, "validation", protocol)


def test_seven_folds_are_independent(folder):
    tests = [names_of(morph2(folder, "test", "arn", fold)) for fold in range(7)]
    assert len({tuple(names) for names in tests}) == 7
    assert len(set(chain(*tests))) < 7 * 12  # they overlap: no cross-validation
    assert names_of(morph2(folder, "test", "arn", 3, seed=1)) != tests[3]


def test_arn_draws_its_pictures(tmp_path):
    for subject in range(ARN_IMAGES + 20):
        (tmp_path / name(subject, 0, 20)).touch()
    folds = []
    for fold in (0, 1):
        parts = [morph2(tmp_path, part, "arn", fold) for part in ("train", "test")]
        folds.append({*chain(*map(names_of, parts))})
    assert len(folds[0]) == 5475
    assert folds[0] == folds[1]  # the folds split the same pictures
    assert len(morph2(tmp_path, "test", "arn").paths) == 1095
    assert not set(names_of(morph2(tmp_path, "train", "arn", seed=1))) <= folds[0]
    assert len(morph2(tmp_path, "test", "setting-1").paths) == 1099
    listed = tmp_path / "list.txt"
    listed.write_text("\n".join(name(subject, 0, 20) for subject in range(ARN_IMAGES + 15)))
    assert len(morph2(tmp_path, "train", "arn", subset=listed).paths) == 4392


def test_setting_1_goes_by_the_seed(folder):
    first, second = (names_of(morph2(folder, "test", "setting-1", seed=s)) for s in (0, 1))
    assert first != second


def test_ssr_nets_split(folder):
    np.random.seed(1024)  # as SSR-Net's code does
    order = np.arange(60)
    np.random.shuffle(order)
    train = sorted(NAMES[i] for i in order[:48])
    assert names_of(morph2(folder, "train", "ssr-net")) == train
    assert names_of(morph2(folder, "train", "ssr-net", seed=5)) == train


def test_parts_by_person(folder):
    people = [
        {part: set(morph2(folder, part, "subjects", fold).subjects) for part in PARTS}
        for fold in range(5)
    ]
    for parts in people:
        assert [len(parts[part]) for part in PARTS] == [12, 4, 4]
        assert len(set.union(*parts.values())) == 20
    pictures = [names_of(morph2(folder, part, "subjects", 2)) for part in PARTS]
    assert sorted(chain(*pictures)) == NAMES
    other = set(morph2(folder, "test", "subjects", seed=1).subjects)
    assert other != people[0]["test"]


def test_tenths_of_the_folds(folder):
    """The people in a part of two folds are those of the tenths that both have there."""
    for a, fold_a in enumerate(TENTHS):
        for b, fold_b in enumerate(TENTHS):
            for i, part in enumerate(PARTS):
                for j, other in enumerate(PARTS):
                    first = set(morph2(folder, part, "subjects", a).subjects)
                    second = set(morph2(folder, other, "subjects", b).subjects)
                    assert len(first & second) == 2 * len(set(fold_a[i]) & set(fold_b[j]))


@pytest.fixture
def coral(folder):
    """Coral's lists, whose ages count from 16; one name tells another age than its list."""
    header = ",id_num,picture_num,race,Male,facial_hair,age,glasses,quality"
    for part, names in (("train", NAMES[:40]), ("valid", NAMES[40:45]), ("test", NAMES[45:])):
        rows = [f"{n},{int(n[:6])},{n[7]},B,1,,{int(n[9:11]) - 16},,GOOD" for n in names]
        (folder / f"morph2_{part}.csv").write_text("\n".join([header, *rows]) + "\n")
    return folder


def test_corals_lists(coral):
    parts = [morph2(coral, part, "coral") for part in PARTS]
    assert [len(faces.paths) for faces in parts] == [40, 5, 15]
    assert list(chain(*map(names_of, parts))) == NAMES
    for faces in parts:
        assert [int(n[9:11]) for n in names_of(faces)] == faces.ages.tolist()
        assert [int(n[:6]) for n in names_of(faces)] == faces.subjects.tolist()


def test_ages_of_corals_lists_come_from_the_lists(coral):
    table = coral / "morph2_test.csv"
    table.write_text(f",age\n{NAMES[59]},38.5\n")
    assert morph2(coral, "test", "coral").ages.tolist() == [54.5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (",age\n", "lists no face"),
        ("file,age\na.jpg,1\n", r"expected columns \(unnamed\) and age"),
        (f",age\n{NAMES[0]},1\n", r"009000_0M16\.JPG is listed in morph2_test.csv and morph2_tr"),
        (f",age\n{NAMES[59]},nan\n", "line 2: expected an age of 0 to 114, received nan"),
        (",age\n009055_1M54.JPG,38\n", "009055_1M54.JPG is listed in morph2_test.csv, but missing"),
        (",age\n../009055_1M54.JPG,38\n", "is no file within the folder"),
        (",age\n9055-1M54.JPG,38\n", r"expected a name as 009055_1M54\.JPG, received 9055-1M"),
    ],
)  # fmt: skip
def test_corals_lists_that_are_wrong(coral, text, message):
    (coral / "morph2_test.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        morph2(coral, "test", "coral")


def test_a_list_of_coral_that_is_missing(coral):
    (coral / "morph2_valid.csv").unlink()
    assert len(morph2(coral, "train", "coral").paths) == 40
    with pytest.raises(InputError, match=r"morph2_valid\.csv: cannot be read"):
        morph2(coral, "validation", "coral")


def test_a_list_of_the_users(folder):
    listed = folder / "list.txt"
    listed.write_text("\n".join(reversed(NAMES[:10])) + "\n\n")
    for protocol in ("arn", "setting-1", "ssr-net"):
        parts = [morph2(folder, part, protocol, subset=listed) for part in ("train", "test")]
        assert [len(faces.paths) for faces in parts] == [8, 2]
        assert sorted(chain(*map(names_of, parts))) == NAMES[:10]
    everything = names_of(morph2(folder, "test", "arn"))
    listed.write_text("\n".join(reversed(NAMES)))
    assert names_of(morph2(folder, "test", "arn", subset=listed)) == everything
    (folder / "sub").mkdir()
    (folder / NAMES[0]).rename(folder / "sub" / NAMES[0])
    listed.write_text(f"sub/{NAMES[0]}\n{NAMES[1]}\n")
    test, train = (
        morph2(folder, part, "ssr-net", subset=listed).paths for part in ("test", "train")
    )
    assert {*test, *train} == {folder / "sub" / NAMES[0], folder / NAMES[1]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n", "lists no face"),
        (f"{NAMES[0]}\n{NAMES[1]}\n{NAMES[0]}\n", r"list\.txt lists 009000_0M16\.JPG twice"),
        ("009055_1M54.JPG\n", r"009055_1M54\.JPG is listed in list\.txt, but missing"),
        ("9055.JPG\n", r"list\.txt: expected a name as 009055_1M54\.JPG, received 9055\.JPG"),
        (f"../{NAMES[0]}\n", "is no file within the folder"),
        (f"/{NAMES[0]}\n", "is no file within the folder"),
        (None, r"list\.txt: cannot be read"),
    ],
)
def test_lists_of_users_that_are_wrong(folder, text, message):
    if text is not None:
        (folder / "list.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        morph2(folder, subset=folder / "list.txt")


@pytest.mark.parametrize("stray", ["face.jpg", "009055_1M5.JPG", "009055_1X54.Jpg", "1M54.jpeg"])
def test_jpeg_files_that_are_misnamed(folder, stray):
    plant(folder, [stray])
    with pytest.raises(InputError, match=f"expected a name as 009055_1M54.JPG, received {stray}"):
        morph2(folder)


def test_other_files_are_left_out(folder):
    (folder / "009055_1M54.txt").write_text("landmarks")
    (folder / "thumbnail.png").touch()
    (folder / "009055_1M54.JPG").mkdir()
    assert len(morph2(folder).paths) == 48


def test_what_is_asked_for_is_checked(folder):
    for arguments, message in (
        ({"split": "all"}, "split: expected train, validation, test, received all"),
        ({"protocol": "dex"}, "protocol: expected arn, .*, coral, received dex"),
        ({"fold": 7}, "fold: expected 0 to 6, received 7"),
        ({"fold": -1}, "fold: expected an integer of at least 0, received -1"),
        ({"protocol": "subjects", "fold": 5}, "fold: expected 0 to 4, received 5"),
        ({"protocol": "ssr-net", "fold": 1}, "fold: expected 0 to 0, received 1"),
        ({"seed": 0.5}, "seed: expected an integer of at least 0, received 0.5"),
        ({"validation": 48}, "validation: expected fewer than 48, received 48"),
        ({"protocol": "subjects", "validation": 3}, "validation: subjects has its own, expected 0"),
        ({"protocol": "coral", "subset": "a.txt"}, "subset: coral has its own lists, expected n"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            morph2(folder, **arguments)


def test_parts_that_would_be_empty(tmp_path):
    with pytest.raises(InputError, match=r"holds no picture named as 009055_1M54\.JPG"):
        morph2(tmp_path)
    with pytest.raises(InputError, match="is no folder"):
        morph2(tmp_path / "missing")
    plant(tmp_path, NAMES[:3])
    for fold in range(5):
        parts = []
        for part in PARTS:
            with suppress(InputError):
                parts.append(names_of(morph2(tmp_path, part, "subjects", fold)))
        assert parts == [NAMES[:3]]  # one person cannot be in two
    (tmp_path / "list.txt").write_text(NAMES[0])
    with pytest.raises(InputError, match="expected at least one in each part, received none"):
        morph2(tmp_path, subset=tmp_path / "list.txt")
