"""Processors with AVX2 alone train every network of ours, at every width, with right gradients."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason='needs the extra "torch"')

AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
PATIENCE = 90  # seconds, on a machine that has other work


def test_every_network_of_every_width_under_avx2():
    script = Path(__file__).with_name("backward_passes.py")
    process = subprocess.Popen(  # noqa: S603 - our own
        [sys.executable, "-W", "ignore", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | AVX2,
    )
    try:
        printed, told = process.communicate(timeout=PATIENCE)
        how = f"ended with {process.returncode}"
    except subprocess.TimeoutExpired:
        process.kill()
        printed, told = process.communicate()
        how = "hung"
    last = printed.splitlines()[-1:]
    assert last == ["done"], f"{how} at {last}: {told[-2000:]}"
