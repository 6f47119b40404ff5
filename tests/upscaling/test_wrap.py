"""Pictures that repeat: rolling the picture rolls the result, for any model, size and kind."""

import numpy as np
import pytest
from conftest import SHIPPED, opened
from PIL import Image

from sr_arn import InputError, load_model
from sr_arn.cli import main
from sr_arn.upscaling.schedule import Schedule

AXES = {"x": (1,), "y": (0,), "both": (0, 1)}


@pytest.fixture(params=[(), (3,), (4,)], ids=["grey", "RGB", "RGBA"])
def pixels(request, coffee):
    return np.resize(coffee[90:], (30, 38, *request.param))


def upscaled(upscaler, pixels, size=None):
    return upscaler.upscale(pixels, size, restore="off")


@pytest.mark.parametrize("name", ["bicubic", "nearest", "aplus-x3", "conv-arn-x3-tiny"])
@pytest.mark.parametrize("wrap", AXES)
def test_rolling_the_picture_rolls_the_result(pixels, name, wrap):
    """By an even number of pixels, not a bit differs: see `Grid.tiles`."""
    axes, upscaler = AXES[wrap], load_model(name, scale=3).wrapping(wrap)
    result = upscaled(upscaler, pixels)
    steps = [4, 6][: len(axes)]
    rolled = upscaled(upscaler, np.roll(pixels, steps, axes))
    np.testing.assert_array_equal(rolled, np.roll(result, [3 * step for step in steps], axes))
    if pixels.ndim == 2:  # away from the edges it is the same as without
        edge = 3 * upscaler.model.reach
        inner = slice(edge, -edge), slice(edge, -edge)
        plain = upscaled(upscaler.wrapping(None), pixels)
        np.testing.assert_array_equal(plain[inner], result[inner])


@pytest.mark.parametrize("size", [(45, 57), (20, 19), (75, 95)])
@pytest.mark.parametrize("wrap", AXES)
def test_so_it_does_at_other_sizes(pixels, size, wrap):
    axes = AXES[wrap]
    upscaler = load_model("conv-arn-x3-tiny").wrapping(wrap)
    whole = {0: 30, 1: 38}
    steps = [whole[axis] // np.gcd(whole[axis], size[axis]) * 2 for axis in axes]
    moved = [step * size[axis] // whole[axis] for step, axis in zip(steps, axes, strict=True)]
    result = upscaled(upscaler, pixels, size).astype(int)
    rolled = upscaled(upscaler, np.roll(pixels, steps, axes), size)
    assert result.shape[:2] == size
    assert np.abs(rolled - np.roll(result, moved, axes)).max() <= 1


def test_a_tile_of_many_is_the_middle_of_them(coffee):
    """Laid out three by three, a texture is enlarged as by itself."""
    texture = coffee[100:124, 200:232]
    upscaler = load_model("conv-arn-x2-tiny")
    many = upscaled(upscaler, np.tile(texture, (3, 3, 1)))[48:96, 64:128]
    for tile in (16, 100):
        alone = upscaler.wrapping("both").scheduled(Schedule(tile=tile, threads=2))
        np.testing.assert_array_equal(upscaled(alone, texture), many)
    chained = load_model("conv-arn-x2-tiny+conv-arn-x2-tiny").wrapping("x")
    wide = upscaled(chained, np.tile(texture, (1, 3, 1)))[:, 128:256]
    np.testing.assert_array_equal(upscaled(chained, texture), wide)


def test_the_command_line(tmp_path):
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    opened(SHIPPED / "coffee.png").crop((0, 100, 40, 130)).save(source)
    options = "--model", "aplus-x2", "--restore", "off", "--wrap", "x"
    assert main(["upscale", str(source), "-o", str(target), *options, "--preview"]) == 0
    expected = load_model("aplus-x2").wrapping("x").upscale(source, restore="off")
    np.testing.assert_array_equal(opened(target), expected)
    Image.fromarray(np.roll(opened(source), 10, axis=1)).save(source)
    assert main(["upscale", str(source), "-o", str(target), *options]) == 0
    np.testing.assert_array_equal(opened(target), np.roll(expected, 20, axis=1))
    with pytest.raises(InputError, match="wrap: expected x, y or both, received z"):
        load_model("bicubic").wrapping("z")
