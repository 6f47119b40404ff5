import importlib.util
from pathlib import Path

import numpy as np
import pytest

from sr_arn import imresize, load_model

SPEC = importlib.util.spec_from_file_location(
    "reference", Path(__file__).parents[2] / "benchmarks" / "reference.py"
)
reference = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(reference)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_engine_is_a_plus_in_plain_numpy(planes, scale):
    lr = imresize(planes[1][:180, :240], 1 / scale)
    upscaler = load_model(f"aplus-x{scale}")
    plain = reference.upscale(lr, upscaler.model)
    engine = upscaler.upscale_luminance(lr, border="paper")
    departs = np.abs(plain - engine) > 1e-5  # where two anchors are equally near, but for rounding
    assert departs.mean() < 1e-3
    assert np.abs(plain - imresize(lr, scale)).max() > 0.05
