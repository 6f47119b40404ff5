"""Mutated files of formats that other libraries decode, through the guards of pictures."""

import random
import struct
from io import BytesIO

import numpy as np
import pytest
import tifffile
from mutations import mutated
from old_jpeg import old_jpeg
from PIL import Image, features
from test_fuzz import counts
from test_fuzz_pictures import attempt, declared, one_parser  # noqa: F401 - fixtures

from sr_arn.pictures.formats import format_named
from sr_arn.pictures.metadata import Metadata
from sr_arn.pictures.picture import PictureInfo

pytestmark = pytest.mark.filterwarnings("ignore:::PIL")

EXIF = Image.Exif()
EXIF[0x010E] = "a cup"


def jxl(pixels):
    imagecodecs = pytest.importorskip("imagecodecs")
    deep = pixels.astype(np.uint16) * 4
    yield imagecodecs.jpegxl_encode(pixels, lossless=True)
    yield imagecodecs.jpegxl_encode(pixels, distance=1.0)
    yield imagecodecs.jpegxl_encode(deep, lossless=True, bitspersample=10)
    yield imagecodecs.jpegxl_encode(np.stack([pixels, pixels]), lossless=True)
    file = BytesIO()
    info = PictureInfo(pixels.shape, pixels.dtype, Metadata(None, EXIF.tobytes()[6:], b"<x/>"))
    format_named("jxl").write(file, info, [pixels], threads=1)
    yield file.getvalue()


def jp2(pixels):
    imagecodecs = pytest.importorskip("imagecodecs")
    yield imagecodecs.jpeg2k_encode(pixels, codecformat="jp2")
    yield imagecodecs.jpeg2k_encode(pixels[..., 0].astype(np.uint16) * 16, bitspersample=12)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG2000", tile_size=(16, 16), irreversible=True)
    yield file.getvalue()


def heic(pixels):
    pillow_heif = pytest.importorskip("pillow_heif", reason='needs the extra "heif"')
    for alpha in (False, True):
        image, file = Image.fromarray(pixels), BytesIO()
        image.putalpha(99) if alpha else None
        pillow_heif.from_pillow(image).save(file, exif=EXIF.tobytes(), quality=50)
        yield file.getvalue()


def pnm(pixels):
    height, width, _ = pixels.shape
    size = b"%d %d\n" % (width, height)
    yield b"P6\n" + size + b"255\n" + pixels.tobytes()
    yield b"P5\n# a cup\n" + size + b"1000\n" + pixels[..., 0].astype(">u2").tobytes()
    yield b"P3 " + size + b"255\n" + b" ".join(b"%d" % n for n in pixels.flat)
    yield b"P4 " + size + np.packbits(pixels[..., 0] > 99, axis=1).tobytes()
    yield b"PF " + size + b"-1.0\n" + (pixels / np.float32(255)).astype("<f4").tobytes()
    yield (
        b"P7\nWIDTH %d\nHEIGHT %d\nDEPTH 3\nMAXVAL 255\nENDHDR\n" % (width, height)
        + pixels.tobytes()
    )


def by_pillow(pixels, form, *options):
    for option in options:
        file = BytesIO()
        Image.fromarray(pixels).save(file, form, **option)
        yield file.getvalue()


def tga(pixels):
    yield from by_pillow(pixels, "TGA", {}, {"compression": "tga_rle"})


def ico(pixels):
    square = np.ascontiguousarray(pixels[:24, :24])
    yield from by_pillow(square, "ICO", {"sizes": [(24, 24), (16, 16)]}, {"bitmap_format": "bmp"})


def deep_jpeg(pixels):
    imagecodecs = pytest.importorskip("imagecodecs")
    deep = pixels.astype(np.uint16) * 16
    yield imagecodecs.jpeg8_encode(deep, bitspersample=12)
    yield imagecodecs.jpeg8_encode(deep[..., 0].copy(), lossless=True, bitspersample=16)
    yield imagecodecs.jpeg8_encode(pixels, lossless=True)
    yield next(by_pillow(pixels, "JPEG", {"progressive": True}))[:-2]


def deep_avif(pixels):
    if not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    imagecodecs = pytest.importorskip("imagecodecs")
    deep = pixels.astype(np.uint16)
    yield imagecodecs.avif_encode(deep * 4, bitspersample=10)
    yield imagecodecs.avif_encode(deep[..., 0] * 16, bitspersample=12)


def ycbcr(pixels):
    image = Image.fromarray(pixels).convert("YCbCr")
    for compression in ("raw", "tiff_lzw"):
        file = BytesIO()
        image.save(file, "TIFF", compression=compression)
        yield file.getvalue()
    yield old_jpeg(pixels)


def numbers(pixels):
    def tiff(numbers, **options):
        file = BytesIO()
        tifffile.imwrite(file, numbers, **options)
        return file.getvalue()

    heights = pixels[..., 0].astype(np.float32) * 7
    heights[3:9, 3:9] = np.nan
    yield tiff(heights)
    yield tiff((heights - 300).astype(np.float64), extratags=[(42113, 2, 0, "nan", True)])
    yield tiff(pixels.astype(np.int16) - 99, photometric="rgb")
    yield tiff(np.concatenate([pixels, pixels], -1), photometric="minisblack", planarconfig=1)


def unread(pixels):
    thumbnail = BytesIO()
    with tifffile.TiffWriter(thumbnail) as writer:
        writer.write(pixels, photometric="rgb", subifds=1, subfiletype=1)
        writer.write(pixels[..., 0].astype(np.uint16), photometric="cfa")
    yield thumbnail.getvalue()
    yield struct.pack(">I", 24) + b"ftypqt  " + bytes(900)
    yield b'<?xml version="1.0"?><svg xmlns="x"></svg>'


KINDS = {
    **{"JXL": jxl, "JPEG2000": jp2, "HEIC": heic, "PNM": pnm, "TGA": tga, "ICO": ico},
    **{"deep JPEG": deep_jpeg, "deep AVIF": deep_avif, "YCbCr": ycbcr, "numbers": numbers},
}


def campaign(makers, count, folder, declared, dice):  # noqa: F811
    """Attempt that many mutations; return how many could be enlarged."""
    whole, done = list(makers), 0
    for k in range(count):
        done += attempt(folder, mutated(whole[k % len(whole)], dice), declared)
    return done


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", counts(200, 2_000))
def test_mutated_kinds(coffee, tmp_path, declared, kind, count):  # noqa: F811
    folder, dice = tmp_path / "here", random.Random(kind)  # noqa: S311
    folder.mkdir()
    pixels = np.ascontiguousarray(coffee[:24, :31])
    assert all(attempt(folder, content, declared) for content in KINDS[kind](pixels))
    assert 0 < campaign(KINDS[kind](pixels), count, folder, declared, dice) < count


@pytest.mark.parametrize("count", counts(200, 2_000))
def test_mutated_files_that_are_not_read(coffee, tmp_path, declared, count):  # noqa: F811
    folder = tmp_path / "here"
    folder.mkdir()
    dice = random.Random(1)  # noqa: S311
    campaign(unread(np.ascontiguousarray(coffee[:24, :31])), count, folder, declared, dice)
