"""`--model nearest` repeats pixels as Pillow does; a hint names it for pixel art."""

import logging

import numpy as np
import pytest
from conftest import opened
from PIL import Image

from sr_arn import list_models, load_model
from sr_arn.cli import main
from sr_arn.pictures.picture import Picture
from sr_arn.upscaling.pixel_art import may_be_pixel_art
from sr_arn.upscaling.schedule import Schedule


@pytest.fixture(scope="module")
def sprite():
    """A picture of 16 colours in RGB, of odd sides: no pixel lies between two."""
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (16, 3), np.uint8)
    small = colours[np.repeat(rng.integers(0, 16, (25, 11)), 3, axis=1)]
    return Image.fromarray(small)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("kind", [(), (2,), (3,), (4,)])
def test_every_pixel_is_repeated(kind, dtype):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (13, 21, *kind))
    factor = {np.uint8: 1, np.uint16: 257, np.float32: 1 / 255}[dtype]
    pixels = (pixels * factor).astype(dtype)
    upscaler = load_model("nearest", scale=4, schedule=Schedule(tile=16, threads=2))
    result = upscaler.upscale(pixels, restore="off")
    np.testing.assert_array_equal(result, pixels.repeat(4, 0).repeat(4, 1))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("size", [(77, 50), (33, 25), (7, 99), (528, 400)])
def test_any_size_is_pillows(tmp_path, sprite, mode, size):
    source, target = tmp_path / "in.tif", tmp_path / "out.tif"
    sprite.convert(mode).save(source)
    width, height = size
    result = load_model("nearest", scale=1).upscale_picture(
        Picture(np.asarray(sprite.convert(mode)), is_cmyk=mode == "CMYK"), (height, width), "off"
    )
    expected = sprite.convert(mode).resize(size, Image.Resampling.NEAREST)
    np.testing.assert_array_equal(result.pixels, np.asarray(expected))
    factor = 3.4 if mode == "L" else 5
    args = ["upscale", source, "-o", target, "--model", "nearest", "--scale", factor, "--quiet"]
    assert main([str(arg) for arg in args]) == 0
    expected = sprite.convert(mode).resize(opened(target).size, Image.Resampling.NEAREST)
    np.testing.assert_array_equal(np.asarray(opened(target)), np.asarray(expected))


def test_it_is_listed_where_bicubic_is(capsys):
    assert list_models(scale=3)[:2] == ["bicubic", "nearest"]
    assert main(["models"]) == 0
    assert "\nnearest " in capsys.readouterr().out
    assert main(["completion", "bash"]) == 0
    assert "bicubic nearest" in capsys.readouterr().out


def test_a_hint_where_there_are_few_colours_in_blocks(sprite, coffee):
    assert may_be_pixel_art(np.asarray(sprite))
    assert may_be_pixel_art(np.asarray(sprite).repeat(5, 0).repeat(5, 1))
    assert may_be_pixel_art(np.asarray(sprite.convert("RGBA")))
    assert not may_be_pixel_art(coffee)
    assert not may_be_pixel_art(coffee[:, :, 0] // 128 * 255)  # a fax
    assert not may_be_pixel_art(np.asarray(Image.fromarray(coffee).quantize(128).convert("RGB")))
    assert not may_be_pixel_art(np.zeros((1, 1, 3), np.uint8))
    assert not may_be_pixel_art(np.asarray(sprite, np.float32) / 255)


def test_the_hint_is_logged_once(tmp_path, sprite, caplog):
    folder = tmp_path / "sprites"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        sprite.save(folder / name)
    with caplog.at_level(logging.INFO):
        assert main(["upscale", str(folder), "-o", str(tmp_path / "out"), "--scale", "2"]) == 0
    assert [r.message for r in caplog.records].count(
        f"{folder / 'a.png'}: has few colours in blocks; of pixel art, --model nearest keeps every "
        "edge"
    ) == 1
    caplog.clear()
    with caplog.at_level(logging.INFO):
        arguments = ["upscale", str(folder / "a.png"), "-o", str(tmp_path / "a.png")]
        assert main([*arguments, "--scale", "2", "--model", "nearest"]) == 0
    assert "blocks" not in caplog.text
