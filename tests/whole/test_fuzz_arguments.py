"""Command lines of any kind: an exit code that is ours, and an error of one line, no traceback.

What takes long whatever its arguments, training and serving, is asked to begin and then let go.
"""

from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

import pytest
from guard import guarded
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from test_fuzz import counts

from sr_arn import InputError
from sr_arn.cli import main

COMMANDS = (
    *("upscale", "train", "benchmark", "compare", "score", "models", "data", "serve", "age"),
    *("completion", "", "upscal", "--version", "--help"),
)
OPTIONS = (
    *("-o", "--output", "--model", "--scale", "--width", "--height", "--max-side", "--megapixels"),
    *("--recursive", "--skip-existing", "--jobs", "--name", "--format", "--quality", "--preview"),
    *("--device", "--ensemble", "--back-project", "--threads", "--tile", "--memory", "--strip"),
    *("--max-pixels", "--json", "--quiet", "--help", "--regressor", "--anchors", "--epochs"),
    *("--resume", "--degradation", "--validation", "--data", "--sets", "--models", "--border"),
    *("--report", "--port", "--max-upload", "--seed", "--start", "--layers", "-x", "--", "show"),
)
VALUES = (
    *("a.png", "b.jpg", "damaged.png", "folder", "folder/", "new/", "out.png", "out.tif", "no"),
    *("*.png", "[", "-", "", ".", "bicubic", "aplus-x3", "out.json", "out.html"),
    *("0", "1", "2", "3", "-1", "16", "17", "0.5", "nan", "inf", "-inf", "1e400", "9" * 400),
    *("{stem}{ext}", "../{stem}{ext}", "{stem", "{stem.__class__}{ext}", "{0}", "png", "exe"),
    *("blur=1", "noise=x", "blur=", "bash", "cpu", "cuda", "full", "x" * 5000, "\x1b[31m", "\n"),
    *("\udcff", "\N{CAT}", "a\tb", "Set5"),
)
WORDS = st.sampled_from(OPTIONS) | st.sampled_from(VALUES) | st.text(max_size=5)
LINES = st.tuples(st.sampled_from(COMMANDS), st.lists(WORDS, max_size=8)).map(
    lambda line: [line[0], *(word.replace("\0", "") for word in line[1])]
)
ENLARGE = st.lists(WORDS, max_size=5).map(
    lambda words: ["upscale", "a.png", "-o", "out.png", *(w.replace("\0", "") for w in words)]
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the command lines run."""
    folder = tmp_path_factory.mktemp("here")
    (folder / "folder").mkdir()
    for name in ("a.png", "b.jpg", "folder/c.png"):
        Image.new("RGB", (12, 9)).save(folder / name)
    (folder / "damaged.png").write_bytes((folder / "a.png").read_bytes()[:60])
    return folder


def refuse(*arguments, **options):
    raise InputError("let go")


def attempt(line):
    """Run a command line; check how it ends."""
    told, said = StringIO(), StringIO()
    with redirect_stderr(told), redirect_stdout(said):
        try:
            code = main(line)
        except SystemExit as end:  # of argparse
            code = end.code
    assert code in (0, 1, 2), line
    assert "Traceback" not in told.getvalue(), line
    if code == 2:
        last = told.getvalue().rstrip("\n").rpartition("\n")[2]
        assert last.startswith("sr-arn: error: "), (line, told.getvalue())
        assert last.isprintable(), (line, last)
    return code


@pytest.mark.filterwarnings("ignore:::PIL")
@pytest.mark.parametrize("count", counts(60, 2000))
def test_any_command_line(folder, monkeypatch, count):
    monkeypatch.chdir(folder)
    monkeypatch.delenv("SR_ARN_DATA", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    for slow in (
        "training.train.train_upscaler",
        "cli.serve._listen",
        "evaluation.evaluate.evaluate",
    ):
        monkeypatch.setattr(f"sr_arn.{slow}", refuse)
    monkeypatch.setattr("sys.stdin", None)
    codes = set()
    main(["upscale", "a.png", "-o", "out.png", "--quiet"])  # what it loads, once

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(LINES | ENLARGE)
    def try_it(line):
        with guarded(folder):
            codes.add(attempt(line))

    try_it()
    assert {0, 2} <= codes


def test_the_check_can_fail(folder, monkeypatch):
    def broken(args):
        raise KeyError("x")

    monkeypatch.chdir(folder)
    monkeypatch.setattr("sr_arn.cli.models.run", broken)
    with pytest.raises(KeyError):
        attempt(["models"])
