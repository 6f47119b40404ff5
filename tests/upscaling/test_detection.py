"""What is found in pixels: noise, aliasing, and that clean pictures are clean."""

import io

import numpy as np
import pytest
from conftest import SHIPPED, opened
from PIL import Image, ImageDraw, ImageFont

from sr_arn import imresize
from sr_arn.models.restoration import CLEAN, Strengths
from sr_arn.upscaling.detection import found_in

SHARE_OF_RGB = 0.57  # that noise of RGB leaves of itself in the luminance of BT.601, studio range


def noisy(pixels, sigma):
    noise = np.random.default_rng(0).normal(0, sigma, pixels.shape)
    return np.clip(np.round(pixels + noise), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("scale", [2, 3])
@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.png")), ids=lambda path: path.stem)
def test_shipped_pictures_that_were_shrunk_are_clean(path, scale):
    lr = imresize(np.array(opened(path)), 1 / scale)
    found = found_in(lr)
    assert not found.is_degraded
    assert found.aliasing < 0.2


@pytest.mark.parametrize("sigma", [4, 8, 20])
def test_noise_is_estimated_as_by_scikit_image(coffee, sigma):
    pytest.importorskip("pywt")
    restoration = pytest.importorskip("skimage.restoration")
    grey = noisy(imresize(coffee, 1 / 2)[..., 1], sigma)
    other = restoration.estimate_sigma(grey.astype(float))
    assert found_in(grey).noise == pytest.approx(other, rel=0.3)  # which takes detail for noise
    assert found_in(grey).noise == pytest.approx(sigma, rel=0.15)


def test_noise_of_rgb_is_that_of_its_luminance(coffee):
    lr = imresize(coffee, 1 / 2)
    for sigma in (5, 10):
        found = found_in(noisy(lr, sigma))
        assert found.noise == pytest.approx(SHARE_OF_RGB * sigma, rel=0.15)
        assert found.jpeg is None


def test_every_dtype_and_kind_tells_the_same(coffee):
    pixels = noisy(imresize(coffee, 1 / 2), 6)
    noise = found_in(pixels).noise
    opaque = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    for other in (pixels.astype(np.uint16) * 257, pixels / np.float32(255), pixels / 255, opaque):
        assert found_in(other).noise == pytest.approx(noise, abs=0.02)


def test_what_is_transparent_is_not_looked_at(coffee):
    pixels = noisy(imresize(coffee, 1 / 2), 20)
    hidden = np.dstack([pixels, np.zeros(pixels.shape[:2], np.uint8)])
    assert found_in(hidden) == CLEAN


def test_a_picture_of_every_second_pixel_is_aliased(coffee):
    assert found_in(coffee[::2, ::2]).aliasing > 0.5
    assert found_in(imresize(coffee, 1 / 2)).aliasing < 0.1


@pytest.mark.parametrize("quality", [None, 75])
@pytest.mark.parametrize("ink", [0, 60])
def test_a_page_of_text_that_was_shrunk_is_not_aliased(ink, quality):
    page = Image.new("L", (600, 600), 250)
    draw, rng = ImageDraw.Draw(page), np.random.default_rng(0)
    for top in range(10, 570, 34):
        words = "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz "), 40))
        draw.text((10, top), words, fill=ink, font=ImageFont.load_default(26))
    lr = imresize(np.array(page), 1 / 2)
    if quality:
        file = io.BytesIO()
        Image.fromarray(lr).save(file, "JPEG", quality=quality)
        lr = np.array(Image.open(file))
    assert found_in(lr, jpeg=quality).aliasing < 0.1


def test_flat_and_tiny_pictures_are_clean():
    for shape in ((1, 1), (31, 500), (300, 40, 3), (64, 64, 2)):
        assert found_in(np.full(shape, 90, np.uint8)) == CLEAN


def test_inks_are_as_the_file_says(coffee):
    inks = np.dstack([noisy(coffee, 20), coffee[..., 0]])
    assert found_in(inks, is_cmyk=True, jpeg=75) == Strengths(jpeg=75)


def test_of_large_pictures_a_sample_tells(coffee):
    lr = imresize(coffee, 1 / 2)
    large = noisy(np.tile(lr, (8, 4, 1)), 8)  # 1600 x 1200
    assert found_in(large).noise == pytest.approx(SHARE_OF_RGB * 8, rel=0.15)


def test_one_cell_of_detail_does_not_hide_noise():
    rng = np.random.default_rng(0)
    pixels = 120 + rng.normal(0, 8, (128, 128))
    pixels[16:32, 48:64] += 40 * (-1) ** np.add.outer(np.arange(16), np.arange(16))  # finest detail
    found = found_in(np.clip(np.round(pixels), 0, 255).astype(np.uint8))
    assert found.noise == pytest.approx(8, rel=0.15)
