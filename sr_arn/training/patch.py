"""Training of patch models: features, then a regressor on pairs of patches."""

from typing import Any, ClassVar

from sr_arn.models.patch import PatchModel
from sr_arn.regressors.base import Regressor
from sr_arn.regressors.samples import Held
from sr_arn.training.patch_samples import training_samples
from sr_arn.training.trainer import Trainer, TrainingSet

__all__ = ["PatchTrainer"]


class PatchTrainer(Trainer):
    """Trains features and a regressor, any of those in `sr_arn.regressors`.

    Parameters
    ----------
    regressor : Regressor
        Is fitted in place.
    """

    name: ClassVar[str] = PatchModel.kind

    def __init__(self, regressor: Regressor) -> None:
        self.regressor = regressor

    def fit_images(self, data: TrainingSet, **options: Any) -> dict[str, Any]:
        """Learn from pairs of patches; the options are those of the regressor's `fit`."""
        features, samples = training_samples(data)
        self.model_ = PatchModel(features, self.regressor)
        if isinstance(samples, Held):
            self.regressor.fit(samples.x, samples.y, **options)
        else:
            self.regressor.fit_samples(samples, **options)
        return {"samples": len(samples)}
