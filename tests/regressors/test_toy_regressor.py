"""A regressor that is registered, and nothing else, works everywhere, with an own parameter."""

import json

import numpy as np
import pytest
from conftest import SHIPPED, opened

from sr_arn import InputError, load_model, regressors
from sr_arn.cli import main

NAME = "faded"


class FadedRegressor(regressors.Regressor):
    """One linear map for all, whose predictions are multiplied by a gain.

    Parameters
    ----------
    gain : float, default 1.0
        Factor of the predictions: 0 is bicubic.
    mode : {"least", "most"}, default "least"
        Nothing hangs on it.
    hasty : bool, default False
        Likewise.
    """

    name = NAME
    settings = ("gain",)
    array_axes = {"weights": "dt"}  # noqa: RUF012 - it is not changed

    def __init__(self, gain: float = 1.0, mode: str = "least", hasty: bool = False) -> None:
        self.gain = gain
        self.mode = mode
        self.hasty = hasty

    def check_settings(self):
        if not 0 <= self.gain <= 1:
            raise InputError(f"gain: expected 0 to 1, received {self.gain}")

    def fit(self, X, y):
        self.check_settings()
        X, y = self._validate_fit(X, y)
        self.weights_ = np.linalg.lstsq(X, y, rcond=None)[0]
        return self

    def predict(self, X):
        return np.float32(self.gain) * (self._validate_predict(X) @ self.weights_)


@pytest.fixture(scope="module", autouse=True)
def registered():
    regressors.register(FadedRegressor)
    yield
    del regressors.REGRESSORS[NAME]


@pytest.fixture(scope="module")
def model(tmp_path_factory, parts, registered):
    """A file that `sr-arn train` wrote."""
    path = tmp_path_factory.mktemp("toy") / "toy.safetensors"
    own = ["--regressor", NAME, "--gain", "0.75", "--hasty", "--mode", "most"]
    assert main(["train", str(parts), "-o", str(path), *own]) == 0
    return path


def test_its_file_holds_parameters_and_arrays(model):
    upscaler = load_model(model)
    assert upscaler.header["settings"] == {"gain": 0.75}
    assert upscaler.header["training"]["parameters"] == {
        "gain": 0.75,
        "hasty": True,
        "mode": "most",
    }
    assert type(upscaler.model.regressor) is FadedRegressor
    assert upscaler.model.regressor.gain == 0.75


def test_upscale_takes_it(model, tmp_path):
    small = tmp_path / "small.png"
    opened(SHIPPED / "coffee.png").crop((0, 0, 60, 50)).save(small)
    assert main(["upscale", str(small), "-o", str(tmp_path / "o.png"), "--model", str(model)]) == 0
    assert opened(tmp_path / "o.png").size == (180, 150)


def test_benchmark_takes_it(model, parts, capsys):
    arguments = ["benchmark", "--data", str(parts.parent), "--sets", parts.name, "--json"]
    assert main([*arguments, "--models", f"bicubic,{model}"]) == 0
    bicubic, own = json.loads(capsys.readouterr().out)["scores"]
    assert own["psnr"] > bicubic["psnr"]


def test_completion_and_help_know_it(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")  # help in long lines
    assert main(["completion", "bash"]) == 0
    completed = capsys.readouterr().out
    assert NAME in completed
    assert "--gain" in completed
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "global-arn, faded (default: aplus); arn, deep-arn, conv-arn, which need torch" in said
    assert "--gain R Factor of the predictions; of faded (default: 1.0)" in said
    assert "--hasty Likewise; of faded" in said


def test_errors_name_it(parts, tmp_path, capsys):
    arguments = ["train", str(parts), "-o", str(tmp_path / "m.safetensors")]
    assert main([*arguments, "--gain", "1"]) == 2
    assert "gain: the regressor aplus takes none" in capsys.readouterr().err
    assert main([*arguments, "--regressor", NAME, "--gain", "2"]) == 2
    assert "gain: expected 0 to 1, received 2.0" in capsys.readouterr().err
    assert main([*arguments, "--regressor", NAME, "--anchors", "9"]) == 2
    assert "anchors: the regressor faded takes none" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_it_stays_on_the_processor(model):
    with pytest.raises(InputError, match="faded runs on the CPU only"):
        load_model(model).to("cpu")
