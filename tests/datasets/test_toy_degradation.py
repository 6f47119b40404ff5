"""A component of degradations that is registered, and nothing else, works everywhere."""

import numpy as np
import pytest

from sr_arn import InputError, imresize, load_model
from sr_arn.cli import main
from sr_arn.datasets import degradation
from sr_arn.datasets.degradation import BICUBIC, Component, Degradation


class Shade(Component):
    """Light that is lost."""

    name = "shade"
    metavar = "SHARE"
    help = "share of the light that is lost"
    largest = 0.9

    def after(self, lr):
        return (1 - np.float32(self.strength)) * lr


@pytest.fixture(scope="module", autouse=True)
def registered():
    degradation.register(Shade)
    yield
    del degradation.COMPONENTS[Shade.name]


def test_it_is_applied_beside_others(planes):
    plane = planes[0][:60, :60]
    found = Degradation(shade=0.5)(plane, 2)
    np.testing.assert_array_equal(found, np.float32(0.5) * imresize(plane, 0.5))
    both = Degradation.parse("shade=0.5,blur=1.5")
    np.testing.assert_array_equal(both(plane, 2), np.float32(0.5) * Degradation(blur=1.5)(plane, 2))
    assert both == Degradation(blur=1.5, shade=0.5) != Degradation(blur=1.5)
    assert repr(both) == "Degradation(blur=1.5, noise=0.0, shade=0.5)"
    assert Degradation(shade=0) == BICUBIC


def test_errors_name_it():
    with pytest.raises(InputError, match=r"shade: expected 0 to 0\.9, received 1$"):
        Degradation.parse("shade=1")
    known = "noise=SIGMA,jpeg=QUALITY,shade=SHARE, received fog=1"
    with pytest.raises(InputError, match=known):
        Degradation.parse("fog=1")
    with pytest.raises(InputError, match="shade=SHARE, received fog"):
        Degradation(fog=1)


def test_train_takes_it(tmp_path, parts, capsys):
    model = tmp_path / "m.safetensors"
    options = ("--anchors", "4", "--degradation", "shade=0.25,noise=1", "--validation", "1")
    assert main(["train", str(parts), "-o", str(model), *options]) == 0
    training = load_model(model).header["training"]
    assert training["degradation"] == {"blur": 0.0, "noise": 1.0, "shade": 0.25}
    assert "| bicubic" in capsys.readouterr().out


def test_the_help_describes_it(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")  # help in long lines
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "jpeg=QUALITY (of 100) and shade=SHARE (share of the light that is lost)" in said


def test_its_range_is_drawn(planes):
    plane = planes[0][:60, :60]
    drawn = Degradation(shade="0.2-0.4").drawn(np.random.default_rng(0))
    assert 0.2 < drawn.strengths["shade"] < 0.4
    share = np.float32(drawn.strengths["shade"])
    np.testing.assert_array_equal(drawn(plane, 2), (1 - share) * imresize(plane, 0.5))
