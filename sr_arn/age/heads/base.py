"""What all heads share: one interface."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from sr_arn.checks import check_integer
from sr_arn.errors import InputError, display

__all__ = ["OLDEST", "Head", "chain", "layers", "set_last_bias"]

OLDEST = 100
"""Ages are classes 0 to 100."""


def layers(inputs: int, outputs: int, hidden: int | Sequence[int] | None = None) -> nn.Module:
    """Return linear layers with a ReLU in between; `hidden` units in all but the last."""
    check_integer(inputs, "features", 1)
    check_integer(outputs, "outputs", 1)
    if hidden is None:
        return nn.Linear(inputs, outputs)
    units = [hidden] if isinstance(hidden, int) else list(hidden)
    if not units:
        raise InputError("hidden: expected units of at least one layer, received none")
    return nn.Sequential(*chain([inputs, *units]), nn.Linear(units[-1], outputs))


def chain(units: Sequence[int]) -> nn.Sequential:
    """Return linear layers, each with a ReLU."""
    for count in units:
        check_integer(count, "units of a layer", 1)
    pairs = pairwise(units)
    return nn.Sequential(*(layer for a, b in pairs for layer in (nn.Linear(a, b), nn.ReLU())))


@torch.no_grad()
def set_last_bias(network: nn.Module, value: Tensor) -> None:
    """Set what a network of `layers` gives where it knows nothing of its inputs."""
    last = network[-1] if isinstance(network, nn.Sequential) else network
    torch.as_tensor(last.bias).copy_(value)


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

    @torch.no_grad()
    def prepare(self, labels: Tensor) -> None:
        """Take from the labels [n, targets] or [n] of training what they tell beforehand.

        A head that begins near them need not first travel there from 0. What a head has learned
        before, or taken from another, is lost where labels tell it anew.
        """
        self._prepare(labels.reshape(len(labels), self.targets).to(torch.get_default_dtype()))

    def _prepare(self, labels: Tensor) -> None:
        """Take what labels [n, targets] tell: nothing."""

    def begin_epoch(self) -> None:
        """Forget what is gathered within an epoch."""

    def loss(self, features: Tensor, target: Tensor) -> Tensor:
        """Return what is minimised, one number.

        Raises
        ------
        InputError
            If target and features do not fit together, or a target is not finite, or none that
            the head can tell.
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
        self._check_target(target)
        return self._loss(features, target.to(features.dtype))

    def _check_target(self, target: Tensor) -> None:
        """Raise `InputError` for targets [n, targets] out of the head's range, if it has one."""

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
            If the head models none, or the points are not of as many dimensions.
        """
        raise InputError(f"density: {type(self).__name__} models none")

    def _check_grid(self, grid: Tensor) -> None:
        """Raise `InputError` unless points are [g, targets]."""
        if grid.ndim != 2 or grid.shape[1] != self.targets:
            raise InputError(
                f"grid: expected [g, {self.targets}], received {display(list(grid.shape))}"
            )

    def forward(self, features: Tensor) -> Tensor:
        """Return `predict(features)`."""
        return self.predict(features)
