"""Files that are known but not read: called by their name, in folders too."""

import json
import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from sr_arn import InputError
from sr_arn.cli import main
from sr_arn.pictures.formats import SUFFIXES
from sr_arn.pictures.formats.unread import UNREAD
from sr_arn.pictures.io import read_image

HEADS = {
    b"II*\0\x10\0\0\0CR\2\0": "a camera raw",
    b"\0\0\0\x18ftypcrx \0\0\0\1crx isom": "a camera raw",
    b"FUJIFILMCCD-RAW 0201": "a camera raw",
    b"IIRO\x08\0\0\0": "a camera raw",
    b"8BPS\0\1": "a Photoshop file",
    b'<?xml version="1.0"?>\n<!-- by hand -->\n<svg xmlns="x">': "an SVG drawing",
    b"%PDF-1.7\n": "a PDF file",
    b"%!PS-Adobe-3.0": "a PostScript file",
    b"\0\0\0\x20ftypisom\0\0\2\0isomiso2": "a video",
    b"\0\0\0\x14ftypqt  \0\0\0\0qt  ": "a video",
    b"RIFF\0\0\0\0AVI LIST": "a video",
    b"\x1aE\xdf\xa3\x9fB\x86\x81\1": "a video",
    b"v/1\1\2\0\0\0": "an OpenEXR picture",
    b"#?RADIANCE\n": "a Radiance picture",
    bytes(128) + b"DICM": "a DICOM file",
    b"PK\3\4\x14\0": "an archive",
    b"\n<!DOCTYPE html><html>": "a web page",
}


@pytest.mark.parametrize("head", HEADS, ids=lambda head: HEADS[head])
def test_they_are_called_by_their_name(head):
    with pytest.raises(InputError, match=f"^image: is {HEADS[head]}, which is not read; "):
        read_image(head + bytes(600))


def raw_by_tifffile(path, below=True):
    """A camera raw as cameras write it: a thumbnail first, what the sensor saw below it."""
    thumbnail = np.full((40, 60, 3), 99, np.uint8)
    with tifffile.TiffWriter(path) as writer:
        writer.write(thumbnail, photometric="rgb", subifds=1, subfiletype=1)
        writer.write(np.zeros((80, 120), np.uint16), photometric="cfa" if below else "minisblack")


@pytest.mark.parametrize("suffix", [".nef", ".tif", ""])
def test_a_thumbnail_of_a_raw_is_never_enlarged(suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    raw_by_tifffile(path)
    with pytest.raises(InputError, match="a camera raw, which is not read; develop it first"):
        read_image(path)


def test_the_version_of_dng_is_enough(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((9, 9), np.uint8), extratags=[(50706, 1, 4, b"\1\4\0\0", True)])
    with pytest.raises(InputError, match="a camera raw"):
        read_image(path)


def test_the_name_says_what_a_tiff_is_that_looks_like_none(tmp_path):
    for suffix, is_raw in ((".tif", False), (".arw", True)):
        path = tmp_path / f"a{suffix}"
        raw_by_tifffile(path, below=False)
        if is_raw:
            with pytest.raises(InputError, match="a camera raw"):
                read_image(path)
        else:
            assert read_image(path).pixels.shape == (40, 60, 3)


def test_content_comes_before_the_name(tmp_path, caplog):
    path = tmp_path / "a.psd"
    Image.new("RGB", (9, 9)).save(path, "PNG")
    assert read_image(path).pixels.shape == (9, 9, 3)
    assert "a.psd: is a PNG picture in spite of its name" in caplog.text


def test_in_folders_they_fail_and_the_others_are_done(tmp_path, capsys):
    folder, report = tmp_path / "in", tmp_path / "report.json"
    folder.mkdir()
    raw_by_tifffile(folder / "a.dng")
    (folder / "b.mov").write_bytes(b"\0\0\0\x14ftypqt  " + bytes(99))
    Image.new("L", (9, 9)).save(folder / "b.png")
    (folder / "notes.txt").write_text("x")
    options = ["--model", "bicubic", "--json", str(report)]
    assert main(["upscale", str(folder), "-o", str(tmp_path / "out"), *options]) == 1
    counts = json.loads(report.read_text())
    assert (counts["done"], counts["failed"], len(counts["left_out"])) == (1, 2, 1)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b_x3.png"]
    assert (
        "b.mov: is a video, which is not read; extract its frames first" in capsys.readouterr().err
    )


def test_a_folder_of_them_alone_is_not_without_pictures(tmp_path, capsys):
    raw_by_tifffile(tmp_path / "a.dng")
    assert main(["upscale", str(tmp_path), "-o", str(tmp_path / "out"), "--model", "bicubic"]) == 1
    assert "develop it first" in capsys.readouterr().err


def test_no_suffix_is_both_read_and_not():
    named = [suffix for kind in UNREAD for suffix in kind.suffixes]
    assert len(named) == len(set(named))
    assert not set(named) & set(SUFFIXES)


def test_the_page_refuses_them_before_the_upload(tmp_path):
    pytest.importorskip("starlette", reason='needs the extra "web"')
    from sr_arn.upscaling.sizes import Size
    from sr_arn.web.job_queue import JobQueue
    from sr_arn.web.jobs import Order

    queue = JobQueue(tmp_path, {"bicubic": "bicubic"}, best=False)
    with pytest.raises(InputError, match="is a camera raw, which is not read"):
        queue.open(Order("a.dng", "bicubic", Size(scale=2), None))
    queue.close()


def test_circles_of_pages_below_end():
    field = struct.pack("<HHII", 330, 4, 1, 8)
    with pytest.raises(InputError):
        read_image(struct.pack("<2sHIH", b"II", 42, 8, 1) + field + bytes(4))
