"""Formats that other libraries decode: metadata, sizes, what is refused."""

import io
import struct
from importlib.util import find_spec

import imagecodecs
import numpy as np
import pytest
from old_jpeg import old_jpeg
from PIL import Image, ImageCms

from sr_arn import InputError
from sr_arn.cli import main
from sr_arn.errors import UnavailableError
from sr_arn.pictures.formats import format_named, heif
from sr_arn.pictures.formats.boxes import box
from sr_arn.pictures.formats.jxl_header import called_srgb, header_of
from sr_arn.pictures.io import read_image, write_image
from sr_arn.pictures.metadata import Metadata
from sr_arn.pictures.picture import Picture

RGB = np.add.outer(np.arange(24), np.arange(36))[..., None] * np.array([3, 2, 4])
RGB = RGB.astype(np.uint8)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
EXIF = Image.Exif()
EXIF[0x0112], EXIF[0x010E] = 6, "a cup"
BLOCK = EXIF.tobytes()[6:]


def test_metadata_of_heic():
    pillow_heif = pytest.importorskip("pillow_heif", reason='needs the extra "heif"')
    file = io.BytesIO()
    image = pillow_heif.from_pillow(Image.fromarray(RGB))
    image.save(file, quality=-1, exif=EXIF.tobytes(), icc_profile=PROFILE, xmp=b"<x:xmpmeta/>")
    picture = read_image(file.getvalue())
    assert picture.metadata.icc_profile == PROFILE
    assert picture.metadata.xmp == b"<x:xmpmeta/>"
    assert b"a cup" in picture.metadata.exif
    assert picture.metadata.orientation() == 1


def test_without_its_package_heic_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(heif, "find_spec", lambda name: None)
    with pytest.raises(UnavailableError, match=r'pip install "sr-arn\[heif\]"'):
        read_image(struct.pack(">I", 24) + b"ftypheic\0\0\0\0mif1heic" + bytes(99))


def jp2_with(*extra, header=()):
    """A JP2 file with further boxes in its header and at its end."""
    whole = imagecodecs.jpeg2k_encode(RGB, codecformat="jp2", level=0)
    place = whole.index(b"jp2h") - 4
    (length,) = struct.unpack_from(">I", whole, place)
    inner = whole[place + 8 : place + length]
    start = inner.index(b"colr") - 4
    colour = struct.unpack_from(">I", inner, start)[0]
    if any(b"colr" in part for part in header):
        inner = inner[:start] + inner[start + colour :]
    inner += b"".join(header)
    return whole[:place] + box(b"jp2h", inner) + b"".join(extra) + whole[place + length :]


def test_metadata_of_jpeg_2000():
    exif_id, xmp_id = b"JpgTiffExif->JP2", bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
    resolution = struct.pack(">4H2b", 300, 254, 300, 254, 4, 4)  # 300 dots per inch
    picture = read_image(
        jp2_with(
            box(b"uuid", exif_id + BLOCK),
            box(b"uuid", xmp_id + b"<x:xmpmeta/>"),
            header=[
                box(b"colr", b"\2\0\0" + PROFILE),
                box(b"res ", box(b"resc", resolution)),
            ],
        )
    )
    assert picture.metadata.icc_profile == PROFILE
    assert picture.metadata.xmp == b"<x:xmpmeta/>"
    assert b"a cup" in picture.metadata.exif
    assert picture.metadata.orientation() == 1
    assert picture.metadata.dpi == pytest.approx((300, 300))
    np.testing.assert_array_equal(picture.pixels, RGB)


@pytest.mark.parametrize("suffix", ["jp2", "jxl", "avif", "tga", "ppm", "pgm", "heic"])
def test_large_ones_are_refused_by_their_header(suffix, tmp_path):
    path = tmp_path / f"a.{suffix}"
    if suffix == "jxl":
        write_image(path, Picture(RGB))
    elif suffix == "avif":
        path.write_bytes(imagecodecs.avif_encode(RGB.astype(np.uint16) * 4, bitspersample=10))
    elif suffix == "heic":
        pillow_heif = pytest.importorskip("pillow_heif", reason='needs the extra "heif"')
        pillow_heif.from_pillow(Image.fromarray(RGB)).save(path)
    else:
        Image.fromarray(RGB[..., 0] if suffix == "pgm" else RGB).save(path)
    with pytest.raises(InputError, match="has 36 x 24 pixels, more than 863; allow more"):
        read_image(path, max_pixels=863)
    assert read_image(path, max_pixels=864).pixels.shape[:2] == (24, 36)


@pytest.mark.parametrize("shape", [(1, 1), (8, 16), (300, 400), (256, 256), (9, 600), (700, 7)])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_headers_of_jpeg_xl(shape, bits, channels):
    pixels = np.full((*shape, channels), 200, np.uint8 if bits == 8 else np.uint16)
    content = imagecodecs.jpegxl_encode(pixels, lossless=True, bitspersample=bits, effort=1)
    start = content.index(b"jxlc") + 4 if b"jxlc" in content[:99] else 0
    for codestream in (content[start:], called_srgb(content[start:])):
        header = header_of(codestream[:200])
        assert (header.height, header.width, header.bits) == (*shape, bits)
        assert header.extra == ((0,) if channels in (2, 4) else ())
        assert (header.is_animated, header.is_float) == (False, False)
    assert header.is_srgb
    if not start:
        np.testing.assert_array_equal(
            imagecodecs.jpegxl_decode(codestream), pixels[..., 0] if channels == 1 else pixels
        )


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_jpeg_xl_is_written_as_srgb(dtype, channels, tmp_path, caplog):
    pixels = np.dstack([RGB, RGB[..., 0]])[..., :channels].astype(dtype)
    pixels = pixels[..., 0] if channels == 1 else pixels
    write_image(tmp_path / "a.jxl", Picture(pixels, Metadata(exif=BLOCK, dpi=(300, 300))))
    picture = read_image(tmp_path / "a.jxl")
    assert not caplog.text
    assert picture.metadata.dpi == (300, 300)
    if dtype == np.uint16:
        np.testing.assert_array_equal(picture.pixels, pixels)


def test_floats_of_jpeg_xl():
    content = imagecodecs.jpegxl_encode(RGB / np.float32(255), lossless=True)
    picture = read_image(content)
    np.testing.assert_allclose(picture.pixels, RGB / 255, atol=1e-6)
    assert picture.scaling is None


def test_frames_of_jpeg_xl(caplog):
    content = imagecodecs.jpegxl_encode(np.stack([RGB, RGB // 2]), lossless=True)
    np.testing.assert_array_equal(read_image(content).pixels, RGB)
    assert "left out further frames" in caplog.text


def test_what_jpeg_xl_does_not_hold_is_left_out_and_told(tmp_path, caplog):
    metadata = Metadata(PROFILE, BLOCK, b"<x:xmpmeta/>", (300, 300))
    write_image(tmp_path / "a.jxl", Picture(RGB, metadata))
    assert "left out ICC profile (it is written as sRGB)" in caplog.text
    kept = read_image(tmp_path / "a.jxl").metadata
    assert kept.xmp == metadata.xmp
    assert kept.dpi == (300, 300)
    assert format_named("jxl").lacks((9, 9, 4), np.dtype(np.uint8), "CMYK")


PNM = {
    b"P2 2 2 # sixteen\n15\n0 5 10 15": [[0, 85], [170, 255]],
    b"P1\n2 2\n01\n10": [[255, 0], [0, 255]],
    b"P4\n2 2\n\x40\x80": [[255, 0], [0, 255]],
    b"P5\n#a\n2 #b\n2\n255\n\0\1\2\3": [[0, 1], [2, 3]],
    b"P7\nHEIGHT 2\nWIDTH 2\nDEPTH 1\nMAXVAL 1\nENDHDR\n\0\1\1\0": [[0, 255], [255, 0]],
}


@pytest.mark.parametrize("content", PNM)
def test_pnm_by_hand(content):
    assert read_image(content).pixels.tolist() == PNM[content]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"P5 2 2 255\n\0\1\2", "damaged"),
        (b"P5 2 2 3\n\0\1\2\4", "damaged or cut off .a pixel is more than 3"),
        (b"P2 2 2 255\n1 2 3", "damaged"),
        (b"P2 2 2 255\n1 2 3 70000", "damaged"),
        (b"P5 0 2 255\n", "has 0 x 2 pixels"),
        (b"P5 2 2 70000\n", "expected 1 to 4 channels of up to 65535"),
        (b"P7\nWIDTH 2\nHEIGHT 2\nDEPTH 9\nMAXVAL 255\nENDHDR\n", "expected 1 to 4 channels"),
        (b"P7\nWIDTH 2\nENDHDR\n", "damaged"),
        (b"P6 99999 99999 255\n", "more than 100,000,000"),
    ],
)
def test_pnm_that_is_none(content, message):
    with pytest.raises(InputError, match=message):
        read_image(content)


def test_an_alpha_of_tga_that_its_header_does_not_declare_is_none():
    file = io.BytesIO()
    Image.fromarray(np.dstack([RGB, np.zeros_like(RGB[..., 0])])).save(file, "TGA")
    content = bytearray(file.getvalue())
    assert read_image(bytes(content)).mode == "RGBA"
    content[17] &= 0xF0
    np.testing.assert_array_equal(read_image(bytes(content)).pixels, RGB)


def test_an_icon_may_lie_about_its_picture():
    inner = io.BytesIO()
    Image.new("1", (9000, 9000)).save(inner, "PNG")
    entry = struct.pack("<4B2H2I", 16, 16, 0, 0, 1, 32, len(inner.getvalue()), 22)
    with pytest.raises(InputError, match="more than 1,000,000"):
        read_image(b"\0\0\1\0\1\0" + entry + inner.getvalue(), max_pixels=1_000_000)
    bitmap = struct.pack("<IiiHH", 40, 9000, 18000, 1, 32) + bytes(24)
    entry = struct.pack("<4B2H2I", 16, 16, 0, 0, 1, 32, len(bitmap), 22)
    with pytest.raises(InputError, match="9,000 x 9,000 pixels, more than 1,000,000"):
        read_image(b"\0\0\1\0\1\0" + entry + bitmap, max_pixels=1_000_000)


@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8])
def test_ycbcr_is_turned_once(orientation):
    image, file = Image.fromarray(RGB).convert("YCbCr"), io.BytesIO()
    image.save(file, "TIFF", compression="tiff_lzw", tiffinfo={274: orientation})
    found = read_image(file.getvalue()).pixels
    plain, file = io.BytesIO(), file
    Image.fromarray(RGB).save(plain, "TIFF", tiffinfo={274: orientation})
    wanted = read_image(plain.getvalue()).pixels
    assert found.shape == wanted.shape
    assert np.abs(found.astype(int) - wanted).mean() < 1.5


def test_old_style_jpeg_in_tiff():
    found = read_image(old_jpeg(RGB)).pixels
    assert np.abs(found.astype(int) - RGB).mean() < 3


def saved(form, **options):
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, form, **options)
    return file.getvalue()


CUT = {
    "jxl": imagecodecs.jpegxl_encode(RGB, distance=1.0),
    "jp2": imagecodecs.jpeg2k_encode(RGB, codecformat="jp2"),
    "avif": imagecodecs.avif_encode(RGB.astype(np.uint16) * 4, bitspersample=10),
    "12 bits": imagecodecs.jpeg8_encode(RGB.astype(np.uint16) * 16, bitspersample=12),
    "lossless": imagecodecs.jpeg8_encode(RGB, lossless=True),
    "old": old_jpeg(RGB),
    "text": b"P3 36 24 255\n" + b" ".join(b"%d" % n for n in RGB.flat) + b"\n",
    "tga": saved("TGA", compression="tga_rle"),
}


@pytest.mark.parametrize("kind", CUT)
def test_what_is_cut_off_is_damaged(kind):
    assert read_image(CUT[kind]).pixels.shape == RGB.shape
    for part in range(1, 24):
        with pytest.raises(InputError, match=r"damaged|cut off|is none|is empty"):
            read_image(CUT[kind][: len(CUT[kind]) * part // 24])


def test_uncompressed_ycbcr_that_is_cut_off_is_damaged():
    file = io.BytesIO()
    Image.fromarray(RGB).convert("YCbCr").save(file, "TIFF")
    read_image(file.getvalue())
    for missing in (1, 40, 1000):
        with pytest.raises(InputError, match="damaged"):
            read_image(file.getvalue()[:-missing])


@pytest.mark.parametrize("bits", [12, 16])
def test_deep_jpeg_without_its_end(bits, caplog):
    deep = (RGB.astype(np.uint16) * 16) << (bits - 12)
    content = imagecodecs.jpeg8_encode(deep, bitspersample=bits, lossless=bits == 16)
    whole = read_image(content).pixels
    np.testing.assert_array_equal(read_image(content[:-2]).pixels, whole)
    assert "has no end marker, but all of its pixels" in caplog.text
    with pytest.raises(InputError, match="pixels are missing"):
        read_image(content[:-30])


def test_further_pictures_of_a_jpeg_in_a_folder(tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    frames = [Image.fromarray(RGB), Image.fromarray(RGB // 2)]
    frames[0].save(folder / "A.MPO", save_all=True, append_images=frames[1:])
    out = tmp_path / "out"
    assert main(["upscale", str(folder), "-o", str(out), "--model", "bicubic"]) == 0
    assert [path.name for path in out.iterdir()] == ["A_x3.MPO"]
    assert "left out further picture" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["jxl", "jp2", "ppm", "tga", "ico", "heic", "tif"])
def test_the_page_takes_and_shows_them(suffix, tmp_path):
    pytest.importorskip("starlette", reason='needs the extra "web"')
    from sr_arn.upscaling.sizes import Size
    from sr_arn.web.job_queue import JobQueue
    from sr_arn.web.jobs import Order

    queue = JobQueue(tmp_path, {"bicubic": "bicubic"}, best=False)
    kind = format_named("tif") if suffix == "tif" else None
    key = queue.open(Order(f"a.{suffix}", "bicubic", Size(scale=2), kind))
    path = queue.place_of(key)
    if suffix == "jxl":
        write_image(tmp_path / "a.jxl", Picture(RGB))
        (tmp_path / "a.jxl").rename(path)
    elif suffix == "tif":
        write_image(tmp_path / "a.tif", Picture(RGB[..., 0] * np.float32(1)))
        (tmp_path / "a.tif").rename(path)
    elif suffix == "heic":
        if find_spec("pillow_heif") is None:
            pytest.skip('needs the extra "heif"')
        import pillow_heif

        pillow_heif.from_pillow(Image.fromarray(RGB)).save(path)
    else:
        Image.fromarray(RGB[:24, :24]).save(path)
    queue.start(key)
    queue._worker.shutdown()
    assert queue.state(key)["status"] == "done", queue.state(key)
    for which in ("before", "after"):
        with Image.open(queue.shown(key, which)) as shown:
            assert shown.height == 48
            assert shown.format in ("PNG", "JPEG")
    queue.close()
