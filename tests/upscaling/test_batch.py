"""Many pictures: what is taken, how results are called, what a bad one does to the others."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sr_arn import InputError, load_model
from sr_arn.cli import main
from sr_arn.cli.progress import Progress
from sr_arn.pictures.formats import format_named
from sr_arn.upscaling.batch import Job, Outcome, find_jobs, run
from sr_arn.upscaling.file_upscaler import FileUpscaler, Stopped
from sr_arn.upscaling.naming import Naming, naming
from sr_arn.upscaling.sizes import Size

FAST = ("--model", "aplus-x2")


def cli(*arguments):
    """Run in this process; return exit code."""
    return main([str(argument) for argument in arguments])


def picture(path, coffee, width=20, height=14):
    """Write a small picture that is like no other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    start = sum(path.name.encode()) % 200
    Image.fromarray(coffee[start : start + height, 50 : 50 + width]).save(path)
    return path


@pytest.fixture
def tree(tmp_path, coffee):
    """A folder of pictures and other things."""
    folder = tmp_path / "photos"
    for name in ("a.png", "B two.JPG", "ünï.webp", "-dash.bmp", "deep/a.png", "deep/er/c.tif"):
        picture(folder / name, coffee)
    (folder / "notes.txt").write_text("notes")
    (folder / ".hidden.png").write_bytes(b"")
    (folder / "deep" / "more.md").write_text("more")
    return folder


def results(folder):
    """Return the files in and below a folder."""
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


NAMING = Naming("{stem}_x{scale}{ext}", "2")
FLAT = {"a_x2.png", "B two_x2.JPG", "ünï_x2.webp", "-dash_x2.bmp"}


def test_a_folder_is_enlarged_into_another(tree, tmp_path, capsys):
    out = tmp_path / "large"
    assert cli("upscale", tree, "-o", out, *FAST) == 0
    assert results(out) == FLAT
    with Image.open(out / "a_x2.png") as image:
        np.testing.assert_array_equal(image, load_model("aplus-x2").upscale(tree / "a.png"))
    told = capsys.readouterr()
    assert told.out == "4 done, 0 skipped, 0 failed\n"
    assert "left out (no pictures): notes.txt\n" in told.err
    assert "left out (folders, see --recursive): deep\n" in told.err
    assert f"2/4 {out / 'B two_x2.JPG'}: 40 x 28 pixels, aplus-x2, " in told.err


def test_recursive_mirrors_the_tree(tree, tmp_path):
    out = tmp_path / "large"
    assert cli("upscale", tree, "-o", out, *FAST, "--recursive", "--quiet") == 0
    assert results(out) == FLAT | {"deep/a_x2.png", "deep/er/c_x2.tif"}


def test_results_inside_the_folder_are_not_taken_again(tree):
    out = tree / "large"
    for _ in range(2):
        arguments = ("upscale", tree, "-o", out, *FAST, "--recursive", "--skip-existing")
        assert cli(*arguments, "--quiet") == 0
        assert results(out) == FLAT | {"deep/a_x2.png", "deep/er/c_x2.tif"}


def test_a_link_back_does_not_trap_it(tree, tmp_path):
    (tree / "deep" / "back").symlink_to(tree, target_is_directory=True)
    jobs, _ = find_jobs([str(tree)], tmp_path / "out", NAMING, recursive=True)
    assert len(jobs) == 6


def test_files_patterns_and_what_is_given_twice(tree, tmp_path):
    inputs = [str(tree / "a.png"), str(tree / "*.webp"), str(tree / "a.png")]
    jobs, others = find_jobs(inputs, tmp_path, NAMING)
    assert [job.source.name for job in jobs] == ["a.png", "ünï.webp"]
    assert [job.target for job in jobs] == [tmp_path / "a_x2.png", tmp_path / "ünï_x2.webp"]
    assert others == []


def test_skip_existing_goes_on(tree, tmp_path, capsys):
    out = tmp_path / "large"
    assert cli("upscale", tree, "-o", out, *FAST) == 0
    (out / "a_x2.png").unlink()
    kept = out / "ünï_x2.webp"
    kept.write_bytes(b"mine")
    capsys.readouterr()
    assert cli("upscale", tree, "-o", out, *FAST, "--skip-existing") == 0
    assert capsys.readouterr().out == "1 done, 3 skipped, 0 failed\n"
    assert kept.read_bytes() == b"mine"
    assert (out / "a_x2.png").exists()


def test_newer_does_those_again_whose_source_was_changed(tree, tmp_path, capsys):
    out = tmp_path / "large"
    assert cli("upscale", tree, "-o", out, *FAST) == 0
    assert cli("upscale", tree, "-o", out, *FAST, "--newer") == 0
    os.utime(out / "a_x2.png", (10, 10))
    (out / "ünï_x2.webp").unlink()
    capsys.readouterr()
    report = tmp_path / "report.json"
    assert cli("upscale", tree, "-o", out, *FAST, "--skip-existing", "--json", report) == 0
    told = capsys.readouterr()
    assert told.out == (
        "1 done, 3 skipped, 0 failed\n1 skipped are older than their source; see --newer\n"
    )
    reasons = [p.get("reason") for p in json.loads(report.read_text())["pictures"]]
    assert reasons.count("is there already, older than its source") == 1
    assert cli("upscale", tree, "-o", out, *FAST, "--newer") == 0
    assert capsys.readouterr().out == "1 done, 3 skipped, 0 failed\n"
    assert (out / "a_x2.png").stat().st_mtime > 10


def test_names_with_brackets_that_exist_are_no_patterns(tree, tmp_path):
    folder = tmp_path / "photos [2024]"
    (tmp_path / "photos 2").mkdir()
    folder.mkdir()
    for name in ("a[1].png", "b?.png"):
        shutil.copy(tree / "a.png", folder / name)
    for text, expected in (
        ("*.png", ["a[1].png", "b?.png"]),
        ("a[1].png", ["a[1].png"]),
        ("", ["a[1].png", "b?.png"]),
    ):
        jobs, _ = find_jobs([str(folder / text)], tmp_path / "out", NAMING)
        assert [job.source for job in jobs] == [folder / name for name in expected]


def test_a_bad_file_does_not_stop_the_rest(tree, tmp_path, capsys):
    (tree / "b.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    (tree / "c.jpg").write_text("words")
    out = tmp_path / "large"
    assert cli("upscale", tree, "-o", out, *FAST, "--json", tmp_path / "report.json") == 1
    assert results(out) == FLAT
    told = capsys.readouterr().out
    assert told.startswith("4 done, 0 skipped, 2 failed\n")
    assert f"  {tree / 'b.png'}: damaged or cut off" in told
    assert f"  {tree / 'c.jpg'}: expected a picture" in told
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["done"], report["skipped"], report["failed"]) == (4, 0, 2)
    done = next(p for p in report["pictures"] if p["source"].endswith("a.png"))
    assert (done["width"], done["height"], done["model"]) == (40, 28, "aplus-x2")
    assert done["seconds"] > 0
    failed = next(p for p in report["pictures"] if p["source"].endswith("c.jpg"))
    assert failed["status"] == "failed"
    assert "expected a picture" in failed["reason"]


def test_into_their_own_folder_and_on_with_what_is_missing(tree, capsys):
    assert cli("upscale", tree, "-o", tree, *FAST) == 0
    first = results(tree)
    (tree / "a_x2.png").unlink()
    assert cli("upscale", tree, "-o", tree, *FAST) == 2
    assert "is an input; take another folder, or --skip-existing" in capsys.readouterr().err
    capsys.readouterr()
    assert cli("upscale", tree, "-o", tree, *FAST, "--skip-existing") == 0
    assert capsys.readouterr().out == "1 done, 3 skipped, 0 failed\n"
    assert results(tree) == first


def test_a_file_upscaler_serves_again(tree, tmp_path):
    jobs, _ = find_jobs([str(tree)], tmp_path / "out", NAMING)
    enlarge = FileUpscaler(model="aplus-x2")
    for _ in range(2):
        assert [outcome.status for outcome in run(jobs, enlarge, 2)] == ["done"] * 4


def test_a_report_never_takes_the_place_of_a_picture(tree, tmp_path, capsys):
    before = (tree / "a.png").read_bytes()
    arguments = ("upscale", "--json", tree / "a.png", tree / "B two.JPG", "-o", tmp_path / "out")
    assert cli(*arguments, *FAST) == 2
    assert "json: expected a name ending in .json" in capsys.readouterr().err
    assert (tree / "a.png").read_bytes() == before


def test_a_name_too_long_does_not_stop_the_rest(tree, tmp_path, coffee):
    picture(tree / ("n" * 250 + ".png"), coffee)
    out = tmp_path / "large"
    assert cli("upscale", tree, "-o", out, *FAST, "--skip-existing", "--quiet") == 1
    assert results(out) == FLAT


def test_the_same_bytes_whatever_the_jobs(tree, tmp_path):
    for jobs in (1, 3):
        out = tmp_path / str(jobs)
        assert cli("upscale", tree, "-o", out, *FAST, "--jobs", jobs, "--quiet") == 0
        assert results(out) == FLAT
    for name in FLAT:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "3" / name).read_bytes()


def test_names_formats_and_quality(tree, tmp_path):
    small, large = tmp_path / "small", tmp_path / "large"
    options = ("--format", "jpeg", "--name", "new {stem}{ext}", "--max-side", 30, "--quiet")
    assert cli("upscale", tree, "-o", small, *options, "--quality", 20) == 0
    assert cli("upscale", tree, "-o", large, *options) == 0
    expected = {"new a.jpg", "new B two.jpg", "new ünï.jpg", "new -dash.jpg"}
    assert results(small) == results(large) == expected
    for name in expected:
        with Image.open(small / name) as image:
            assert (image.format, image.size) == ("JPEG", (30, 21))
        assert (small / name).stat().st_size < (large / name).stat().st_size


def test_results_that_would_be_the_same_are_refused_before_work(tree, tmp_path, coffee, capsys):
    picture(tree / "a.jpg", coffee)
    out = tmp_path / "large"
    assert cli("upscale", tree, "-o", out, *FAST, "--format", "png") == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "would both become" in message
    assert not out.exists()
    assert "give --name with {source}" in message
    options = ("--name", "{source}_{scale}{ext}", "--format", "png")
    assert cli("upscale", tree, "-o", out, *FAST, *options, "--quiet") == 0
    assert {"a.jpg_2.png", "a.png_2.png"} <= results(out)
    others = picture(tmp_path / "more" / "a.png", coffee).parent
    assert cli("upscale", tree / "a.png", others, "-o", tmp_path / "o", *FAST) == 2
    assert "give another folder for one" in capsys.readouterr().err


@pytest.mark.parametrize(
    "template", ["a/{stem}", "..", "{stem.__class__}", "{stem:>99}", "{stem!r}", "{", "", "a\\b"]
)
def test_templates_are_checked(template):
    with pytest.raises(InputError, match="name: "):
        Naming(template, "2")


def test_templates_name_a_format_that_can_be_written():
    for template, kind in (("{stem}", None), ("{stem}.gif", None), ("{stem}.tif", "png")):
        with pytest.raises(InputError, match=rf"a suffix of its format, received {template}$"):
            Naming(template, "2", kind and format_named(kind))


def test_what_is_only_read_becomes_png():
    assert Naming("{stem}_x{scale}{ext}", "3").name_of(Path("a.GIF")) == "a_x3.png"
    webp = Naming("{stem}{ext}", "3", format_named("WEBP"))
    assert webp.name_of(Path("b.c.tif")) == "b.c.webp"


@pytest.mark.parametrize(
    ("size", "name"),
    [
        (Size(), "x3"),
        (Size(scale=2.5), "x2.5"),
        (Size(scale=2), "x2"),
        (Size(width=1920), "w1920"),
        (Size(width=19, height=20), "w19_h20"),
        (Size(max_side=99), "max99"),
        (Size(megapixels=1.5), "mp1.5"),
    ],
)
def test_names_of_sizes(size, name):
    assert naming(None, size, 3, None).name_of(Path("a.png")) == f"a_{name}.png"
    given = naming("{scale}_{source}", size, 3, None)
    assert given.name_of(Path("a.png")) == f"{name.removeprefix('x')}_a.png"


def test_each_picture_gets_the_model_that_reaches_its_size(tmp_path, coffee):
    enlarge = FileUpscaler(size=Size(max_side=60))
    scales = [enlarge.upscaler_for(*shape).scale for shape in ((60, 60), (30, 20), (25, 30))]
    assert scales == [1, 2, 2]
    assert enlarge.upscaler_for(25, 20).scale == 3
    assert enlarge.upscaler_for(15, 10) is enlarge.upscaler_for(16, 16)
    assert enlarge.upscaler_for(14, 9).scale == 6
    with pytest.raises(InputError, match="up to 16 times"):
        enlarge.upscaler_for(3, 2)
    small = picture(tmp_path / "small.png", coffee)
    for model, scale in (("aplus-x3", 2.5), ("bicubic", 2.5), (None, 0.5), (None, 1)):
        options = ("--scale", scale, "--quiet", *(("--model", model) if model else ()))
        assert cli("upscale", small, "-o", tmp_path / "o.png", *options) == 0
        with Image.open(tmp_path / "o.png") as image:
            assert image.size == (20 * scale, 14 * scale)


def test_bicubic_of_any_scale_is_imresize(tmp_path, coffee):
    small = picture(tmp_path / "small.png", coffee)
    large = tmp_path / "large.png"
    assert cli("upscale", small, "-o", large, "--model", "bicubic", "--scale", 3, "--quiet") == 0
    with Image.open(large) as image:
        np.testing.assert_array_equal(image, load_model("bicubic", scale=3).upscale(small))


def test_pipes(tmp_path, coffee):
    small = picture(tmp_path / "small.png", coffee)
    expected = np.asarray(load_model("aplus-x2").upscale(small))
    command = [sys.executable, "-m", "sr_arn", "upscale", "-", "-o"]

    def run_(*more):
        return subprocess.run(  # noqa: S603 - our own interpreter
            [*command, *more, *FAST], input=small.read_bytes(), capture_output=True, check=True
        )

    piped = run_("-")
    np.testing.assert_array_equal(Image.open(io.BytesIO(piped.stdout)), expected)
    assert piped.stderr == b"-: 40 x 28 pixels, aplus-x2\n"
    assert Image.open(io.BytesIO(run_("-", "--format", "tiff").stdout)).format == "TIFF"
    assert b"40 x 28" in run_(tmp_path / "out.webp").stdout
    assert cli("upscale", small, "-o", tmp_path / "named.png", *FAST, "--quiet") == 0
    assert piped.stdout == (tmp_path / "named.png").read_bytes()


def test_pipes_that_are_files(tmp_path, coffee):
    small, fifo = picture(tmp_path / "small.png", coffee), tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=lambda: fifo.write_bytes(small.read_bytes()))
    writer.start()
    assert cli("upscale", fifo, "-o", tmp_path / "out.png", *FAST, "--quiet") == 0
    writer.join()
    with Image.open(tmp_path / "out.png") as image:
        np.testing.assert_array_equal(image, load_model("aplus-x2").upscale(small))


@pytest.mark.parametrize("feed", [b"", b"no picture"])
def test_what_stdin_lacks_is_told(feed):
    command = [sys.executable, "-m", "sr_arn", "upscale", "-", "-o", "-"]
    result = subprocess.run(command, input=feed, capture_output=True, check=False)  # noqa: S603
    assert (result.returncode, result.stdout) == (2, b"")
    assert (b"stdin: is empty" if not feed else b"expected a picture") in result.stderr


def test_a_picture_that_does_not_arrive_is_told(tmp_path, coffee):
    small = picture(tmp_path / "small.png", coffee)
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "sr_arn", "upscale", small, "-o", "-"]
    result = subprocess.run(  # noqa: S603
        command, stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert result.returncode == 2
    assert result.stderr == (b"sr-arn: error: stdout: was closed before the picture was written\n")


def test_mistakes_in_outputs_are_told_before_work(tmp_path, coffee, monkeypatch, capsys):
    small = picture(tmp_path / "small.png", coffee)
    (tmp_path / "file").touch()
    for arguments, reason in (
        ((small, "-o", tmp_path / "new"), f"or {tmp_path / 'new'}/ for a new folder"),
        ((small, "-o", tmp_path / "a.png", "--quality", 50), "quality: PNG has none"),
        ((small, "-o", tmp_path / "a.jpg", "--quality", 0), "quality: expected 1 to 100"),
        (("-", "-o", f"{tmp_path}/"), "give -o a file, or -"),
        ((small, "-o", f"{tmp_path}/file/x/"), f"{tmp_path / 'file'} is a file"),
        ((small, "-o", f"{tmp_path}/", "--name", ""), "name: "),
        ((small, "-o", tmp_path / "a.png", "--json", tmp_path / "no" / "a.json"), "json: "),
        ((small, "-o", tmp_path / "a.png", "--scale", 17), "scale: expected up to 16"),
    ):
        assert cli("upscale", *arguments) == 2
        error = capsys.readouterr().err
        assert reason in error
        assert error.count("\n") == 1
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert cli("upscale", small, "-o", "-") == 2
    assert "stdout is a terminal" in capsys.readouterr().err
    assert sorted(os.listdir(tmp_path)) == ["file", "small.png"]


def test_reports_of_one_and_of_many_are_alike(tmp_path, coffee, capsys):
    small, bad = picture(tmp_path / "a" / "small.png", coffee), tmp_path / "a" / "bad.png"
    bad.write_bytes(b"damaged")
    (tmp_path / "a" / "notes.txt").touch()
    (tmp_path / "a" / "below").mkdir()
    report = tmp_path / "report.json"

    def reported(source, output, code):
        assert cli("upscale", source, "-o", output, *FAST, "--json", report) == code
        return json.loads(report.read_text())

    one = reported(small, tmp_path / "o.png", 0)
    failed = reported(bad, tmp_path / "p.png", 2)
    many = reported(tmp_path / "a", tmp_path / "out", 1)
    assert one.keys() == failed.keys() == many.keys()
    assert [one["done"], failed["failed"], many["done"], many["failed"]] == [1, 1, 1, 1]
    by_name = {entry["source"]: entry for entry in many["pictures"]}
    assert one["pictures"][0].keys() == by_name[str(small)].keys()
    assert failed["pictures"][0]["reason"] == by_name[str(bad)]["reason"]
    assert many["left_out"] == [str(tmp_path / "a" / name) for name in ("notes.txt", "below")]


def test_ctrl_c_leaves_no_part_and_tells_how_to_go_on(tmp_path, coffee):
    photos, out = tmp_path / "photos", tmp_path / "out"
    for number in range(40):
        picture(photos / f"{number:02}.png", coffee, 300, 150)
    for jobs in ("1", "2"):
        report = tmp_path / f"{jobs}.json"
        command = [sys.executable, "-m", "sr_arn", "upscale", photos, "-o", out, "--jobs", jobs]
        command += ["--json", report]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)  # noqa: S603 - ours
        while not (out.exists() and list(out.glob("*.png"))):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
        assert process.returncode == 130
        assert "of 40 done; go on with --skip-existing\nsr-arn: interrupted\n" in told
        done = results(out)
        assert 0 < len(done) < 40
        assert 0 <= json.loads(report.read_text())["done"] <= len(done)
        assert not [name for name in done if name.endswith(".part")]
        for name in done:
            with Image.open(out / name) as image:
                image.load()
                (out / name).unlink()


def test_a_stopped_file_upscaler_ends_what_is_in_work(tmp_path, coffee):
    small = picture(tmp_path / "small.png", coffee)
    enlarge = FileUpscaler(model="bicubic")

    def stop(share):
        raise Stopped

    with pytest.raises(Stopped):
        enlarge(small, tmp_path / "o.png", watch=stop)
    assert not (tmp_path / "o.png").exists()
    assert os.listdir(tmp_path) == ["small.png"]


def test_a_loaded_model_serves_threads(coffee):
    upscaler = load_model("conv-arn-x3-tiny")
    parts = [coffee[k : k + 40, 3 * k : 3 * k + 50] for k in range(0, 60, 5)]
    expected = [load_model("conv-arn-x3-tiny").upscale(part) for part in parts]
    with ThreadPoolExecutor(6) as pool:
        for result, whole in zip(pool.map(upscaler.upscale, parts), expected, strict=True):
            np.testing.assert_array_equal(result, whole)


class Terminal(io.StringIO):
    """What believes itself a terminal."""

    def isatty(self):
        return True


def test_the_bar_moves_within_a_picture(tree, monkeypatch):
    jobs = [Job(tree / "a.png", tree / "o.png"), Job(tree / "B two.JPG", tree / "p.png")]
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr("sr_arn.cli.progress.BETWEEN", -1)
    progress = Progress(jobs, quiet=False, also_stdout=True)
    size = [job.source.stat().st_size for job in jobs]
    progress.watch(jobs[1], 0.5)
    progress.watch(jobs[0], 0.25)
    share = (0.25 * size[0] + 0.5 * size[1]) / sum(size)
    assert f"[{'#' * round(24 * share):<24}] 0/2, " in terminal.getvalue()


def test_one_bar_on_a_terminal_and_nothing_if_quiet(tree, tmp_path, monkeypatch, capsys):
    names = ("a.png", "B two.JPG", "gone", "ünï.webp")
    jobs = [Job(tree / name, tmp_path / name) for name in names if name != "gone"]
    outcomes = [
        Outcome("a.png", "a", "done", None, 4, 3, "m", 0.1),
        Outcome("b.png", "b", "skipped", "is there already"),
        Outcome("c.png", "c", "failed", "no such file"),
    ]
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    for quiet in (False, True):
        progress = Progress(jobs, quiet=quiet, also_stdout=True)
        for outcome in outcomes:
            progress.tell(outcome)
        progress.finish(outcomes)
        told = terminal.getvalue()
        terminal.seek(0)
        terminal.truncate()
        assert told.count("\n") == 1
        assert "3/3 c.png: no such file\n" in told
        assert ("2/3, " in told) is not quiet
        assert ("[########################] 3/3, 0 min 00 s left" in told) is not quiet
    assert capsys.readouterr().out == "1 done, 1 skipped, 1 failed\n  c.png: no such file\n"
