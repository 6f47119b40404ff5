"""What `sr-arn train` trains, by name: the regressors of patch models, and whole models."""

from sr_arn.errors import InputError, display
from sr_arn.registry import Registry
from sr_arn.regressors import REGRESSORS
from sr_arn.regressors.base import Regressor
from sr_arn.training.patch import PatchTrainer
from sr_arn.training.trainer import Trainer

__all__ = ["TRAINERS", "Learner", "learner_class", "learner_names", "register", "trainer_of"]

Learner = Regressor | Trainer

TRAINERS: Registry[Trainer] = Registry(
    "name",
    {
        "conv-arn": "sr_arn.training.conv_arn:ConvARN",
    },
)
"""Class of each trainer by its name. A regressor, whose name is not here, has a `PatchTrainer`."""

register = TRAINERS.register
"""Make a trainer known to the command line: it is a decorator."""


def learner_names() -> list[str]:
    """Return the names of all regressors and trainers."""
    return [*REGRESSORS, *TRAINERS]


def learner_class(name: str) -> type[Learner]:
    """Return the regressor or trainer of a name.

    Raises
    ------
    InputError
        If there is none.
    """
    if name in TRAINERS:
        return TRAINERS[name]
    if name not in REGRESSORS:
        known = ", ".join(learner_names())
        raise InputError(f"regressor: expected one of {known}, received {display(name)}")
    return REGRESSORS[name]


def trainer_of(learner: Learner) -> Trainer:
    """Return what trains a model of a regressor, or the trainer itself."""
    return learner if isinstance(learner, Trainer) else PatchTrainer(learner)
