"""The course of a training."""

import csv
import sys

import numpy as np
import pytest
from conftest import opened

from sr_arn.training.curve import Curve


def rows(path):
    with path.with_suffix(".csv").open(newline="") as file:
        return [(int(r["epoch"]), float(r["loss"]), r["psnr"]) for r in csv.DictReader(file)]


def test_a_table_and_a_drawing(tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "m.curve.png"
    curve = Curve(path)
    curve.add(1, 0.5, 28.0)
    first = np.asarray(opened(path))
    curve.add(2, 0.25, 28.5)
    assert rows(path) == [(1, 0.5, "28.0"), (2, 0.25, "28.5")]
    assert (np.asarray(opened(path)) != first).any()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.curve.csv", "m.curve.png"]


def test_a_resumed_one_goes_on(tmp_path):
    path = tmp_path / "m.curve.png"
    for epoch in (1, 2, 3):
        Curve(path, resumed=epoch > 1).add(epoch, 1 / epoch, None)
    path.with_suffix(".csv").write_text(path.with_suffix(".csv").read_text() + "a,b,c\n")
    Curve(path, resumed=True).add(2, 0.4, 29.0)  # from the checkpoint of epoch 1
    assert rows(path) == [(1, 1.0, ""), (2, 0.4, "29.0")]
    Curve(path).add(1, 0.9, None)  # anew
    assert rows(path) == [(1, 0.9, "")]


def test_without_matplotlib_there_is_a_table(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("sr_arn.training.curve.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    caplog.set_level("INFO", "sr_arn")
    Curve(tmp_path / "m.curve.png").add(1, 0.5, None)
    assert [p.name for p in tmp_path.iterdir()] == ["m.curve.csv"]
    assert 'pip install "sr-arn[torch]"' in caplog.text
