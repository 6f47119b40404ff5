import io
import struct
import time
import warnings
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tifffile
from conftest import opened, png_chunks
from PIL import Image, ImageCms, features

from sr_arn import InputError
from sr_arn.pictures import exif
from sr_arn.pictures.formats import format_of
from sr_arn.pictures.formats.pillow import from_pil, to_pil
from sr_arn.pictures.formats.png_chunks import CHRM_OF_SRGB, metadata_of
from sr_arn.pictures.io import as_it_fits, read_image, write_image
from sr_arn.pictures.metadata import XMP_PREFIX, Metadata
from sr_arn.pictures.picture import Picture
from sr_arn.pictures.tiff_tags import Field, block_of

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (12, 17), np.uint8)
RGB = RNG.integers(0, 256, (12, 17, 3), np.uint8)
DEEP = RNG.integers(0, 65536, (12, 17), np.uint16)
LAB = Image.frombytes("LAB", (17, 12), RGB.tobytes())


def png(pixels, colour_type, depth, *chunks):
    """A PNG file made by hand: what Pillow cannot write."""
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(f">u{depth // 8}").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    data = (b"IDAT", zlib.compress(rows))
    return png_chunks((b"IHDR", header), *chunks, data, (b"IEND", b""))


@cache
def srgb():  # which holds the time
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


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


@pytest.mark.parametrize("key", [0, 1])
def test_a_transparent_colour_of_16_bits(key):
    deep = np.dstack([DEEP, DEEP[::-1], DEEP])
    deep[3, 4] = (1, 2, 3) if key else (1, 2, 4)
    picture = read_image(png(deep, 2, 16, (b"tRNS", struct.pack(">HHH", 1, 2, 3))))
    np.testing.assert_array_equal(picture.pixels[..., :3], deep)
    assert (picture.pixels[..., 3] == 0).sum() == key
    assert picture.pixels[3, 4, 3] == (0 if key else 65535)
    grey = read_image(png(DEEP, 0, 16, (b"tRNS", struct.pack(">H", DEEP[5, 6]))))
    assert grey.mode == "LA"
    np.testing.assert_array_equal(grey.pixels[..., 1] == 0, DEEP[5, 6] == DEEP)


@pytest.mark.parametrize("suffix", [".png", ".gif"])
def test_a_transparent_colour_of_8_bits(tmp_path, suffix):
    for number, (image, key, mode) in enumerate(
        (
            (Image.fromarray(GREY), int(GREY[3, 4]), "LA"),
            (Image.fromarray(RGB), tuple(int(c) for c in RGB[3, 4]), "RGBA"),
            (Image.fromarray(GREY > 99), int(GREY[3, 4] > 99), "LA"),
        )
    ):
        if suffix == ".gif" and mode == "RGBA":  # whose palette would be made anew
            continue
        path = tmp_path / f"{number}{suffix}"
        image.save(path, transparency=key * 255 if image.mode == "1" else key)
        picture = read_image(path)
        assert picture.mode == mode
        expected = np.asarray(image.convert(mode[:-1]))
        hidden = (expected == expected[3, 4]).reshape(*GREY.shape, -1).all(axis=-1)
        np.testing.assert_array_equal(picture.pixels[..., -1] == 0, hidden)
        seen = np.squeeze(picture.pixels[..., :-1])
        np.testing.assert_array_equal(seen[~hidden], expected[~hidden])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "CMYK"])
def test_every_kind_of_float_tiff(tmp_path, mode, dtype):
    from sr_arn import load_model

    channels = {"L": 1, "CMYK": 4}.get(mode, len(mode))
    pixels = np.squeeze(RNG.random((12, 17, channels))).astype(dtype)
    colours = {"L": "minisblack", "LA": "minisblack", "CMYK": "separated"}.get(mode, "rgb")
    extra = {"extrasamples": ["unassalpha"]} if mode.endswith("A") else {}
    planes = {"planarconfig": "contig"} if channels > 1 else {}
    tifffile.imwrite(tmp_path / "in.tif", pixels, photometric=colours, **extra, **planes)
    picture = read_image(tmp_path / "in.tif")
    assert picture.mode == mode
    assert picture.pixels.dtype == (np.float64 if dtype == np.float64 else np.float32)
    np.testing.assert_array_equal(picture.pixels, pixels)
    large = load_model("bicubic", scale=2).upscale_picture(picture)
    write_image(tmp_path / "out.tif", large)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), large.pixels)
    assert large.pixels.shape == (24, 34, *pixels.shape[2:])


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_metadata_of_avif(tmp_path):
    block = block_of({0x010F: Field(2, b"A maker\0")}, "<")
    metadata = Metadata(icc_profile=srgb(), exif=block, xmp=b"<xmp/>")
    write_image(tmp_path / "a.avif", Picture(RGB, metadata))
    assert read_image(tmp_path / "a.avif").metadata == metadata
    with Image.open(tmp_path / "a.avif") as image:
        assert image.info["icc_profile"] == srgb()
        assert image.getexif()[0x010F] == "A maker"


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_transparent_grey_of_few_bits(bits):
    levels = RNG.integers(0, 1 << bits, (12, 16)).astype(np.uint8)
    each_bit = levels[..., None] >> np.arange(bits, dtype=np.uint8)[::-1] & 1
    packed = np.packbits(each_bit.reshape(12, -1), axis=1)
    rows = b"".join(b"\0" + row.tobytes() for row in packed)
    for key in range(1 << bits):
        data = png_chunks(
            (b"IHDR", struct.pack(">IIBBBBB", 16, 12, bits, 0, 0, 0, 0)),
            (b"tRNS", struct.pack(">H", key)),
            (b"IDAT", zlib.compress(rows)),
            (b"IEND", b""),
        )
        pixels = read_image(data).pixels
        np.testing.assert_array_equal(pixels[..., 0], levels * (255 // ((1 << bits) - 1)))
        np.testing.assert_array_equal(pixels[..., 1] == 0, levels == key)


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "CMYK"])
def test_tiff_by_planes(tmp_path, mode):
    channels = {"L": 1, "P": 1, "CMYK": 4}.get(mode, len(mode))
    pixels = RNG.integers(0, 256, (channels, 6, 10), np.uint8)
    colours = {"L": "minisblack", "P": "palette", "CMYK": "separated"}.get(mode, "rgb")
    options = {"colormap": RNG.integers(0, 256, (3, 256), np.uint16) * 257} if mode == "P" else {}
    options |= {"extrasamples": ["unassalpha"]} if mode == "RGBA" else {}
    given = pixels if channels > 1 else pixels[0]
    options |= {"planarconfig": "separate"} if channels > 1 else {"extratags": [(284, 3, 1, 2, 1)]}
    tifffile.imwrite(tmp_path / "a.tif", given, photometric=colours, **options)
    data = bytearray((tmp_path / "a.tif").read_bytes())
    if channels == 1:  # tifffile writes the tag only where it matters
        with tifffile.TiffFile(tmp_path / "a.tif") as file:
            tag = file.pages.first.tags[277]  # SamplesPerPixel, 1 by default, becomes the tag
        struct.pack_into("<HHIH", data, tag.offset, 284, 3, 1, 2)
    picture = read_image(bytes(data))
    expected = np.moveaxis(pixels, 0, -1)
    if mode == "P":
        expected = (options["colormap"].T >> 8)[pixels[0]]
    np.testing.assert_array_equal(np.atleast_3d(picture.pixels), expected)
    assert picture.is_cmyk == (mode == "CMYK")


def test_a_palette_of_8_bits_in_tiff(tmp_path):
    palette = RNG.integers(0, 256, (3, 256), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", GREY, photometric="palette", colormap=palette)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").pixels, palette.T[GREY])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_grey_palette_stays_rgb_where_its_profile_is(tmp_path, suffix):
    for options, mode in (({}, "L"), ({"icc_profile": srgb()}, "RGB")):
        image = Image.fromarray(GREY).convert("P")
        image.save(tmp_path / f"a{suffix}", **options)
        picture = read_image(tmp_path / f"a{suffix}")
        assert picture.mode == mode
        assert picture.metadata.icc_profile == options.get("icc_profile")
        np.testing.assert_array_equal(np.atleast_3d(picture.pixels)[..., 0], GREY)


WIDE = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)  # primaries of Display P3


def png_with(*chunks):
    return png(RGB, 2, 8, *chunks)


def text_of(profile):
    return f"\nkind\n{len(profile):8}\n{profile.hex()}\n".encode()


@pytest.mark.parametrize(
    ("chunk", "name", "value"),
    [
        ((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<xmp/>"), "xmp", b"<xmp/>"),
        ((b"iTXt", b"XML:com.adobe.xmp\0\1\0en\0x\0" + zlib.compress(b"<x/>")), "xmp", b"<x/>"),
        ((b"zTXt", b"Raw profile type xmp\0\0" + zlib.compress(text_of(b"<x/>"))), "xmp", b"<x/>"),
        ((b"tEXt", b"Raw profile type APP1\0" + text_of(b"Exif\0\0II*\0")), "exif", b"II*\0"),
        (
            (b"tEXt", b"Raw profile type APP1\0" + text_of(XMP_PREFIX + b"<x/>")),
            "xmp",
            b"<x/>",
        ),
        ((b"tEXt", b"Raw profile type icc\0" + text_of(srgb())), "icc_profile", srgb()),
        ((b"iCCP", b"a name\0\0" + zlib.compress(srgb())), "icc_profile", srgb()),
        ((b"pHYs", struct.pack(">IIB", 10_000, 5_000, 1)), "dpi", (254, 127)),
        ((b"pHYs", struct.pack(">IIB", 2**32 - 1, 1, 1)), "dpi", None),
        ((b"pHYs", struct.pack(">IIB", 10_000, 5_000, 0)), "dpi", None),
        ((b"zTXt", b"Comment\0\0" + zlib.compress(bytes(9_000_000))), "xmp", None),
    ],
)
def test_metadata_of_png(chunk, name, value):
    metadata = metadata_of(png_with(chunk))
    assert getattr(metadata, name) == value
    assert read_image(png_with(chunk)).pixels.shape == RGB.shape


def with_orientation(number):
    return block_of({0x0112: Field(3, struct.pack("<H", number))}, "<")


def test_exif_has_its_own_place_before_text():
    proper = (b"eXIf", with_orientation(1))
    text = (b"tEXt", b"Raw profile type exif\0" + text_of(b"Exif\0\0" + with_orientation(6)))
    assert read_image(png_with(text)).pixels.shape == (17, 12, 3)
    assert read_image(png_with(proper, text)).pixels.shape == RGB.shape
    assert read_image(png_with(text, proper)).pixels.shape == RGB.shape


def test_the_resolution_of_exif_holds_where_there_is_no_other():
    block = block_of(exif.with_resolution({}, ">", (300, 150)), ">")
    assert read_image(png_with((b"eXIf", block))).metadata.dpi == (300, 150)
    told = (b"pHYs", struct.pack(">IIB", 10_000, 10_000, 1))
    assert read_image(png_with((b"eXIf", block), told)).metadata.dpi == (254, 254)


def test_no_more_than_the_header_is_read_of_a_png_that_is_too_large():
    class Watched(io.BytesIO):
        def read(self, size=-1):
            assert 0 <= size < 600  # what identifies a format
            return super().read(size)

    with pytest.raises(InputError, match="more than 99; allow more"):
        read_image(Watched(png(GREY, 0, 8)), max_pixels=99)


def test_many_texts_cost_no_more_than_one():
    lines = b"Raw profile type exif\0\0" + zlib.compress(b"\n" * (1 << 26))
    start = time.monotonic()
    assert read_image(png_with(*[(b"zTXt", lines)] * 20)).pixels.shape == RGB.shape
    assert time.monotonic() - start < 10


def test_damaged_metadata_of_tiff_are_told(tmp_path):
    metadata = Metadata(xmp=b"<xmp>" + bytes(99), icc_profile=srgb())
    write_image(tmp_path / "a.tif", Picture(RGB, metadata))
    data = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        struct.pack_into("<I", data, file.pages.first.tags[700].offset + 8, len(data) + 9)
    picture = read_image(bytes(data))
    assert (picture.metadata.xmp, picture.metadata.icc_profile) == (None, srgb())
    assert picture.metadata.left_out == ("damaged metadata",)


def test_what_is_no_exif_is_left_out(tmp_path, caplog):
    write_image(tmp_path / "a.webp", Picture(RGB, Metadata(exif=b"junk", dpi=(300, 300))))
    assert "left out EXIF data (damaged)" in caplog.text
    assert read_image(tmp_path / "a.webp").metadata.dpi == (300, 300)


def test_a_large_profile_goes_there_and_back(tmp_path):
    large = srgb() + RNG.bytes(3_000_000)
    write_image(tmp_path / "a.png", Picture(RGB, Metadata(icc_profile=large)))
    write_image(tmp_path / "b.png", read_image(tmp_path / "a.png"))
    assert read_image(tmp_path / "b.png").metadata.icc_profile == large


OTHER_COLOURS = [
    ((b"gAMA", struct.pack(">I", 45_455)), False),
    ((b"gAMA", struct.pack(">I", 100_000)), True),
    ((b"cICP", bytes([9, 16, 0, 1])), True),
    ((b"cHRM", struct.pack(">8I", *WIDE)), True),
    ((b"cHRM", struct.pack(">8I", *CHRM_OF_SRGB)), False),
    ((b"cICP", bytes([1, 13, 0, 1])), False),
]


@pytest.mark.parametrize(("chunk", "is_other"), OTHER_COLOURS)
def test_other_colours_of_png_are_kept_or_named(tmp_path, chunk, is_other, caplog):
    picture = read_image(png_with(chunk))
    write_image(tmp_path / "a.png", picture)
    content = chunk[0] + chunk[1]
    assert (content in (tmp_path / "a.png").read_bytes()) == is_other
    assert caplog.text == ""
    write_image(tmp_path / "a.jpg", picture)
    name = {b"cICP": "colours by numbers 9/16, BT.2020 PQ"}.get(
        chunk[0], f"PNG's {chunk[0].decode()}"
    )
    assert (f"left out {name} (JPEG holds none)" in caplog.text) == is_other


def test_what_a_pil_image_says_is_kept(tmp_path, coffee):
    from sr_arn import load_model

    source = Image.fromarray(coffee[:9, :9])
    tags = Image.Exif()
    tags[0x010F] = "A maker"
    source.save(tmp_path / "in.jpg", icc_profile=srgb(), exif=tags, xmp=b"<xmp/>", dpi=(300, 300))
    for given in (tmp_path / "in.jpg", opened(tmp_path / "in.jpg")):
        result = load_model("bicubic", scale=2).upscale(given)
        assert result.info["icc_profile"] == srgb()
        assert result.info["xmp"] == b"<xmp/>"
        assert result.info["dpi"] == (300, 300)
        assert result.getexif()[0x010F] == "A maker"


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
        (
            saved(Image.frombytes("LAB", (17, 12), RGB.tobytes()), "TIFF"),
            "this is cielab of 3 x 8-bit integers; convert",
        ),
        (saved(Image.fromarray(RGB), "SGI"), "expected a picture .PNG, TIFF, JPEG, .*this is none"),
        (b"", "image: is empty"),
        (b"no picture at all", "expected a picture"),
    ],
)
def test_other_kinds_are_refused(data, message):
    with pytest.raises(InputError, match=message):
        read_image(data)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "CMYK", "1", "P", "PA", "I;16", "F"])
def test_pil_images_come_back_as_the_same_kind(mode):
    pixels = {"I;16": DEEP, "F": GREY / np.float32(255)}.get(mode, RGB)
    image = Image.fromarray(pixels)
    image = image if mode in ("I;16", "F") else image.convert(mode)
    result = to_pil(from_pil(image))
    kept = {"1": "L", "P": "RGB", "PA": "RGBA"}.get(mode, mode)
    assert result.mode == kept
    np.testing.assert_array_equal(np.asarray(result), np.asarray(image.convert(kept)))


@pytest.mark.parametrize("mode", ["HSV", "LAB", "I"])
def test_pil_images_of_other_kinds_are_refused(mode):
    with pytest.raises(InputError, match=f"this is {mode}; convert it first"):
        from_pil(Image.new(mode, (3, 3)))


def test_pil_images_that_would_lose_bits_are_refused(tmp_path):
    data = png(np.dstack([DEEP] * 3), 2, 16)
    with Image.open(io.BytesIO(data)) as image, pytest.raises(InputError, match="keeps 8; give"):
        from_pil(image)
    with pytest.raises(InputError, match="cannot hold RGB of 16 bits; use read_image"):
        to_pil(read_image(data))


def test_16_bit_grey_tiff_with_white_as_zero(tmp_path):
    path = tmp_path / "deep.tif"
    tifffile.imwrite(path, 65535 - DEEP, photometric="miniswhite")
    np.testing.assert_array_equal(read_image(path).pixels, DEEP)


@pytest.mark.parametrize("bits", [1, 2, 4, 6, 10, 12, 14])
def test_few_and_odd_bits_are_stretched_to_white(tmp_path, bits):
    largest = (1 << bits) - 1
    levels = RNG.integers(0, largest + 1, (9, 16)).astype(np.uint8 if bits < 9 else np.uint16)
    tifffile.imwrite(tmp_path / "few.tif", levels, bitspersample=bits, photometric="minisblack")
    pixels = read_image(tmp_path / "few.tif").pixels
    peak = 255 if bits <= 8 else 65535
    assert pixels.dtype == (np.uint8 if bits <= 8 else np.uint16)
    np.testing.assert_allclose(pixels, levels / largest * peak, atol=0.5)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_alpha_multiplied_into_the_colour_is_taken_out(tmp_path, dtype):
    peak = 1 if dtype == np.float32 else np.iinfo(dtype).max
    straight = (RNG.random((9, 16, 4)) * peak).astype(dtype)
    straight[0, 0] = 0
    colour = straight[..., :3] * (straight[..., 3:] / float(peak))
    colour = colour if peak == 1 else np.round(colour)
    stored = np.concatenate([colour.astype(dtype), straight[..., 3:]], axis=-1)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["assocalpha"])
    pixels = read_image(tmp_path / "a.tif").pixels
    again = pixels[..., :3] * (pixels[..., 3:] / float(peak))
    np.testing.assert_allclose(again, stored[..., :3], atol=0.51 if peak > 1 else 1e-6)


def test_a_preview_as_the_first_page_is_told(tmp_path, caplog):
    tifffile.imwrite(tmp_path / "a.tif", RGB, photometric="rgb", subfiletype=1)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").pixels, RGB)
    assert "its first page is a smaller version of another page" in caplog.text


def test_a_tile_larger_than_allowed_is_refused(tmp_path):
    options = {"photometric": "rgb", "tile": (32, 32)}
    tifffile.imwrite(tmp_path / "a.tif", RGB, **options)
    assert read_image(tmp_path / "a.tif", max_pixels=1024).pixels.shape == RGB.shape
    with pytest.raises(InputError, match="has 32 x 32 pixels, more than 1,023; allow more"):
        read_image(tmp_path / "a.tif", max_pixels=1023)


def test_channels_of_no_known_meaning_are_left_out_and_told(tmp_path, caplog):
    deep = RNG.integers(0, 65536, (9, 16, 4), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", deep, photometric="rgb", extrasamples=["unspecified"])
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").pixels, deep[..., :3])
    assert "left out the channels beside RGB" in caplog.text


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_several_frames_the_first_is_read_and_told(tmp_path, caplog, kind):
    path = tmp_path / f"many.{kind[:4].lower()}"
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "green", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    frames[0].save(path, format=kind, save_all=True, append_images=frames[1:], **options)
    assert (read_image(path).pixels == (255, 0, 0)).all()
    assert "left out 2 further frames or pages" in caplog.text


def test_an_alpha_that_hides_nothing_may_go(tmp_path):
    opaque = np.dstack([RGB, np.full_like(GREY, 255)])
    write_image(tmp_path / "a.jpg", Picture(opaque))
    assert opened(tmp_path / "a.jpg").mode == "RGB"
    write_image(tmp_path / "a.png", Picture(opaque))
    assert opened(tmp_path / "a.png").mode == "RGBA"
    np.testing.assert_array_equal(Picture(opaque).seen("a"), RGB)
    opaque[0, 0, 3] = 254
    with pytest.raises(InputError, match=r"JPEG holds no transparency; use \.png, \.tif"):
        write_image(tmp_path / "b.jpg", Picture(opaque))
    with pytest.raises(InputError, match="has transparency, which has no luminance"):
        Picture(opaque).seen("a")


def test_what_a_format_has_no_place_for_is_told(tmp_path, caplog):
    huge = block_of({0x010E: Field(2, b"x" * 70_000)}, "<")
    metadata = Metadata(icc_profile=srgb(), exif=huge, xmp=b"<xmp/>", dpi=(300, 300))
    write_image(tmp_path / "a.jpg", Picture(RGB, metadata))
    assert "output: left out EXIF data (JPEG holds 65,527 bytes)" in caplog.text
    assert opened(tmp_path / "a.jpg").info["xmp"] == b"<xmp/>"
    write_image(tmp_path / "a.bmp", Picture(RGB, metadata))
    none = "(BMP holds none)"
    assert f"left out ICC profile {none}; EXIF data {none}; XMP data {none}" in caplog.text
    assert opened(tmp_path / "a.bmp").info["dpi"] == pytest.approx((300, 300), abs=0.01)
    write_image(tmp_path / "a.png", Picture(RGB, metadata))
    assert read_image(tmp_path / "a.png").metadata.exif == huge


def test_a_profile_for_other_colours_is_left_out(tmp_path):
    write_image(tmp_path / "a.tif", Picture(GREY, Metadata(icc_profile=srgb())))
    metadata = read_image(tmp_path / "a.tif").metadata
    assert metadata.icc_profile is None
    assert metadata.left_out == ("an ICC profile for RGB, not for L",)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".avif", ".bmp"])
def test_resolution_is_kept(tmp_path, suffix):
    if suffix == ".avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    write_image(tmp_path / f"a{suffix}", Picture(RGB, Metadata(dpi=(300, 150))))
    assert read_image(tmp_path / f"a{suffix}").metadata.dpi == pytest.approx((300, 150), abs=0.02)


def test_no_resolution_is_invented(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.jpg", exif=Image.Exif())
    assert read_image(tmp_path / "a.jpg").metadata.dpi is None


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


def test_large_pictures_are_refused_by_their_header(tmp_path):
    bomb = png_chunks(
        (b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)), (b"IDAT", b"")
    )
    with pytest.raises(InputError, match=r"60,000 x 60,000 pixels, more than 100,000,000; allow"):
        read_image(bomb)
    path = tmp_path / "small.png"
    Image.fromarray(GREY).save(path)
    assert read_image(path, max_pixels=GREY.size).pixels.shape == GREY.shape
    with pytest.raises(InputError, match=r"has 17 x 12 pixels, more than 203; allow more"):
        read_image(path, max_pixels=GREY.size - 1)


def test_pillows_limit_holds_for_what_is_read_but_not_for_our_results(tmp_path, monkeypatch):
    from sr_arn import load_model

    Image.fromarray(GREY).save(tmp_path / "in.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", GREY.size)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = load_model("bicubic", scale=8).upscale_picture(read_image(tmp_path / "in.png"))
        for suffix in (".png", ".jpg", ".tif", ".webp", ".bmp"):
            write_image(tmp_path / f"out{suffix}", picture)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", GREY.size // 3)
    with pytest.raises(InputError, match=r"more than 136 pixels; allow more with --max-pixels"):
        read_image(tmp_path / "in.png")


@pytest.mark.parametrize(
    ("name", "shape", "dtype", "message"),
    [
        ("a.gif", (9, 9), np.uint8, r"GIF is only read, not written; use \.png, \.tif, \.jpg"),
        ("a.xyz", (9, 9), np.uint8, r"expected a name ending in \.png, .* received a\.xyz"),
        ("a", (9, 9), np.uint8, "expected a name ending in"),
        (
            "a.jpg",
            (9, 32751, 3),
            np.uint8,
            "holds 65,500 pixels a side, the result has 65,502",
        ),
        ("a.png", (9, 500_001), np.uint8, "PNG holds 1,000,000 pixels a side, the result has"),
        ("a.bmp", (32_768, 8193), np.uint8, "BMP holds 1,073,741,824 pixels, the result has more"),
        ("a.webp", (8192, 9), np.uint8, r"WebP holds 16,383 pixels a side, .*; use \.png, \.tif"),
        ("a.avif", (8193, 8192), np.uint8, "AVIF holds 268,435,456 pixels, the result has more"),
        (
            "a.jpg",
            (9, 9),
            np.uint16,
            "JPEG holds 8 bits, the picture has 16 bits; use .png",
        ),
        ("a.png", (9, 9), np.float32, "PNG holds 16 bits, the picture has floats; use .tif"),
        ("a.webp", (9, 9, 4), np.uint16, "WebP holds 8 bits, the picture has 16 bits"),
        ("a.bmp", (9, 9, 4), np.uint8, "BMP holds no transparency; use"),
    ],
)
def test_limits_of_formats_are_known_before_work(name, shape, dtype, message):
    pixels = np.broadcast_to(np.zeros((), dtype), shape)
    with pytest.raises(InputError, match=message):
        as_it_fits(format_of(Path(name)), Picture(pixels), (2 * shape[0], 2 * shape[1]))


def test_inks_need_a_format_for_them(tmp_path):
    inks = Picture(np.zeros((9, 9, 4), np.uint8), is_cmyk=True)
    with pytest.raises(InputError, match=r"PNG holds no ink colours .CMYK.; use \.tif or \.jpg"):
        write_image(tmp_path / "a.png", inks)
    with pytest.raises(InputError, match="expected grey or RGB, this is CMYK"):
        inks.seen("a")
