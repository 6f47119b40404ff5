"""What a control group leaves: known beforehand, for it kills without a word."""

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sr_arn import InputError, load_model
from sr_arn.pictures import io as image_io
from sr_arn.system import memory
from sr_arn.system.memory import memory_left
from sr_arn.upscaling import schedule

MEGABYTE = 1_000_000
VERSIONS = {
    "first": ("4:memory:/a/b\n3:cpu:/\n0::/a", "memory", *memory.FIRST, "total_"),
    "second": ("0::/a/b\n", ".", *memory.SECOND, ""),
}


@pytest.fixture(params=VERSIONS)
def groups(request, tmp_path, monkeypatch):
    """A function that gives a group its limit and use; this process is in a/b."""
    own, top, limit, used, kept = VERSIONS[request.param]
    (tmp_path / "own").write_text(own)
    monkeypatch.setattr(memory, "OWN", tmp_path / "own")
    monkeypatch.setattr(memory, "MOUNT", tmp_path)

    def make(name, *figures):
        folder = tmp_path / top / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, figure in zip((limit, used), figures[:2], strict=True):
            (folder / file).write_text(f"{figure}\n")
        (folder / "memory.stat").write_text(
            f"cache 5\n{kept}inactive_file {figures[2] - 20}\n{kept}active_file 20\n"
        )

    return make


def test_the_narrowest_group_limits(groups):
    assert memory_left() == math.inf
    groups("a/b", 1000, 400, 50)
    assert memory_left() == 650
    groups("a", 680, 600, 20)
    assert memory_left() == 100
    groups("a", 500, 600, 20)
    assert memory_left() == 0
    groups("a", "max", 600, 20)
    assert memory_left() == 650


def test_without_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "OWN", tmp_path / "none")
    assert memory_left() == math.inf


def test_tiles_shrink_to_what_is_left_and_the_result_is_the_same(coffee, monkeypatch):
    model, image = load_model("aplus-x2"), coffee[:300]
    whole, sides = model.upscale(image), []
    tiles = schedule.Grid.tiles
    monkeypatch.setattr(
        schedule.Grid, "tiles", lambda self, *a: sides.append(a[1]) or tiles(self, *a)
    )
    for megabytes in (10_000, 60, 20):
        monkeypatch.setattr(schedule, "memory_left", lambda m=megabytes: m * MEGABYTE)
        np.testing.assert_array_equal(model.upscale(image), whole)
    assert sides == sorted(sides, reverse=True)
    assert len(set(sides)) == 3
    monkeypatch.setattr(schedule, "memory_left", lambda: MEGABYTE)
    with pytest.raises(InputError, match=r"memory: expected at least \d MB, the container leaves"):
        model.upscale(image)


def test_pictures_for_which_there_is_no_room(tmp_path, monkeypatch):
    Image.new("L", (1000, 500)).save(tmp_path / "a.png")
    monkeypatch.setattr(memory, "memory_left", lambda: 4 * MEGABYTE)
    with pytest.raises(InputError, match=r"takes 6 MB of memory where the container leaves 4;"):
        image_io.read_image(tmp_path / "a.png")
    with pytest.raises(InputError, match="JPEG is written as a whole, which takes 6 MB"):
        image_io.write_image(tmp_path / "a.jpg", image_io.Picture(np.zeros((2000, 1000), np.uint8)))
    assert not (tmp_path / "a.jpg").exists()


# --- in a group of its own ---------------------------------------------------------


@pytest.fixture
def confined():
    """A function that runs the command line in a group of so many megabytes."""
    top = Path("/sys/fs/cgroup/memory")
    limit = memory.FIRST[0]
    if not top.is_dir():
        top, limit = Path("/sys/fs/cgroup"), memory.SECOND[0]
    group = top / f"sr-arn-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        pytest.skip("this user may make no control group")
    if not (group / limit).exists():
        group.rmdir()
        pytest.skip("control groups do not limit memory here")

    def run(megabytes, *arguments):
        (group / limit).write_text(str(megabytes * MEGABYTE))
        command = 'echo $$ > "$1" && shift && exec "$@"'
        return subprocess.run(  # noqa: S603
            [
                *("sh", "-c", command, "sh", str(group / "cgroup.procs")),
                *(sys.executable, "-m", "sr_arn", *map(str, arguments)),
            ],
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )

    yield run
    group.rmdir()


def test_under_a_control_group(confined, coffee, tmp_path):
    source, expected, made = tmp_path / "a.png", tmp_path / "b.png", tmp_path / "c.png"
    Image.fromarray(coffee).save(source)
    load_model().upscale(source).save(expected)  # compiled, too
    result = confined(100, "upscale", source, "-o", made)
    assert (result.returncode, made.exists()) == (2, False)
    assert "sr-arn: error: memory: expected at least 250 MB, the limit is" in result.stderr
    result = confined(400, "upscale", source, "-o", made)
    assert result.returncode == 0, result.stderr
    with Image.open(made) as one, Image.open(expected) as other:
        assert one.tobytes() == other.tobytes()
    Image.new("RGB", (4000, 2500)).save(source)
    result = confined(400, "upscale", source, "-o", tmp_path / "d.jpg")
    assert result.returncode == 2
    assert result.stderr.startswith("sr-arn: error: output: JPEG is written as a whole")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "d.jpg").exists()
