"""What all heads share: one interface."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from sr_arn.checks import InputError, check_integer, display

__all__ = ["OLDEST", "Head", "layers"]

OLDEST = 100
"""Ages are classes 0 to 100."""


def layers(inputs: int, outputs: int, hidden: int | None = None) -> nn.Module:
    """Return a linear layer, or two with a ReLU in between."""
    check_integer(inputs, "features", 1)
    check_integer(outputs, "outputs", 1)
    if hidden is None:
        return nn.Linear(inputs, outputs)
    check_integer(hidden, "hidden", 1)
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


class Head(nn.Module, ABC):
    """What all heads share.

    Parameters
    ----------
    targets : int, default 1
        Dimensions of the target.
    """

    def __init__(self, targets: int = 1) -> None:
        super().__init__()
        self.targets = check_integer(targets, "targets", 1)

    def loss(self, features: Tensor, target: Tensor) -> Tensor:
        """Return what is minimised, one number.

        Raises
        ------
        InputError
            If target and features do not fit together, or a target is not finite.
        """
        wanted = (len(features), self.targets)
        if self.targets == 1 and target.ndim == 1:
            target = target[:, None]
        if target.shape != wanted:
            raise InputError(
                f"target: expected {display(list(wanted))}, received {display(list(target.shape))}"
            )
        if not bool(target.isfinite().all()):
            raise InputError("target: expected finite numbers, received NaN or infinity")
        return self._loss(features, target.to(features.dtype))

    @abstractmethod
    def _loss(self, features: Tensor, target: Tensor) -> Tensor:
        """Return the loss for targets [n, targets]."""

    @abstractmethod
    def predict(self, features: Tensor) -> Tensor:
        """Return the estimates [n, targets]."""

    def density(self, features: Tensor, grid: Tensor) -> Tensor:
        """Return the density [n, g] of the target at points [g, targets].

        Raises
        ------
        InputError
            If the head models none.
        """
        raise InputError(f"density: {type(self).__name__} models none")

    def forward(self, features: Tensor) -> Tensor:
        """Return `predict(features)`."""
        return self.predict(features)
