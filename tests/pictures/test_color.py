import numpy as np
import pytest
import skimage.color

from sr_arn import InputError
from sr_arn.pictures.color import luminance, luminance_levels, rgb_to_ycbcr, ycbcr_to_rgb


def test_equals_scikit_image(coffee):
    ours = rgb_to_ycbcr(coffee / np.float32(255))
    np.testing.assert_allclose(ours * 255, skimage.color.rgb2ycbcr(coffee), atol=1e-4)


def test_there_and_back(coffee):
    rgb = (coffee / np.float32(255)).astype(np.float32)
    np.testing.assert_allclose(ycbcr_to_rgb(rgb_to_ycbcr(rgb)), rgb, atol=1e-6)


@pytest.mark.parametrize(
    ("rgb", "y"),  # the colour bars of BT.601, 100 %
    [
        ((255, 255, 255), 235),
        ((255, 255, 0), 210),
        ((0, 255, 255), 170),
        ((0, 255, 0), 145),
        ((255, 0, 255), 106),
        ((255, 0, 0), 81),
        ((0, 0, 255), 41),
        ((0, 0, 0), 16),
    ],
)
def test_colour_bars(rgb, y):
    assert luminance_levels(np.full((2, 2, 3), rgb, np.uint8)).tolist() == [[y, y]] * 2


def test_one_channel_is_luminance_itself():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for same in (levels, levels * np.uint16(257), levels / 255, (levels / 255).astype(np.float32)):
        np.testing.assert_array_equal(luminance_levels(same), levels)
    np.testing.assert_array_equal(luminance(levels), levels.astype(np.float32) / np.float32(255))


@pytest.mark.parametrize(
    "array", [np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4), np.int64), np.zeros((0, 4), np.uint8)]
)
def test_refuses_other_arrays(array):
    with pytest.raises(InputError, match="image: expected uint8"):
        luminance_levels(array)
