import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from sr_arn import InputError, imresize, psnr_y, ssim_y
from sr_arn.datasets.folders import find_set, read_luminances
from sr_arn.pictures.color import luminance_levels
from sr_arn.pictures.resize import crop_to_multiple


# Measured with independent code for this protocol; PSNR as in the publications.
@pytest.mark.parametrize(
    ("name", "psnr", "ssim"),
    [("Set5", 30.39, 0.8682), ("Set14", 27.54, 0.7736), ("B100", 27.21, 0.7388)],
)
def test_bicubic_scores_what_the_tables_say(data, name, psnr, ssim):
    pairs = []
    for plane in read_luminances(find_set(data, name)):
        hr = crop_to_multiple(plane, 3)
        pairs.append((hr, imresize(imresize(hr, 1 / 3), 3)))
    assert round(np.mean([psnr_y(*pair, 3) for pair in pairs]), 2) == psnr
    assert round(np.mean([ssim_y(*pair, 3) for pair in pairs]), 4) == ssim


def test_psnr_equals_scikit_image_on_luminance(coffee):
    noisy = np.clip(coffee + np.random.default_rng(0).normal(0, 9, coffee.shape), 0, 255)
    noisy = noisy.astype(np.uint8)
    a, b = (luminance_levels(x)[3:-3, 3:-3] for x in (coffee, noisy))
    assert psnr_y(coffee, noisy, 3) == pytest.approx(peak_signal_noise_ratio(a, b, data_range=255))


def test_one_level_off_everywhere_is_48_13_db():
    plane = np.full((8, 8), 100, np.uint8)
    assert psnr_y(plane, plane + np.uint8(1)) == pytest.approx(20 * math.log10(255))


def test_equal_images(coffee):
    assert psnr_y(coffee, coffee) == math.inf
    assert ssim_y(coffee, coffee) == pytest.approx(1)


def test_nan_is_no_perfect_score():
    with pytest.raises(InputError, match="expected floats in"):
        psnr_y(np.zeros((4, 4)), np.full((4, 4), np.nan))


def test_border_is_shaved():
    ref = np.zeros((20, 20), np.uint8)
    out = ref.copy()
    out[:3], out[:, -3:] = 255, 255
    assert psnr_y(ref, out, 3) == math.inf
    assert psnr_y(ref, out, 2) < 30


@pytest.mark.parametrize("metric", [psnr_y, ssim_y])
def test_refuses_what_cannot_be_compared(metric):
    plane = np.zeros((20, 20), np.uint8)
    with pytest.raises(InputError, match=r"equal sizes, received 20 x 20 .* and 20 x 19"):
        metric(plane, plane[:19])
    with pytest.raises(InputError, match="inside a border of 10, received 20 x 20"):
        metric(plane, plane, 10)
    with pytest.raises(InputError, match="border: expected an integer"):
        metric(plane, plane, -1)
