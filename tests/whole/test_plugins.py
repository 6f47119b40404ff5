"""What an installed package registers by an entry point, the command line knows."""

import os
import subprocess
import sys

PACKAGE = """
from sr_arn.datasets.degradation import Component, register


class Fog(Component):
    name, metavar, help, largest = "fog", "SHARE", "of white", 1.0

    def after(self, lr):
        return lr


def add():
    register(Fog)
"""


def test_an_entry_point_registers_a_degradation(tmp_path):
    (tmp_path / "weather.py").write_text(PACKAGE)
    about = tmp_path / "weather-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: weather\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[sr_arn]\nweather = weather:add\n")
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    result = subprocess.run(
        [sys.executable, "-m", "sr_arn", "train", "--help"],
        env=os.environ | {"PYTHONPATH": path, "COLUMNS": "1000"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert "fog=SHARE (of white)" in result.stdout
