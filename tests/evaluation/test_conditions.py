"""Models on degraded pictures: `sr-arn benchmark --degradation`, and `evaluate`."""

import json
import logging

import numpy as np
import pytest
from conftest import SHIPPED, opened
from PIL import Image

from sr_arn import Degradation, imresize, load_model, psnr_y
from sr_arn.cli import main
from sr_arn.datasets.images import ImageFiles
from sr_arn.evaluation.evaluate import evaluate
from sr_arn.evaluation.held_out import Validation

MODEL = "conv-arn-x2-tiny"


def score(path, restore="off", **strengths):
    model, degrade = load_model(MODEL), Degradation(**strengths)
    (found,) = evaluate({"m": model}, {"s": [path]}, degrade=degrade, restore=restore)
    return found.psnr


@pytest.mark.parametrize("restore", ["off", "auto"])
def test_jpeg_is_scored_as_the_users_file_is(tmp_path, restore):
    hr = np.array(opened(SHIPPED / "coffee.png"))
    lr = np.clip(np.round(imresize(hr.astype(float), 0.5)), 0, 255).astype(np.uint8)
    Image.fromarray(lr).save(tmp_path / "lr.jpg", quality=60)
    result = np.array(load_model(MODEL).upscale(tmp_path / "lr.jpg", restore=restore))
    found = score(SHIPPED / "coffee.png", restore, jpeg=60)
    assert found == pytest.approx(psnr_y(hr, result, 2), abs=0.002)


def test_noise_is_of_rgb():
    hr = np.array(opened(SHIPPED / "coffee.png"))
    noise = np.random.default_rng(7).normal(0, 8, (200, 300, 3))
    noisy = np.clip(np.round(imresize(hr, 0.5) + noise), 0, 255).astype(np.uint8)
    result = load_model(MODEL).upscale(noisy, restore="off")
    found = score(SHIPPED / "coffee.png", noise=8)
    assert found == pytest.approx(psnr_y(hr, result, 2), abs=0.05)


def test_grey_pictures_are_degraded_as_grey(tmp_path):
    hr = np.array(opened(SHIPPED / "coffee.png"))[..., 1]
    Image.fromarray(hr).save(tmp_path / "grey.png")
    Image.fromarray(imresize(hr, 0.5)).save(tmp_path / "lr.jpg", quality=60)
    result = np.array(load_model(MODEL).upscale(tmp_path / "lr.jpg", restore="off"))
    found = score(tmp_path / "grey.png", jpeg=60)
    assert found == pytest.approx(psnr_y(hr, result, 2), abs=0.1)  # not to the same border


def test_held_out_images_are_degraded_alike(parts):
    path, degrade = sorted(parts.iterdir())[0], Degradation(jpeg=50)
    validation = Validation([ImageFiles(path).read(2, in_colour=True)], 2, degrade)
    assert validation.psnr(load_model(MODEL)) == pytest.approx(score(path, jpeg=50))


@pytest.fixture
def sets(tmp_path, parts):
    (tmp_path / "mine").symlink_to(parts)
    return ["--data", str(tmp_path), "--sets", "mine", "--scale", "2", "--quiet"]


def benchmark(sets, *options):
    return main(["benchmark", *sets, "--models", f"bicubic,{MODEL}", *options])


def test_each_condition_has_a_table(sets, tmp_path, capsys):
    conditions = ["--degradation", "jpeg=40", "--degradation", "noise=8,blur=1"]
    page, scores = tmp_path / "r.html", tmp_path / "s.json"
    assert benchmark(sets, *conditions, "--json", str(scores), "--report", str(page)) == 0
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if line and line[0] != "|"] == [
        "jpeg=40",
        "blur=1,noise=8",
    ]
    data = json.loads(scores.read_text())
    found = {(s["degradation"], s["model"]): s["psnr"] for s in data["scores"]}
    assert len(found) == 4
    for (_, _), psnr in found.items():
        assert f"{psnr:.2f} / " in out
    assert data["restore"] == "off"
    assert "mine, blur=1,noise=8" in page.read_text()
    assert benchmark(sets, *conditions, "--json", str(scores), "--restore", "auto") == 0
    restored = {
        (s["degradation"], s["model"]): s["psnr"] for s in json.loads(scores.read_text())["scores"]
    }
    assert restored["jpeg=40", MODEL] > found["jpeg=40", MODEL] + 0.2
    assert restored["jpeg=40", "bicubic"] == found["jpeg=40", "bicubic"]


def test_without_conditions_the_tables_are_as_they_were(sets, capsys):
    assert benchmark(sets) == 0
    usual = capsys.readouterr().out
    assert usual.startswith("| model")
    assert benchmark(sets, "--degradation", "bicubic") == 0
    assert capsys.readouterr().out.startswith("bicubic\n\n| model")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("jpeg=30-95",), "degradation: expected no range"),
        (("kernel=any",), "degradation: expected no range"),
        (("jpeg=75", "blur=0,jpeg=75"), "degradation: jpeg=75 is given twice"),
        (("fog",), "degradation: expected bicubic, or"),
    ],
)
def test_conditions_are_checked(sets, capsys, options, message):
    texts = [text for option in options for text in ("--degradation", option)]
    assert benchmark(sets, *texts) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_restore_is_checked(sets, capsys):
    assert benchmark(sets, "--restore", "much") == 2
    assert "restore: expected auto, off or 0 to 100" in capsys.readouterr().err
    assert benchmark(sets, "--restore", "50") == 2
    assert "bicubic knows clean pictures only" in capsys.readouterr().err


def test_a_model_for_degraded_pictures_is_used_as_it_is(tmp_path, parts, capsys, caplog):
    model, photo = tmp_path / "m.safetensors", tmp_path / "a.jpg"
    degraded = "jpeg=30-95,noise=0-10,blur=0-2,kernel=any"
    options = ["--scale", "2", "--anchors", "4", "--validation", "1", "--degradation", degraded]
    assert main(["train", str(parts), "-o", str(model), *options]) == 0
    header = load_model(model).header["training"]["degradation"]
    assert header == {"blur": "0-2", "noise": "0-10", "kernel": "any", "jpeg": "30-95"}
    assert main(["models", "show", str(model)]) == 0
    assert "degraded by: blur=0-2,noise=0-10,kernel=any,jpeg=30-95" in capsys.readouterr().out
    opened(SHIPPED / "coffee.png").crop((0, 0, 90, 80)).save(photo, quality=50)
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        result = load_model(model).upscale(photo)
        np.testing.assert_array_equal(result, load_model(model).upscale(photo, restore="off"))
    assert not caplog.records
