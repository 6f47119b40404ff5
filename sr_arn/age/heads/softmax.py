"""Heads that classify a target and predict its expectation."""

from collections.abc import Sequence

import torch
from torch import Tensor

from sr_arn.age import losses
from sr_arn.age.heads.base import OLDEST, Head, layers
from sr_arn.checks import check_scale
from sr_arn.errors import InputError, display

__all__ = ["DEX", "LabelDistribution", "Softmax"]


class Softmax(Head):
    """Classification of a target, predicted by its expectation (DEX and related methods).

    Parameters
    ----------
    features : int
    values : Tensor [c], optional
        Values of the classes, increasing; by default ages 0 to 100.
    square_weight, variance_weight : float, default 0.1, 0.05
        See `losses.mean_variance_loss`.
    hidden : int or sequence of int, optional
        Units of one or several layers before the last.
    """

    values: Tensor

    def __init__(
        self,
        features: int,
        values: Tensor | None = None,
        square_weight: float = 0.1,
        variance_weight: float = 0.05,
        hidden: int | Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        values = torch.arange(OLDEST + 1.0) if values is None else torch.as_tensor(values)
        if values.ndim != 1 or len(values) < 2:
            raise InputError(
                f"values: expected at least 2, [c], received shape {display(list(values.shape))}"
            )
        if not values.is_meta and not bool((values.diff() > 0).all()):
            raise InputError(f"values: expected rising ones, received {display(values.tolist())}")
        self.register_buffer("values", values.to(torch.get_default_dtype()))
        self.square_weight, self.variance_weight = square_weight, variance_weight
        self.network = layers(features, len(values), hidden)

    def _check_target(self, target: Tensor) -> None:
        """Raise `InputError` for targets outside by more than the width of the widest class."""
        widest = self.values.diff().max()
        least, most = float(self.values[0] - widest), float(self.values[-1] + widest)
        low, high = float(target.min()), float(target.max())
        if low < least or high > most:
            received = display(low if low < least else high)
            raise InputError(f"target: expected {least:g} to {most:g}, received {received}")

    def _loss(self, features: Tensor, target: Tensor) -> Tensor:
        weights = self.square_weight, self.variance_weight
        logits = self.network(features)
        return losses.mean_variance_loss(logits, target[:, 0], self.values, *weights)

    def predict(self, features: Tensor) -> Tensor:
        """Return the expectations [n, 1]."""
        return losses.expectation(self.network(features), self.values)[:, None]

    def density(self, features: Tensor, grid: Tensor) -> Tensor:
        """Return the density [n, g] at points [g, 1], with classes spread about their values."""
        self._check_grid(grid)
        p = self.network(features).softmax(dim=1)
        edges = (self.values[1:] + self.values[:-1]) / 2
        first, last = 2 * self.values[0] - edges[0], 2 * self.values[-1] - edges[-1]
        edges = torch.cat([first[None], edges, last[None]])
        place = torch.bucketize(grid[:, 0].contiguous(), edges) - 1
        inside = (place >= 0) & (place < len(self.values))
        place = place.clamp(0, len(self.values) - 1)
        return torch.where(inside, p[:, place] / edges.diff()[place], 0.0)


class DEX(Softmax):
    """Deep expectation: cross-entropy in training, the expectation in prediction (Rothe 2015).

    Parameters
    ----------
    features : int
    values : Tensor [c], optional
        Values of the classes; by default ages 0 to 100.
    hidden : int or sequence of int, optional
        Units of one or several layers before the last.
    """

    def __init__(
        self, features: int, values: Tensor | None = None, hidden: int | Sequence[int] | None = None
    ) -> None:
        super().__init__(features, values, 0.0, 0.0, hidden)


class LabelDistribution(Softmax):
    """Label distribution learning with an L1 loss of the expectation (DLDL-v2, Gao 2018).

    Parameters
    ----------
    features : int
    values : Tensor [c], optional
        Values of the classes; by default ages 0 to 100.
    sigma : float, default 2.0
        Standard deviation of the distribution around a label.
    weight : float, default 1.0
        Weight of the L1 loss.
    hidden : int or sequence of int, optional
        Units of one or several layers before the last.
    """

    def __init__(
        self,
        features: int,
        values: Tensor | None = None,
        sigma: float = 2.0,
        weight: float = 1.0,
        hidden: int | Sequence[int] | None = None,
    ) -> None:
        super().__init__(features, values, 0.0, 0.0, hidden)
        self.sigma, self.weight = check_scale(sigma, "sigma"), weight

    def _loss(self, features: Tensor, target: Tensor) -> Tensor:
        return losses.label_distribution_loss(
            self.network(features), target[:, 0], self.values, self.sigma, self.weight
        )
