"""The base class of heads."""

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
    """Return linear layers with a ReLU in between; all but the last have `hidden` units."""
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
    """Set the bias of the last layer of a network of `layers`."""
    last = network[-1] if isinstance(network, nn.Sequential) else network
    torch.as_tensor(last.bias).copy_(value)


class Head(nn.Module, ABC):
    """Base class of heads.

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
        """Initialise the head from the training labels [n, targets] or [n].

        Training is faster if a head starts near the labels, not at 0. Weights that the head has
        learned before, or got from another head, may be lost.
        """
        self._prepare(labels.reshape(len(labels), self.targets).to(torch.get_default_dtype()))

    def _prepare(self, labels: Tensor) -> None:
        """Initialise the head from labels [n, targets]; by default, nothing."""

    def begin_epoch(self) -> None:
        """Reset statistics that are collected within an epoch."""

    def loss(self, features: Tensor, target: Tensor) -> Tensor:
        """Return the loss, one number.

        Raises
        ------
        InputError
            If target and features do not match, or a target is not finite or out of the head's
            range.
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
            If the head models no density, or the points have another number of dimensions.
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
