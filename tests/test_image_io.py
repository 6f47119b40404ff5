import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from conftest import opened
from PIL import Image

from sr_arn import InputError
from sr_arn.image_io import Picture, check_picture_output, read_image, write_image

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (12, 17), np.uint8)
RGB = RNG.integers(0, 256, (12, 17, 3), np.uint8)
DEEP = RNG.integers(0, 65536, (12, 17), np.uint16)


def png(pixels, colour_type, depth):
    """A PNG file made by hand: what Pillow cannot write."""

    def chunk(kind, data):
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(f">u{depth // 8}").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".tiff", ".PNG"])
@pytest.mark.parametrize("pixels", [GREY, RGB], ids=["grey", "rgb"])
def test_lossless_there_and_back(tmp_path, suffix, pixels):
    path = tmp_path / f"picture{suffix}"
    write_image(path, Picture(pixels))
    np.testing.assert_array_equal(read_image(path).pixels, pixels)
    np.testing.assert_array_equal(np.asarray(opened(path)), pixels)


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".webp"])
def test_lossy_formats_stay_near(tmp_path, coffee, suffix):
    path = tmp_path / f"picture{suffix}"
    write_image(path, Picture(coffee))
    error = read_image(path).pixels.astype(float) - coffee
    assert np.sqrt(np.mean(error**2)) < 6
    assert opened(path).format == {".webp": "WEBP"}.get(suffix, "JPEG")


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_grey_is_exact(tmp_path, suffix):
    path = tmp_path / f"deep{suffix}"
    write_image(path, Picture(DEEP))
    back = read_image(path).pixels
    assert back.dtype == np.uint16
    np.testing.assert_array_equal(back, DEEP)


def test_16_bit_grey_of_another_writer():
    np.testing.assert_array_equal(read_image(png(DEEP, 0, 16)).pixels, DEEP)


def test_palette_and_bilevel_without_transparency_keep_their_look(tmp_path):
    palette = Image.fromarray(RGB).quantize(16)
    palette.save(tmp_path / "palette.png")
    expected = np.asarray(palette.convert("RGB"))
    np.testing.assert_array_equal(read_image(tmp_path / "palette.png").pixels, expected)
    Image.fromarray(GREY > 99).save(tmp_path / "bilevel.png")
    expected = np.where(GREY > 99, 255, 0)
    np.testing.assert_array_equal(read_image(tmp_path / "bilevel.png").pixels, expected)


def test_icc_profile_is_kept(tmp_path, coffee):
    from sr_arn import load_model

    source = Image.fromarray(coffee[:9, :9])
    source.save(tmp_path / "in.png", icc_profile=b"a profile of sorts" * 9)
    result = load_model("bicubic", 2).upscale(tmp_path / "in.png")
    for name in ("out.png", "out.tif", "out.jpg", "out.webp"):
        write_image(tmp_path / name, read_image(tmp_path / "in.png"))
        assert opened(tmp_path / name).info["icc_profile"] == b"a profile of sorts" * 9
    assert result.info["icc_profile"] == b"a profile of sorts" * 9


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, orientation):
    image = Image.fromarray(RGB)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "turned.png", exif=exif)
    upright = {  # EXIF 2.3, table of the tag Orientation: 0th row / 0th column of the stored
        1: RGB,
        2: RGB[:, ::-1],
        3: RGB[::-1, ::-1],
        4: RGB[::-1],
        5: RGB.transpose(1, 0, 2),
        6: RGB[::-1].transpose(1, 0, 2),
        7: RGB[::-1, ::-1].transpose(1, 0, 2),
        8: RGB[:, ::-1].transpose(1, 0, 2),
    }[orientation]
    np.testing.assert_array_equal(read_image(tmp_path / "turned.png").pixels, upright)


def saved(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, format=kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (saved(Image.fromarray(RGB).convert("RGBA")), "has transparency"),
        (saved(Image.fromarray(GREY).convert("LA")), "has transparency"),
        (saved(Image.fromarray(RGB).quantize(9), transparency=0), "has transparency"),
        (saved(Image.fromarray(RGB).convert("CMYK"), "TIFF"), "this is CMYK; convert it first"),
        (saved(Image.fromarray(GREY / np.float32(9)), "TIFF"), "this is F; convert it first"),
        (png(np.dstack([DEEP] * 3), 2, 16), "has 16 bits per colour"),
        (saved(Image.fromarray(RGB), "GIF"), "expected a PNG, JPEG, BMP, WebP or TIFF picture"),
        (b"", "expected a PNG, JPEG, BMP, WebP or TIFF picture"),
        (b"no picture at all", "expected a PNG, JPEG, BMP, WebP or TIFF picture"),
    ],
)
def test_refuses_what_would_lose_something(data, message):
    with pytest.raises(InputError, match=message):
        read_image(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP", "TIFF"])
def test_cut_off_files_are_told_in_one_line(coffee, kind):
    whole = saved(Image.fromarray(coffee[:64, :64]), kind)
    for tenth in range(10):
        with pytest.raises(InputError, match=r"damaged or cut off|expected a PNG") as error:
            read_image(whole[: len(whole) * tenth // 10])
        assert "\n" not in str(error.value)


def test_16_bit_tiff_of_another_writer(tmp_path):
    path = tmp_path / "deep.tif"
    tifffile.imwrite(path, 65535 - DEEP, photometric="miniswhite")
    np.testing.assert_array_equal(read_image(path).pixels, DEEP)
    tifffile.imwrite(path, np.dstack([DEEP] * 3), photometric="rgb")
    with pytest.raises(InputError, match=r"deep\.tif: "):
        read_image(path)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow warns of EXIF it skips
def test_damaged_exif_is_told_in_one_line(coffee):
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = bytearray(saved(Image.fromarray(coffee[:32, :32]), "JPEG", exif=exif))
    start = whole.index(b"Exif")
    for place in range(start, start + 40):
        damaged = whole.copy()
        damaged[place] ^= 0xFF
        try:
            assert read_image(bytes(damaged)).pixels.ndim == 3
        except InputError as error:
            assert str(error).isprintable()  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize("source", [None, 3, ["a.png"]])
def test_other_things_are_no_pictures(source):
    with pytest.raises(InputError, match="expected a path, bytes or a binary file, received"):
        read_image(source)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.png: no such file"):
        read_image(tmp_path / "nothing.png")
    with pytest.raises(InputError, match="expected a picture, this is a folder"):
        read_image(tmp_path)


def test_bombs_are_refused_by_their_header():
    bomb = png(np.zeros((1, 1), np.uint8), 0, 8)
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    crc = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    bomb = bomb[:16] + header + crc + bomb[33:]
    with pytest.raises(InputError, match="pixels; cut it into parts"):
        read_image(bomb)


@pytest.mark.parametrize(
    ("name", "shape", "dtype", "message"),
    [
        ("a.gif", (9, 9), np.uint8, r"expected a name ending in \.png, .* received a\.gif"),
        ("a", (9, 9), np.uint8, "expected a name ending in"),
        ("a.jpg", (9, 65501, 3), np.uint8, "JPEG holds 65,500 pixels a side"),
        ("a.webp", (16384, 9), np.uint8, "WEBP holds 16,383 pixels a side"),
        ("a.jpg", (9, 9), np.uint16, "JPEG holds 8 bits, the picture has 16"),
    ],
)
def test_limits_of_formats_are_known_before_work(tmp_path, name, shape, dtype, message):
    with pytest.raises(InputError, match=message):
        check_picture_output(tmp_path / name, shape, np.dtype(dtype))
