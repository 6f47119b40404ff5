"""A format that is registered works wherever pictures go, without another file touched."""

import struct

import numpy as np
import pytest

from sr_arn import load_model
from sr_arn.cli import main
from sr_arn.errors import InputError, UnavailableError
from sr_arn.pictures.formats import (
    FORMATS,
    SUFFIXES,
    Format,
    detect,
    format_named,
    register,
    unregister,
)
from sr_arn.pictures.formats.base import check_size
from sr_arn.pictures.io import read_image, write_image
from sr_arn.pictures.picture import Picture


class Toy(Format):
    """Height, width and channels, then uint8 pixels."""

    name = "Toy"
    suffixes = (".toy", ".toi")
    signature = rb"TOY\n"
    mime = "image/x-toy"
    modes = ("L", "RGB")
    longest_side = 400
    quality = 70
    holds = frozenset()
    header = struct.Struct(">4s3I")

    def read(self, file, name, max_pixels):
        _, height, width, channels = self.header.unpack(file.read(self.header.size))
        check_size(width, height, max_pixels, name)
        shape = (height, width, channels) if channels > 1 else (height, width)
        return Picture(np.frombuffer(file.read(), np.uint8).reshape(shape))

    def write(self, file, info, strips, threads, quality=None):
        height, width, *channels = info.shape
        file.write(self.header.pack(b"TOY\n", height, width, *(channels or [1])))
        for strip in strips:
            file.write(strip.tobytes())


@pytest.fixture
def toy():
    before = [*FORMATS], {**SUFFIXES}
    known = Toy()
    register(known)
    yield known
    unregister(known)
    assert ([*FORMATS], {**SUFFIXES}) == before


@pytest.fixture
def photo(coffee, tmp_path, toy):
    path = tmp_path / "photo.toy"
    write_image(path, Picture(coffee[:40, :60]))
    return path


def test_it_is_found_by_content_name_and_suffix(toy, photo):
    assert detect(photo.read_bytes()) is toy
    assert format_named("toy") is format_named("TOI") is SUFFIXES[".toi"] is toy
    with pytest.raises(ValueError, match=r"another format has toy, \.toy, \.toi"):
        register(Toy())


@pytest.mark.parametrize("as_bytes", [False, True])
def test_it_is_read_and_written(photo, coffee, as_bytes):
    pixels = read_image(photo.read_bytes() if as_bytes else photo).pixels
    np.testing.assert_array_equal(pixels, coffee[:40, :60])


def test_its_faults_are_reported_as_those_of_others(toy, photo, tmp_path, caplog):
    (tmp_path / "cut.toy").write_bytes(photo.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"cut\.toy: damaged or cut off"):
        read_image(tmp_path / "cut.toy")
    with pytest.raises(InputError, match="60 x 40 pixels, more than 100; allow more"):
        read_image(photo, max_pixels=100)
    with pytest.raises(InputError, match=r"Toy holds no transparency; use \.png, \.tif, \.webp"):
        write_image(tmp_path / "a.toy", Picture(np.zeros((9, 9, 4), np.uint8)))
    with pytest.raises(InputError, match=r"expected a name ending in .*, \.toy, \.toi, received"):
        write_image(tmp_path / "a.xyz", Picture(np.zeros((9, 9), np.uint8)))
    with pytest.raises(InputError, match=r"expected a picture \(PNG, .*, Toy\); this is none"):
        read_image(b"none" * 9)
    photo.rename(tmp_path / "photo.png")
    assert read_image(tmp_path / "photo.png").pixels.shape == (40, 60, 3)
    assert "is a Toy picture in spite of its name" in caplog.text


def test_upscale_goes_from_it_to_it(photo, tmp_path, capsys):
    scaled = load_model("bicubic", scale=2).upscale(read_image(photo).pixels)
    common = ["--model", "bicubic", "--scale", "2"]
    assert main(["upscale", str(photo), "-o", str(tmp_path / "one.toy"), *common]) == 0
    assert main(["upscale", str(photo), "-o", str(tmp_path / "one.png"), *common]) == 0
    for name in ("one.toy", "one.png"):
        np.testing.assert_array_equal(read_image(tmp_path / name).pixels, scaled)
    source, folder = tmp_path / "source", tmp_path / "folder"
    source.mkdir()
    photo.rename(source / photo.name)
    assert main(["upscale", str(source), "-o", f"{folder}/", "--format", "toy", *common]) == 0
    assert {path.name for path in folder.iterdir()} == {"photo_x2.toy"}


def test_help_names_it(toy, capsys):
    with pytest.raises(SystemExit):
        main(["upscale", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "TGA or Toy, a folder of them" in shown
    assert "JXL (90), Toy (70)" in shown


def test_completion_names_it(toy, capsys):
    assert main(["completion", "bash"]) == 0
    assert "avif jxl bmp toy)" in capsys.readouterr().out


def test_the_page_takes_it(photo, tmp_path):
    pytest.importorskip("starlette")
    testclient = pytest.importorskip("starlette.testclient")
    from sr_arn.web.app import application
    from sr_arn.web.job_queue import JobQueue

    (tmp_path / "queue").mkdir()
    queue = JobQueue(tmp_path / "queue", {"bicubic": "bicubic"}, best=False)
    client = testclient.TestClient(application(queue), "http://127.0.0.1:8300")
    try:
        page = client.get("/").text
        assert "<option>toy</option>" in page
        assert ".toy,.toi" in page
        assert "TGA, Toy; up to" in page
        reply = client.post("/pictures?name=a.toy", content=photo.read_bytes())
        key = reply.json()["key"]
        queue._worker.shutdown()  # waits for the work
        assert read_image(client.get(f"/pictures/{key}/result").content).pixels.shape[2] == 3
        shown = client.get(f"/pictures/{key}/after")
        assert (shown.headers["content-type"], detect(shown.content).name) == ("image/png", "PNG")
    finally:
        queue.close()


def test_a_reader_that_lacks_a_package_says_so(toy, photo, monkeypatch):
    def lacking(*arguments):
        raise UnavailableError('toys need a package: pip install "sr-arn[toys]"')

    monkeypatch.setattr(type(toy), "read", lacking)
    with pytest.raises(UnavailableError, match="toys need a package"):
        read_image(photo)
