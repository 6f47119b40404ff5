"""Images held out of training."""

from pathlib import Path

import numpy as np
import pytest

from sr_arn import InputError, imresize, load_model, psnr_y
from sr_arn.evaluation.held_out import Validation, hold_out


@pytest.mark.parametrize(
    ("images", "count", "held"),
    [
        (3, None, 0),
        (4, None, 1),
        (10, None, 1),
        (91, None, 9),
        (500, None, 10),
        (5, 0, 0),
        (5, 2, 2),
        (5, 4, 4),
    ],
)
def test_every_image_is_on_one_side(images, count, held):
    paths = [Path(f"{i:03}") for i in range(images)]
    training, out = hold_out(paths, count)
    assert sorted(training + out) == paths
    assert len(out) == held
    assert out == sorted(out)


def test_what_is_held_out_is_spread():
    _, out = hold_out([Path(str(i)) for i in range(12)], 3)
    assert [path.name for path in out] == ["2", "6", "10"]


def test_at_least_one_image_is_left():
    with pytest.raises(InputError, match="validation: expected fewer than the 2 images"):
        hold_out([Path("a"), Path("b")], 2)
    with pytest.raises(InputError, match="validation: expected an integer of at least 0"):
        hold_out([Path("a"), Path("b")], -1)


def test_psnr_is_that_of_the_protocol():
    rng = np.random.default_rng(0)
    planes = [rng.random((31, 40)).astype(np.float32), np.zeros((5, 99), np.float32)]
    validation = Validation(planes, 3)
    assert len(validation) == 1  # the other is too small
    hr = planes[0][:30, :39]
    expected = psnr_y(hr, imresize(imresize(hr, 1 / 3), 3), 3)
    assert validation.psnr(load_model("bicubic")) == pytest.approx(expected)
