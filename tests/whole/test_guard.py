"""The guard of the fuzz tests sees what it is there for."""

import pickle
import subprocess
import sys
import time

import guard
import numpy as np
import pytest
from guard import BESIDE, CAN_MEASURE, Hang, Memory, guarded


def test_what_is_allowed(tmp_path):
    with guarded(tmp_path):
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "a").write_bytes(b"x")
        (tmp_path / "new" / "a").rename(tmp_path / "b")
        with open(__file__) as file:
            file.read()


@pytest.mark.parametrize("name", ["../a", "sub/../../a"])
def test_files_elsewhere(tmp_path, name):
    inner = tmp_path / "inner"
    (inner / "sub").mkdir(parents=True)
    with pytest.raises(AssertionError, match="open"), guarded(inner):
        (inner / name).write_bytes(b"x")
    with pytest.raises(AssertionError, match=r"os\.rename"), guarded(inner):
        (tmp_path / "a").rename(inner / "b")


def test_a_link_that_leads_elsewhere(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "outer").mkdir()
    (tmp_path / "inner" / "link").symlink_to(tmp_path / "outer")
    with pytest.raises(AssertionError, match="open"), guarded(tmp_path / "inner"):
        (tmp_path / "inner" / "link" / "a").write_bytes(b"x")


def test_code(tmp_path):
    for run in (
        lambda: pickle.loads(b"cos\ngetcwd\n(tR."),  # noqa: S301
        lambda: subprocess.run([sys.executable, "--version"], check=True, capture_output=True),
        lambda: eval("1 + 1"),  # noqa: S307
    ):
        with pytest.raises(AssertionError), guarded(tmp_path):
            run()


def work():
    while True:
        pass


@pytest.mark.parametrize("wait", [work, lambda: time.sleep(30)])
def test_a_hang(tmp_path, monkeypatch, wait):
    monkeypatch.setattr(guard, "LONGEST", 0.02)
    with pytest.raises(Hang), guarded(tmp_path):
        wait()


@pytest.mark.skipif(not CAN_MEASURE, reason="only Linux tells the peak of memory")
def test_memory_that_is_free_again():
    with Memory() as memory:
        np.ones(4 * BESIDE, np.uint8)
    assert memory.peak > 3 * BESIDE
    with Memory() as memory:
        pass
    assert memory.peak < BESIDE
