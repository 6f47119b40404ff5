"""The training of networks for Cb and Cr: batches by law, two steps, and what is bundled."""

import importlib
import io
from pathlib import Path

import numpy as np
import pytest
from conftest import random_network
from PIL import Image

from sr_arn import load_model, save_model
from sr_arn.models.chroma import ChromaModel
from sr_arn.models.restoration import Strengths
from sr_arn.pictures.resize import imresize
from sr_arn.upscaling.upscaler import Upscaler

torch = pytest.importorskip("torch")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def module():
    """Return a function that imports a module of benchmarks/ as its neighbours do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield importlib.import_module


@pytest.fixture(scope="module")
def batches(module, coffee):
    return module("colour_batches").DegradedColour([coffee, coffee[::-1].copy()], 2, 16, 40)


def test_details_are_what_bicubic_lacks(batches, coffee):
    (lr, strengths), details = batches()
    assert (lr.shape, strengths.shape) == ((40, 3, 16, 16), (40, 2))
    assert details.shape == (40, 2, 32, 32)
    start = np.stack([imresize(crop.permute(1, 2, 0).numpy(), 2)[..., 1:] for crop in lr])
    hr = start + details.permute(0, 2, 3, 1).numpy()  # Cb and Cr of HR: in studio range
    assert hr.min() > 15 / 255
    assert hr.max() < 241 / 255
    assert strengths.min() >= 0
    assert strengths.max() < 1


def test_strengths_are_those_of_the_package_and_many_are_clean(batches):
    found = torch.cat([batches().inputs[1] for _ in range(5)])
    is_clean = (found == 0).all(1).float().mean()
    assert 0.15 < is_clean < 0.4
    qualities = [Strengths(jpeg=q).coordinates[0] for q in range(15, 98)]
    compressed = found[found[:, 0] > 0, 0].numpy()
    assert np.abs(compressed[:, None] - qualities).min(axis=1).max() < 1e-6


@pytest.mark.parametrize("subsampling", [0, 2])
def test_jpeg_is_that_of_pillow(module, coffee, subsampling):
    file = io.BytesIO()
    Image.fromarray(coffee).save(file, "JPEG", quality=60, subsampling=subsampling)
    after = module("colour_batches").after_jpeg(coffee, 60, subsampling)
    np.testing.assert_array_equal(after, np.array(Image.open(file)))


def test_two_steps_and_the_bundled_models(module, tmp_path):
    rng = np.random.default_rng(0)
    for name, count in (("open_photos", 9), ("T91", 2), ("BSD200", 9)):
        (tmp_path / name).mkdir()
        for number in range(count):
            pixels = imresize(rng.integers(0, 256, (20, 20, 3), np.uint8), 10)
            Image.fromarray(pixels).save(tmp_path / name / f"{number:02}.png")
    there = module("train_colour")
    there.train(tmp_path, tmp_path / "out", [2, 3], steps=2)
    arrays = {s: there.load_file(there.path_of(tmp_path / "out", s)) for s in (2, 3)}
    for name in ("first_weight", "pair_weight", "hidden_weight"):  # x3 starts from x2
        start, found = arrays[2][name], arrays[3][name]
        assert not np.array_equal(found, start)
        assert np.abs(found - start).max() < 0.2 * np.abs(start).max()
    for scale in (2, 3):
        for suffix in ("", "-tiny"):
            name = f"conv-arn-x{scale}{suffix}"
            model = random_network(scale, 6, 1, 3, 0.1, hidden=4)
            upscaler = Upscaler(model, {"training": {"images": 7}})
            save_model(tmp_path / f"{name}.safetensors", upscaler, licence="BSD-3-Clause")
    names = there.install(tmp_path / "out", tmp_path)
    assert names == [f"conv-arn-x{s}{suffix}" for s in (2, 3) for suffix in ("", "-tiny")]
    upscaler = load_model(tmp_path / "conv-arn-x3-tiny.safetensors")
    assert isinstance(upscaler.model.chroma, ChromaModel)
    assert upscaler.header["licence"] == "BSD-3-Clause"
    training = upscaler.header["training"]
    assert training["images"] == 7
    assert training["chroma"]["rounds"] == [{"steps": 2, "rate": there.ROUNDS[3][0].rate}]
    assert training["chroma"]["scores"].keys() == there.CONDITIONS.keys()
