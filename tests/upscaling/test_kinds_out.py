"""Kinds of results that are asked for: over a background, in sRGB, of a palette, of 1 bit."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import opened
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from sr_arn import InputError
from sr_arn.cli import main
from sr_arn.pictures.conversion import colour_of, flattened, in_srgb
from sr_arn.pictures.io import read_image
from sr_arn.pictures.metadata import Metadata
from sr_arn.pictures.palette import nearest_in, packed, palette_of
from sr_arn.pictures.picture import Picture

PROFILES = Path("/usr/share/color/icc/ghostscript")  # Debian's libgs-common


def cli(*arguments):
    return main([str(argument) for argument in arguments])


def magick(*arguments):
    """Run ImageMagick, or skip the test."""
    path = shutil.which("magick") or shutil.which("convert")
    if path is None:
        pytest.skip("the program convert is not installed")
    subprocess.run([path, *map(str, arguments)], check=True, timeout=60)  # noqa: S603


@pytest.fixture
def icon(tmp_path, coffee):
    """A photo that fades out."""
    alpha = np.linspace(0, 255, 36).astype(np.uint8)[None, :, None].repeat(24, axis=0)
    path = tmp_path / "icon.png"
    Image.fromarray(np.concatenate([coffee[100:124, 200:236], alpha], axis=-1)).save(path)
    return path


@pytest.fixture
def fax(tmp_path):
    """A page of 1 bit."""
    page = Image.new("1", (140, 90), 1)
    draw = ImageDraw.Draw(page)
    draw.text((10, 10), "A fax of one page", fill=0)
    draw.ellipse((30, 30, 90, 85), outline=0, width=2)
    page.save(tmp_path / "fax.tif", compression="group4")
    return tmp_path / "fax.tif"


# --- background --------------------------------------------------------------------


@pytest.mark.parametrize("colour", ["white", "#102030", "rgb(200, 0, 100)"])
def test_flattened_is_imagemagicks(icon, tmp_path, colour):
    magick(icon, "-background", colour, "-flatten", "PNG24:" + str(tmp_path / "flat.png"))
    expected = np.asarray(opened(tmp_path / "flat.png"), np.int16)
    found = flattened(read_image(icon), colour_of(colour))
    assert (found.mode, found.pixels.dtype) == ("RGB", np.uint8)
    assert np.abs(found.pixels - expected).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_opaque_stays_clear_becomes_the_background(dtype):
    white = 1 if dtype in (np.float32, np.float64) else np.iinfo(dtype).max
    pixels = np.zeros((1, 2, 2), dtype)
    pixels[0, :, 0], pixels[0, 0, 1] = white // 2 or 0.5, white
    for colour, expected in (((255, 255, 255), [1]), ((255, 0, 51), [1, 0, 0.2])):
        found = flattened(Picture(pixels), colour).pixels
        assert found.dtype == dtype
        assert (found[0, 0] == pixels[0, 0, 0]).all()
        np.testing.assert_allclose(np.atleast_1d(found[0, 1]) / white, expected, atol=1e-6)


def test_alpha_is_flattened_only_where_the_format_has_none(icon, tmp_path, capsys):
    large = tmp_path / "large.jpg"
    assert cli("upscale", icon, "-o", large, "--scale", 2) == 2
    assert "JPEG holds no transparency; use .png" in (error := capsys.readouterr().err)
    assert error.endswith("or --background COLOUR\n")
    flat = tmp_path / "flat.png"
    picture = flattened(read_image(icon), (255, 255, 255))
    Image.fromarray(picture.pixels).save(flat)
    assert cli("upscale", icon, "-o", large, "--scale", 2, "--background", "white") == 0
    assert cli("upscale", flat, "-o", tmp_path / "expected.jpg", "--scale", 2) == 0
    assert large.read_bytes() == (tmp_path / "expected.jpg").read_bytes()
    assert cli("upscale", icon, "-o", tmp_path / "a.png", "--background", "white") == 0
    assert opened(tmp_path / "a.png").mode == "RGBA"


@pytest.mark.parametrize("text", ["", "whitish", "#ff", "#ff00ff80", "rgba(1, 2, 3, 4)"])
def test_what_is_no_colour(text):
    with pytest.raises(InputError, match="background: expected a colour such as white or #ffcc00"):
        colour_of(text)


# --- sRGB --------------------------------------------------------------------------


@pytest.fixture
def inks(tmp_path, coffee):
    """CMYK by ImageMagick, with a profile."""
    if not PROFILES.is_dir():
        pytest.skip("the program libgs-common is not installed")
    Image.fromarray(coffee[100:140, 200:260]).save(tmp_path / "rgb.png")
    profiles = "-profile", PROFILES / "srgb.icc", "-profile", PROFILES / "default_cmyk.icc"
    magick(tmp_path / "rgb.png", *profiles, tmp_path / "inks.tif")
    return tmp_path / "inks.tif"


def test_inks_become_srgb_as_imagemagick_has_it(inks, tmp_path, capsys):
    picture = read_image(inks)
    assert picture.is_cmyk
    found = in_srgb(picture, "inks.tif")
    assert (found.mode, found.metadata.icc_profile) == ("RGB", None)
    intent = "-intent", "perceptual", "-black-point-compensation"
    magick(inks, *intent, "-profile", PROFILES / "srgb.icc", tmp_path / "expected.png")
    difference = found.pixels.astype(int) - np.asarray(opened(tmp_path / "expected.png"))
    assert np.abs(difference).max() <= 3
    assert np.abs(difference).mean() < 1
    large = tmp_path / "large.png"
    assert cli("upscale", inks, "-o", large) == 2
    assert "PNG holds no ink colours (CMYK); use .tif" in (error := capsys.readouterr().err)
    assert error.endswith(", or --to-srgb\n")
    assert cli("upscale", inks, "-o", large, "--to-srgb") == 0
    assert (opened(large).mode, opened(large).size) == ("RGB", (180, 120))
    back = np.asarray(opened(large).resize((60, 40), Image.Resampling.BOX), float)
    assert np.abs(back - found.pixels).mean() < 3


def test_inks_of_unknown_colours_are_refused():
    pixels = np.zeros((4, 4, 4), np.uint8)
    for profile in (None, b"\0" * 16 + b"RGB " + b"\0" * 200):
        picture = Picture(pixels, Metadata(icc_profile=profile), is_cmyk=True)
        with pytest.raises(InputError, match=r"to-srgb: a\.tif has no ICC profile"):
            in_srgb(picture, "a.tif")
    broken = Metadata(icc_profile=b"\0" * 16 + b"CMYK" + b"\0" * 200)
    with pytest.raises(InputError, match=r"to-srgb: the ICC profile of a\.tif cannot be used"):
        in_srgb(Picture(pixels, broken, is_cmyk=True), "a.tif")
    with pytest.raises(InputError, match="to-srgb: expected 8 bits"):
        in_srgb(Picture(pixels.astype(np.uint16), broken, is_cmyk=True), "a.tif")
    grey = Picture(pixels[..., 0])
    assert in_srgb(grey, "a.tif") is grey


# --- palettes ----------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 3, 13, 200])
@pytest.mark.parametrize("transparent", [False, True])
def test_results_are_of_the_palettes_colours(tmp_path, coffee, count, transparent):
    source, target, plain = (tmp_path / f"{name}.png" for name in ("in", "out", "plain"))
    image = Image.fromarray(coffee[100:140, 200:250]).quantize(count)
    image.save(source, **({"transparency": 0} if transparent else {}))
    assert cli("upscale", source, "-o", target, "--keep-palette", "--threads", 2) == 0
    assert cli("upscale", source, "-o", plain, "--restore", "auto") == 0
    result = opened(target)
    mode = "RGBA" if transparent else "RGB"
    assert (result.mode, result.size) == ("P", (150, 120))
    assert target.stat().st_size < plain.stat().st_size
    allowed = np.unique(np.asarray(opened(source).convert(mode)).reshape(-1, len(mode)), axis=0)
    shown = np.asarray(result.convert(mode))
    assert {*map(tuple, shown.reshape(-1, len(mode)))} <= {*map(tuple, allowed)}
    magick(target, "PNG32:" + str(tmp_path / "read.png"))
    np.testing.assert_array_equal(opened(tmp_path / "read.png"), result.convert("RGBA"))
    again = tmp_path / "again.png"
    assert cli("upscale", source, "-o", again, "--keep-palette", "--tile", 16) == 0
    assert again.read_bytes() == target.read_bytes()


colours = st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=9, unique=True)


@given(colours, colours)
def test_the_nearest_colour_is_the_nearest(palette, pixels):
    palette, pixels = np.array(palette, np.uint8), np.array([pixels], np.uint8)
    squares = ((pixels[:, :, None].astype(int) - palette.astype(int)) ** 2).sum(axis=-1)
    np.testing.assert_array_equal(nearest_in(palette, pixels), squares.argmin(axis=-1))


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_numbers_are_packed(depth):
    numbers = (np.arange(5 * 7).reshape(5, 7) % (1 << depth)).astype(np.uint8)
    bits = np.unpackbits(packed(numbers, depth), axis=1)[:, : 7 * depth].reshape(5, 7, depth)
    np.testing.assert_array_equal(bits @ (1 << np.arange(depth)[::-1]), numbers)


def test_pictures_without_a_palette():
    rng = np.random.default_rng(0)
    many = rng.integers(0, 256, (30, 30, 3), np.uint8)
    profile = Metadata(icc_profile=b"grey")
    for picture in (
        Picture(many),
        Picture(many[:2].astype(np.uint16)),
        Picture(many[:2, :2, [0, 0, 0, 0]], is_cmyk=True),
        Picture(many[..., 0], profile),
    ):
        assert palette_of(picture) is None
    assert palette_of(Picture(many[..., 0])).shape == (len(np.unique(many[..., 0])), 1)


# --- 1 bit -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["out.tif", "out.png"])
def test_a_fax_stays_one(fax, tmp_path, name):
    target, plain = tmp_path / name, tmp_path / f"plain_{name}"
    assert cli("upscale", fax, "-o", target, "--keep-bilevel") == 0
    assert cli("upscale", fax, "-o", plain) == 0
    result = opened(target)
    assert (result.mode, result.size) == ("1", (420, 270))
    assert result.info.get("compression") == ("group4" if name == "out.tif" else None)
    np.testing.assert_array_equal(np.asarray(result), np.asarray(opened(plain)) >= 128)
    assert target.stat().st_size < plain.stat().st_size / 4
    magick(target, tmp_path / "read.png")
    np.testing.assert_array_equal(opened(tmp_path / "read.png").convert("1"), result)


def test_a_long_fax_has_many_strips(tmp_path):
    rng = np.random.default_rng(0)
    page = np.kron(rng.integers(0, 2, (300, 40)), np.ones((5, 10))).astype(bool)
    Image.fromarray(page).save(tmp_path / "in.png")
    options = "--model", "nearest", "--scale", 2, "--keep-bilevel"
    assert cli("upscale", tmp_path / "in.png", "-o", tmp_path / "out.tif", *options) == 0
    result = opened(tmp_path / "out.tif")
    np.testing.assert_array_equal(result, page.repeat(2, axis=0).repeat(2, axis=1))


def test_grey_is_not_cut_to_black_and_white(tmp_path, coffee):
    Image.fromarray(coffee[:20, :20, 0]).save(tmp_path / "in.png")
    options = "--keep-bilevel", "--scale", 2
    assert cli("upscale", tmp_path / "in.png", "-o", tmp_path / "out.tif", *options) == 0
    assert opened(tmp_path / "out.tif").mode == "L"


@pytest.mark.parametrize(
    ("option", "name", "remedy"),
    [("--keep-palette", "a.jpg", "use .png"), ("--keep-bilevel", "a.webp", "use .png or .tif")],
)
def test_formats_that_cannot(fax, tmp_path, capsys, option, name, remedy):
    assert cli("upscale", fax, "-o", tmp_path / name, option) == 2
    assert f"{option[2:]}: " in (error := capsys.readouterr().err)
    assert error.endswith(f" cannot; {remedy}\n")
