"""`sr-arn age`: small sets, faces of other sizes, lists without their training part, folds."""

import argparse
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn.age.datasets import DATASETS, FaceSet
from sr_arn.cli import main
from sr_arn.cli.age.options import open_data

SMALL = ["--backbone", "residual", "--width", "2", "--epochs", "1", "--batch-size", "8"]


def plant(folder, count=24, side=80):
    """UTKFace with so many faces; the first quarter is for testing."""
    (folder / "images").mkdir(parents=True)
    rows = []
    for number in range(count):
        face = np.full((side, side, 3), 3 * number, np.uint8)
        Image.fromarray(face).save(folder / "images" / f"{number}.png")
        rows.append(f"{number}.png,{20 + number}")
    for part, own in (("test", rows[: count // 4]), ("train", rows[count // 4 :])):
        (folder / f"{part}.csv").write_text("\n".join(["file,age", *own]) + "\n")
    return folder


def test_faces_of_another_size_are_made_to_fit(tmp_path, capsys):
    data = ["--data", f"utkface:{plant(tmp_path / 'utk')}"]
    model = tmp_path / "m.safetensors"
    assert main(["age", "train", *data, *SMALL, "-o", str(model)]) == 2
    assert "expected 64 x 64 pixels, received 80 x 80; give --resize" in capsys.readouterr().err
    assert main(["age", "train", *data, *SMALL, "--resize", "-o", str(model)]) == 0
    assert "on 2 faces held out" in capsys.readouterr().out  # an eighth of 18
    assert main(["age", "evaluate", *data, "--model", str(model), "--resize"]) == 0
    out = capsys.readouterr().out
    assert "6 faces: " in out
    assert "always saying 34" in out  # the median of the training faces alone
    Image.new("RGB", (80, 64)).save(tmp_path / "utk" / "images" / "0.png")
    assert main(["age", "evaluate", *data, "--model", str(model), "--resize"]) == 2
    assert "expected 64 x 64 pixels, received 80 x 64\n" in capsys.readouterr().err


def test_a_test_list_alone_is_enough(tmp_path, capsys):
    folder = plant(tmp_path / "utk", side=64)
    data, model = ["--data", f"utkface:{folder}"], tmp_path / "m.safetensors"
    assert main(["age", "train", *data, *SMALL, "-o", str(model)]) == 0
    (folder / "train.csv").unlink()
    assert main(["age", "evaluate", *data, "--model", str(model)]) == 0
    assert "always saying 22.5: " in capsys.readouterr().out


def test_evaluation_is_on_the_fold_of_the_training(tmp_path, capsys):
    for person in range(20):
        face = Image.new("RGB", (64, 64), (9 * person, 0, 0))
        face.save(tmp_path / f"{person:06}_0M{20 + person}.JPG")
    data = ["--data", f"morph2:{tmp_path}"]
    model = tmp_path / "m.safetensors"
    chosen = ["--protocol", "subjects", "--fold", "1"]
    assert main(["age", "train", *data, *chosen, *SMALL, "-o", str(model)]) == 0
    told = []
    for options in ([], chosen, ["--protocol", "subjects", "--fold", "0"]):
        capsys.readouterr()
        assert main(["age", "evaluate", *data, *options, "--model", str(model), "--json"]) == 0
        told.append(capsys.readouterr())
    assert told[0].out == told[1].out != told[2].out
    assert "warning" not in told[0].err
    assert "fold: the model was trained with 1, not 0: it may have seen these faces" in told[2].err


def test_a_backbone_of_torchvision_has_a_name(tmp_path, capsys):
    data = ["--data", f"utkface:{plant(tmp_path / 'utk')}", "-o", str(tmp_path / "m.safetensors")]
    assert main(["age", "train", *data, "--backbone", "torchvision:no_such"]) == 2
    err = capsys.readouterr().err
    assert "network: " in err
    assert "no_such" in err


@pytest.mark.parametrize("place", ["tRNS", "pHYs", "gAMA"])
def test_a_face_whose_chunks_are_cut_off(tmp_path, capsys, place):
    folder = plant(tmp_path / "utk", side=64)
    path = folder / "images" / "0.png"
    content = path.read_bytes()
    chunk = place.encode() + b"\0"
    wrong = struct.pack(">I", 1) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(content[:33] + wrong + content[33:])
    model = tmp_path / "m.safetensors"
    data = ["--data", f"utkface:{folder}"]
    assert main(["age", "train", *data, *SMALL, "-o", str(model)]) == 0
    capsys.readouterr()
    assert main(["age", "evaluate", *data, "--model", str(model)]) == 2
    assert "0.png: damaged or missing" in capsys.readouterr().err


def test_a_new_set_of_faces_declares_all_that_the_command_line_needs(monkeypatch, capsys):
    def toy(folder, split, **options):
        return folder, split, options

    declared = FaceSet(
        name="toy", load=toy, protocols=("a", "b"), has_folds=True, validation=0.3,
        with_validation=("b",), margin=0.1,
    )  # fmt: skip
    monkeypatch.setitem(DATASETS, "toy", declared)
    for given, expected in (
        ({}, {"validation": 0.3}),
        ({"protocol": "b", "fold": 2}, {"protocol": "b", "fold": 2}),
    ):
        args = argparse.Namespace(data="toy:here", **{"protocol": None, "fold": None, **given})
        assert open_data(args, "train") == ("here", "train", expected)
    with pytest.raises(SystemExit):
        main(["age", "train", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    for text in ("utkface, toy) and", "of toy: a, b", "of fgnet, morph2, toy, from 0"):
        assert text in told
    assert main(["completion", "bash"]) == 0
    assert "utkface toy" in capsys.readouterr().out
