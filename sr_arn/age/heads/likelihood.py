"""Heads that model a density of a fixed form, trained by likelihood."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from sr_arn.age import losses
from sr_arn.age.heads.base import Head, layers, set_last_bias

__all__ = ["Gaussian", "Laplace"]

TINY = 1e-6  # spread of equal labels


class Gaussian(Head):
    """Mean and variance, trained by likelihood (DCTD, equations S1 to S4 and S7, S8).

    Parameters
    ----------
    features : int
    targets : int, default 1
        Their dimensions are independent, given the features.
    hidden : int or sequence of int, optional
        Units of one or several layers before the last, in each of two networks.
    """

    def __init__(
        self, features: int, targets: int = 1, hidden: int | Sequence[int] | None = None
    ) -> None:
        super().__init__(targets)
        self.mean = layers(features, targets, hidden)
        self.log_variance = layers(features, targets, hidden)

    def _prepare(self, labels: Tensor) -> None:
        """Start at the mean and variance of the labels [n, targets]."""
        set_last_bias(self.mean, labels.mean(dim=0))
        set_last_bias(self.log_variance, labels.var(dim=0, correction=0).clamp_min(TINY).log())

    def _loss(self, features: Tensor, target: Tensor) -> Tensor:
        return losses.gaussian_loss(self.mean(features), self.log_variance(features), target)

    def predict(self, features: Tensor) -> Tensor:
        """Return the means [n, targets]."""
        mean: Tensor = self.mean(features)
        return mean

    def density(self, features: Tensor, grid: Tensor) -> Tensor:
        """Return the density [n, g] at points [g, targets]."""
        self._check_grid(grid)
        mean, scale = self.mean(features), (0.5 * self.log_variance(features)).exp()
        scaled = (grid - mean[:, None]) / scale[:, None]
        logs = -0.5 * scaled.square() - scale[:, None].log() - 0.5 * math.log(2 * math.pi)
        return logs.sum(dim=2).exp()


class Laplace(Head):
    """Location and scale of a Laplace density (DCTD, equations S5, S6 and S9, S10).

    Parameters
    ----------
    features : int
    targets : int, default 1
        Several use the loss S10, which differs from S6 even for one dimension.
    hidden : int or sequence of int, optional
        Units of one or several layers before the last, in each of two networks.
    """

    def __init__(
        self, features: int, targets: int = 1, hidden: int | Sequence[int] | None = None
    ) -> None:
        super().__init__(targets)
        self.mean = layers(features, targets, hidden)
        self.log_scale = layers(features, targets, hidden)

    def _prepare(self, labels: Tensor) -> None:
        """Start at the median of the labels [n, targets] and their mean distance from it."""
        median = labels.median(dim=0).values
        set_last_bias(self.mean, median)
        distance = (labels - median).abs().mean(dim=0).clamp_min(TINY)
        power = 1 if self.targets == 1 else 2  # S10's scale is a variance
        set_last_bias(self.log_scale, power * distance.log())

    def _loss(self, features: Tensor, target: Tensor) -> Tensor:
        function = losses.laplace_loss if self.targets == 1 else losses.laplace_vector_loss
        return function(self.mean(features), self.log_scale(features), target)

    def predict(self, features: Tensor) -> Tensor:
        """Return the locations [n, targets]."""
        mean: Tensor = self.mean(features)
        return mean

    def density(self, features: Tensor, grid: Tensor) -> Tensor:
        """Return the density [n, g] at points [g, 1]; for several targets, S9 is not normalised."""
        if self.targets > 1:
            return super().density(features, grid)
        self._check_grid(grid)
        mean, scale = self.mean(features), self.log_scale(features).exp()
        return torch.exp(-(grid[:, 0] - mean).abs() / scale) / (2 * scale)
