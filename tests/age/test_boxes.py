"""Boxes as targets."""

import pytest

torch = pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn import InputError  # noqa: E402
from sr_arn.age.boxes import DETECTION, box_to_target, target_to_box  # noqa: E402
from sr_arn.age.heads.energy import EnergyDensity  # noqa: E402


def test_a_box_of_its_own_size():
    target = box_to_target(torch.tensor([[10.0, 20.0, 30.0, 40.0]]).double())
    expected = torch.tensor([[0.83333333, 1.0, 3.40119738, 3.68887945]], dtype=torch.float64)
    torch.testing.assert_close(target, expected, atol=1e-8, rtol=0)


def test_there_and_back():
    torch.manual_seed(0)
    box = torch.rand(50, 4).double() * 100 + 1
    size = torch.rand(50, 2).double() * 50 + 1
    for given in (size, box[:, 2:]):
        back = target_to_box(box_to_target(box, given), given)
        torch.testing.assert_close(back, box, atol=1e-10, rtol=0)


def test_an_energy_of_boxes():
    torch.manual_seed(0)
    head = EnergyDensity(8, 4, sigmas=DETECTION.sigmas, samples=16, hidden=(16,))
    box = torch.rand(5, 4) * 100 + 1
    target = box_to_target(box)
    head.loss(torch.randn(5, 8), target).backward()
    better = head.predict(torch.randn(5, 8), initial=target, step=0.01)
    assert target_to_box(better, box[:, 2:]).shape == (5, 4)


@pytest.mark.parametrize("size", [[0.0, 1.0], [1.0, -1.0]])
def test_what_cannot_be_is_told(size):
    good = torch.ones(1, 4)
    with pytest.raises(InputError, match="size: expected widths and heights above 0"):
        box_to_target(good, torch.tensor([size]))
    with pytest.raises(InputError, match="box: expected widths and heights above 0"):
        box_to_target(torch.tensor([[0.0, 0.0, *size]]))
