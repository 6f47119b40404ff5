"""Transparency, inks and depth, by law; `whole/test_oracles.py` has the files."""

import numpy as np
import pytest

from sr_arn import InputError, load_model
from sr_arn.pictures.picture import Picture
from sr_arn.upscaling.channels import reach_of, upscale_channels
from sr_arn.upscaling.schedule import Schedule

MODELS = ["bicubic", "aplus-x3", "deep-arn-x3"]
COLOURS = [(255, 0, 0), (0, 128, 255), (255, 255, 255), (0, 0, 0), (37, 180, 99)]


@pytest.fixture(params=MODELS, scope="module")
def upscaler(request):
    return load_model(request.param, scale=3)


def disc(size=24):
    """Alpha of a disc, smooth at its edge: uint8 [size, size, 1]."""
    y, x = np.indices((size, size)) - (size - 1) / 2
    return (
        (np.clip(size / 3 - np.hypot(x, y) + 0.5, 0, 1) * 255).round().astype(np.uint8)[..., None]
    )


def over(rgba, background):
    """What is seen of RGBA over a background colour, in levels 0..255."""
    alpha = rgba[..., 3:] / 255.0
    return rgba[..., :3] * alpha + np.asarray(background) * (1 - alpha)


@pytest.mark.parametrize("hidden", [(0, 0, 0), (255, 255, 255), (0, 255, 0)])
@pytest.mark.parametrize("colour", COLOURS)
def test_a_disc_has_no_fringe_over_any_background(upscaler, colour, hidden):
    alpha = disc()
    visible = np.where(alpha > 0, np.uint8(colour), np.uint8(hidden))
    large = upscaler.upscale(np.concatenate([visible, alpha], axis=-1))
    seen = large[..., 3] > 0
    assert np.abs(large[seen][:, :3].astype(int) - colour).max() <= 1  # all of one colour
    for background in COLOURS:
        picture = over(large, background)
        low, high = np.minimum(colour, background) - 1, np.maximum(colour, background) + 1
        assert (picture >= low).all()
        assert (picture <= high).all()


def test_the_check_of_fringes_can_fail(upscaler):
    # Colour and alpha enlarged each by itself: what is hidden, green, shows at the edge.
    alpha = disc()
    visible = np.where(alpha > 0, np.uint8((255, 0, 0)), np.uint8((0, 255, 0)))
    large = np.dstack([upscaler.upscale(visible), upscaler.upscale(alpha[..., 0])])
    assert np.abs(large[large[..., 3] > 0][:, :3].astype(int) - (255, 0, 0)).max() > 50


def test_opaque_stays_opaque_and_clear_stays_clear(upscaler):
    alpha = disc()
    large = upscaler.upscale(np.concatenate([alpha, alpha], axis=-1))[..., 1]
    padded = np.pad(alpha[..., 0], 1, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    for level in (0, 255):
        inside = (windows == level).all(axis=(-2, -1)).repeat(3, 0).repeat(3, 1)
        assert inside.any()
        assert (large[inside] == level).all()


def test_an_opaque_picture_is_enlarged_as_without_alpha(upscaler, coffee):
    rgb = coffee[100:140, 200:260]
    full = np.full((*rgb.shape[:2], 1), 255, np.uint8)
    large = upscaler.upscale(np.concatenate([rgb, full], axis=-1))
    np.testing.assert_array_equal(large[..., :3], upscaler.upscale(rgb))
    assert (large[..., 3] == 255).all()
    full[:3, :3] = 0  # far from it nothing changes
    large = upscaler.upscale(np.concatenate([rgb, full], axis=-1))
    np.testing.assert_array_equal(large[60:, 90:, :3], upscaler.upscale(rgb)[60:, 90:])


def test_half_transparent_colour_keeps_its_detail(upscaler, coffee):
    rgb = coffee[100:140, 200:260]
    half = np.full((*rgb.shape[:2], 1), 128, np.uint8)
    large = upscaler.upscale(np.concatenate([rgb, half], axis=-1))
    assert (large[..., 3] == 128).all()
    error = large[..., :3].astype(float) - upscaler.upscale(rgb)
    assert np.sqrt(np.mean(error**2)) < 1.5


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_flat_areas_keep_their_exact_colour(upscaler, channels, dtype):
    largest = np.iinfo(dtype).max
    for level in np.linspace(0, largest, 5).astype(dtype):
        colour = ((np.arange(channels) * (largest // 7) + level) % (largest + 1)).astype(dtype)
        if channels in (2, 4):
            colour[-1] = max(colour[-1], 1)  # however little is seen of it
        flat = np.broadcast_to(colour, (9, 11, channels))
        flat = flat[..., 0] if channels == 1 else flat
        large = upscaler.upscale(np.ascontiguousarray(flat))
        assert large.dtype == dtype
        np.testing.assert_array_equal(large, np.broadcast_to(large[0, 0], large.shape))
        np.testing.assert_array_equal(large[0, 0], flat[0, 0])


def test_each_ink_is_a_plane_of_its_own(upscaler, coffee):
    inks = np.dstack([coffee[:20, :30], coffee[20:40, :30, :1]])
    large = upscaler.upscale_picture(Picture(inks, is_cmyk=True))
    assert large.mode == "CMYK"
    for ink in range(4):
        plane = upscaler.upscale(np.ascontiguousarray(inks[..., ink]))
        np.testing.assert_array_equal(large.pixels[..., ink], plane)


def test_tiles_and_threads_leave_no_trace_in_alpha(coffee):
    upscaler = load_model("aplus-x3")
    rng = np.random.default_rng(0)
    alpha = np.where(rng.random((90, 100, 1)) < 0.5, 0, rng.integers(0, 256, (90, 100, 1)))
    rgba = np.concatenate([coffee[:90, :100], alpha.astype(np.uint8)], axis=-1)
    rgba[:40, :40, 3] = 255
    whole = upscaler.upscale(rgba)
    for threads in (1, 3):
        other = upscaler.scheduled(Schedule(threads=threads, tile=17))
        np.testing.assert_array_equal(other.upscale(rgba), whole)


def test_the_reach_is_enough(coffee):
    # A pixel further away than the reach changes nothing.
    model = load_model("aplus-x3").model
    rng = np.random.default_rng(1)
    rgba = rng.random((41, 41, 4)).astype(np.float32)
    for mode, pixels in {"RGBA": rgba, "LA": rgba[..., :2]}.items():
        reach = reach_of(model, mode)
        changed = pixels.copy()
        changed[:, : 20 - reach] = 0.3
        before, after = (upscale_channels(model, p, mode)[:, 60:63] for p in (pixels, changed))
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("shape", [(5,), (5, 5, 1), (5, 5, 5), (5, 5, 3, 3), (0, 5, 4)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(InputError, match=r"expected \[h, w\] or \[h, w, 2 to 4\]"):
        load_model("bicubic", scale=2).upscale(np.zeros(shape, np.uint8))
