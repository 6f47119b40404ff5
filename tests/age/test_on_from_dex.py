"""An ARN that has come of a trained DEX is trained on as the paper does."""

import pytest

torch = pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn.age import arn_from_dex  # noqa: E402
from sr_arn.age.heads import ARN, DEX  # noqa: E402
from sr_arn.age.model import AgeModel  # noqa: E402
from sr_arn.age.training import predict_ages, train_ages  # noqa: E402
from sr_arn.nn.training import Recipe  # noqa: E402


def test_training_goes_on_from_what_dex_knew():
    torch.manual_seed(0)
    faces = torch.randint(0, 256, (32, 3, 4, 4), dtype=torch.uint8)
    ages = torch.randint(20, 60, (32,)).float()
    dex = DEX(48)
    of_dex = predict_ages(AgeModel(torch.nn.Flatten(), dex), faces)
    model = AgeModel(torch.nn.Flatten(), ARN.of(arn_from_dex(dex.network)))
    torch.testing.assert_close(predict_ages(model, faces), of_dex, atol=1e-4, rtol=0)
    for rate, prepare, most in ((1e-9, False, 1e-2), (1e-9, True, 99)):
        train_ages(
            model, faces, ages, Recipe(1, rate), batch_size=32, varied=False, prepare=prepare
        )
        change = abs(predict_ages(model, faces) - of_dex).max()
        assert change < most
    assert change > 1  # once prepared, it begins at the ages' quantiles instead
