import re
import shutil

import numpy as np
import pytest
from conftest import SHIPPED, opened
from PIL import Image

from sr_arn import InputError, imresize, load_model, psnr_y, save_model, train_upscaler
from sr_arn.datasets.folders import data_folder, digest, find_images, find_set
from sr_arn.evaluation.evaluate import evaluate, report, table
from sr_arn.pictures.resize import crop_to_multiple
from sr_arn.regressors import APlusRegressor


@pytest.fixture(scope="module")
def upscaler():
    return train_upscaler(SHIPPED, APlusRegressor(anchors=64), scale=3, max_samples=60_000)


def test_beats_bicubic_on_pictures_it_has_not_seen(upscaler):
    import skimage.data

    hr = crop_to_multiple(skimage.data.astronaut()[..., 1], 3) / np.float32(255)
    lr = imresize(hr, 1 / 3)
    ours, bicubic = (
        psnr_y(hr, model.upscale_luminance(lr), 3) for model in (upscaler, load_model("bicubic"))
    )
    assert ours > bicubic + 0.5


def test_header_says_what_was_done(upscaler):
    training = upscaler.header["training"]
    assert (training["images"], training["samples"]) == (3, 60_000)
    assert training["digest"] == digest(sorted(SHIPPED.glob("*.png")))
    assert training["parameters"]["anchors"] == 64


def test_trained_saved_and_loaded_it_predicts_alike(tmp_path, upscaler, planes):
    save_model(tmp_path / "m.safetensors", upscaler)
    loaded = load_model(tmp_path / "m.safetensors")
    lr = planes[0][:60, :60]
    difference = loaded.upscale_luminance(lr) - upscaler.upscale_luminance(lr)
    assert np.abs(difference).max() < 0.5 / 255


def test_same_seed_same_model(upscaler):
    again = train_upscaler(SHIPPED, APlusRegressor(anchors=64), scale=3, max_samples=60_000)
    for name, array in upscaler.model.regressor.arrays().items():
        np.testing.assert_array_equal(array, again.model.regressor.arrays()[name])


def test_other_files_are_skipped_and_told(tmp_path, caplog):
    shutil.copy(SHIPPED / "coffee.png", tmp_path / "b.png")
    Image.new("L", (9, 9)).save(tmp_path / "a.bmp")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "folder").mkdir()
    with caplog.at_level("WARNING"):
        assert [path.name for path in find_images(tmp_path)] == ["a.bmp", "b.png"]
        train_upscaler(tmp_path, APlusRegressor(anchors=2), max_samples=500)
    assert "skipped 1 other files: notes.txt" in caplog.text
    assert "too small to learn from: a.bmp" in caplog.text


def test_held_out_images_are_not_trained_on_but_measured(caplog):
    with caplog.at_level("INFO", logger="sr_arn"):  # whatever command ran before
        trained = train_upscaler(
            SHIPPED, APlusRegressor(anchors=8), max_samples=20_000, validation=1
        )
    training = trained.header["training"]
    assert (training["images"], training["held_out"]) == (2, 1)
    assert training["digest"] == digest([SHIPPED / "camera.png", SHIPPED / "coffee.png"])
    found = re.search(r"held out: bicubic ([\d.]+) dB, aplus ([\d.]+) dB", caplog.text)
    assert float(found[2]) > float(found[1]) + 0.3
    with pytest.raises(InputError, match="fewer than the 3 images, received 3"):
        train_upscaler(SHIPPED, APlusRegressor(), validation=3)


def test_refuses_folders_without_use(tmp_path):
    with pytest.raises(InputError, match="no picture in"):
        train_upscaler(tmp_path, APlusRegressor())
    with pytest.raises(InputError, match="missing does not exist"):
        train_upscaler(tmp_path / "missing", APlusRegressor())
    Image.new("L", (14, 99)).save(tmp_path / "small.png")
    with pytest.raises(InputError, match="all are smaller than 15 x 15 pixels"):
        train_upscaler(tmp_path, APlusRegressor())
    Image.new("L", (40, 40)).save(tmp_path / "flat.png")
    with pytest.raises(InputError, match="received only flat ones"):
        train_upscaler(tmp_path, APlusRegressor())


def test_pictures_that_cannot_be_used_are_left_out_and_listed(tmp_path, parts, caplog):
    folder = tmp_path / "images"
    shutil.copytree(parts, folder)
    expected = train_upscaler(folder, APlusRegressor(anchors=4), validation=1)
    (folder / "b.png").write_bytes(b"\x89PNG")
    Image.new("RGBA", (40, 40)).save(folder / "d.png")
    Image.new("CMYK", (40, 40)).save(folder / "z.tif")
    caplog.clear()
    found = train_upscaler(folder, APlusRegressor(anchors=4), validation=1)
    assert found.header == expected.header  # the digest too
    (warning,) = (r.message for r in caplog.records if r.levelname == "WARNING")
    first, *lines = warning.splitlines()
    assert first == f"left out 3 of {3 + len(list(parts.iterdir()))} images:"
    assert [line.split(":")[0] for line in lines] == [
        f"  {folder / name}" for name in ("b.png", "d.png", "z.tif")
    ]
    assert "has transparency" in lines[1]
    for path in folder.iterdir():
        path.write_bytes(b"\x89PNG")
    with pytest.raises(InputError, match=r"\.png: .*\(so are the other \d+\)"):
        train_upscaler(folder, APlusRegressor(anchors=4))


def test_benchmark_scores_by_the_protocol():
    paths = find_images(SHIPPED)
    models = {name: load_model(name, scale=3) for name in ("bicubic", "aplus-x3")}
    heard = []
    scores = evaluate(models, {"shipped": paths}, progress=heard.append)
    assert [(s.model, s.set, len(s.images)) for s in scores] == [
        ("bicubic", "shipped", 3),
        ("aplus-x3", "shipped", 3),
    ]
    # The protocol once more, in its own words, for one image.
    hr = np.array(opened(SHIPPED / "camera.png"))[:510, :510]
    result = imresize(imresize(hr / np.float32(255), 1 / 3), 3)
    assert scores[0].images[0].image == "camera.png"
    assert scores[0].images[0].psnr == pytest.approx(psnr_y(hr, result, 3), abs=1e-3)
    assert scores[0].psnr == pytest.approx(np.mean([i.psnr for i in scores[0].images]))
    assert f"bicubic on shipped: {scores[0].psnr:.2f} dB" in heard
    lines = table(scores).splitlines()
    assert len(lines) == 4
    assert f"{scores[1].psnr:.2f} / {scores[1].ssim:.4f}" in lines[3]
    assert report(scores, 3, "paper")["scores"][1]["images"][2]["image"] == "coffee.png"


def test_sets_are_looked_for_and_what_is_there_is_told(tmp_path, monkeypatch):
    monkeypatch.delenv("SR_ARN_DATA", raising=False)
    with pytest.raises(InputError, match="give the folder of the sets, with --data or SR_ARN_DATA"):
        data_folder(None)
    monkeypatch.setenv("SR_ARN_DATA", str(tmp_path))
    assert data_folder(None) == tmp_path
    (tmp_path / "Set5").mkdir()
    with pytest.raises(InputError, match=r"no folder Set6 with pictures in .*; it has Set5"):
        find_set(tmp_path, "Set6")
