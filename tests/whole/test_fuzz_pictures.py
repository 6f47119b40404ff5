"""Mutated pictures through the command line: enlarged, or told of in one line. Nothing else.

Those marked slow are whole campaigns; what they find goes to `golden/finds`.
"""

import random
import zlib
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from io import BytesIO, StringIO

import numpy as np
import pytest
from guard import BESIDE, Memory, guarded
from mutations import mutated, mutated_png
from PIL import Image, ImageCms, features
from test_fuzz import FINDS, counts

from sr_arn import InputError, cli
from sr_arn.cli import main
from sr_arn.pictures.formats import base
from sr_arn.pictures.formats.pillow import PillowFormat
from sr_arn.pictures.io import read_image, write_image
from sr_arn.pictures.metadata import Metadata
from sr_arn.pictures.picture import Picture
from sr_arn.upscaling import file_upscaler

# as on the command line
pytestmark = pytest.mark.filterwarnings("ignore:::PIL")

MOST = 1_000_000  # pixels that a picture may claim here
DEEPEST = 8  # bytes of a pixel, of integers
VARIANTS = {
    "PNG": ("", "P", "16"),
    "JPEG": ("", "CMYK", "progressive"),
    "TIFF": ("", "lzw", "16", "tiled"),
    "WebP": ("", "lossless"),
    "GIF": ("",),
    "BMP": ("", "P"),
    "AVIF": ("",),
}


def encoded(kind, variant, pixels, folder):
    """Return a picture as a file of a kind, with metadata that may go wrong too."""
    profile, exif = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")), Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a cup"
    options = {"exif": exif, "icc_profile": profile.tobytes()}
    if variant == "16":
        path = folder / f"a.{kind.lower()}"
        metadata = Metadata(options["icc_profile"], exif.tobytes()[6:], dpi=(300, 300))
        write_image(path, Picture(pixels.astype(np.uint16) * 257, metadata))
        return path.read_bytes()
    stream, image = BytesIO(), Image.fromarray(pixels)
    if variant == "tiled":
        tifffile = pytest.importorskip("tifffile")
        tifffile.imwrite(stream, pixels, tile=(16, 16), compression="zlib", photometric="rgb")
        return stream.getvalue()
    if variant == "P":
        image = image.quantize(16)
    elif variant == "CMYK":
        image, options = image.convert("CMYK"), {"exif": exif}
    elif variant == "lzw":
        options["compression"] = "tiff_lzw"
    elif variant:
        options[variant] = True
    image.save(stream, kind, **({} if kind in ("BMP", "GIF") else options))
    return stream.getvalue()


def enlarged(source, target, declared):
    """Run the command line; return its exit code and what it said."""
    told = StringIO()
    declared.clear()
    arguments = ["upscale", str(source), "-o", str(target), "--model", "bicubic", "--scale", "1"]
    with redirect_stderr(told), redirect_stdout(told):
        code = main([*arguments, "--max-pixels", str(MOST), "--threads", "1", "--quiet"])
    return code, told.getvalue()


@pytest.fixture(autouse=True)
def one_parser(monkeypatch):
    """The parser of arguments, which takes half of the time, is made once."""
    monkeypatch.setattr(cli, "_parser", cache(cli._parser))


@pytest.fixture
def declared(monkeypatch):
    """What the reader found a file to declare, in pixels, and the memory it took."""
    found, check = {}, base.check_memory

    def noted(needed, what):
        check(needed, what)
        found["pixels"] = max(found.get("pixels", 0), needed // base.BYTES_TO_READ)

    def measured(*arguments, **options):
        memory = Memory()
        try:
            with memory:
                return read_image(*arguments, **options)
        finally:
            found["memory"] = memory.peak

    monkeypatch.setattr(base, "check_memory", noted)
    monkeypatch.setattr(file_upscaler, "read_image", measured)
    return found


def attempt(folder, content, declared):
    """Enlarge a file that may be wrong; return whether that could be done."""
    source, target = folder / "in", folder / "out.tif"
    source.write_bytes(content)
    target.unlink(missing_ok=True)
    try:
        with guarded(folder):
            code, told = enlarged(source, target, declared)
        there = {path.name for path in folder.iterdir()}
        assert code in (0, 2)
        assert there == ({"in", "out.tif"} if code == 0 else {"in"})
        assert "Traceback" not in told
        assert all(line.isprintable() for line in told.splitlines())
        if code == 2:
            assert told.startswith("sr-arn: error: ")
            assert told.count("\n") == 1
        allowed = 2 * (DEEPEST * declared.get("pixels", 0) + len(content)) + BESIDE
        assert declared["memory"] <= allowed
    except BaseException as error:
        find = FINDS.parent / f"new-find-{zlib.crc32(content):x}"
        find.write_bytes(content)
        raise AssertionError(f"{type(error).__name__}: {error}, kept as {find}") from error
    return code == 0


@pytest.mark.parametrize("kind", VARIANTS)
@pytest.mark.parametrize("count", counts(60, 10_000))
def test_mutated_pictures(coffee, tmp_path, declared, kind, count):
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    folder, dice, done = tmp_path / "here", random.Random(kind), 0  # noqa: S311
    folder.mkdir()
    whole = [encoded(kind, variant, coffee[:24, :31], tmp_path) for variant in VARIANTS[kind]]
    assert all(attempt(folder, content, declared) for content in whole)
    for k in range(count):
        content = whole[k % len(whole)]
        is_within = kind == "PNG" and dice.random() < 0.7  # chunks that pass as whole
        wrong = (mutated_png if is_within else mutated)(content, dice)
        done += attempt(folder, wrong, declared)
    assert 0 < done < count


@pytest.mark.parametrize("find", sorted(FINDS.iterdir()), ids=lambda find: find.name)
def test_finds_stay_mended(find, tmp_path, declared):
    attempt(tmp_path, find.read_bytes(), declared)


def test_the_check_can_fail(tmp_path, declared, monkeypatch):
    import test_fuzz_pictures

    monkeypatch.setattr(test_fuzz_pictures, "FINDS", tmp_path / "finds")

    def broken(*arguments):
        raise ReferenceError("x")

    def greedy(*arguments):
        np.ones(4 * BESIDE, np.uint8)
        raise InputError("no")

    def takes(change):
        with monkeypatch.context() as patch:
            patch.setattr(PillowFormat, "read", change)
            with pytest.raises(AssertionError, match="kept as"):
                attempt(tmp_path / "here", b"BM" + bytes(60), declared)

    (tmp_path / "here").mkdir()
    for change in (broken, greedy):
        takes(change)
