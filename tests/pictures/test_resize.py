import numpy as np
import pytest
from conftest import opened
from PIL import Image

from sr_arn import InputError, imresize
from sr_arn.pictures.resize import resized_length


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_equals_matlab_pixel_for_pixel(data, scale):
    references = sorted((data / "matlab_bicubic" / f"x{scale}").glob("*_HR_*"))
    assert len(references) == 5
    for path in references:
        hr = np.array(opened(path))
        height, width = (n - n % scale for n in hr.shape[:2])
        matlab = np.array(opened(path.with_name(path.name.replace("_HR_", "_LRBI_"))))
        np.testing.assert_array_equal(imresize(hr[:height, :width], 1 / scale), matlab)


@pytest.mark.parametrize("scale", [1 / 4, 1 / 3, 1 / 2, 2, 3, 4])
def test_equals_pillow_away_from_the_border(planes, scale):
    # Pillow's float path: Keys' cubic with a = -0.5, antialiased; it drops taps at borders.
    plane = planes[0][:396, :444]
    size = [round(n * scale) for n in plane.shape]
    pillow = np.array(Image.fromarray(plane).resize(size[::-1], Image.Resampling.BICUBIC))
    margin = int(np.ceil(2 * max(1, scale))) + 1
    inside = np.s_[margin:-margin, margin:-margin]
    np.testing.assert_allclose(imresize(plane, scale)[inside], pillow[inside], atol=2e-6)


@pytest.mark.parametrize("scale", [2, 3, 4, 2.5])
def test_reproduces_quadratics(scale):
    # Keys' cubic is exact on polynomials of degree 2 (Keys 1981, section III).
    def curve(u):
        return 0.3 * u**2 - 2 * u + 5

    n = 30
    line = curve(np.arange(n, dtype=np.float64))
    up = imresize(np.tile(line, (4, 1)), scale)[0]
    positions = (np.arange(len(up)) + 0.5) / scale - 0.5
    inside = (positions > 2) & (positions < n - 3)
    np.testing.assert_allclose(up[inside], curve(positions[inside]), rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("scale", [0.3, 1, 1.7, 3])
def test_keeps_constants_and_dtype(dtype, scale):
    plane = np.full((7, 11), 200, dtype)
    out = imresize(plane, scale)
    assert out.dtype == dtype
    np.testing.assert_allclose(out, 200, rtol=1e-6)


def test_scale_one_changes_nothing(coffee):
    np.testing.assert_array_equal(imresize(coffee, 1), coffee)


def test_any_axis_order_gives_the_same_pixels(coffee):
    small = coffee[:40, :50]
    channels_first = imresize(small.transpose(2, 0, 1), 3, axes=(-2, -1))
    np.testing.assert_array_equal(channels_first.transpose(1, 2, 0), imresize(small, 3))


@pytest.mark.parametrize("scale", [1 / 4, 1 / 3, 2, 3])
def test_beyond_the_border_the_edge_pixel_repeats(planes, scale):
    plane, pad = planes[0][:36, :48], 12
    margin = round(pad * scale)
    padded = imresize(np.pad(plane, pad, mode="edge"), scale)[margin:-margin, margin:-margin]
    np.testing.assert_array_equal(imresize(plane, scale), padded)


def test_refuses_scales_that_leave_nothing():
    with pytest.raises(InputError, match="leaves nothing of an array of shape"):
        imresize(np.zeros((9, 9)), 1e-9)


def test_integers_are_rounded_after_each_pass(coffee):
    plane = coffee[:60, :60, 0]
    once = np.floor(np.clip(imresize(plane.astype(float), 1 / 3), 0, 255) + 0.5)
    twice = imresize(plane, 1 / 3)
    assert np.abs(once - twice).max() == 1  # the two differ, by the first rounding


@pytest.mark.parametrize(
    ("length", "scale", "expected"), [(100, 0.07, 7), (10, 1 / 3, 4), (9, 1 / 3, 3), (1, 0.1, 1)]
)
def test_length_is_rounded_up_but_forgives_round_off(length, scale, expected):
    assert resized_length(length, scale) == expected


@pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf"), "3", None])
def test_refuses_scales_that_are_none(scale):
    with pytest.raises(InputError, match="scale: expected a finite number above 0"):
        imresize(np.zeros((4, 4)), scale)


@pytest.mark.parametrize(
    "array", [np.zeros(5), np.zeros((0, 4)), np.zeros((4, 4), complex), np.zeros((4, 4), bool)]
)
def test_refuses_arrays_that_are_no_pictures(array):
    with pytest.raises(InputError, match="array: expected"):
        imresize(array, 2)
