"""Runs of the command line that are killed, or have little room."""

import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

CLI = [sys.executable, "-m", "sr_arn"]


def run(*arguments, **options):
    """Run the command line in a process of its own; return what it said."""
    return subprocess.run(  # noqa: S603 - our own
        [*CLI, *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


def files(folder):
    """Return names and contents of all finished files."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if not p.name.startswith(".")}


def told_in_one_line(result, *parts):
    """Check that a run ended as a user's error does."""
    assert result.returncode == 2, result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("sr-arn: error: ")]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr
    for part in parts:
        assert part in lines[0]


def start(*arguments):
    """Start the command line in a process of its own."""
    return subprocess.Popen(  # noqa: S603 - our own
        [*CLI, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def killed(process, begun, dice, longest):
    """Kill a process so many seconds at most after it has begun; return whether that was in time.

    By what it has done, not by the clock, which a busy machine makes meaningless.
    """
    while not begun() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(dice.uniform(0, longest))
    in_time = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return in_time


@contextmanager
def small_disk(folder, kilobytes):
    """Give a folder a disk of its own, of so many kilobytes."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode:  # noqa: S603
        pytest.skip("only root may mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)  # noqa: S603, S607
