"""Parameters, and their validation, of everything that torch trains in epochs."""

from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from sr_arn.checks import RandomState, check_integer, check_random_state, check_scale
from sr_arn.errors import InputError, display
from sr_arn.regressors.parameters import Parameters
from sr_arn.system.devices import find_device

__all__ = ["TrainedInEpochs"]


class TrainedInEpochs(Parameters):
    """Training by torch, in epochs, with checkpoints.

    The parameters that subclasses share:

    epochs, batch_size, learning_rate : optional
        None selects the default of the subclass.
    device : {"auto", "cpu", "cuda"}
    precision : {"float32", "bfloat16"}
        Of products in training.
    compiled : bool
        Whether torch compiles the network.
    random_state : int, RandomState, Generator or None
    """

    name: ClassVar[str]
    epochs: int | None
    batch_size: int | None
    learning_rate: float | None
    device: str
    precision: Literal["float32", "bfloat16"]
    compiled: bool
    random_state: RandomState

    def check_parameters(self, resume: Path | None = None) -> None:
        """Raise `InputError` for invalid parameters, before any data are read.

        Parameters
        ----------
        resume : path, optional
            The checkpoint to continue from.
        """
        if self.precision not in ("float32", "bfloat16"):
            raise InputError(
                f"precision: expected float32 or bfloat16, received {display(self.precision)}"
            )
        if not isinstance(self.compiled, bool):
            raise InputError(f"compiled: expected True or False, received {display(self.compiled)}")
        for name in ("epochs", "batch_size"):
            if getattr(self, name) is not None:
                check_integer(getattr(self, name), name, 1)
        if self.learning_rate is not None:
            check_scale(self.learning_rate, "learning_rate")
        check_random_state(self.random_state)
        if resume is not None and not isinstance(self.random_state, int | np.integer):
            raise InputError(
                "random_state: expected an integer, by which a training is resumed, received "
                f"{display(type(self.random_state).__name__)}"
            )
        find_device(self.device)
        if resume is not None and not resume.is_file():
            raise InputError(f"checkpoint {display(resume)}: there is no such file")
