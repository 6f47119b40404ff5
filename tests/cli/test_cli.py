import contextlib
import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import warnings
from importlib.util import find_spec

import numpy as np
import pytest
from conftest import SHIPPED, opened
from PIL import Image

from sr_arn import InputError, imresize, list_models
from sr_arn.cli import main
from sr_arn.models.files import read_header
from sr_arn.pictures.color import luminance
from sr_arn.pictures.io import read_image, write_image
from sr_arn.pictures.picture import Picture
from sr_arn.upscaling.loading import load_model
from sr_arn.upscaling.schedule import Schedule
from sr_arn.upscaling.upscaler import Upscaler


@pytest.fixture
def photo(tmp_path, coffee):
    path = tmp_path / "photo.jpg"
    Image.fromarray(coffee[:60, :80]).save(path)
    return path


def run(*arguments):
    """Run in this process; return exit code."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as error:
        return error.code


def python(*arguments, **options):
    """Run in a process of its own."""
    command = [sys.executable, *(str(argument) for argument in arguments)]
    return subprocess.run(  # noqa: S603 - our own interpreter
        command, capture_output=True, text=True, check=False, timeout=120, **options
    )


def test_upscale(photo, tmp_path, capsys):
    assert run("upscale", photo, "-o", tmp_path / "large.png") == 0
    assert opened(tmp_path / "large.png").size == (240, 180)
    assert capsys.readouterr().out.endswith(
        "large.png: 240 x 180 pixels, conv-arn-x3; JPEG of quality 75: restored\n"
    )
    out = tmp_path / "x2.webp"
    assert run("upscale", photo, "-o", out, "--scale", 2, "--threads", 1, "--quiet") == 0
    assert opened(out).size == (160, 120)
    assert capsys.readouterr().out == ""


def test_the_same_bytes_whatever_the_threads(photo, tmp_path):
    for threads in (1, 5):
        assert run("upscale", photo, "-o", tmp_path / f"{threads}.png", "--threads", threads) == 0
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "5.png").read_bytes()


def test_limits_reach_the_upscaler(photo, tmp_path, monkeypatch):
    seen = []
    upscale = Upscaler.upscale_strips

    def spy(self, *arguments):
        seen.append(self.schedule)
        return upscale(self, *arguments)

    monkeypatch.setattr(Upscaler, "upscale_strips", spy)
    out = tmp_path / "out.png"
    run("upscale", photo, "-o", out, "--threads", 3, "--tile", 20, "--memory", 50)
    whole = out.read_bytes()
    run("upscale", photo, "-o", out)
    assert seen == [Schedule(threads=3, tile=20, memory=50), Schedule()]
    assert out.read_bytes() == whole


def test_psnr_through_the_command_line_equals_the_benchmark(tmp_path, capsys):
    hr = SHIPPED / "camera.png"
    plane = luminance(np.array(opened(hr)))[:510, :510]
    lr = np.clip(imresize(plane, 1 / 3), 0, 1)
    write_image(tmp_path / "lr.png", Picture(np.round(lr * 65535).astype(np.uint16)))
    model = ("--model", "deep-arn-x3", "--quiet")
    assert run("upscale", tmp_path / "lr.png", "-o", tmp_path / "sr.png", *model) == 0
    assert opened(tmp_path / "sr.png").mode == "I;16"
    assert run("score", hr, tmp_path / "sr.png", "--scale", 3, "--json") == 0
    score = json.loads(capsys.readouterr().out)
    (tmp_path / "data" / "one").mkdir(parents=True)
    shutil.copy(hr, tmp_path / "data" / "one")
    arguments = ("--data", tmp_path / "data", "--sets", "one", "--models", "deep-arn-x3", "--json")
    assert run("benchmark", *arguments, "--border", "full", "--quiet") == 0
    (expected,) = json.loads(capsys.readouterr().out)["scores"]
    assert score["psnr"] == pytest.approx(expected["psnr"], abs=0.002)
    assert score["ssim"] == pytest.approx(expected["ssim"], abs=0.0001)


@pytest.fixture
def folder_of_parts(tmp_path):
    """A folder of small parts of the shipped pictures."""
    images = tmp_path / "parts"
    images.mkdir()
    for path in SHIPPED.glob("*.png"):
        with Image.open(path) as image:
            image.crop((200, 100, 260, 160)).save(images / path.name)
    return images


@pytest.mark.parametrize("name", ["global-arn", "arn", "deep-arn"])
def test_train_each_form_of_arn(tmp_path, capsys, photo, folder_of_parts, name):
    arguments = ["--regressor", name, "--anchors", 4, "--validation", 1]
    if name != "global-arn":
        pytest.importorskip("torch", reason='needs the extra "torch"')
        arguments += ["--epochs", 2, "--device", "cpu"]
    model = tmp_path / "m.safetensors"
    assert run("train", folder_of_parts, "-o", model, *arguments) == 0
    captured = capsys.readouterr()
    first, header, _, *rows = captured.out.splitlines()
    assert first == f"{model}: {name} x3"
    assert [cell.strip() for cell in header.split("|")[1:3]] == ["model", "the one held out"]
    scores = {row.split()[1]: float(row.split()[3]) for row in rows}
    assert scores.keys() == {*list_models(scale=3), "m"}
    assert scores["conv-arn-x3"] > scores["bicubic"]
    assert "images: 2, 1 held out, x3" in captured.err
    assert re.search(rf"held out: bicubic [\d.]+ dB, {name} [\d.]+ dB", captured.err)
    if name != "global-arn":
        line = r"epoch 2 of 2: loss [\d.]+, held out [\d.]+ dB, 0 min 00 s left"
        assert re.search(line, captured.err)
        assert len((tmp_path / "m.curve.csv").read_text().splitlines()) == 3
        if find_spec("matplotlib") is not None:
            assert opened(tmp_path / "m.curve.png").width > 100
    assert list(tmp_path.glob("*.safetensors")) == [model]  # the checkpoint is gone
    assert run("upscale", photo, "-o", tmp_path / "out.png", "--model", model) == 0
    assert opened(tmp_path / "out.png").size == (240, 180)


def test_train_conv_arn_from_a_model(tmp_path, monkeypatch, photo, folder_of_parts):
    pytest.importorskip("torch", reason='needs the extra "torch"')
    monkeypatch.setattr("sr_arn.training.conv_arn.BATCHES", 5)
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    sizes = ("--channels", 8, "--layers", 2, "--anchors", 2)
    options = ("--regressor", "conv-arn", "--epochs", 1, "--validation", 0)
    assert run("train", folder_of_parts, "-o", first, *options, *sizes) == 0
    start = ("--start", first, "--scale", 2, "--layers", 4, "--learning-rate", 1e-4)
    assert run("train", folder_of_parts, "-o", second, *options, *start) == 0
    model = load_model(second).model
    assert model.scale == 2
    assert model.sizes == {"channels": 8, "layers": 4, "anchors": 2}
    assert run("upscale", photo, "-o", tmp_path / "out.png", "--model", second) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--start", "aplus-x3"), "start: aplus-x3 is no convolutional ARN"),
        (("--teacher", "deep-arn-x3"), "teacher: deep-arn-x3 is no convolutional ARN"),
        (("--start", "nothing"), "model: nothing is neither a file nor bundled"),
        (("--layers", "3"), "layers: expected an even number, received 3"),
        (("--channels", "0"), "channels: expected an integer of at least 1"),
        (("--learning-rate", "nan"), "learning_rate: expected a finite number above 0"),
    ],
)
def test_bad_options_of_conv_arn(tmp_path, capsys, folder_of_parts, options, message):
    pytest.importorskip("torch", reason='needs the extra "torch"')
    out = tmp_path / "m.safetensors"
    assert run("train", folder_of_parts, "-o", out, "--regressor", "conv-arn", *options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize("options", [("--ensemble",), ("--back-project", 2)])
def test_refined_pictures_differ_a_little(tmp_path, coffee, options):
    small, plain, refined = (tmp_path / f"{name}.png" for name in "abc")
    Image.fromarray(coffee[100:160, 200:280]).save(small)
    assert run("upscale", small, "-o", plain, "--model", "deep-arn-x2") == 0
    assert run("upscale", small, "-o", refined, "--model", "deep-arn-x2", *options) == 0
    pictures = [np.asarray(opened(path)).astype(int) for path in (plain, refined)]
    assert 0 < np.abs(pictures[0] - pictures[1]).mean() < 2


def test_bad_back_projection(tmp_path, capsys, photo):
    assert run("upscale", photo, "-o", tmp_path / "o.png", "--back-project", -1) == 2
    assert "back-project: expected an integer of at least 0" in capsys.readouterr().err


def test_interrupted_training_goes_on_from_its_checkpoint(
    tmp_path, capsys, monkeypatch, folder_of_parts
):
    pytest.importorskip("torch", reason='needs the extra "torch"')
    from sr_arn.nn import training

    arguments = ("--regressor", "deep-arn", "--layers", 2, "--anchors", 2, "--epochs", 3)
    whole, cut = tmp_path / "whole.safetensors", tmp_path / "cut.safetensors"
    assert run("train", folder_of_parts, "-o", whole, *arguments) == 0
    write = training.write_checkpoint

    def interrupted(*arguments):
        if arguments[-1] == 2:  # epochs
            raise KeyboardInterrupt
        write(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(training, "write_checkpoint", interrupted)
        assert run("train", folder_of_parts, "-o", cut, *arguments) == 130
    checkpoint = tmp_path / "cut.checkpoint.safetensors"
    assert f"go on with --resume {checkpoint}" in capsys.readouterr().err
    assert not cut.exists()
    assert run("train", folder_of_parts, "-o", cut, *arguments) == 2
    assert "go on with --resume, or remove it" in capsys.readouterr().err
    assert run("train", folder_of_parts, "-o", cut, *arguments, "--resume", checkpoint) == 0
    assert cut.read_bytes() == whole.read_bytes()
    assert not checkpoint.exists()


def test_a_terminal_sees_progress_in_one_line(capsys):
    from sr_arn.cli.terminal import show_training

    pytest.importorskip("torch", reason='needs the extra "torch"')
    from sr_arn.nn.training import Progress

    show_training(Progress(2, 9, 0.125, 0.25, 61.4, epoch_ended=False))
    show_training(Progress(2, 9, 0.25, 0.25, 50.0, epoch_ended=True))
    shown = capsys.readouterr().err
    line = "epoch 2 of 9:  12% of all, loss 0.250000, 1 min 01 s left"
    assert shown == f"\r{line}\x1b[K\r\x1b[K"


def test_train_then_use_then_benchmark(tmp_path, capsys, photo):
    images = tmp_path / "data" / "mine"
    images.mkdir(parents=True)
    for path in SHIPPED.glob("*.png"):
        with Image.open(path) as image:
            image.crop((0, 0, 150, 150)).save(images / path.name)
    model = tmp_path / "mine.safetensors"
    arguments = ("--regressor", "aplus", "--scale", 2, "--anchors", 32, "--seed", 1)
    assert run("train", images, "-o", model, *arguments) == 0
    captured = capsys.readouterr()
    assert "samples" in captured.err
    assert captured.out == f"{model}: aplus x2\n"
    parameters = read_header(model)["training"]["parameters"]
    assert (parameters["anchors"], parameters["random_state"]) == (32, 1)
    assert run("upscale", photo, "-o", tmp_path / "out.png", "--model", model) == 0
    assert opened(tmp_path / "out.png").size == (160, 120)
    output = tmp_path / "scores.json"
    arguments = ("--data", tmp_path / "data", "--sets", "mine", "--scale", 2, "--json", output)
    assert run("benchmark", *arguments, "--models", f"bicubic,{model}") == 0
    bicubic, mine = json.loads(output.read_text())["scores"]
    assert mine["psnr"] > bicubic["psnr"]
    assert f"{mine['psnr']:.2f} / {mine['ssim']:.4f}" in capsys.readouterr().out


def test_score(photo, tmp_path, capsys):
    assert run("score", photo, photo, "--scale", 3) == 0
    assert capsys.readouterr().out == "PSNR inf dB, SSIM 1.0000\n"
    assert run("score", photo, photo, "--json") == 0
    assert json.loads(capsys.readouterr().out)["psnr"] is None


def test_models(capsys):
    assert run("models") == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert lines.pop() == "*: the default at its scale"
    assert {line.split()[0] for line in lines if " * " in line} == {
        load_model(scale=scale).name for scale in (2, 3, 4)
    }
    assert re.fullmatch(r"time: per megapixel made, grey, measured on \d+ cores of .*", last)
    for line in lines[3:]:
        assert re.search(r" MB +\d+\.\d\d  Set5 \d\d\.\d\d, Set14 \d\d", line)
    assert [line.split()[0] for line in lines] == [
        "name",
        "bicubic",
        "nearest",
        "aplus-x2",
        "aplus-x3",
        "aplus-x4",
        "arn-x3",
        "conv-arn-x2-91",
        "conv-arn-x2-tiny",
        "conv-arn-x2",
        "conv-arn-x3-91",
        "conv-arn-x3-tiny",
        "conv-arn-x3",
        "conv-arn-x4-91",
        "conv-arn-x4-tiny",
        "conv-arn-x4",
        "deep-arn-x2",
        "deep-arn-x3",
        "deep-arn-x4",
        "global-arn-x3",
    ]
    assert all("Set5" in line and "MB" in line for line in lines[3:])


OUT, MODEL = ("-o", "out.png"), ("-o", "out.safetensors")
UP, ARN = ("upscale", "photo.jpg", *OUT), ("train", SHIPPED, *MODEL, "--regressor", "arn")
BAD_TRAINING = [  # which what needs torch raises
    ((*ARN, "--device", "tpu"), "device: expected auto, cpu or cuda, received tpu"),
    ((*ARN, "--resume", "gone"), "gone: there is no such file"),
]
BAD_INPUT = [  # command lines, run where the pictures lie, and what the one line must say
    (("upscale", "gone.png", *OUT), "no such file"),
    (("upscale", ".", *OUT), "expected a folder for many pictures"),
    (("upscale", "words.png", *OUT), "expected a picture (PNG, TIFF, "),
    (("upscale", "cut.jpg", *OUT), "damaged or cut off"),
    (("upscale", "empty.png", *OUT), "empty.png: is empty"),
    ((*UP, "--model", "magic"), "neither a file nor bundled"),
    ((*UP, "--model", "aplus-x2", "--scale", "3"), "more than 2 times (aplus-x2); name"),
    ((*UP, "--model", "pickled.safetensors"), "is a pickle or PyTorch file"),
    ((*UP, "--model", "nothing"), "Is a directory"),
    ((*UP, "--scale", "0"), "scale: expected a finite number above 0, received 0"),
    ((*UP, "--scale", "-3"), "scale: expected a finite number above 0, received -3"),
    ((*UP, "--scale", "nan"), "scale: expected a finite number above 0, received nan"),
    ((*UP, "--scale", "2,5"), "invalid float value: '2,5'"),
    ((*UP, "--scale", "17"), "scale: expected up to 16, received 17"),
    ((*UP, "--max-side", "1300"), "size: expected up to 16 times the picture's, received 16.2"),
    ((*UP, "--model", "aplus-x4+aplus-x4+aplus-x2"), "scale: expected up to 16, received 32"),
    ((*UP, "--scale", "2", "--width", "9"), "one way to say it, received scale and width"),
    ((*UP, "--height", "0"), "height: expected an integer of at least 1"),
    ((*UP, "--megapixels", "-1"), "megapixels: expected a finite number above 0"),
    ((*UP, "--quality", "101"), "quality: expected 1 to 100, received 101"),
    ((*UP, "--jobs", "0"), "jobs: expected an integer of at least 1"),
    ((*UP, "--tile", "8"), "tile: expected an integer of at least 16"),
    ((*UP, "--name", "a{ext}"), "name: is for results in a folder"),
    ((*UP, "--format", "jpeg"), "format: out.png is no name of JPEG's"),
    (("upscale", "photo.jpg", "-o", "-", "--format", "gif"), "format: expected one of png"),
    (("upscale", "photo.jpg", "-o", "-", "--json"), "json: the picture goes to stdout"),
    (("upscale", "photo.jpg", "-", "-o", "."), "stdin and stdout are for one picture"),
    (("upscale", "nothing", "-o", "."), "no picture found"),
    (("upscale", "*.xyz", "-o", "."), "no file is called so"),
    (("upscale", "photo.jpg", "gone", "-o", "."), "no such file or folder"),
    (("upscale", "photo.jpg", "-o", ".", "--name", "{stem}{ext}"), "is an input; take another"),
    (("upscale", "photo.jpg", "-o", ".", "--name", "../{stem}"), "name: expected a file name"),
    (
        ("upscale", "photo.jpg", "-o", ".", "--name", "{0}"),
        "name: expected {stem}, {source}, ",
    ),
    (("upscale", "photo.jpg", "-o", ".", "--name", "{"), "is no template"),
    (("upscale", "photo.jpg", "-o", ".", "--model", "magic"), "neither a file nor bundled"),
    ((*UP, "--threads", "0"), "threads: expected an integer of at least 1"),
    (("upscale", "photo.jpg", "-o", "gone/out.png"), "does not exist; create it"),
    (("upscale", "photo.jpg", "-o", "photo.jpg"), "is the input; take another name"),
    (("upscale", "photo.jpg", "-o", "a" * 300 + ".png"), "File name too long"),
    (
        (*UP, "--model", "bicubic", "--scale", "1e300"),
        "scale: expected up to 16, received 1e+300",
    ),
    (("score", SHIPPED / "camera.png", SHIPPED / "coffee.png"), "one is grey, the other RGB"),
    (("upscale", "photo.jpg", "-o", "out.xyz"), "expected a name ending in"),
    (("upscale", "photo.jpg", "-o", "out.gif"), "GIF is only read, not written; use .png"),
    (("upscale", "clear.png", "-o", "out.jpg"), "JPEG holds no transparency"),
    ((*UP, "--max-pixels", "0"), "max-pixels: expected an integer of at least 1"),
    ((*UP, "--max-pixels", "4799"), "has 80 x 60 pixels, more than 4,799; allow more with"),
    (("upscale", "photo.jpg"), "required: -o"),
    (("train", "nothing", *MODEL), "no picture in"),
    (("train", "gone", *MODEL), "does not exist"),
    (("train", "photo.jpg", *MODEL), "is a file"),
    (("train", SHIPPED, "-o", "m.bin"), r"ending in .safetensors"),
    (("train", SHIPPED, *MODEL, "--regressor", "magic"), "expected one of aplus"),
    (("train", SHIPPED, *MODEL, "--anchors", "0"), "anchors: expected an integer"),
    *(BAD_TRAINING if find_spec("torch") else ()),
    (("train", SHIPPED, *MODEL, "--layers", "3"), "layers: the regressor aplus takes none"),
    (("train", SHIPPED, *MODEL, "--epochs", "3"), "epochs: the regressor aplus takes none"),
    (
        ("train", SHIPPED, *MODEL, "--precision", "float32"),
        "precision: the regressor aplus takes none",
    ),
    (("train", SHIPPED, *MODEL, "--compile"), "compile: the regressor aplus takes none"),
    (("train", SHIPPED, *MODEL, "--resume", "c"), "aplus makes no checkpoints"),
    (("train", SHIPPED, *MODEL, "--scale", "1"), "scale: expected an integer of at least 2"),
    (("benchmark", "--data", ".", "--sets", "Set5"), "no folder Set5"),
    (("benchmark", "--data", "gone"), "does not exist"),
    (("score", "photo.jpg", SHIPPED / "coffee.png"), "equal sizes"),
    (("score", "photo.jpg", "photo.jpg", "--json", "gone/s.json"), "does not exist"),
    (("sharpen", "photo.jpg"), "invalid choice: 'sharpen'"),
    ((), "required: COMMAND"),
]


@pytest.fixture(scope="module")
def wrong(tmp_path_factory, coffee):
    """A folder of a photo and of what is none."""
    folder = tmp_path_factory.mktemp("wrong")
    Image.fromarray(coffee[:60, :80]).save(folder / "photo.jpg")
    photo = (folder / "photo.jpg").read_bytes()
    (folder / "empty.png").write_bytes(b"")
    (folder / "cut.jpg").write_bytes(photo[: len(photo) // 2])
    (folder / "words.png").write_text("words")
    Image.new("RGBA", (9, 9)).save(folder / "clear.png")
    (folder / "pickled.safetensors").write_bytes(pickle.dumps([1] * 99))
    (folder / "nothing").mkdir()
    return folder


@pytest.mark.parametrize(("arguments", "message"), BAD_INPUT)
def test_bad_input_is_one_line_exit_code_2_and_nothing_written(
    wrong, monkeypatch, capsys, arguments, message
):
    monkeypatch.chdir(wrong)
    before = sorted(os.listdir())
    assert run(*arguments) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert err.startswith("sr-arn: error: ")
    assert err.count("\n") == 1, err
    assert out == ""
    assert sorted(os.listdir()) == before


def test_a_defect_of_ours_is_not_hidden(photo, tmp_path, monkeypatch):
    def defect(*arguments, **options):
        raise ZeroDivisionError

    monkeypatch.setattr("sr_arn.upscaling.file_upscaler.read_image", defect)
    with pytest.raises(ZeroDivisionError):
        run("upscale", photo, "-o", tmp_path / "out.png")


def test_a_gpu_of_too_little_memory(photo, tmp_path, monkeypatch, capsys):
    torch = pytest.importorskip("torch", reason='needs the extra "torch"')

    def fill(*arguments, **options):
        raise torch.cuda.OutOfMemoryError

    monkeypatch.setattr("sr_arn.upscaling.file_upscaler.load_model", fill)
    assert run("upscale", photo, "-o", tmp_path / "out.png") == 2
    error = "sr-arn: error: the GPU has too little memory; --device cpu takes the machine's\n"
    assert capsys.readouterr().err == error


def test_interrupted(photo, tmp_path, monkeypatch, capsys):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("sr_arn.upscaling.file_upscaler.load_model", interrupt)
    assert run("upscale", photo, "-o", tmp_path / "out.png") == 130
    assert capsys.readouterr().err == "sr-arn: interrupted\n"


@pytest.mark.parametrize(
    ("name", "error"), [("SIGINT", "KeyboardInterrupt"), ("SIGTERM", "SystemExit")]
)
def test_a_signal_is_heard_where_a_callback_swallows_it(name, error):
    code = f"""
import ctypes, signal, time
from sr_arn.cli import Interrupt
Interrupt.watch()
callback = ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal(signal.{name}))
callback()  # as when numba loads what it compiled
try:
    time.sleep(30)
except {error} as heard:
    print("heard", getattr(heard, "code", ""))
"""
    result = python("-c", code)
    expected = "heard 143\n" if name == "SIGTERM" else "heard \n"
    assert (result.stdout, result.stderr) == (expected, "")


def test_ctrl_c_that_a_library_made_something_else_of(photo, tmp_path, monkeypatch, capsys):
    def broken_off(*arguments, **options):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("broken off") from None

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr("sr_arn.upscaling.file_upscaler.load_model", broken_off)
    try:
        assert run("upscale", photo, "-o", tmp_path / "out.png") == 130
    finally:
        signal.signal(signal.SIGINT, before)
        sys.unraisablehook = sys.__unraisablehook__
    assert capsys.readouterr().err == "sr-arn: interrupted\n"


def test_names_that_begin_with_a_dash(photo, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copy(photo, tmp_path / "-dash.jpg")
    arguments = ["upscale", "-dash.jpg", "-o", "out.png"]
    monkeypatch.setattr(sys, "argv", ["sr-arn", *arguments])
    assert run(*arguments) == 2
    assert "a file that begins with a dash is given as ./-dash.jpg" in capsys.readouterr().err
    assert run("upscale", "./-dash.jpg", "-o", "out.png") == 0


def test_a_reader_that_leaves_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "sr_arn", "models"]
    result = subprocess.run(  # noqa: S603 - our own interpreter
        command, stdout=writer, stderr=subprocess.PIPE, check=False, timeout=60
    )
    os.close(writer)
    assert (result.returncode, result.stderr) == (0, b"")


def test_a_full_disk_under_stdout_is_one_line():
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-m", "sr_arn", "models"]
        result = subprocess.run(  # noqa: S603 - our own interpreter
            command, stdout=full, stderr=subprocess.PIPE, check=False, timeout=60
        )
    assert result.returncode == 2
    assert result.stderr == b"sr-arn: error: No space left on device\n"


def test_works_where_numba_has_no_cache(photo, tmp_path):
    # No home, and a package folder and numba cache that cannot be made: a file is in the way.
    (tmp_path / "file").write_text("")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "file"),
        "NUMBA_CACHE_DIR": str(tmp_path / "file" / "cache"),
    }
    output = tmp_path / "out.png"
    result = python("-m", "sr_arn", "upscale", photo, "-o", output, env=environment)
    assert result.returncode == 0, result.stderr
    assert opened(output).size == (240, 180)


def test_odd_exif_prints_no_lines_of_code(tmp_path, coffee):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a maker of cameras"
    path = tmp_path / "odd.jpg"
    Image.fromarray(coffee[:32, :32]).save(path, exif=exif)
    data = bytearray(path.read_bytes())
    data[data.index(b"a maker") - 12] ^= 0xFF  # into the directory of tags before the text
    path.write_bytes(data)
    with warnings.catch_warnings(record=True) as told, contextlib.suppress(InputError):
        warnings.simplefilter("always")
        read_image(path)
    assert told  # Pillow warns, in words that differ by version
    result = python("-m", "sr_arn", "upscale", path, "-o", tmp_path / "out.png", "--quiet")
    assert (result.returncode, result.stderr) == (0, "")


def test_what_libraries_say_of_a_damaged_tiff_stays_unsaid(tmp_path, coffee):
    Image.fromarray(coffee).save(tmp_path / "in.tif", compression="tiff_lzw")
    whole = (tmp_path / "in.tif").read_bytes()
    for part in (2, 3):
        (tmp_path / "in.tif").write_bytes(whole[: len(whole) // part])
        result = python("-m", "sr_arn", "upscale", tmp_path / "in.tif", "-o", tmp_path / "out.tif")
        assert result.returncode == 2
        assert re.fullmatch(r"sr-arn: error: .*in\.tif: damaged or cut off .*\n", result.stderr)


def test_max_pixels_allows_more_than_pillow_would(tmp_path, monkeypatch):
    # 200 million pixels, of one bit each: above 179 million Pillow alone refuses.
    Image.new("1", (20_000, 10_000)).save(tmp_path / "in.png")
    arguments = ("-m", "sr_arn", "upscale", tmp_path / "in.png", "-o", tmp_path / "out.png")
    result = python(*arguments, "--model", "bicubic", "--scale", 1)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "allow more with --max-pixels" in result.stderr
    result = python(*arguments, "--model", "bicubic", "--scale", 1, "--max-pixels", 200_000_000)
    assert (result.returncode, result.stderr) == (0, "")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200_000_000)
    assert read_image(tmp_path / "out.png", max_pixels=200_000_000).pixels.shape == (10_000, 20_000)


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from sr_arn.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'torch', 'numba', 'sklearn', 'skimage', 'PIL'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    result = python("-c", code)
    assert result.returncode == 0, result.stderr
    assert "Enlarge pictures." in result.stdout


def test_upscaling_loads_neither_torch_nor_scikit_learn(photo, tmp_path):
    code = (
        "import sys; from sr_arn.cli import main\n"
        f"assert main(['upscale', {str(photo)!r}, '-o', {str(tmp_path / 'o.png')!r}]) == 0\n"
        "heavy = {'torch', 'sklearn', 'skimage'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    result = python("-c", code)
    assert result.returncode == 0, result.stderr


def test_version(capsys):
    import sr_arn

    assert run("--version") == 0
    assert capsys.readouterr().out == f"sr-arn {sr_arn.__version__}\n"
