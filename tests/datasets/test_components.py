"""Components of degradations, by other programs and by law."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from sr_arn import imresize
from sr_arn.datasets.components import Jpeg, Kernel, Noise, encoded
from sr_arn.datasets.degradation import Degradation
from sr_arn.planes import to_levels


@pytest.fixture
def rgb(coffee):
    """RGB float32 [120, 156, 3] of whole levels."""
    return coffee[100:220, 200:356].astype(np.float32) / np.float32(255)


@pytest.mark.parametrize("in_colour", [True, False])
@pytest.mark.parametrize("quality", [5, 75, 100])
def test_jpeg_is_what_pillow_decodes(coffee, tmp_path, in_colour, quality):
    levels = coffee[:101, :77] if in_colour else coffee[:101, :77, 1]
    Image.fromarray(levels).save(tmp_path / "a.jpg", quality=quality)
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.mode == ("RGB" if in_colour else "L")
        expected = np.array(image)
    found = Jpeg(quality).after(levels.astype(np.float32) / np.float32(255))
    assert (found.dtype, found.shape) == (np.float32, levels.shape)
    np.testing.assert_array_equal((found * 255).round(), expected)


def test_jpeg_is_subsampled(coffee):
    with Image.open(BytesIO(encoded(coffee, 95))) as image:
        assert JpegImagePlugin.get_sampling(image) == 2  # 4:2:0


def test_jpeg_takes_values_beyond_the_range():
    plane = np.float32([[-0.2] * 8 + [1.2] * 8] * 16)
    found = Jpeg(100).after(plane)
    np.testing.assert_allclose(found, np.clip(plane, 0, 1), atol=2 / 255)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", ["box", "lanczos", "linear"])
def test_filters_are_pillows_within_a_level(rgb, name, scale):
    resampling = Image.Resampling[Kernel.by_pillow[name]]
    levels = (rgb * 255).round().astype(np.uint8)
    size = levels.shape[1] // scale, levels.shape[0] // scale
    expected = np.array(Image.fromarray(levels).resize(size, resampling)).astype(int)
    found = to_levels(Kernel(name).shrink(rgb, scale)).astype(int)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1  # Pillow rounds twice
    assert np.mean(found == expected) > 0.6
    of_green = Kernel(name).shrink(np.ascontiguousarray(rgb[..., 1]), scale)
    np.testing.assert_array_equal(of_green, Kernel(name).shrink(rgb, scale)[..., 1])


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_none_takes_the_pixel_nearest_the_centre_and_shows_hr_there(rgb, scale):
    none = Kernel("none")
    lr = none.shrink(rgb, scale)
    first = (scale - 1) // 2
    np.testing.assert_array_equal(lr, rgb[first::scale, first::scale])
    rows, columns = np.mgrid[:24, :24].astype(np.float32) / 24
    ramp = 0.3 * rows + 0.6 * columns
    shown = none.shown(ramp, scale)
    centres = shown.reshape(24 // scale, scale, 24 // scale, scale).mean(axis=(1, 3))
    inner = slice(2, -2)
    np.testing.assert_allclose(
        centres[inner, inner], none.shrink(ramp, scale)[inner, inner], atol=2e-3
    )
    if scale == 3:
        assert none.shown(rgb, 3) is rgb


def test_other_filters_do_not_move_the_picture(planes):
    plane = planes[0][:120, :120]
    for name in ("box", "lanczos", "linear"):
        degrade = Degradation(kernel=name)
        hr, lr = degrade.pair(plane, 2)
        assert hr is plane
        assert np.abs(lr - imresize(plane, 0.5)).mean() < 0.01


def test_noise_of_colour_is_of_each_channel(rgb):
    added = (Noise(5).after(rgb) - rgb) * 255
    np.testing.assert_allclose(added.std(axis=(0, 1)), 5, atol=0.2)
    correlations = np.corrcoef(added.reshape(-1, 3).T)
    assert np.abs(correlations - np.eye(3)).max() < 0.03
