"""Faults: killed at random moments, full disks, little memory. Nothing is lost.

Those marked slow are the same with more moments.
"""

import os
import random
import subprocess
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import ROOT
from faults import CLI, files, killed, run, small_disk, start, told_in_one_line
from PIL import Image

PICTURES = 12
QUICK, LONG = 3, 20  # moments to be killed at
MOMENTS = [
    pytest.param(QUICK, id="quick"),
    pytest.param(LONG, id="long", marks=pytest.mark.slow),
]


@pytest.fixture(scope="module")
def photos(tmp_path_factory, coffee):
    folder = tmp_path_factory.mktemp("photos")
    for number in range(PICTURES):
        part = coffee[8 * number : 8 * number + 200, : 300 + number]
        Image.fromarray(part).save(folder / f"{number:02}.png")
    return folder


@pytest.fixture(scope="module")
def undisturbed(photos, tmp_path_factory):
    """What a run makes of the pictures that nothing disturbs."""
    out = tmp_path_factory.mktemp("out")
    assert run("upscale", photos, "-o", out, "--quiet").returncode == 0
    return files(out)


@pytest.mark.parametrize("moments", MOMENTS)
def test_killed_over_a_folder(photos, undisturbed, tmp_path, moments):
    dice, number = random.Random(0), 0  # noqa: S311 - no secret
    command = ["upscale", photos, "-o", tmp_path, "--skip-existing", "--quiet"]
    while number < moments:
        there = len(os.listdir(tmp_path))
        process = start(*command)
        number += killed(process, lambda n=there: len(os.listdir(tmp_path)) > n, dice, 0.3)
        assert files(tmp_path).items() <= undisturbed.items()  # whole, or not there
        if len(files(tmp_path)) == PICTURES:
            for path in tmp_path.iterdir():
                path.unlink()
    assert run(*command).returncode == 0
    assert files(tmp_path) == undisturbed


# --- where there is no room --------------------------------------------------------


@pytest.mark.parametrize("name", ["large.png", "large.tif", "large.jpg", "large.webp"])
def test_a_disk_that_is_full_under_a_picture(photos, tmp_path, name):
    with small_disk(tmp_path, 60):
        (tmp_path / name).write_bytes(b"before")
        noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3)).astype(np.uint8)
        source = photos.parent / f"{tmp_path.name}.png"
        Image.fromarray(noise).save(source)
        result = run("upscale", source, "-o", tmp_path / name, "--model", "bicubic")
        told_in_one_line(result, "cannot write", "No space left on device")
        assert files(tmp_path) == {name: b"before"}
        assert len(list(tmp_path.iterdir())) == 1


def test_a_disk_that_is_full_under_a_folder(photos, undisturbed, tmp_path):
    with small_disk(tmp_path, 1500):
        result = run("upscale", photos, "-o", tmp_path, "--quiet")
        assert result.returncode == 1
        assert result.stderr.count("No space left on device") >= 1
        assert "Traceback" not in result.stderr
        done = files(tmp_path)
        assert 0 < len(done) < PICTURES
        assert done.items() <= undisturbed.items()


def test_a_disk_that_is_full_under_a_model(parts, tmp_path):
    with small_disk(tmp_path, 16):
        model = tmp_path / "m.safetensors"
        result = run("train", parts, "-o", model, "--validation", 0, "--anchors", 32)
        told_in_one_line(result, "cannot write", "No space left on device")
        assert not model.exists()
        assert not list(tmp_path.glob(".*"))


def test_a_disk_that_is_full_under_a_report(photos, tmp_path):
    a, b = sorted(photos.iterdir())[:1] * 2
    with small_disk(tmp_path, 16):
        result = run("compare", a, b, "-o", tmp_path / "page.html")
        told_in_one_line(result, "cannot write", "No space left on device")
        assert list(tmp_path.iterdir()) == []


# --- where there is little memory --------------------------------------------------


def test_little_memory_is_a_clear_line_or_smaller_tiles(photos, undisturbed, tmp_path):
    import resource

    gigabyte, seen = 2**30, set()
    for limit in (0.3, 0.55, 0.7, 1.0, 2.0):

        def confine(size=int(limit * gigabyte)):
            resource.setrlimit(resource.RLIMIT_AS, (size, size))

        target = tmp_path / f"{limit}.png"
        result = run(
            "upscale",
            photos / "00.png",
            "-o",
            target,
            preexec_fn=confine,
        )
        seen.add(result.returncode)
        if result.returncode == 0:
            assert target.read_bytes() == undisturbed["00_x3.png"]
        else:
            assert not target.exists()
            assert result.returncode == 2, (limit, result.returncode, result.stderr[-2000:])
            told_in_one_line(result)
        assert not list(tmp_path.glob(".*"))
    assert 0 in seen


# --- with others, and without a home -----------------------------------------------


def test_two_processes_on_one_folder(photos, undisturbed, tmp_path):
    with ThreadPoolExecutor(2) as pool:
        ran = list(pool.map(lambda _: run("upscale", photos, "-o", tmp_path, "--quiet"), range(2)))
    assert [r.returncode for r in ran] == [0, 0], [r.stderr for r in ran]
    assert files(tmp_path) == undisturbed
    assert not list(tmp_path.glob(".*"))


def test_works_without_home_cache_terminal_language(photos, undisturbed, tmp_path):
    target = tmp_path / "ünï.png"
    bare = {"PATH": os.environ["PATH"], "LANG": "C", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
    result = run(
        "upscale", photos / "00.png", "-o", target, env=bare, stdin=subprocess.DEVNULL, cwd="/"
    )
    assert result.returncode == 0, result.stderr
    assert target.read_bytes() == undisturbed["00_x3.png"]


READ_ONLY = """
mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && ! touch "$1/x" 2>&- && shift && exec "$@"
"""


def test_works_from_a_read_only_installation(photos, undisturbed, tmp_path):
    may = subprocess.run(["unshare", "-rm", "true"], check=False)  # noqa: S607
    if may.returncode:
        pytest.skip("this user may mount nothing, not even in a space of his own")
    target = tmp_path / "o.png"
    result = subprocess.run(  # noqa: S603
        [
            *("unshare", "-rm", "sh", "-c", READ_ONLY, "sh", str(ROOT)),
            *(*CLI, "upscale", str(photos / "00.png"), "-o", str(target)),
        ],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
        cwd="/",
    )
    assert result.returncode == 0, result.stderr
    assert target.read_bytes() == undisturbed["00_x3.png"]


def test_closed_streams(photos, undisturbed, tmp_path):
    target = tmp_path / "o.png"
    command = f'"$@" 1>&- 2>&- upscale "{photos / "00.png"}" -o "{target}"'
    result = subprocess.run(["sh", "-c", command, "sh", *CLI], check=False)  # noqa: S603, S607
    assert result.returncode == 0
    assert target.read_bytes() == undisturbed["00_x3.png"]
