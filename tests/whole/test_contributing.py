"""The regressor of CONTRIBUTING.md works as it stands there."""

import re

import pytest
from conftest import ROOT, SHIPPED
from sklearn.utils.estimator_checks import check_estimator

from sr_arn import imresize, load_model, psnr_y, regressors
from sr_arn.cli import main


@pytest.fixture
def linear_regressor(tmp_path, monkeypatch):
    text = (ROOT / "CONTRIBUTING.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "linear.py").write_text(code)
    monkeypatch.setattr(regressors, "__path__", [*regressors.__path__, str(tmp_path)])
    home = "sr_arn.regressors.linear:LinearRegressor"
    monkeypatch.setitem(regressors.REGRESSORS, "linear", home)
    return regressors.REGRESSORS["linear"]


@pytest.mark.filterwarnings("ignore:Estimator .* does not inherit", "ignore:Skipping check")
def test_a_regressor_in_one_file(linear_regressor, tmp_path, planes, capsys):
    results = check_estimator(linear_regressor(), on_fail=None)
    assert [r for r in results if r["status"] not in ("passed", "skipped")] == []
    model = tmp_path / "m.safetensors"
    train = ["train", str(SHIPPED), "-o", str(model), "--regressor", "linear", "--scale", "2"]
    assert main(train) == 0
    assert main([*train, "--anchors", "3"]) == 2
    assert "anchors: the regressor linear takes none" in capsys.readouterr().err
    hr = planes[0][:200, :200]
    lr = imresize(hr, 1 / 2)
    linear, bicubic = (
        psnr_y(hr, load_model(name, scale=2).upscale_luminance(lr), 2)
        for name in (model, "bicubic")
    )
    assert linear > bicubic + 0.3
