"""Patch models by torch: the same pictures as without."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn import InputError, imresize, load_model, psnr_y  # noqa: E402 - after torch's check
from sr_arn.models import patch_torch  # noqa: E402 - after torch's check
from sr_arn.models.patch import PatchModel  # noqa: E402
from sr_arn.pictures.io import read_image  # noqa: E402
from sr_arn.planes import Rim  # noqa: E402
from sr_arn.regressors import APlusRegressor  # noqa: E402
from sr_arn.upscaling.upscaler import Upscaler  # noqa: E402

PHOTO = Path(__file__).parents[2] / "data" / "coffee.png"
NAMES = ["aplus-x2", "global-arn-x3", "arn-x3", "deep-arn-x4"]


@pytest.mark.parametrize("name", NAMES)
def test_a_photo_within_a_level(name):
    image = read_image(PHOTO).pixels[180:240, 200:290]
    upscaler = load_model(name)
    found, expected = (u.upscale(image).astype(int) for u in (upscaler.to("cpu"), upscaler))
    assert np.abs(found - expected).max() <= 1
    assert np.mean(found != expected) < 0.001


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_changes_a_level_at_most(name, monkeypatch, planes):
    hr = planes[0][:240, :240]
    upscaler = load_model(name)
    lr = imresize(hr, 1 / upscaler.scale)
    single = upscaler.to("cpu").upscale_luminance(lr)
    monkeypatch.setattr(patch_torch, "HALF_ON", ("cpu",))
    there = upscaler.to("cpu")
    half, expected = (u.upscale_luminance(lr) for u in (there, upscaler))
    assert np.array_equal(half, single) == name.startswith("aplus")  # where anchors would change
    levels = [np.floor(np.clip(x, 0, 1) * 255 + 0.5) for x in (half, expected)]
    assert np.abs(levels[0] - levels[1]).max() <= 1
    psnrs = [psnr_y(hr, x, upscaler.scale) for x in (half, expected)]
    assert abs(psnrs[0] - psnrs[1]) < 0.005
    flat = np.full((20, 20), 0.3, np.float32)
    np.testing.assert_allclose(there.upscale_luminance(flat), 0.3, atol=1e-6)


def test_what_overflows_in_half_precision_is_computed_in_single(monkeypatch):
    monkeypatch.setattr(patch_torch, "HALF_ON", ("cpu",))
    found = [
        patch_torch.in_half(
            torch.device("cpu"), lambda x=x: torch.full((1, 9), x) @ torch.ones(9, 1)
        )
        for x in (0.1, 9e3 + 0.1)
    ]
    assert 1e-6 < abs(found[0].item() - 0.9) < 1e-3
    assert found[1].item() == pytest.approx(81000.9, rel=1e-6)  # float16 ends at 65504


@pytest.mark.parametrize("shape", [(1, 1), (4, 9), (5, 5), (5, 40), (23, 6)])
@pytest.mark.parametrize("border", ["full", "paper"])
@pytest.mark.parametrize("name", NAMES)
def test_any_size_and_border(name, border, shape):
    lr = np.random.default_rng(0).uniform(size=shape).astype(np.float32)
    upscaler = load_model(name)
    found, expected = (u.upscale_luminance(lr, border) for u in (upscaler.to("cpu"), upscaler))
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_flat_stays_flat(name):
    lr = np.full((20, 20), 0.3, np.float32)
    np.testing.assert_allclose(load_model(name).to("cpu").upscale_luminance(lr), 0.3, atol=1e-6)


def test_some_windows_at_a_time(monkeypatch):
    lr = np.random.default_rng(0).uniform(size=(30, 20)).astype(np.float32)
    model = load_model("arn-x3").to("cpu").model
    whole = model(lr)
    monkeypatch.setattr("sr_arn.models.patch_torch.MEMORY", 200_000)
    np.testing.assert_allclose(model(lr), whole, atol=1e-5)


def test_windows_that_cover_only_the_rim_are_left_out():
    lr = np.random.default_rng(0).uniform(size=(30, 20)).astype(np.float32)
    model, counts, rim = load_model("aplus-x2").to("cpu").model, [], Rim(5, 6, 0, 7)
    whole = model(lr)
    model.regressor.register_forward_pre_hook(lambda module, args: counts.append(len(args[0])))
    np.testing.assert_allclose(model(lr, rim), rim.cut(whole, 2), atol=1e-5)
    assert sum(counts) == (30 - 4 - 2 - 3) * (20 - 4 - 4)


def test_too_little_memory_is_told_so_that_tiles_halve(monkeypatch):
    lr = np.random.default_rng(0).uniform(size=(64, 40)).astype(np.float32)
    upscaler = load_model("aplus-x2").to("cpu")
    whole = upscaler.upscale_luminance(lr)
    predict = upscaler.model.regressor.forward

    def fail_if_large(x):
        if len(x) > 1500:
            raise torch.OutOfMemoryError
        return predict(x)

    monkeypatch.setattr(upscaler.model.regressor, "forward", fail_if_large)
    with pytest.raises(MemoryError, match="the GPU's memory"):
        upscaler.model(lr)
    np.testing.assert_allclose(upscaler.upscale_luminance(lr), whole, atol=1e-5)


class Own(APlusRegressor.__base__):
    name = "own"
    array_axes = {}  # noqa: RUF012 - of a class that is not ours

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.zeros((len(X), 36), np.float32)


def test_a_regressor_of_ones_own_stays_on_the_processor(monkeypatch):
    upscaler = Upscaler(PatchModel(load_model("aplus-x2").model.features, Own()))
    with pytest.raises(InputError, match="device: own runs on the CPU only"):
        upscaler.to("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # "auto" asks for both
    assert [u.can_run_on_cuda for u in (upscaler, load_model("arn-x3"))] == [False, True]


def test_double_precision_is_cut():
    rng = np.random.default_rng(0)
    features = load_model("aplus-x2").model.features
    d, lr = len(features.projection_), rng.uniform(size=(20, 20)).astype(np.float32)
    regressor = APlusRegressor(4).fit(rng.normal(size=(200, d)), rng.normal(size=(200, 36)))
    upscaler = Upscaler(PatchModel(features, regressor))
    found, expected = (u.upscale_luminance(lr) for u in (upscaler.to("cpu"), upscaler))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["arn-x3", "conv-arn-x3-tiny"])
def test_torchs_generator_is_left_alone(name):
    state = torch.random.get_rng_state()
    load_model(name).to("cpu")
    assert torch.equal(torch.random.get_rng_state(), state)
