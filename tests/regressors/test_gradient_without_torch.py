"""What needs no torch: predicting, and saying that training does."""

import subprocess
import sys

CODE = """
import sys
class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
sys.meta_path.insert(0, NotInstalled())
import numpy as np
from sr_arn import UnavailableError, load_model
from sr_arn.regressors import ARNRegressor, DeepARNRegressor, GlobalARNRegressor

X = np.random.default_rng(0).normal(size=(200, 3))
assert GlobalARNRegressor(8).fit(X, X).score(X, X) > 0.9
for name in ("arn-x3", "deep-arn-x3", "global-arn-x3"):
    assert load_model(name).upscale(np.zeros((9, 9), np.uint8)).shape == (27, 27)
for regressor in (ARNRegressor(), DeepARNRegressor()):
    try:
        regressor.fit(X, X)
    except UnavailableError as error:
        print(error)
"""


def test_predicts_without_torch_and_names_the_extra_to_train():
    result = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=False, timeout=300
    )
    line = 'torch: is not installed and this needs it; pip install "sr-arn[torch]"\n'
    assert (result.stdout, result.stderr) == (2 * line, "")
