"""`sr-arn age`: train, evaluate, predict, and what is wrong told in one line."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from skimage import data as pictures

pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn.cli import main

SMALL = ["--backbone", "residual", "--width", "4", "--epochs", "1", "--batch-size", "8"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """UTKFace with 40 faces, whose age is their brightness."""
    place = tmp_path_factory.mktemp("utk")
    (place / "images").mkdir()
    generator = np.random.default_rng(0)
    lines = {"train": ["file,age"], "test": ["file,age"]}
    for number in range(40):
        age = 20 + number
        face = generator.integers(0, 50, (64, 64, 3)) + 3 * age
        Image.fromarray(face.astype(np.uint8)).save(place / "images" / f"{age}_0_0_1.png")
        lines["train" if number % 4 else "test"].append(f"{age}_0_0_1.png,{age}")
    for part, rows in lines.items():
        (place / f"{part}.csv").write_text("\n".join(rows) + "\n")
    return place


@pytest.fixture(autouse=True)
def few_held_out(monkeypatch):
    from sr_arn.age.datasets import DATASETS, utkface

    def few(folder, split):
        return utkface(folder, split, validation=6)

    monkeypatch.setitem(DATASETS, "utkface", replace(DATASETS["utkface"], load=few))


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    """A model of one epoch."""
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        few_held_out.__wrapped__(patch)
        assert main(["age", "train", "--data", f"utkface:{folder}", *SMALL, "-o", str(path)]) == 0
    return path


def test_train_then_evaluate(folder, tmp_path, capsys):
    path = tmp_path / "m.safetensors"
    options = ["--head", "gaussian", "--epochs", "25", "--learning-rate", "0.01", "--seed", "1"]
    assert (
        main(["age", "train", "--data", f"utkface:{folder}", *SMALL, *options, "-o", str(path)])
        == 0
    )
    out, err = capsys.readouterr()
    assert "residual with gaussian, mean absolute error" in out
    assert "on 6 faces held out" in out
    assert "faces: 24, 6 held out" in err
    assert err.count("held out ") >= 25
    assert sorted(p.name for p in tmp_path.iterdir())[0] == "m.curve.csv"
    assert not list(tmp_path.glob("*checkpoint*"))
    rows = (tmp_path / "m.curve.csv").read_text().splitlines()
    assert rows[0] == "epoch,loss,mae"
    assert len(rows) == 26
    assert (
        main(["age", "evaluate", "--data", f"utkface:{folder}", "--model", str(path), "--json"])
        == 0
    )
    result = json.loads(capsys.readouterr().out)
    assert result["faces"] == 10
    assert result["mae"] < 0.8 * result["mae_of_the_median"]
    assert 0 <= result["ca3"] <= result["ca5"] <= 1
    assert main(["age", "evaluate", "--data", f"utkface:{folder}", "--model", str(path)]) == 0
    told = capsys.readouterr().out
    assert f"10 faces: mean absolute error {result['mae']:.2f} years" in told
    assert "always saying 41.5: 10.30 years" in told


def test_an_interrupted_training_is_resumed(folder, tmp_path, capsys, monkeypatch):
    from sr_arn.age import training

    path, checkpoint = tmp_path / "m.safetensors", tmp_path / "m.checkpoint.safetensors"
    command = [
        "age",
        "train",
        "--data",
        f"utkface:{folder}",
        *SMALL,
        "--epochs",
        "3",
        "-o",
        str(path),
    ]
    assert main(command) == 0
    whole = path.read_bytes()
    predict, calls = training.predict_ages, []

    def interrupted(*args):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return predict(*args)

    monkeypatch.setattr(training, "predict_ages", interrupted)
    assert main(command) == 130
    assert f"go on with --resume {checkpoint}" in capsys.readouterr().err
    monkeypatch.undo()
    few_held_out.__wrapped__(monkeypatch)
    assert main(command) == 2
    assert "is of a training that was interrupted" in capsys.readouterr().err
    assert main([*command, "--resume", str(checkpoint)]) == 0
    assert path.read_bytes() == whole
    assert not checkpoint.exists()


def test_predict(trained, tmp_path, capsys):
    photo, plot = tmp_path / "p.png", tmp_path / "plot.png"
    Image.fromarray(pictures.astronaut()[:256, 100:356]).save(photo)
    assert main(["age", "predict", str(photo), "--model", str(trained), "--plot", str(plot)]) == 0
    out = capsys.readouterr().out
    assert "p.png: face at " in out
    assert "(mean error of the model) years" in out
    with Image.open(plot) as image:
        assert min(image.size) >= 250
    assert main(["age", "predict", str(photo), "--model", str(trained), "--json", "--cropped"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["photos"]
    (face,) = result["faces"]
    assert face["box"] == {"left": 0, "top": 0, "width": 256, "height": 256}
    assert face["standard_deviation"] is None
    assert face["mean_absolute_error"] > 0


def test_all_that_is_a_file_may_be_a_url(folder, trained, tmp_path, capsys):
    upath = pytest.importorskip("upath")

    def send(path, url):
        upath.UPath(url).write_bytes(path.read_bytes())

    for path in folder.rglob("*.*"):
        send(path, f"memory://utk/{path.relative_to(folder)}")
    send(trained, "memory://m.safetensors")
    results = []
    for data, model in ((folder, trained), ("memory://utk", "memory://m.safetensors")):
        command = ["age", "evaluate", "--data", f"utkface:{data}", "--model", str(model), "--json"]
        assert main(command) == 0
        results.append(capsys.readouterr().out)
    assert results[0] == results[1]
    output = "memory://again.safetensors"
    assert main(["age", "train", "--data", "utkface:memory://utk", *SMALL, "-o", output]) == 0
    assert upath.UPath(output).read_bytes() == trained.read_bytes()
    assert upath.UPath("memory://again.curve.csv").exists()
    photo = tmp_path / "p.png"
    Image.fromarray(pictures.astronaut()[:256, 100:356]).save(photo)
    send(photo, "memory://p.png")
    predict = ["age", "predict", "memory://p.png", "--model", "memory://m.safetensors", "--plot"]
    assert main([*predict, "memory://ages.png"]) == 0
    assert upath.UPath("memory://ages.png").read_bytes().startswith(b"\x89PNG")
    assert main([*predict, "memory://p.png"]) == 2
    assert "is one of the photos" in capsys.readouterr().err


def test_no_face_is_said_not_guessed(trained, tmp_path, capsys):
    photos = {"coffee": pictures.coffee(), "grey": pictures.astronaut()[:256, 100:356, 0]}
    for name, pixels in photos.items():
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    paths = [str(tmp_path / f"{name}.png") for name in (*photos, "missing")]
    plots = tmp_path / "plots"
    command = ["age", "predict", "--model", str(trained), "--plot", str(plots), *paths]
    assert main(command) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"{paths[0]}: no face found"
    assert "grey.png: face at" in out[1]
    assert out[-1] == f"{paths[2]}: no such file"
    assert sorted(p.name for p in plots.iterdir()) == ["coffee.png", "grey.png"]


BAD = {
    "no model": (["predict", "p.png"], "the following arguments are required: --model"),
    "pickle": (["predict", "PHOTO", "--model", "pickle.pt"], "is a pickle or PyTorch file"),
    "SR model": (["predict", "PHOTO", "--model", "SUPER"], "has no 'sr_arn_age' entry"),
    "plot": (["predict", "PHOTO", "--model", "MODEL", "--plot", "a.jpg"], "plot: expected a name"),
    "photo": (["predict", "pickle.pt", "--model", "MODEL"], "pickle.pt: "),
    "data": (["evaluate", "--data", "faces", "--model", "MODEL"], "data: expected NAME:FOLDER"),
    "folder": (["evaluate", "--data", "utkface:none", "--model", "MODEL"], "has neither test.csv"),
    "fold": (["train", "--fold", "1"], "fold: utkface has none"),
    "head": (["train", "--head", "best"], "head: expected direct, gaussian"),
    "backbone": (["train", "--backbone", "best"], "backbone: expected ssrnet, residual"),
    "anchors": (["train", "--head", "dex", "--anchors", "10"], "anchors: the head dex takes none"),
    "no anchors": (["train", "--anchors", "0"], "anchors: expected an integer of at least 1"),
    "width": (["train", "--width", "8"], "width: the backbone ssrnet takes none"),
    "epochs": (["train", "--epochs", "0"], "epochs: expected an integer of at least 1"),
    "rate": (["train", "--learning-rate", "-1"], "learning-rate: expected a finite number"),
    "batch": (["train", "--batch-size", "1"], "batch-size: expected an integer of at least 2"),
    "device": (["train", "--device", "tpu"], "argument --device: invalid choice: 'tpu'"),
    "output": (["train", "-o", "model.pt"], "output: expected a name ending in .safetensors"),
    "seed": (["train", "--seed", "99999999999"], "seed: expected less than 2^32"),
    "many anchors": (["train", "--anchors", "100000000"], "anchors: expected a word, numbers up"),
    "photo as plot": (
        ["predict", "PHOTO", "--model", "MODEL", "--plot", "./photo.png"],
        "is one of the photos",
    ),
    "resume": (["train", "--resume", "none.safetensors"], "there is no such file"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(folder, trained, tmp_path, monkeypatch, capsys, case):
    from sr_arn.models.files import BUNDLED

    monkeypatch.chdir(tmp_path)
    (tmp_path / "pickle.pt").write_bytes(b"\x80\x04" + bytes(50))
    Image.fromarray(pictures.astronaut()[:256, 100:356]).save("photo.png")
    before = sorted(tmp_path.iterdir())
    names = {
        "PHOTO": "photo.png",
        "MODEL": str(trained),
        "SUPER": str(BUNDLED / "conv-arn-x3-tiny.safetensors"),
    }
    arguments, message = BAD[case]
    arguments = [names.get(a, a) for a in arguments]
    if arguments[0] == "train":
        arguments = ["train", "--data", f"utkface:{folder}", "-o", "m.safetensors", *arguments[1:]]
    try:
        code = main(["age", *arguments])
    except SystemExit as left:
        code = left.code
    assert code == 2
    err = capsys.readouterr().err
    assert message in err
    assert len([line for line in err.splitlines() if "error" in line]) == 1
    assert "Traceback" not in err
    assert sorted(tmp_path.iterdir()) == before


def test_morph2_from_the_command_line(trained, tmp_path, capsys):
    for person in range(20):
        face = Image.fromarray(pictures.astronaut()[person : person + 64, :64])
        face.save(tmp_path / f"{person:06}_0M{20 + person}.JPG")
    data = ["--data", f"morph2:{tmp_path}", "--model", str(trained)]
    assert main(["age", "evaluate", *data, "--protocol", "subjects", "--fold", "1"]) == 0
    assert "4 faces: " in capsys.readouterr().out
    assert main(["age", "evaluate", *data, "--split", "validation"]) == 0
    assert "2 faces: " in capsys.readouterr().out  # a tenth of 16
    assert main(["age", "evaluate", *data, "--protocol", "best"]) == 2
    assert "protocol: expected" in capsys.readouterr().err
