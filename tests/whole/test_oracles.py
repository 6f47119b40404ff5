"""Pictures made and read back by other programs: ImageMagick and exiftool.

Each test writes a picture with another program, sends it through the command line, and lets
the other program read the result.
"""

import json
import shutil
import struct
import subprocess

import numpy as np
import pytest
from conftest import opened
from PIL import Image, ImageCms, features

from sr_arn import load_model
from sr_arn.cli import main
from sr_arn.pictures.io import read_image
from sr_arn.pictures.picture import Picture

SHAPE = (20, 30)  # rows, columns
LARGE = (40, 60)
CHANNELS = {"gray": 1, "graya": 2, "rgb": 3, "rgba": 4, "cmyk": 4}
RAW = {"graya": "rgba"}  # ImageMagick 6 has no raw grey with alpha


def program(*names):
    """Return the path of an installed program, else skip the test."""
    for name in names:
        path = shutil.which(name)
        option = "-ver" if name == "exiftool" else "-version"
        if path and subprocess.run([path, option], capture_output=True).returncode == 0:  # noqa: S603
            return path
    pytest.skip(f"the program {names[-1]} is not installed")


@pytest.fixture(scope="session")
def magick():
    """Run ImageMagick: arguments and input to output."""
    path = program("magick", "convert")

    def run(*arguments, given=None):
        command = [path, *(str(argument) for argument in arguments)]
        done = subprocess.run(command, input=given, capture_output=True, check=False, timeout=60)  # noqa: S603
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def exiftool():
    path = program("exiftool")

    def run(*arguments):
        command = [path, *(str(argument) for argument in arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def pixels(coffee):
    """A photo's part of any kind, with a transparent corner where it has alpha."""

    def make(kind, dtype):
        rgb = coffee[120 : 120 + SHAPE[0], 300 : 300 + SHAPE[1]].astype(np.float64) / 255
        grey = rgb[..., 1:2]
        alpha = np.linspace(0, 1.5, SHAPE[1]).clip(0, 1)[None, :, None].repeat(SHAPE[0], axis=0)
        parts = {
            "gray": [grey],
            "graya": [grey, alpha],
            "rgb": [rgb],
            "rgba": [rgb, alpha],
            "cmyk": [rgb, grey / 2],
        }[kind]
        values = np.concatenate(parts, axis=-1)
        rng = np.random.default_rng(0)
        if dtype == np.uint16:  # so that the lower byte tells something
            values = (values + rng.random(values.shape) / 300).clip(0, 1)
        levels = values if dtype == np.float32 else np.round(values * np.iinfo(dtype).max)
        return levels.astype(dtype)

    return make


def write(magick, path, pixels, kind, *options):
    """Let ImageMagick write an array."""
    if kind == "graya":  # from colour, which ImageMagick then takes for grey
        pixels, kind = pixels[..., [0, 0, 0, 1]], "rgba"
        options = ("-colorspace", "gray", *options)
    size = f"{pixels.shape[1]}x{pixels.shape[0]}"
    depth = ("-depth", 8 * pixels.dtype.itemsize)
    raw = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    if pixels.dtype.kind == "f":
        depth = ("-define", "quantum:format=floating-point", "-depth", 32)
    magick("-size", size, *depth, "-endian", "LSB", f"{kind}:-", *options, path, given=raw)


def read(magick, path, kind, dtype):
    """Let ImageMagick read a picture as an array."""
    raw_kind = RAW.get(kind, kind)
    depth = 16 if dtype == np.float32 else 8 * np.dtype(dtype).itemsize
    data = magick(f"{path}[0]", "-depth", depth, "-endian", "LSB", f"{raw_kind}:-")
    flat = np.frombuffer(data, f"<u{depth // 8}")
    pixels = flat.reshape(*LARGE, CHANNELS[raw_kind])
    return pixels[..., [0, 3]] if kind == "graya" else pixels


def enlarged(pixels, kind):
    """What the file's result must equal: the array's (see `upscaling/test_channels.py`)."""
    pixels = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    upscaler = load_model("bicubic", scale=2)
    result = upscaler.upscale_picture(Picture(pixels, is_cmyk=kind == "cmyk")).pixels
    return np.atleast_3d(result)


def upscale(source, target, *options):
    model = ("--model", "bicubic", "--scale", 2, "--restore", "off")
    arguments = ("upscale", source, "-o", target, *model, *options)
    return main([str(argument) for argument in arguments])


FLOATS = ("-compress", "zip", "-define", "quantum:format=floating-point", "-depth", "32")
LOSSLESS = [
    ("gray", np.uint8, "png", ()),
    ("gray", np.uint16, "png", ()),
    ("graya", np.uint8, "png", ()),
    ("graya", np.uint16, "png", ()),
    ("rgb", np.uint8, "png", ("-define", "png:color-type=2")),
    ("rgb", np.uint16, "png", ("-define", "png:color-type=2")),
    ("rgb", np.uint16, "png", ("-define", "png:color-type=2", "-interlace", "PNG")),
    ("gray", np.uint16, "png", ("-interlace", "PNG")),
    ("rgba", np.uint16, "png", ("-define", "png:color-type=6", "-interlace", "PNG")),
    ("rgba", np.uint8, "png", ("-define", "png:color-type=6")),
    ("rgba", np.uint16, "png", ("-define", "png:color-type=6")),
    ("rgb", np.uint8, "bmp", ()),
    *(
        (kind, dtype, "tif", options)
        for kind in ("gray", "rgb", "rgba", "cmyk")
        for dtype in (np.uint8, np.uint16)
        for options in (
            ("-compress", "none"),
            ("-compress", "lzw"),
            ("-compress", "zip", "-define", "tiff:tile-geometry=16x16"),
            ("-compress", "none", "-endian", "MSB"),
        )
    ),
    ("graya", np.uint8, "tif", ()),
    ("graya", np.uint16, "tif", ()),
    ("rgb", np.uint16, "tif", ("-interlace", "plane")),
    ("rgba", np.uint16, "tif", ("-define", "tiff:alpha=unassociated")),
    ("gray", np.float32, "tif", FLOATS),
    ("rgb", np.float32, "tif", FLOATS),
]


def name_of(case):
    *names, options = (np.dtype(part).name if isinstance(part, type) else part for part in case)
    return "-".join([*names, *(option.strip("-") for option in options)])


@pytest.mark.parametrize("case", LOSSLESS, ids=name_of)
def test_lossless_kinds_go_in_and_come_out_right(magick, pixels, tmp_path, capfd, case):
    kind, dtype, suffix, options = case
    source, target = tmp_path / f"in.{suffix}", tmp_path / f"out.{suffix}"
    given = pixels(kind, dtype)
    write(magick, source, given, kind, *options)
    assert upscale(source, target) == 0
    assert capfd.readouterr().err == ""
    picture = read_image(target)
    assert np.atleast_3d(picture.pixels).shape == (*LARGE, CHANNELS[kind])
    assert picture.pixels.dtype == dtype
    assert picture.is_cmyk == (kind == "cmyk")
    result, expected = read(magick, target, kind, dtype), enlarged(given, kind)
    if dtype == np.float32:  # which ImageMagick gives back in 16 bits
        result, expected = result / 65535, expected.astype(np.float64)
    visible = expected[..., -1] > 0 if kind in ("graya", "rgba") else np.s_[:, :]
    np.testing.assert_allclose(result[visible], expected[visible], atol=1e-4)
    np.testing.assert_allclose(result[..., -1], expected[..., -1], atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "suffix", "options"),
    [
        ("gray", "jpg", ("-quality", 95)),
        ("rgb", "jpg", ("-quality", 95)),
        ("cmyk", "jpg", ("-quality", 95)),
        ("rgb", "webp", ("-define", "webp:lossless=true")),
        ("rgba", "webp", ("-define", "webp:lossless=true")),
    ],
)
def test_lossy_formats_stay_near(magick, tmp_path, coffee, kind, suffix, options):
    smooth = coffee[100:140, 200:260].reshape(20, 2, 30, 2, 3).mean(axis=(1, 3)).astype(np.uint8)
    given = {
        "gray": smooth[..., :1],
        "rgb": smooth,
        "cmyk": smooth[..., [0, 1, 2, 0]],
        "rgba": np.dstack([smooth, np.full(SHAPE, 200, np.uint8)]),
    }[kind]
    source, target = tmp_path / f"in.{suffix}", tmp_path / f"out.{suffix}"
    write(magick, source, given, kind, *options)
    assert upscale(source, target) == 0
    error = read(magick, target, kind, np.uint8).astype(float) - enlarged(given, kind)
    assert np.sqrt(np.mean(error**2)) < 5
    assert read_image(target).mode == {"gray": "L"}.get(kind, kind.upper())


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
@pytest.mark.parametrize("channels", [3, 4])
def test_avif_stays_near(tmp_path, coffee, channels):
    # Debian's ImageMagick reads no AVIF: Pillow is the other program.
    part = np.dstack([coffee[100:140, 200:260], np.full((40, 60), 200, np.uint8)])[..., :channels]
    Image.fromarray(part).save(tmp_path / "in.avif", quality=95)
    assert upscale(tmp_path / "in.avif", tmp_path / "out.avif") == 0
    with Image.open(tmp_path / "out.avif") as image:
        error = np.asarray(image).astype(float) - load_model("bicubic", scale=2).upscale(part)
    assert np.sqrt(np.mean(error**2)) < 5


@pytest.mark.parametrize(
    ("options", "mode"),
    [
        (("-colors", 16, "-type", "Palette", "PNG8:"), "RGB"),
        (("-colors", 16, "GIF:"), "RGB"),
        (("-colors", 16, "-type", "Palette", "TIFF:"), "RGB"),
        (("-colors", 16, "-type", "Palette", "BMP3:"), "RGB"),
        (("-colorspace", "gray", "-monochrome", "PNG:"), "L"),
        (("-colorspace", "gray", "-monochrome", "-compress", "group4", "TIFF:"), "L"),
        (("-colorspace", "gray", "-depth", 4, "PNG:"), "L"),
        (("-colorspace", "gray", "-colors", 9, "-type", "Palette", "GIF:"), "L"),
        (("-transparent", "white", "-colors", 16, "GIF:"), "RGBA"),
        (("-transparent", "white", "-colors", 16, "-type", "PaletteMatte", "PNG8:"), "RGBA"),
    ],
    ids=lambda value: str(value[-1]) if isinstance(value, tuple) else value,
)
def test_palettes_and_few_bits_keep_their_look(magick, tmp_path, options, mode):
    *options, kind = options
    source, target = tmp_path / f"in.{kind[:3].lower()}", tmp_path / "out.png"
    drawn = ("-fill", "blue", "-draw", "circle 9,9 9,3")
    drawn += ("-fill", "white", "-draw", "rectangle 20,10 29,19")
    magick("-size", "30x20", "gradient:red-white", *drawn, *options, f"{kind}{source}")
    given = np.frombuffer(magick(source, "-depth", 8, "rgba:-"), np.uint8).reshape(*SHAPE, 4)
    channels = {"L": given[..., :1], "RGB": given[..., :3], "RGBA": given}[mode]
    assert upscale(source, target) == 0
    assert read_image(target).mode == mode
    result = read(magick, target, {"L": "gray"}.get(mode, mode.lower()), np.uint8)
    expected = enlarged(np.ascontiguousarray(channels), mode)
    visible = result[..., -1] > 0 if mode == "RGBA" else np.s_[:, :]
    # ImageMagick's TIFF palettes have 16 bits, of which 8 are read
    error = np.abs(result[visible].astype(int) - expected[visible])
    assert error.max() <= (2 if kind == "TIFF:" and mode == "RGB" else 0)


TAGS = {
    "EXIF:Make": "A maker",
    "EXIF:Artist": "Somebody",
    "EXIF:Copyright": "2020 Somebody",
    "EXIF:ImageDescription": "A cup",
    "EXIF:DateTimeOriginal": "2020:01:02 03:04:05",
    "EXIF:ExposureTime": 0.004,
    "EXIF:FNumber": 2.8,
    "EXIF:ISO": 200,
    "EXIF:LensModel": "A lens",
    "EXIF:UserComment": "a comment",
    "EXIF:GPSLatitude": 47.5,
    "EXIF:GPSLatitudeRef": "N",
    "XMP:Title": "A title",
    "XMP:Rating": 4,
    "ICC_Profile:ProfileDescription": "sRGB built-in",
}
PHOTOS = [
    ("jpg", np.uint8, ()),
    ("png", np.uint8, ("-define", "png:color-type=2")),
    ("png", np.uint16, ("-define", "png:color-type=2")),
    ("tif", np.uint8, ()),
    ("tif", np.uint16, ()),
    ("webp", np.uint8, ()),
]


def profile():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture
def photo(magick, exiftool, pixels, tmp_path):
    """A photo with all that a camera and an editor write, lying on its side."""

    def make(suffix, dtype, *options):
        path = tmp_path / f"photo.{suffix}"
        (tmp_path / "profile.icc").write_bytes(profile())
        (tmp_path / "thumbnail.jpg").write_bytes(b"\xff\xd8\xff\xd9")
        options = (*options, "-profile", tmp_path / "profile.icc", "-units", "PixelsPerInch")
        write(magick, path, pixels("rgb", dtype), "rgb", *options, "-density", "300x150")
        tags = {k: v for k, v in TAGS.items() if not k.startswith("ICC")}
        sizes = ("-EXIF:ExifImageWidth=30", "-EXIF:ExifImageHeight=20", "-XMP:ImageWidth=30")
        arguments = [f"-{name}={value}" for name, value in tags.items()]
        turned = ("-EXIF:Orientation=6", "-XMP-tiff:Orientation=6")
        thumbnail = f"-ThumbnailImage<={tmp_path / 'thumbnail.jpg'}" if suffix == "jpg" else "-q"
        exiftool("-n", "-overwrite_original", *arguments, *sizes, *turned, thumbnail, path)
        return path

    return make


def tags_of(exiftool, path):
    text = exiftool("-json", "-n", "-G0", "-struct", path)
    return json.loads(text)[0]


@pytest.mark.parametrize("target", PHOTOS, ids=name_of)
@pytest.mark.parametrize("source", PHOTOS, ids=name_of)
def test_metadata_are_kept_and_corrected(photo, exiftool, tmp_path, capsys, source, target):
    path = photo(*source[:2], *source[2])
    if source[1] == np.uint16 and target[0] in ("jpg", "webp"):
        assert upscale(path, tmp_path / f"out.{target[0]}") == 2
        assert "the picture has 16 bits; use .png, .tif or .jxl" in capsys.readouterr().err
        return
    before = tags_of(exiftool, path)
    assert (before["EXIF:Orientation"], before["XMP:Orientation"]) == (6, 6)
    assert ("EXIF:ThumbnailLength" in before) == (source[0] == "jpg")
    out = tmp_path / f"out.{target[0]}"
    assert upscale(path, out) == 0
    assert capsys.readouterr().err == ""
    after = tags_of(exiftool, out)
    for name, value in TAGS.items():
        assert after[name] == before[name] == value, name
    assert after.get("EXIF:Orientation", 1) == 1
    assert after["XMP:Orientation"] == 1
    assert opened(out).size == (40, 60)  # upright
    assert (after["EXIF:ExifImageWidth"], after["EXIF:ExifImageHeight"]) == (40, 60)
    assert after["XMP:ImageWidth"] == 40
    assert "EXIF:ThumbnailImage" not in after
    assert "EXIF:ThumbnailLength" not in after
    assert not {key for key in after if "Warning" in key or "Error" in key}


def with_canon_note(path):
    """Put a Canon maker's note into a JPEG's EXIF: its text stands where its offset says."""
    note_at = 8 + 2 + 2 * 12 + 4 + 8 + 2 + 12 + 4  # header, two directories, the maker's name
    text = b"IMG:A camera JPEG\0"
    note = struct.pack("<HHHIII", 1, 6, 2, len(text), note_at + 2 + 12 + 4, 0) + text
    exif_at = note_at - (2 + 12 + 4)
    inner = struct.pack("<HHHIII", 1, 0x927C, 7, len(note), note_at, 0)
    first = struct.pack("<2sHIH", b"II", 42, 8, 2)
    first += struct.pack("<HHII", 0x010F, 2, 6, exif_at - 8)
    first += struct.pack("<HHII", 0x8769, 4, 1, exif_at) + bytes(4) + b"Canon\0\0\0"
    Image.new("RGB", (30, 20)).save(path, exif=b"Exif\0\0" + first + inner + note)


def test_makers_notes_hold_or_are_left_out(exiftool, tmp_path, capsys):
    with_canon_note(tmp_path / "in.jpg")
    assert (
        tags_of(exiftool, tmp_path / "in.jpg")["MakerNotes:CanonImageType"] == "IMG:A camera JPEG"
    )
    for suffix in ("jpg", "png", "webp", "tif"):
        assert upscale(tmp_path / "in.jpg", tmp_path / f"out.{suffix}") == 0
        tags = tags_of(exiftool, tmp_path / f"out.{suffix}")
        assert tags["EXIF:Make"] == "Canon"
        note = None if suffix == "tif" else "IMG:A camera JPEG"
        assert tags.get("MakerNotes:CanonImageType") == note
        assert ("left out the maker's notes" in capsys.readouterr().err) == (suffix == "tif")
        assert not {key for key in tags if "Warning" in key}


def test_strip_removes_them_all(photo, exiftool, tmp_path):
    for suffix in ("jpg", "png", "tif", "webp"):
        path = photo(suffix, np.uint8)
        assert upscale(path, tmp_path / f"out.{suffix}", "--strip") == 0
        after = tags_of(exiftool, tmp_path / f"out.{suffix}")
        assert not {key for key in after if key in TAGS or key.startswith(("XMP", "ICC"))}
