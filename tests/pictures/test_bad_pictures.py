"""Damaged, lying and absurd pictures of every kind: success or one clear line, nothing written."""

import io
import os
import struct
import time
import zlib

import numpy as np
import pytest
import tifffile
from conftest import png_chunks
from PIL import Image, features

from sr_arn import InputError
from sr_arn.cli import main
from sr_arn.pictures.formats import format_named
from sr_arn.pictures.io import read_image
from sr_arn.pictures.picture import PictureInfo
from sr_arn.pictures.tiff_tags import Field, block_of
from sr_arn.pictures.tiff_tags import short as short_of


def short(number):
    return short_of(number, "<")


RNG = np.random.default_rng(0)
TILED = {"tile": (16, 16), "compression": "lzw", "photometric": "rgb"}
LONGEST = 10  # seconds of the processor that any of them may take


def by_pillow(kind, mode, **options):
    file = io.BytesIO()
    channels = {"L": 1, "P": 3, "1": 1}.get(mode, len(mode))
    smooth = np.add.outer(np.arange(24), np.arange(36))[..., None] * [3, 2, 4, 1][:channels]
    smooth = smooth.astype(np.uint8)
    image = Image.fromarray(smooth[..., 0] if channels == 1 else smooth)
    if mode == "CMYK":
        image = Image.frombytes("CMYK", (36, 24), smooth.tobytes())
    image = image.quantize(16) if mode == "P" else image.convert(mode)
    image.save(file, format=kind, **options)
    return file.getvalue()


def by_us(name, shape, dtype):
    file = io.BytesIO()
    levels = RNG.random(shape) * (1 if dtype == np.float32 else np.iinfo(dtype).max)
    format_named(name).write(
        file, PictureInfo(shape, np.dtype(dtype)), [levels.astype(dtype)], threads=1
    )
    return file.getvalue()


def by_tifffile(shape, dtype, **options):
    file = io.BytesIO()
    levels = RNG.random(shape) * (1 if dtype == np.float32 else np.iinfo(dtype).max)
    tifffile.imwrite(file, levels.astype(dtype), **options)
    return file.getvalue()


def interlaced():
    """A PNG file of 5 x 5 pixels of 16 bits, by Adam7."""
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
    rows = b""
    for x, y, dx, dy in (*passes, (0, 1, 1, 2)):
        for _ in range(y, 5, dy):
            rows += b"\0" + RNG.bytes(2 * len(range(x, 5, dx)))
    header = struct.pack(">IIBBBBB", 5, 5, 16, 0, 0, 0, 1)
    return png_chunks((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))


def whole_pictures():
    """A file of every kind."""
    yield from (
        ("png-L", by_pillow("PNG", "L")),
        ("png-RGB", by_pillow("PNG", "RGB")),
        ("png-RGBA", by_pillow("PNG", "RGBA")),
        ("png-P", by_pillow("PNG", "P")),
        ("png-1", by_pillow("PNG", "1")),
        ("png-RGB16", by_us("png", (24, 36, 3), np.uint16)),
        ("png-interlaced16", interlaced()),
        ("png-LA16", by_us("png", (24, 36, 2), np.uint16)),
        ("jpg-L", by_pillow("JPEG", "L")),
        ("jpg-RGB", by_pillow("JPEG", "RGB")),
        ("jpg-progressive", by_pillow("JPEG", "RGB", progressive=True)),
        ("jpg-CMYK", by_pillow("JPEG", "CMYK")),
        ("webp-RGBA", by_pillow("WEBP", "RGBA")),
        ("webp-lossless", by_pillow("WEBP", "RGB", lossless=True)),
        ("bmp-RGB", by_pillow("BMP", "RGB")),
        ("bmp-P", by_pillow("BMP", "P")),
        ("gif", by_pillow("GIF", "P")),
        ("tif-RGB", by_pillow("TIFF", "RGB")),
        ("tif-lzw", by_pillow("TIFF", "RGB", compression="tiff_lzw")),
        ("tif-group4", by_pillow("TIFF", "1", compression="group4")),
        ("tif-jpeg", by_pillow("TIFF", "RGB", compression="jpeg")),
        ("tif-CMYK", by_pillow("TIFF", "CMYK")),
        ("tif-RGB16", by_us("tiff", (24, 36, 3), np.uint16)),
        ("tif-float", by_us("tiff", (24, 36), np.float32)),
        (
            "tif-tiled",
            by_tifffile(
                (24, 36, 3), np.uint16, tile=(16, 16), compression="lzw", photometric="rgb"
            ),
        ),
        ("tif-big", by_tifffile((24, 36), np.uint16, bigtiff=True)),
        ("tif-pages", by_tifffile((3, 24, 36), np.uint16, photometric="minisblack")),
    )
    if features.check("avif"):
        yield "avif", by_pillow("AVIF", "RGB")


WHOLE = dict(whole_pictures())


def outcome(data, folder, capfd, suffix=".png"):
    """Upscale a file's bytes: exit code and what was printed to stderr; nothing half-done."""
    source, target = folder / "in", folder / f"out{suffix}"
    source.write_bytes(data)
    target.unlink(missing_ok=True)
    start = time.process_time()
    options = ["--model", "bicubic", "--scale", "2", "--restore", "off"]
    code = main(["upscale", str(source), "-o", str(target), *options])
    assert time.process_time() - start < LONGEST
    error = capfd.readouterr().err
    if code == 0:
        assert sorted(os.listdir(folder)) == ["in", target.name]
        assert read_image(target).pixels.size
    else:
        assert code == 2
        assert os.listdir(folder) == ["in"]
        if b"ftypavif" in data[:20]:  # dav1d may tell of damage itself
            error = error[error.index("sr-arn: ") :]
        assert error.startswith("sr-arn: error: ")
        assert error.count("\n") == 1
    assert all(line.isprintable() for line in error.splitlines())
    assert "Traceback" not in error
    return code, error


def suffix_for(name):
    return ".tif" if "CMYK" in name or "float" in name else ".png"


@pytest.mark.parametrize("name", WHOLE)
def test_whole_ones_are_enlarged(name, tmp_path, capfd):
    code, error = outcome(WHOLE[name], tmp_path, capfd, suffix_for(name))
    told = "left out 2 further frames or pages" if name == "tif-pages" else ""
    assert (code, told in error, bool(error)) == (0, True, bool(told))
    size = (10, 10) if "interlaced" in name else (48, 72)
    assert read_image(tmp_path / f"out{suffix_for(name)}").pixels.shape[:2] == size


@pytest.mark.parametrize("name", WHOLE)
def test_cut_off_at_every_tenth(name, tmp_path, capfd):
    data = WHOLE[name]
    for tenth in range(10):
        code, error = outcome(data[: len(data) * tenth // 10], tmp_path, capfd, suffix_for(name))
        if code == 0:  # what is missing held no pixels
            cut = read_image(data[: len(data) * tenth // 10]).pixels
            np.testing.assert_array_equal(cut, read_image(data).pixels)
        else:
            reasons = ("damaged or cut off", "expected a picture", "is empty")
            assert any(reason in error for reason in reasons)
        (tmp_path / f"out{suffix_for(name)}").unlink(missing_ok=True)


@pytest.mark.parametrize("name", WHOLE)
def test_bytes_changed_anywhere(name, tmp_path, capfd):
    rng = np.random.default_rng(1)
    for _ in range(40):
        data = bytearray(WHOLE[name])
        for place in rng.integers(0, len(data), rng.integers(1, 9)):
            data[place] = rng.integers(256)
        outcome(bytes(data), tmp_path, capfd, suffix_for(name))
        (tmp_path / f"out{suffix_for(name)}").unlink(missing_ok=True)


def png_of_size(width, height, depth=8, colour=2):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return png_chunks((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 99)), (b"IEND", b""))


def with_number(name, place, form, number):
    data = bytearray(WHOLE[name])
    struct.pack_into(form, data, place, number)
    return bytes(data)


def with_tag(name, tag, number):
    """A TIFF file with another number in a tag."""
    data = bytearray(WHOLE[name])
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        field = tiff.pages.first.tags[tag]
        form = tiff.byteorder + {3: "H", 4: "I"}[field.dtype]
        struct.pack_into(form, data, field.valueoffset, number)
    return bytes(data)


def many_channels():
    """A small TIFF file that claims 25 million pixels of 100 channels."""
    fields = {
        **{tag: short(number) for tag, number in ((256, 5000), (257, 5000), (258, 8), (259, 8))},
        **{tag: short(number) for tag, number in ((262, 1), (277, 100), (278, 5000))},
        273: Field(4, struct.pack("<I", 8)),
        279: Field(4, struct.pack("<I", 9)),
    }
    return block_of(fields, "<")


LIARS = {
    "png larger than its pixels": (png_of_size(3000, 3000), "damaged"),
    "png of 16 bits larger than its pixels": (png_of_size(3000, 3000, 16, 6), "damaged"),
    "png of no width": (png_of_size(0, 9), "damaged|expected"),
    "png of no height": (png_of_size(9, 0), "damaged|expected"),
    "png as large as can be said": (png_of_size(2**31 - 1, 2**31 - 1), "more than 100,000,000"),
    "png of 16 bits, of a long side": (png_of_size(1_000_001, 3, 16, 2), "up to 1,000,000 pixels"),
    "png over the limit": (png_of_size(10_001, 10_000), "more than 100,000,000"),
    "jpg of no height": (with_number("jpg-RGB", WHOLE["jpg-RGB"].index(b"\xff\xc0") + 5, ">H", 0),
                         "damaged|no pixels"),
    "jpg over the limit": (with_number("jpg-RGB", WHOLE["jpg-RGB"].index(b"\xff\xc0") + 5, ">I",
                                       0xFFFFFFFF), "more than 100,000,000"),
    "bmp of no width": (with_number("bmp-RGB", 18, "<i", 0), "damaged"),
    "bmp larger than its pixels": (with_number("bmp-RGB", 18, "<i", 3000), "damaged"),
    "bmp over the limit": (with_number("bmp-RGB", 18, "<i", 2**30), "more than 100,000,000"),
    "gif over the limit": (with_number("gif", 6, "<I", 0xFFFFFFFF), "more than 100,000,000"),
    "tif larger than its pixels": (with_tag("tif-RGB", 256, 3000), "damaged"),
    "tif of no width": (with_tag("tif-RGB", 256, 0), "damaged"),
    "tif of 16 bits over the limit": (with_tag("tif-RGB16", 256, 60_000_000), "more than 100,000"),
    "tif of 16 bits larger than its pixels": (with_tag("tif-RGB16", 256, 3000), "damaged"),
    "tif of 16 bits, of no width": (with_tag("tif-RGB16", 256, 0), "damaged"),
    "tif of too many channels": (with_tag("tif-RGB16", 277, 60_000), "damaged|expected grey"),
    "tif of many channels": (many_channels(), "more than 4,000,000"),
    "tif of an unknown compression": (with_tag("tif-RGB16", 259, 4711), "damaged"),
}  # fmt: skip


@pytest.mark.parametrize("name", LIARS)
def test_headers_that_lie_about_the_size(name, tmp_path, capfd):
    data, message = LIARS[name]
    code, error = outcome(data, tmp_path, capfd)
    assert code == 2
    assert any(part in error for part in message.split("|")), error
    assert error.count("\n") == 1


ABSURD = {
    "nothing": b"",
    "zeros": bytes(3000),
    "noise": RNG.bytes(3000),
    "large": RNG.bytes(300_000),
    "header alone": b"MM\0*\0\0\0\x08",
    "circle": struct.pack("<2sHIHHHII", b"II", 42, 8, 1, 0x8769, 4, 1, 8) + bytes(4),
    "deep": b"".join(
        struct.pack("<2sHI" if not k else "", *((b"II", 42, 8) if not k else ()))
        + struct.pack("<HHHIII", 1, 0x8769, 4, 1, 8 + 18 * (k + 1), 0)
        for k in range(700)
    ),
    "the same bytes again and again": struct.pack("<2sHIH", b"II", 42, 8, 4000)
    + b"".join(struct.pack("<HHII", 0x010E + k, 7, 3000, 8) for k in range(4000))
    + bytes(4),
    "resolution": block_of(
        {tag: Field(5, struct.pack("<II", 4_000_000_000, 1)) for tag in (0x11A, 0x11B)}, "<"
    ),
    "types": block_of(
        {0x0112: Field(3, b"\1\0"), 0x013B: Field(5, bytes(8)), 0x011A: Field(2, b"x\0")}, "<"
    ),
    "claims": struct.pack("<2sHIHHHII", b"II", 42, 8, 1, 0x9286, 7, 2**32 - 1, 0) + bytes(4),
}


TARGETS = [".png", ".jpg", ".webp", ".tif", ".bmp", *([".avif"] if features.check("avif") else [])]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("blob", ABSURD)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_absurd_icc_exif_and_xmp(kind, blob, target, tmp_path, capfd):
    data = ABSURD[blob]
    exif = data if kind != "JPEG" else b"Exif\0\0" + data[:60_000]
    options = {"icc_profile": data, "xmp": data[:60_000]}
    if kind != "TIFF":  # whose EXIF is no block
        options["exif"] = exif
    if kind == "PNG":
        del options["xmp"]
    code, _ = outcome(by_pillow(kind, "RGB", **options), tmp_path, capfd, target)
    assert code == 0  # the picture itself is whole
    with Image.open(tmp_path / f"out{target}") as image:
        assert image.size == (72, 48)


@pytest.mark.parametrize(
    ("name", "suffix", "told"),
    [
        ("jpg-RGB", ".png", "in.png: is a JPEG picture in spite of its name"),
        ("png-RGB", ".jpeg", "in.jpeg: is a PNG picture in spite of its name"),
        ("webp-RGBA", ".tif", "in.tif: is a WebP picture in spite of its name"),
        ("png-RGB", ".txt", "in.txt: is a PNG picture in spite of its name"),
        ("png-RGB", ".png", ""),
        ("png-RGB", "", ""),
    ],
)
def test_content_decides_not_the_name(name, suffix, told, tmp_path, caplog):
    path = tmp_path / f"in{suffix}"
    path.write_bytes(WHOLE[name])
    assert read_image(path).pixels.shape[:2] == (24, 36)
    assert told in caplog.text
    assert bool(told) == bool(caplog.text)


@pytest.mark.parametrize(
    ("pixels", "options", "message"),
    [
        (np.zeros((9, 9), np.uint32), {}, "this is minisblack of 1 x 32-bit integers; convert it"),
        (np.zeros((9, 9), np.int32), {}, "this is minisblack of 1 x 32-bit signed integers"),
        (np.zeros((9, 9), np.int16), {"photometric": "miniswhite"}, "of which the least is white"),
        (np.zeros((9, 9), np.complex64), {}, "of 1 x 64-bit numbers of another kind"),
        (np.zeros((9, 9, 3), np.uint16), {"photometric": "cielab"}, "this is cielab of 3 x 16-bit"),
    ],
)
def test_kinds_of_tiff_that_are_refused(pixels, options, message):
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **options)
    with pytest.raises(InputError, match=message):
        read_image(file.getvalue())
