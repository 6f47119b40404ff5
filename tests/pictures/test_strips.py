"""Pixels that come some rows at a time: the same rows, the same files."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tifffile import TiffFile

from sr_arn import load_model
from sr_arn.pictures.io import read_image, write_image, write_strips
from sr_arn.pictures.metadata import Metadata
from sr_arn.pictures.picture import Picture
from sr_arn.pictures.strips import regrouped
from sr_arn.pictures.tiff_tags import Field, block_of
from sr_arn.upscaling.schedule import Schedule
from sr_arn.upscaling.upscaler import Upscaler


@given(st.lists(st.integers(0, 9), max_size=6), st.integers(1, 12))
def test_regrouped_rows_are_the_same_so_many_at_a_time(lengths, rows):
    strips = [np.full((n, 2), i) for i, n in enumerate(lengths)]
    result = list(regrouped(strips, rows))
    total = sum(lengths)
    assert [len(r) for r in result] == [min(rows, total - k) for k in range(0, total, rows)]
    if total:
        np.testing.assert_array_equal(np.concatenate(result), np.concatenate(strips))


@pytest.mark.parametrize("channels", [(), (2,), (3,), (4,)])
@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [
        (".png", "uint8"),
        (".png", "uint16"),
        (".tif", "uint8"),
        (".tif", "uint16"),
        (".tif", "float32"),
        (".webp", "uint8"),
    ],
)
def test_strips_and_threads_do_not_change_a_byte(tmp_path, coffee, suffix, dtype, channels):
    pixels = np.resize(coffee, (337, 451, *channels))
    if dtype != "uint8":
        pixels = (pixels / np.float32(255) * (65535 if dtype == "uint16" else 1)).astype(dtype)
    picture = Picture(pixels, Metadata(dpi=(72, 72)))
    whole = tmp_path / f"whole{suffix}"
    write_image(whole, picture)
    if suffix != ".webp":
        np.testing.assert_array_equal(read_image(whole).pixels, pixels)
    for cuts, threads in (([1, 2, 90], 1), (range(0, 337, 50), 3), ([336], 2)):
        parts = tmp_path / f"parts{suffix}"
        write_strips(parts, picture.info, iter(np.split(pixels, cuts)), threads)
        assert parts.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("order", "<>")
def test_tiff_of_either_byte_order(tmp_path, order):
    exif = {"<": b"II*\0\x08\0\0\0\0\0\0\0\0\0", ">": b"MM\0*\0\0\0\x08\0\0\0\0\0\0"}[order]
    rng = np.random.default_rng(0)
    for dtype in ("uint16", "float32", "float64"):
        pixels = rng.random((40, 30, 3)) * (1 if dtype[0] == "f" else 65535)
        pixels = pixels.astype(dtype)
        write_image(tmp_path / "a.tif", Picture(pixels, Metadata(exif=exif)))
        with TiffFile(tmp_path / "a.tif") as file:
            assert file.byteorder == order
            np.testing.assert_array_equal(file.asarray(), pixels)


def test_a_tiff_that_may_pass_4_gb_is_a_big_one(tmp_path, coffee, monkeypatch, caplog):
    monkeypatch.setattr("sr_arn.pictures.formats.tiff.LARGEST", coffee.nbytes - 1)
    inner = {0x9003: Field(2, b"2020:01:02 03:04:05\0")}
    block = block_of({0x010F: Field(2, b"A maker\0"), 0x8769: inner}, ">")
    metadata = Metadata(exif=block, xmp=b"<xmp/>", dpi=(72, 300))
    write_image(tmp_path / "a.tif", Picture(coffee, metadata))
    with TiffFile(tmp_path / "a.tif") as file:
        assert file.is_bigtiff
        np.testing.assert_array_equal(file.asarray(), coffee)
        tags = file.pages.first.tags
        assert (tags[0x010F].value, tags[700].value) == ("A maker", b"<xmp/>")
        assert tags[0x8769].value == {"DateTimeOriginal": "2020:01:02 03:04:05"}
    assert caplog.text == ""
    kept = read_image(tmp_path / "a.tif").metadata
    assert (kept.exif, kept.xmp, kept.dpi) == (block, b"<xmp/>", (72, 300))


@pytest.mark.parametrize("kind", [(), (3,), (4,)])
def test_upscaled_strips_are_the_upscaled_picture(coffee, kind):
    pixels = np.resize(coffee[50:], (131, 97, *kind))
    expected = load_model("aplus-x3").upscale(pixels)
    for tile, threads in ((16, 1), (50, 3), (200, 2)):
        upscaler = Upscaler(
            load_model("aplus-x3").model, schedule=Schedule(tile=tile, threads=threads)
        )
        strips = list(upscaler.upscale_strips(Picture(pixels)))
        assert len(strips) >= 131 // tile
        np.testing.assert_array_equal(np.concatenate(strips), expected)


def test_the_frame_of_the_larger_picture(coffee):
    upscaler = load_model("bicubic", scale=2)
    picture = Picture(coffee[:9, :8], Metadata(dpi=(72, 72)))
    larger = upscaler.upscale_picture(picture).info
    info = picture.info.of_size(18, 16)
    assert info == larger
    assert (info.shape, info.dtype, info.mode) == ((18, 16, 3), np.uint8, "RGB")
