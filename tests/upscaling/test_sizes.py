"""Results of any size: which pixels are wanted, and resizing strip by strip."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sr_arn import InputError, imresize, load_model
from sr_arn.pictures.picture import Picture
from sr_arn.pictures.resize import resized_length
from sr_arn.upscaling.schedule import Schedule
from sr_arn.upscaling.sizes import Size, resized


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (Size(scale=2.5), (753, 1000)),  # rounded up, as MATLAB does
        (Size(scale=1 / 3), (101, 134)),
        (Size(scale=3), (903, 1200)),
        (Size(width=200), (151, 200)),  # others to the nearest
        (Size(height=30), (30, 40)),
        (Size(width=200, height=100), (100, 133)),
        (Size(width=100, height=900), (75, 100)),
        (Size(max_side=1000), (753, 1000)),
        (Size(megapixels=1), (867, 1153)),
        (Size(megapixels=1e-6), (1, 1)),
    ],
)
def test_sizes_of_a_picture_of_400_x_301(size, expected):
    assert size.of(301, 400) == expected
    assert size.given


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"scale": 2, "width": 9}, "expected one way to say it, received scale and width"),
        ({"max_side": 2, "megapixels": 9}, "received max-side and megapixels"),
        ({"scale": 16.5}, "scale: expected up to 16, received 16.5"),
        ({"scale": True}, "scale: expected a finite number above 0"),
        ({"width": 2.5}, "width: expected an integer of at least 1"),
        ({"width": 10**400}, "width: expected up to 1e.06, received 1000"),
        ({"megapixels": 1e305}, "megapixels: expected up to 1e.06, received 1e.305"),
        ({"max_side": 0}, "max-side: expected an integer of at least 1"),
        ({"megapixels": float("inf")}, "megapixels: expected a finite number above 0"),
    ],
)
def test_refuses_other_sizes(fields, message):
    with pytest.raises(InputError, match=message):
        Size(**fields)


def test_refuses_more_than_16_times():
    assert Size(width=1600).of(5, 100) == (80, 1600)
    with pytest.raises(InputError, match=r"up to 16 times the picture's, received 16\.2"):
        Size(width=1620).of(5, 100)


def test_of_a_long_picture_few_rows_are_held():
    strips = (np.full((20, 500), k, np.float32) for k in range(100))
    tracemalloc.start()
    try:
        for strip in resized(strips, (2000, 500), (1500, 500), has_alpha=False):
            assert strip.nbytes <= 64 * 500 * 4
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2000 * 500 * 4 / 3


side = st.integers(1, 40)


@given(side, side, st.floats(0.07, 3), st.lists(st.integers(1, 39), max_size=5), st.booleans())
def test_strip_by_strip_it_is_imresize_of_the_whole(height, width, scale, cuts, is_grey):
    rng = np.random.default_rng(0)
    pixels = rng.random((height, width) if is_grey else (height, width, 3)).astype(np.float32)
    new = resized_length(height, scale), resized_length(width, scale)
    if abs(new[0] / height - scale) > 1e-12 or abs(new[1] / width - scale) > 1e-12:
        scale = None  # no one factor makes this size
    strips = np.split(pixels, sorted({cut for cut in cuts if cut < height}))
    result = np.concatenate(list(resized(strips, pixels.shape, new, has_alpha=False)))
    assert result.shape == (*new, *pixels.shape[2:])
    whole = np.concatenate(list(resized([pixels], pixels.shape, new, has_alpha=False)))
    np.testing.assert_array_equal(result, whole)
    if scale is not None:
        np.testing.assert_array_equal(result, imresize(pixels, scale))


def test_any_size_is_what_pillow_makes_of_it(coffee):
    """Pillow's bicubic is the same away from the edges, where it repeats no pixels."""
    plane = (coffee[:300, :311, 1] / 255).astype(np.float32)
    for new in ((200, 190), (97, 311), (111, 60)):
        result = np.concatenate(list(resized([plane], plane.shape, new, has_alpha=False)))
        expected = np.asarray(Image.fromarray(plane).resize(new[::-1], Image.Resampling.BICUBIC))
        np.testing.assert_allclose(result[4:-4, 4:-4], expected[4:-4, 4:-4], atol=2e-6)


def test_colours_count_by_their_alpha():
    """Hidden colour does not leak; what is opaque is treated as if there were no alpha."""
    rng = np.random.default_rng(0)
    rgba = rng.random((40, 30, 4)).astype(np.float32)
    rgba[..., 3] = np.where(rng.random((40, 30)) < 0.5, 0, rgba[..., 3])
    other = rgba.copy()
    other[rgba[..., 3] == 0, :3] = 0.123
    new = (17, 21)
    one, two = (
        np.concatenate(list(resized([p], p.shape, new, has_alpha=True))) for p in (rgba, other)
    )
    seen = one[..., 3] > 0.01
    assert seen.mean() > 0.8
    np.testing.assert_allclose(one[seen], two[seen], atol=1e-4)
    rgba[..., 3] = 1
    opaque = np.concatenate(list(resized([rgba], rgba.shape, new, has_alpha=True)))
    plain = np.concatenate(list(resized([rgba[..., :3]], rgba.shape, new, has_alpha=False)))
    np.testing.assert_allclose(opaque[..., :3], plain, atol=1e-6)
    np.testing.assert_allclose(opaque[..., 3], 1, atol=1e-6)


@pytest.mark.parametrize("kind", [(), (2,), (3,), (4,)])
def test_an_upscaled_picture_of_another_size(coffee, kind):
    pixels = np.resize(coffee[50:], (61, 77, *kind))
    upscaler = load_model("aplus-x3")
    picture = Picture(pixels)
    natural = upscaler.upscale_picture(picture, (183, 231)).pixels
    np.testing.assert_array_equal(natural, upscaler.upscale(pixels))
    smaller = upscaler.upscale_picture(picture, (130, 170)).pixels
    assert smaller.shape == (130, 170, *kind)
    assert smaller.dtype == np.uint8
    if kind in ((), (3,)):  # rounded twice, it differs by a level at most
        levels = natural.astype(np.float32) / 255
        twice = np.concatenate(list(resized([levels], levels.shape, (130, 170), has_alpha=False)))
        twice = np.clip(np.round(twice * 255), 0, 255)
        assert np.abs(twice - smaller.astype(float)).max() <= 1
    for tile, threads in ((20, 3), (40, 1)):
        other = upscaler.scheduled(Schedule(threads=threads, tile=tile))
        again = other.upscale_picture(picture, (130, 170)).pixels
        np.testing.assert_array_equal(again, smaller)
