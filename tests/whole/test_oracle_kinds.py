"""Pictures of further formats that other programs make, and read back."""

import shutil
import subprocess
from importlib.util import find_spec

import numpy as np
import pytest
import tifffile
from conftest import SHIPPED, opened
from PIL import Image
from test_oracles import exiftool, magick  # noqa: F401 - fixtures

from sr_arn import InputError
from sr_arn.cli import main
from sr_arn.pictures.io import read_image

WIDTH, HEIGHT = 60, 40


@pytest.fixture
def run():
    """Run a program of another project, if it is installed."""

    def run(name, *arguments):
        path = shutil.which(name)
        if path is None:
            pytest.skip(f"the program {name} is not installed")
        command = [path, *(str(argument) for argument in arguments)]
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)  # noqa: S603
        assert done.returncode == 0, done.stderr

    return run


@pytest.fixture
def pictures(tmp_path):
    """A photo's part as PNG by Pillow: RGB, RGBA, grey; and RGB of 16 bits."""
    import imagecodecs

    with Image.open(SHIPPED / "coffee.png") as coffee:
        rgb = coffee.convert("RGB").crop((200, 100, 200 + WIDTH, 100 + HEIGHT))
    paths = {kind: tmp_path / f"{kind}.png" for kind in ("rgb", "rgba", "grey", "deep")}
    rgb.save(paths["rgb"])
    rgb.convert("L").save(paths["grey"])
    alpha = Image.fromarray(np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1)))
    rgb.putalpha(alpha)
    rgb.save(paths["rgba"])
    deep = np.asarray(opened(paths["rgb"])).astype(np.uint16) * 257
    deep[..., 0] += np.arange(WIDTH, dtype=np.uint16)
    paths["deep"].write_bytes(imagecodecs.png_encode(deep))
    return paths


def difference(path, reference):
    """Return the mean difference of two pictures, in levels of 255."""
    found, wanted = read_image(path), read_image(reference)
    assert found.mode == wanted.mode
    white = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}
    one, other = (p.pixels / white[p.pixels.dtype] for p in (found, wanted))
    return 255 * np.abs(one - other).mean()


def enlarge(path, target, *options):
    arguments = ["upscale", str(path), "-o", str(target), "--model", "bicubic", "--scale", "2"]
    assert main([*arguments, "--quiet", *options]) == 0
    assert read_image(target).pixels.shape[:2] == (2 * HEIGHT, 2 * WIDTH)


KINDS = ("rgb", "rgba", "grey", "deep")


@pytest.mark.parametrize("kind", KINDS)
def test_jpeg_xl_by_cjxl(kind, pictures, tmp_path, run):
    for distance, most in ((0, 0), (1, 3)):
        run("cjxl", pictures[kind], tmp_path / "a.jxl", "-d", distance)
        assert difference(tmp_path / "a.jxl", pictures[kind]) <= most
    enlarge(tmp_path / "a.jxl", tmp_path / "b.png")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("quality", [90, 100])
def test_jpeg_xl_for_djxl(kind, quality, pictures, tmp_path, run):
    enlarge(pictures[kind], tmp_path / "ours.jxl", "--quality", str(quality))
    enlarge(pictures[kind], tmp_path / "ours.png")
    run("djxl", tmp_path / "ours.jxl", tmp_path / "theirs.png")
    most = 0 if quality == 100 else 3
    assert difference(tmp_path / "theirs.png", tmp_path / "ours.png") <= most
    assert difference(tmp_path / "ours.jxl", tmp_path / "ours.png") <= most


def test_a_jpeg_within_jpeg_xl_and_its_exif(pictures, tmp_path, run, exiftool):  # noqa: F811
    opened(pictures["rgb"]).save(tmp_path / "a.jpg", quality=95)
    exiftool("-Orientation#=6", "-Artist=Ann", "-XMP-dc:Title=cup", tmp_path / "a.jpg")
    run("cjxl", tmp_path / "a.jpg", tmp_path / "a.jxl")
    turned = read_image(tmp_path / "a.jxl")
    upright = read_image(tmp_path / "a.jpg").pixels
    assert turned.pixels.shape == upright.shape == (WIDTH, HEIGHT, 3)
    assert np.abs(turned.pixels.astype(int) - upright).mean() < 1
    target = tmp_path / "b.jxl"
    arguments = ["--model", "bicubic", "--scale", "2", "--quiet"]
    assert main(["upscale", str(tmp_path / "a.jxl"), "-o", str(target), *arguments]) == 0
    again = read_image(target)
    assert again.metadata.orientation() == 1
    assert b"cup" in again.metadata.xmp
    assert b"Ann" in again.metadata.exif
    assert "Ann" in exiftool("-s3", "-Artist", target)


def test_the_colours_of_jpeg_xl_are_told(pictures, tmp_path, run, caplog):
    import imagecodecs

    wide = imagecodecs.cms_profile("adobergb")
    opened(pictures["rgb"]).save(tmp_path / "p.png", icc_profile=wide)
    run("cjxl", tmp_path / "p.png", tmp_path / "p.jxl", "-d", "0")
    assert read_image(tmp_path / "p.jxl").metadata.icc_profile is None
    assert "left out its colour profile" in caplog.text


@pytest.mark.parametrize("kind", ["rgb", "rgba", "grey", "deep"])
@pytest.mark.parametrize("suffix", [".jp2", ".j2k"])
def test_jpeg_2000_by_openjpeg(kind, suffix, pictures, tmp_path, run):
    path, target = tmp_path / f"a{suffix}", tmp_path / f"theirs{'.png'}"
    run("opj_compress", "-i", pictures[kind], "-o", path)
    run("opj_decompress", "-i", path, "-o", target)
    assert difference(path, target) == 0
    enlarge(path, tmp_path / "b.png")


@pytest.mark.parametrize("kind", ["rgb", "rgba", "grey"])
def test_jpeg_2000_by_imagemagick(kind, pictures, tmp_path, magick):  # noqa: F811
    magick(pictures[kind], "-define", "jp2:quality=100", tmp_path / "a.jp2")
    assert difference(tmp_path / "a.jp2", pictures[kind]) <= 1


@pytest.mark.parametrize("kind", ["rgb", "rgba", "grey"])
def test_heic_by_libheif(kind, pictures, tmp_path, run):
    if find_spec("pillow_heif") is None:
        pytest.skip('needs the extra "heif"')
    run("heif-enc", "-q", "95", pictures[kind], "-o", tmp_path / "a.heic")
    assert difference(tmp_path / "a.heic", pictures[kind]) <= 3
    enlarge(tmp_path / "a.heic", tmp_path / "b.png")


@pytest.mark.parametrize("bits", [10, 12])
def test_deep_heic(bits, pictures, tmp_path, run):
    if find_spec("pillow_heif") is None:
        pytest.skip('needs the extra "heif"')
    run("heif-enc", "-q", "95", "-b", bits, pictures["deep"], "-o", tmp_path / "a.heic")
    assert read_image(tmp_path / "a.heic").pixels.dtype == np.uint16
    assert difference(tmp_path / "a.heic", pictures["deep"]) <= 3


@pytest.mark.parametrize("options", [("-d", "10"), ("-d", "12", "-l"), ("-d", "10", "-y", "420")])
def test_deep_avif(options, pictures, tmp_path, run):
    run("avifenc", *options, pictures["deep"], tmp_path / "a.avif")
    assert read_image(tmp_path / "a.avif").pixels.dtype == np.uint16
    assert difference(tmp_path / "a.avif", pictures["deep"]) <= 4
    enlarge(tmp_path / "a.avif", tmp_path / "b.png")


@pytest.mark.parametrize(
    ("kind", "name", "options"),
    [
        ("rgb", "a.ppm", ()),
        ("rgb", "a.ppm", ("-compress", "none")),
        ("grey", "a.pgm", ()),
        ("grey", "a.pgm", ("-compress", "none")),
        ("deep", "a.ppm", ()),
        ("rgba", "a.pam", ()),
        ("rgb", "a.tga", ("-orient", "TopLeft")),
        ("rgba", "a.tga", ("-orient", "TopLeft", "-compress", "rle")),
        ("rgb", "a.tif", ("-colorspace", "YCbCr", "-compress", "none")),
        ("rgb", "a.tif", ("-colorspace", "YCbCr", "-compress", "lzw")),
    ],
)
def test_by_imagemagick(kind, name, options, pictures, tmp_path, magick):  # noqa: F811
    magick(pictures[kind], *options, tmp_path / name)
    assert difference(tmp_path / name, pictures[kind]) <= (1 if "YCbCr" in options else 0)
    enlarge(tmp_path / name, tmp_path / "b.png")


@pytest.mark.parametrize("options", [(), ("-compress", "none")])
def test_bits_by_imagemagick(options, pictures, tmp_path, magick):  # noqa: F811
    magick(pictures["grey"], "-threshold", "50%", *options, tmp_path / "a.pbm")
    magick(tmp_path / "a.pbm", "-depth", "8", tmp_path / "a.png")
    assert difference(tmp_path / "a.pbm", tmp_path / "a.png") == 0


@pytest.mark.parametrize("kind", ["rgb", "grey"])
@pytest.mark.parametrize("order", ["MSB", "LSB"])
def test_floats_of_pfm_by_imagemagick(kind, order, pictures, tmp_path, magick):  # noqa: F811
    magick(pictures[kind], "-endian", order, tmp_path / "a.pfm")
    floats, levels = (read_image(p).pixels for p in (tmp_path / "a.pfm", pictures[kind]))
    np.testing.assert_allclose(floats * 255, levels, atol=0.01)
    enlarge(tmp_path / "a.pfm", tmp_path / "b.tif")


def test_the_largest_of_an_icon(pictures, tmp_path, magick, caplog):  # noqa: F811
    sizes = ("-resize", "48x48!", "-define", "icon:auto-resize=48,16,32")
    magick(pictures["rgba"], *sizes, tmp_path / "a.ico")
    magick(pictures["rgba"], "-resize", "48x48!", tmp_path / "a.png")
    assert difference(tmp_path / "a.ico", tmp_path / "a.png") <= 1
    assert "left out 2 further sizes" in caplog.text


def test_floats_beyond_1_for_imagemagick(pictures, tmp_path, magick):  # noqa: F811
    light = read_image(pictures["rgb"]).pixels.astype(np.float32) / 64 - 1
    tifffile.imwrite(tmp_path / "a.tif", light, photometric="rgb")
    enlarge(tmp_path / "a.tif", tmp_path / "b.tif")
    after = read_image(tmp_path / "b.tif").pixels
    assert light.min() <= after.min() < 0
    assert 1 < after.max() <= light.max()
    raw = magick(tmp_path / "b.tif", "-depth", "16", "-endian", "LSB", "rgb:-")
    theirs = np.frombuffer(raw, "<u2").reshape(after.shape) / 65535
    np.testing.assert_allclose(theirs, after.clip(0, 1), atol=1e-4)


def test_deep_jpeg_is_read(pictures, tmp_path):
    import imagecodecs

    deep = read_image(pictures["deep"]).pixels
    for bits in (12, 16):
        lossless = bits == 16
        content = imagecodecs.jpeg8_encode(
            deep >> (16 - bits), level=98, lossless=lossless, bitspersample=bits
        )
        (tmp_path / "a.jpg").write_bytes(content)
        assert difference(tmp_path / "a.jpg", pictures["deep"]) <= (0 if lossless else 2)
        enlarge(tmp_path / "a.jpg", tmp_path / "b.png")


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("restart", [0, 3])
def test_a_missing_end_of_jpeg(progressive, restart, pictures, tmp_path, caplog):
    path = tmp_path / "a.jpg"
    opened(pictures["rgb"]).save(
        path, quality=90, progressive=progressive, restart_marker_blocks=restart
    )
    whole, content = read_image(path), path.read_bytes()
    path.write_bytes(content[:-2])
    np.testing.assert_array_equal(read_image(path).pixels, whole.pixels)
    assert "has no end marker, but all of its pixels" in caplog.text
    for missing in (8, 40, len(content) // 2):
        path.write_bytes(content[:-missing])
        with pytest.raises(InputError, match="damaged or cut off"):
            read_image(path)
