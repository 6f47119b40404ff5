"""The public names: one list, loaded when they are asked for, with options by keyword only."""

import inspect
import re
import subprocess
import sys

import pytest
from conftest import ROOT

import sr_arn
from sr_arn import InputError, SrArnError, UnavailableError

FUNCTIONS = [name for name in sr_arn.__all__ if not inspect.isclass(getattr(sr_arn, name))]
DATA = {  # what may be given by position
    "ConvARN": [],
    "FileUpscaler": ["model"],
    "Degradation": [],
    "Picture": ["pixels", "metadata"],
    "Schedule": [],
    "Size": [],
    "Upscaler": ["model", "header"],
    "evaluate": ["models", "sets"],
    "imresize": ["array", "scale"],
    "list_models": [],
    "load_model": ["name_or_path"],
    "psnr_y": ["ref", "out", "border"],
    "read_image": ["source"],
    "save_model": ["path", "upscaler"],
    "ssim_y": ["ref", "out", "border"],
    "train_upscaler": ["images", "regressor"],
    "write_image": ["path", "picture"],
}


def test_every_name_is_there_and_listed():
    assert sr_arn.__all__ == sorted(sr_arn.__all__, key=lambda name: (name.islower(), name))
    for name in sr_arn.__all__:
        assert getattr(sr_arn, name).__doc__
    assert {*sr_arn.__all__, "age", "nn", "regressors"} <= {*dir(sr_arn)}
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        sr_arn.nonsense  # noqa: B018 - it is asked for


@pytest.mark.parametrize("name", DATA)
def test_options_are_given_by_keyword_only(name):
    parameters = inspect.signature(getattr(sr_arn, name)).parameters.values()
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == DATA[name]


def test_every_function_is_checked_for_that():
    assert {*FUNCTIONS} <= DATA.keys()


def test_rooms_are_loaded_when_they_are_asked_for():
    code = """
import sys, sr_arn
assert not {"numpy", "torch"} & sys.modules.keys()
assert sr_arn.regressors.REGRESSORS
assert "torch" not in sys.modules
assert sr_arn.age.refine and sr_arn.nn.AnchoredRegression
"""
    pytest.importorskip("torch", reason='needs the extra "torch"')
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)  # noqa: S603 - our own


def test_errors_are_one_tree():
    assert issubclass(InputError, SrArnError)
    assert issubclass(InputError, ValueError)
    assert issubclass(UnavailableError, SrArnError)
    assert not issubclass(UnavailableError, InputError | ValueError)


def test_models_that_are_listed_can_be_loaded():
    names = sr_arn.list_models()
    assert names[0] == "bicubic"
    assert {*sr_arn.list_models(scale=4)} < {*names}
    for name in sr_arn.list_models(scale=4):
        assert sr_arn.load_model(name, scale=4).scale == 4


def test_every_hint_how_to_install_names_an_extra():
    hints = [
        hint
        for path in (ROOT / "sr_arn").rglob("*.py")
        for hint in re.findall("pip install (.*)", path.read_text())
    ]
    assert len(hints) >= 8
    for hint in hints:
        assert re.match(r'"sr-arn\[(torch|distributed|web|heif|\{extra\})\]"', hint), hint
