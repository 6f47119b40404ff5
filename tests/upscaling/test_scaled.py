"""Numbers that are no levels: their range, holes and flat areas stay."""

import numpy as np
import pytest
import tifffile

from sr_arn import InputError, load_model
from sr_arn.cli import main
from sr_arn.pictures.io import read_image, write_image
from sr_arn.pictures.picture import Picture
from sr_arn.pictures.scaling import Scaling, scaling_of

RNG = np.random.default_rng(0)
NODATA = -9999
MODELS = ("bicubic", "conv-arn-x3-tiny", "aplus-x3")


@pytest.fixture(scope="module")
def heights():
    """Smooth heights in metres, float32 [40, 50]."""
    rows, columns = np.mgrid[:40, :50]
    return (800 + 300 * np.sin(rows / 6) * np.cos(columns / 9)).astype(np.float32)


def picture_of(numbers, mode="L", nodata=None):
    return Picture(numbers, is_bands=mode == "BANDS", scaling=scaling_of(numbers, mode, nodata))


def enlarged(numbers, model="bicubic", mode="L", nodata=None, size=None):
    upscaler = load_model(model, scale=3)
    return upscaler.upscale_picture(picture_of(numbers, mode, nodata), size).pixels


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_levels_are_not_scaled(dtype):
    white = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    assert scaling_of((RNG.random((9, 9, 3)) * white).astype(dtype), "RGB") is None


@pytest.mark.parametrize("model", MODELS)
def test_scaled_is_as_scaled_by_hand(heights, model):
    low, high = heights.min(), heights.max()
    by_hand = load_model(model, scale=3).upscale((heights - low) / (high - low), restore="off")
    np.testing.assert_allclose(enlarged(heights, model), low + by_hand * (high - low), atol=1e-3)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.float32, np.float64])
@pytest.mark.parametrize("size", [None, (77, 101)])
def test_kind_and_range_stay(heights, dtype, size):
    numbers = (heights - 800) / 3 if dtype == np.int8 else heights - 1000
    result = enlarged(numbers.astype(dtype), size=size)
    assert result.dtype == dtype
    assert result.shape == (size or (120, 150))
    assert numbers.astype(dtype).min() <= result.min() < result.max() <= numbers.max() + 1


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("value", [123.456, -1e-7, 3e38, 7.1e15])
def test_flat_pictures_stay_exactly_so(model, value):
    flat = np.full((20, 30), value, np.float32)
    assert (enlarged(flat, model) == flat[0, 0]).all()
    assert (enlarged(flat, size=(33, 44)) == flat[0, 0]).all()


@pytest.mark.parametrize("model", MODELS)
def test_flat_areas_stay_exactly_so(heights, model):
    sea = np.tile(heights, (2, 2))
    sea[20:70, 30:80] = -3.3
    inner = enlarged(sea, model)[3 * 40 : 3 * 50, 3 * 50 : 3 * 60]
    assert (inner == np.float32(-3.3)).all()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("none", [np.nan, np.inf, NODATA])
@pytest.mark.parametrize("size", [None, (80, 100)])
def test_holes_stay_as_they_are_and_do_not_leak(heights, model, none, size):
    holed = heights.copy()
    holed[10:20, 15:30] = none
    result = enlarged(holed, model, nodata=NODATA, size=size)
    rows, columns = result.shape
    hole = np.s_[10 * rows // 40 : 20 * rows // 40, 15 * columns // 50 : 30 * columns // 50]
    np.testing.assert_array_equal(result[hole], np.float32(none))
    seen = np.ones(result.shape, bool)
    seen[hole] = False
    whole = enlarged(heights, model, size=size)
    assert np.abs(result - whole)[seen].max() < 0.1 * np.ptp(heights)
    assert np.median(np.abs(result - whole)[seen]) < 0.001 * np.ptp(heights)


def test_nothing_but_holes_stays_so():
    nothing = np.full((9, 12), np.nan, np.float32)
    assert np.isnan(enlarged(nothing)).all()
    assert np.isnan(enlarged(nothing, size=(20, 20))).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_nodata_among_levels(dtype):
    levels = RNG.integers(100, 200, (20, 20)).astype(dtype)
    assert scaling_of(levels, "L", 0) is None
    levels[5:9, 5:9] = 0
    result = enlarged(levels, nodata=0)
    assert (result[15:27, 15:27] == 0).all()
    assert result[:15].min() >= 60


def test_colours_share_their_range_and_bands_do_not(heights):
    colours = np.stack([heights, heights * 2, heights * 3], axis=-1)
    assert scaling_of(colours, "RGB") == Scaling(float(heights.min()), float(colours.max()))
    bands = scaling_of(colours, "BANDS")
    assert bands.high == tuple(colours.max(axis=(0, 1)).tolist())


def test_light_with_alpha(heights):
    light = np.stack([heights / 400] * 3 + [np.full_like(heights, 0.5)], axis=-1)
    result = enlarged(light, mode="RGBA")
    np.testing.assert_allclose(result[..., 3], 0.5, atol=1e-6)
    assert 1 < result[..., :3].max() <= light.max()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
@pytest.mark.parametrize("channels", [2, 3, 5, 7])
def test_each_band_is_a_plane_of_its_own(heights, tmp_path, dtype, channels):
    bands = np.stack([heights / (4 + k) for k in range(channels)], axis=-1).astype(dtype)
    options = {"photometric": "minisblack", "planarconfig": "contig"}
    tifffile.imwrite(tmp_path / "a.tif", bands, **options)
    picture = read_image(tmp_path / "a.tif")
    assert picture.mode == "BANDS"
    result = load_model("bicubic", scale=3).upscale_picture(picture)
    for k in range(channels):
        alone = load_model("bicubic", scale=3).upscale_picture(picture_of(bands[..., k].copy()))
        np.testing.assert_array_equal(result.pixels[..., k], alone.pixels)
    write_image(tmp_path / "b.tif", result)
    np.testing.assert_array_equal(read_image(tmp_path / "b.tif").pixels, result.pixels)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), result.pixels)


def test_holes_of_bands(heights):
    bands = np.stack([heights, heights * 2, heights], axis=-1)
    bands[10:20, 10:20, 1] = np.nan
    result = enlarged(bands, mode="BANDS")
    assert np.isnan(result[30:60, 30:60, 1]).all()
    assert np.isfinite(result[..., 0]).all()


def test_tiles_and_strips_leave_no_trace(heights, tmp_path):
    holed = heights.copy()
    holed[5:9, 20:40] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", holed)
    results = []
    for tile in ("16", "1000"):
        options = ["--model", "conv-arn-x3-tiny", "--tile", tile, "--threads", "2", "--quiet"]
        assert (
            main(["upscale", str(tmp_path / "a.tif"), "-o", str(tmp_path / "b.tif"), *options]) == 0
        )
        results.append(read_image(tmp_path / "b.tif").pixels)
    np.testing.assert_array_equal(*results)


def test_a_given_range(heights, tmp_path, capsys):
    tifffile.imwrite(tmp_path / "a.tif", heights)
    base = ["upscale", str(tmp_path / "a.tif"), "-o", str(tmp_path / "b.tif"), "--model", "bicubic"]
    assert main([*base, "--range", "-10", "900"]) == 0
    result = read_image(tmp_path / "b.tif").pixels
    assert result.max() == 900
    assert result.min() == pytest.approx(heights.min(), abs=5)
    assert main([*base, "--range", "5", "5"]) == 2
    assert "range: expected LOW below HIGH, received 5 5" in capsys.readouterr().err
    write_image(tmp_path / "a.png", Picture(np.zeros((9, 9), np.uint8)))
    base[1] = str(tmp_path / "a.png")
    assert main([*base, "--range", "0", "1"]) == 2
    assert "range: is for floats and signed integers" in capsys.readouterr().err


@pytest.mark.parametrize(("dtype", "what"), [(np.float32, "floats"), (np.int16, "signed integers")])
def test_where_there_is_no_place_for_them(heights, dtype, what, tmp_path):
    with pytest.raises(InputError, match=f"PNG holds 16 bits, the picture has {what}; use .tif"):
        write_image(tmp_path / "a.png", picture_of((heights - 900).astype(dtype)))


def test_they_are_no_luminance_and_are_shown_scaled(heights):
    from sr_arn.upscaling.drawing import visible

    picture = picture_of(heights)
    with pytest.raises(InputError, match=r"a: expected grey or RGB in 0\.\.1; scale it first"):
        picture.seen("a")
    shown = visible(picture)
    assert (shown.dtype, shown.min(), shown.max()) == (np.uint8, 0, 255)


def test_multiplied_alpha_of_light(tmp_path):
    light = np.zeros((9, 9, 4), np.float32)
    light[..., :3], light[..., 3] = 3, 0.5
    light[0, 0] = 0
    tifffile.imwrite(tmp_path / "a.tif", light, photometric="rgb", extrasamples=["assocalpha"])
    pixels = read_image(tmp_path / "a.tif").pixels
    assert pixels[5, 5].tolist() == [6, 6, 6, 0.5]
    assert pixels[0, 0].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_alpha_beside_nodata_stays(dtype):
    white = np.iinfo(dtype).max
    levels = RNG.integers(100, 200, (20, 20, 4)).astype(dtype)
    levels[..., 3] = white
    levels[2:12, 2:12, :3] = 0
    result = enlarged(levels, mode="RGBA", nodata=0)
    assert (result[9:33, 9:33, :3] == 0).all()
    assert (result[45:, 45:, 3] == white).all()
    unit = picture_of(levels, "RGBA", 0).in_unit().pixels
    assert unit[15, 15, 3] == 1


@pytest.mark.parametrize("size", [None, (97, 60), (33, 120)])
def test_nearest_copies_numbers_and_holes(heights, size):
    holed = heights.copy()
    holed[10:13, 20:25] = np.nan
    result = enlarged(holed, "nearest", size=size)
    rows, columns = (
        ((2 * np.arange(many) + 1) * few) // (2 * many)
        for many, few in zip(result.shape, holed.shape, strict=True)
    )
    np.testing.assert_array_equal(result, holed[rows[:, None], columns])


def test_flat_areas_beyond_a_given_range_are_cut_off(heights):
    sea = np.tile(heights, (2, 2))
    sea[20:70, 30:80] = -50
    picture = picture_of(sea).of_range(0, 1000, "a")
    result = load_model("bicubic", scale=3).upscale_picture(picture).pixels
    assert (result[3 * 40 : 3 * 50, 3 * 50 : 3 * 60] == 0).all()
    assert result.max() <= 1000


def test_flat_areas_at_an_edge_see_the_other_one(heights):
    strip = np.tile(heights, (2, 2))
    strip[:, :20] = -3.3
    upscaler = load_model("bicubic", scale=3).wrapping("x")
    rolled = upscaler.upscale_picture(picture_of(np.roll(strip, 30, axis=1))).pixels
    result = upscaler.upscale_picture(picture_of(strip)).pixels
    np.testing.assert_allclose(np.roll(result, 90, axis=1), rolled, atol=1e-3)
