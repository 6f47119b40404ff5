"""`sr-arn age` given what is wrong: exit code 2 and one line that tells what, and why."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn.age.datasets import DATASETS, utkface
from sr_arn.age.model import Plan
from sr_arn.age.model_file import SavedModel, save_age_model
from sr_arn.cli import main

FIRST = "30_0_0_1.png"  # in both lists
TINY = ["--backbone", "residual", "--width", "4", "--epochs", "2", "--batch-size", "2", "--quiet"]
AGES = {
    "NaN": "NaN",
    "nan": "nan",
    "-1": "-1",
    "131": "131",
    "inf": "inf",
    "old": "old",
    "": "nothing",
}


@pytest.fixture(autouse=True)
def _few_are_held_out(monkeypatch):
    few = replace(DATASETS["utkface"], load=lambda folder, split: utkface(folder, split, 2))
    monkeypatch.setitem(DATASETS, "utkface", few)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The working folder: six faces in `utk`, an untrained model in `m.safetensors`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "utk" / "images").mkdir(parents=True)
    rows = ["file,age"]
    for age in range(30, 36):
        face = np.random.default_rng(age).integers(0, 256, (64, 64, 3), np.uint8)
        Image.fromarray(face).save(tmp_path / "utk" / "images" / f"{age}_0_0_1.png")
        rows.append(f"{age}_0_0_1.png,{age}")
    for part in ("train", "test"):
        (tmp_path / "utk" / f"{part}.csv").write_text("\n".join(rows))
    plan = Plan("residual", "arn", {"width": 4})
    save_age_model("m.safetensors", SavedModel(plan.build().eval(), plan, 64, 0.0, {}, None))
    return tmp_path


TRAIN = ["train", "--data", "utkface:utk", "-o", "new.safetensors", *TINY]
EVALUATE = ["evaluate", "--data", "utkface:utk", "--model", "m.safetensors"]
COMMANDS = {"train": TRAIN, "test": EVALUATE}  # by the lists that they read first


def told(capsys, folder, *arguments):
    """Return the one line that a command told, having changed nothing."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert main(["age", *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    return err.removesuffix("\n")


def test_nothing_is_wrong_before(here, capsys):
    assert main(["age", *TRAIN]) == 0
    assert main(["age", *EVALUATE]) == 0
    assert "6 faces: mean absolute error" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("size", "mode", "message"),
    [
        ((65, 64), "RGB", "expected 64 x 64 pixels, received 65 x 64"),
        ((32, 32), "RGB", "expected 64 x 64 pixels, received 32 x 32; give --resize"),
        ((64, 64), "RGBA", "expected RGB or grey, received RGBA"),
        ((64, 64), "LA", "expected RGB or grey, received LA"),
    ],
)
@pytest.mark.parametrize("part", COMMANDS)
def test_a_face_of_another_size_or_transparent(here, capsys, part, size, mode, message):
    for age in range(30, 36):  # whichever are held out
        Image.new(mode, size).save(here / "utk" / "images" / f"{age}_0_0_1.png")
    line = told(capsys, here, *COMMANDS[part])
    assert line.startswith("sr-arn: error: faces: utk/images/3")
    assert line.endswith(f"_0_0_1.png: {message}")


@pytest.mark.parametrize("part", COMMANDS)
def test_a_damaged_face(here, capsys, part):
    for age in range(30, 36):
        (here / "utk" / "images" / f"{age}_0_0_1.png").write_bytes(b"no picture")
    line = told(capsys, here, *COMMANDS[part])
    assert line.startswith("sr-arn: error: faces: utk/images/3")
    assert line.endswith("_0_0_1.png: damaged or missing")


@pytest.mark.parametrize("age", AGES)
@pytest.mark.parametrize("part", COMMANDS)
def test_an_age_that_is_none(here, capsys, part, age):
    table = here / "utk" / f"{part}.csv"
    table.write_text(table.read_text() + f"\n{FIRST},{age}\n")
    expected = f"utk/{part}.csv, line 8: expected an age of 0 to 130, received {AGES[age]}"
    assert told(capsys, here, *COMMANDS[part]) == f"sr-arn: error: faces: {expected}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,age\n", "faces: utk/{}.csv lists no face"),
        ("", "faces: utk/{}.csv: expected columns file and age"),
        ("name,years\na.png,3\n", "faces: utk/{}.csv: expected columns file and age"),
        (
            f"file,age\n{FIRST},30\nb.png,30\n",
            "faces: utk/images/b.png is listed in {}.csv, but missing",
        ),
        (
            "file,age\n../a.png,30\n",
            "faces: utk/{}.csv, line 2: ../a.png is no file within the folder",
        ),
    ],
)
@pytest.mark.parametrize("part", COMMANDS)
def test_a_list_that_is_empty_or_of_other_files(here, capsys, part, text, message):
    (here / "utk" / f"{part}.csv").write_text(text)
    line = told(capsys, here, *COMMANDS[part])
    assert line == f"sr-arn: error: {message.format(part)}"


def test_a_checkpoint_of_another_head(here, capsys, monkeypatch):
    from sr_arn.age import training

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "predict_ages", interrupted)  # after the first epoch
        assert main(["age", *TRAIN, "--head", "arn"]) == 130
    capsys.readouterr()
    resume = ["--resume", "new.checkpoint.safetensors"]
    line = told(capsys, here, *TRAIN, "--head", "dex", *resume)
    assert line.startswith(
        "sr-arn: error: checkpoint new.checkpoint.safetensors: is of another model"
    )
    expected, received = line.split("received")
    assert "head='dex'" in expected
    assert "head='arn'" in received
    assert main(["age", *TRAIN, "--head", "arn", *resume]) == 0


@pytest.mark.parametrize(
    "arguments", [TRAIN, EVALUATE, ["predict", "photo.png", "--model", "m.safetensors"]]
)
def test_without_torch(here, capsys, monkeypatch, arguments):
    for name in list(sys.modules):
        if name.startswith(("sr_arn.nn", "sr_arn.age")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    line = told(capsys, here, *arguments)
    expected = 'torch: is not installed and this needs it; pip install "sr-arn[torch]"'
    assert line == f"sr-arn: error: {expected}"
