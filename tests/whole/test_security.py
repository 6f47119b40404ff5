"""What strangers put into pictures, models and names, and what it does not do: `SECURITY.md`."""

import io
import json
import zlib

import pytest
from conftest import png_chunks
from guard import BESIDE, CAN_MEASURE, Memory
from mutations import safetensors_of, split_safetensors
from PIL import Image

from sr_arn import InputError
from sr_arn.cli import main
from sr_arn.models.files import BUNDLED, read_header
from sr_arn.pictures.io import read_image
from sr_arn.upscaling.loading import load_model

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>"
COMMANDS_OF_A_TERMINAL = "\x1b]0;taken\x07\x1b[2J\u202e"
IHDR = b"\0\0\0\x20\0\0\0\x20\x08\0\0\0\0"  # 32 x 32, grey
PIXELS = zlib.compress(bytes(33 * 32))


def run(*arguments):
    return main([str(argument) for argument in arguments])


def zeros(count):
    """Return so many zeros, a multiple of a megabyte, deflated to a thousandth."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    part = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    adler = (count % 65521) << 16 | 1
    return b"\x78\xda" + part * (count >> 20) + b"\x03\0" + adler.to_bytes(4, "big")


@pytest.fixture
def nasty_model(tmp_path):
    """A model that works, whose name and every text are markup and a terminal's commands."""
    header, numbers = split_safetensors((BUNDLED / "conv-arn-x2-tiny.safetensors").read_bytes())
    own = json.loads(header["__metadata__"]["sr_arn"])
    own["licence"] = own["training"]["images"] = MARKUP + COMMANDS_OF_A_TERMINAL
    own["scores"] = {MARKUP + COMMANDS_OF_A_TERMINAL: {"psnr": 30.0, "ssim": 0.9}}
    header["__metadata__"]["sr_arn"] = json.dumps(own)
    path = tmp_path / f"{MARKUP.replace('/', '')}{COMMANDS_OF_A_TERMINAL}.safetensors"
    path.write_bytes(safetensors_of(header, numbers))
    assert read_header(path)["licence"].startswith(MARKUP)
    return path


def is_harmless(page):
    return "<script>alert" not in page and "<img src=x" not in page


def test_a_models_metadata_on_a_terminal(nasty_model, coffee, tmp_path, capfd):
    source = tmp_path / "a.png"
    Image.fromarray(coffee[:20, :20]).save(source)
    assert run("upscale", source, "-o", tmp_path / "b.png", "--model", nasty_model) == 0
    assert run("upscale", source, "-o", tmp_path / "b.png", "--model", nasty_model, "--scale", 3)
    assert run("models", "show", nasty_model, "-o", tmp_path / "g.png") in (0, 2)
    said = capfd.readouterr()
    assert all(line.isprintable() for line in (said.out + said.err).splitlines())
    assert "alert" in said.out + said.err  # it was told of, after all


def test_a_models_metadata_in_a_report(nasty_model, coffee, tmp_path, capfd):
    (tmp_path / "set").mkdir()
    Image.fromarray(coffee[:40, :40]).save(tmp_path / "set" / f"{MARKUP.replace('/', '')}.png")
    report = tmp_path / "report.html"
    arguments = ("--data", tmp_path, "--sets", "set", "--scale", 2, "--models", nasty_model)
    assert run("benchmark", *arguments, "--report", report) == 0
    said = capfd.readouterr()
    assert all(line.isprintable() for line in (said.out + said.err).splitlines())
    page = report.read_text()
    assert "alert" in page
    assert is_harmless(page)


def test_names_on_the_page_of_a_comparison(coffee, tmp_path):
    names = [tmp_path / f"{MARKUP.replace('/', '')}{k}.png" for k in range(2)]
    for name in names:
        Image.fromarray(coffee[:40, :40]).save(name)
    assert run("compare", *names, "-o", tmp_path / "page.html") == 0
    page = (tmp_path / "page.html").read_text()
    assert "alert" in page
    assert is_harmless(page)


def test_names_of_models_on_the_local_page(nasty_model, tmp_path):
    pytest.importorskip("starlette", reason='needs the extra "web"')
    from starlette.testclient import TestClient

    from sr_arn.web.app import application
    from sr_arn.web.job_queue import JobQueue

    queue = JobQueue(tmp_path, {nasty_model.name: str(nasty_model)}, best=False)
    with TestClient(application(queue), base_url="http://127.0.0.1") as client:
        page = client.get("/").text
    queue.close()
    assert "alert" in page
    assert is_harmless(page)


# --- pictures that grow ------------------------------------------------------------


def bomb_of_pixels():
    """A PNG of 100,000 x 100,000 pixels in 10 KB."""
    header = (100_000).to_bytes(4, "big") * 2 + b"\x08\0\0\0\0"
    return png_chunks((b"IHDR", header), (b"IDAT", zeros(10 << 20)), (b"IEND", b""))


def bomb_of_rows():
    """A PNG of 32 x 32 pixels whose pixels go on for a gigabyte."""
    return png_chunks((b"IHDR", IHDR), (b"IDAT", zeros(1 << 30)), (b"IEND", b""))


def bomb_beside(kind, start):
    """A PNG of 32 x 32 pixels with a gigabyte in a chunk beside them."""
    chunks = (b"IHDR", IHDR), (kind, start + zeros(1 << 30)), (b"IDAT", PIXELS), (b"IEND", b"")
    return png_chunks(*chunks)


@pytest.mark.skipif(not CAN_MEASURE, reason="only Linux tells the peak of memory")
@pytest.mark.parametrize(
    ("make", "allowed", "is_read"),
    [
        (bomb_of_pixels, 0, False),
        (bomb_of_rows, 0, True),
        # profiles and texts of 64 MB are read; what is beyond is left out
        (lambda: bomb_beside(b"iCCP", b"x\0\0"), 4 << 26, True),
        (lambda: bomb_beside(b"zTXt", b"Raw profile type exif\0\0"), 4 << 26, True),
        (lambda: bomb_beside(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0"), 4 << 26, True),
    ],
    ids=["pixels", "rows", "profile", "text", "xmp"],
)
@pytest.mark.filterwarnings("ignore:::PIL")
def test_decompression_bombs(make, allowed, is_read):
    content = make()
    assert len(content) < 1_200_000
    read_image(png_chunks((b"IHDR", IHDR), (b"IDAT", PIXELS), (b"IEND", b"")))  # what it loads
    with Memory() as memory:
        if is_read:
            assert read_image(content).pixels.shape == (32, 32)
        else:
            with pytest.raises(InputError, match="more than 100,000,000"):
                read_image(content)
    assert memory.peak <= allowed + BESIDE


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "WEBP"])
@pytest.mark.filterwarnings("ignore:::PIL")
def test_huge_profiles_and_exif(kind, tmp_path):
    block = b"II*\0\x08\0\0\0" + bytes(60_000 if kind == "JPEG" else 30_000_000)
    size = 10_000_000 if kind == "JPEG" else 30_000_000
    file, options = io.BytesIO(), {} if kind == "TIFF" else {"exif": b"Exif\0\0" + block}
    Image.new("RGB", (9, 9)).save(file, kind, icc_profile=bytes(size), **options)
    with Memory() as memory:
        assert read_image(file.getvalue()).pixels.shape == (9, 9, 3)
    assert memory.peak <= 8 * len(file.getvalue()) + BESIDE


def test_links_in_the_folder_of_results(coffee, tmp_path):
    """A link is followed to the file that it means, as shells do; it is never taken through."""
    outside, folder = tmp_path / "outside.png", tmp_path / "out"
    folder.mkdir()
    outside.write_bytes(b"before")
    Image.fromarray(coffee[:20, :20]).save(tmp_path / "a.png")
    (folder / "a_x2.png").symlink_to(outside)
    arguments = ("upscale", tmp_path / "a.png", "-o", f"{folder}/", "--scale", 2)
    assert run(*arguments, "--skip-existing") == 0
    assert outside.read_bytes() == b"before"
    (folder / "a_x2.png").unlink()
    (folder / "a_x2.png").symlink_to(tmp_path / "a.png")  # back to the input
    before = (tmp_path / "a.png").read_bytes()
    assert run(*arguments) == 2
    assert (tmp_path / "a.png").read_bytes() == before


@pytest.mark.parametrize("name", ["../{stem}{ext}", "a/../../{stem}{ext}", "/{stem}{ext}", ".."])
def test_templates_lead_nowhere(name, coffee, tmp_path, capfd):
    Image.fromarray(coffee[:20, :20]).save(tmp_path / "a.png")
    assert run("upscale", tmp_path / "a.png", "-o", f"{tmp_path}/out/", "--name", name) == 2
    assert capfd.readouterr().err.startswith("sr-arn: error: name: expected a file name")
    assert not (tmp_path / "out").exists()


def test_the_arrays_of_a_model_that_claims_gigabytes(tmp_path):
    content = (BUNDLED / "conv-arn-x2-tiny.safetensors").read_bytes()
    header, numbers = split_safetensors(content)
    name = next(key for key in header if key != "__metadata__")
    header[name]["shape"] = [1 << 20, 1 << 20]
    path = tmp_path / "m.safetensors"
    path.write_bytes(safetensors_of(header, numbers))
    with Memory() as memory, pytest.raises(InputError):
        load_model(path)
    assert memory.peak <= 2 * len(content) + BESIDE
