"""LR planes as cameras make them, and models that were trained for them."""

import numpy as np
import pytest
from conftest import SHIPPED
from skimage.filters import gaussian

from sr_arn import InputError, imresize, load_model, save_model, train_upscaler
from sr_arn.cli import main
from sr_arn.degradation import BICUBIC, Degradation
from sr_arn.regressors import APlusRegressor
from sr_arn.validation import Validation

BLURRED = Degradation(blur=1.6)


def test_without_any_it_is_bicubic(planes):
    np.testing.assert_array_equal(BICUBIC(planes[0], 3), imresize(planes[0], 1 / 3))
    assert Degradation.parse("bicubic") == Degradation.parse("blur=0,noise=0") == BICUBIC


def test_blur_comes_before_shrinking(planes):
    """scikit-image's Gaussian, in double precision."""
    expected = imresize(gaussian(planes[0].astype(float), 1.6, mode="nearest"), 0.5)
    np.testing.assert_allclose(BLURRED(planes[0], 2), expected, atol=1e-5)


def test_noise_has_its_size_and_hangs_on_the_plane(planes):
    noisy = Degradation(noise=5)
    added = noisy(planes[0], 2) - imresize(planes[0], 0.5)
    assert abs(added.std() * 255 - 5) < 0.1
    assert abs(added.mean() * 255) < 0.1
    np.testing.assert_array_equal(noisy(planes[0], 2), noisy(planes[0], 2))
    other = noisy(planes[0] + np.float32(0.01), 2) - imresize(planes[0] + np.float32(0.01), 0.5)
    assert abs(np.corrcoef(added.ravel(), other.ravel())[0, 1]) < 0.05


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected bicubic, or blur=SIGMA,noise=SIGMA, received"),
        ("blur", "expected bicubic, or"),
        ("blur=a", "expected bicubic, or"),
        ("blur=1,blur=2", "expected bicubic, or"),
        ("fog=1", "received fog=1"),
        ("blur=-1", "blur: expected 0 to 20, received -1.0"),
        ("noise=nan", "noise: expected 0 to 100, received nan"),
    ],
)
def test_refuses_others(text, message):
    with pytest.raises(InputError, match=message):
        Degradation.parse(text)


def test_a_model_for_blurred_pictures_restores_them_better(tmp_path, planes):
    settings = {"scale": 2, "max_samples": 60_000}
    usual = train_upscaler(SHIPPED, APlusRegressor(anchors=32), **settings)
    own = train_upscaler(SHIPPED, APlusRegressor(anchors=32), **settings, degrade=BLURRED)
    assert own.header["training"]["degradation"] == {"blur": 1.6, "noise": 0.0}
    assert "degradation" not in usual.header["training"]
    import skimage.data

    unseen = [skimage.data.astronaut()[..., 1] / np.float32(255)]
    for validation, sign in ((Validation(unseen, 2, BLURRED), 1), (Validation(unseen, 2), -1)):
        assert sign * (validation.psnr(own) - validation.psnr(usual)) > 1
    save_model(tmp_path / "m.safetensors", own)
    kept = load_model(tmp_path / "m.safetensors").header["training"]["degradation"]
    assert kept == {"blur": 1.6, "noise": 0.0}


def test_conv_arn_learns_to_undo_it(planes, monkeypatch):
    pytest.importorskip("torch", reason='needs the extra "torch"')
    from sr_arn.conv_arn import ConvARN

    monkeypatch.setattr("sr_arn.conv_arn.BATCHES", 40)
    small = [plane[:150, :150] for plane in planes]
    settings = ConvARN(channels=16, layers=2, anchors=8, epochs=2, crop=16, batch_size=8)
    model = settings.fit(small, 2, degrade=BLURRED).model_
    validation = Validation([planes[0][150:300, 150:300]], 2, BLURRED)
    from sr_arn.upscaler import BicubicModel, Upscaler

    assert validation.psnr(Upscaler(model)) > validation.psnr(Upscaler(BicubicModel(2))) + 0.3


def test_train_for_it_from_the_command_line(tmp_path, capsys):
    model = tmp_path / "m.safetensors"
    options = ("--anchors", "8", "--scale", "2", "--validation", "1")
    folder = tmp_path / "images"
    folder.mkdir()
    from PIL import Image

    for number in range(3):
        with Image.open(SHIPPED / "coffee.png") as image:
            left = 100 * number
            image.crop((left, 90, left + 90, 180)).save(folder / f"{number}.png")
    arguments = ["train", str(folder), "-o", str(model), *options]
    assert main([*arguments, "--degradation", "blur=1.6"]) == 0
    rows = [row.split() for row in capsys.readouterr().out.splitlines() if row.startswith("| ")]
    scores = {row[1]: float(row[3]) for row in rows[2:]}
    assert scores["m"] > scores["aplus-x2"]
    assert main([*arguments, "--degradation", "fog"]) == 2
    assert "degradation: expected bicubic" in capsys.readouterr().err
