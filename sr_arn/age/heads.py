"""Heads: from the features of any backbone to a target, all with one interface.

`loss(features, target)` is what is minimised, `predict(features)` the single estimate, and heads
that model one have `density(features, grid)`. Features are [n, features]; targets [n, targets],
or [n] if there is one; predictions [n, targets].
"""

import math
from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sr_arn.age import losses
from sr_arn.checks import InputError, check_integer, display
from sr_arn.nn import AnchoredRegression
from sr_arn.nn.anchored import Similarity

__all__ = [
    "ARN",
    "DEX",
    "Direct",
    "Gaussian",
    "Head",
    "LabelDistribution",
    "Laplace",
    "Softmax",
    "StagewiseRegression",
    "layers",
]

OLDEST = 100
"""Ages are classes 0 to 100."""

Distance = Literal["l2", "l1", "huber"]
DISTANCES = {"l2": F.mse_loss, "l1": F.l1_loss, "huber": F.smooth_l1_loss}


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


class Direct(Head):
    """Direct regression.

    Parameters
    ----------
    features : int
    targets : int, default 1
    distance : {"l2", "l1", "huber"}, default "l2"
    hidden : int, optional
        Units of a layer before the last.
    """

    def __init__(
        self,
        features: int,
        targets: int = 1,
        distance: Distance = "l2",
        hidden: int | None = None,
    ) -> None:
        super().__init__(targets)
        self.distance = _known(distance)
        self.network = layers(features, targets, hidden)

    def _loss(self, features: Tensor, target: Tensor) -> Tensor:
        return DISTANCES[self.distance](self.predict(features), target)

    def predict(self, features: Tensor) -> Tensor:
        """Return the estimates [n, targets]."""
        estimate: Tensor = self.network(features)
        return estimate


class ARN(Head):
    """The anchored regression network as a head (Agustsson et al. 2017).

    Parameters
    ----------
    features : int
    targets : int, default 1
    anchors : int, default 101
    similarity : {"dot", "abs_dot", "neg_sqdist", "abs_cosine"}, default "dot"
    sharpness : float, default 1.0
    distance : {"l2", "l1", "huber"}, default "l2"
        The paper names none for ages.

    Attributes
    ----------
    layer : AnchoredRegression
    """

    def __init__(
        self,
        features: int,
        targets: int = 1,
        anchors: int = 101,
        similarity: Similarity = "dot",
        sharpness: float = 1.0,
        distance: Distance = "l2",
    ) -> None:
        super().__init__(targets)
        self.distance = _known(distance)
        self.layer = AnchoredRegression(
            features, targets, anchors, similarity, sharpness, similarity_bias=True
        )

    @torch.no_grad()
    def spread(self, labels: Tensor) -> None:
        """Begin with biases at quantiles of the labels [n, targets].

        Were all anchors' regressors equal, their gradients would be nothing.
        """
        m = len(self.layer.anchors)
        shares = (torch.arange(m, dtype=labels.dtype, device=labels.device) + 0.5) / m
        bias = torch.as_tensor(self.layer.bias)
        bias.copy_(torch.quantile(labels.reshape(len(labels), self.targets), shares, dim=0))

    def _loss(self, features: Tensor, target: Tensor) -> Tensor:
        return DISTANCES[self.distance](self.predict(features), target)

    def predict(self, features: Tensor) -> Tensor:
        """Return the estimates [n, targets]."""
        estimate: Tensor = self.layer(features)
        return estimate


class Gaussian(Head):
    """Mean and variance, trained by likelihood (DCTD, equations S1 to S4 and S7, S8).

    Parameters
    ----------
    features : int
    targets : int, default 1
        Independent of each other, given the features.
    hidden : int, optional
        Units of a layer before the last, in each of two networks.
    """

    def __init__(self, features: int, targets: int = 1, hidden: int | None = None) -> None:
        super().__init__(targets)
        self.mean = layers(features, targets, hidden)
        self.log_variance = layers(features, targets, hidden)

    def _loss(self, features: Tensor, target: Tensor) -> Tensor:
        return losses.gaussian_loss(self.mean(features), self.log_variance(features), target)

    def predict(self, features: Tensor) -> Tensor:
        """Return the means [n, targets]."""
        mean: Tensor = self.mean(features)
        return mean

    def density(self, features: Tensor, grid: Tensor) -> Tensor:
        """Return the density [n, g] at points [g, targets]."""
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
        With more than one, S10, which for one is another loss than S6.
    hidden : int, optional
        Units of a layer before the last, in each of two networks.
    """

    def __init__(self, features: int, targets: int = 1, hidden: int | None = None) -> None:
        super().__init__(targets)
        self.mean = layers(features, targets, hidden)
        self.log_scale = layers(features, targets, hidden)

    def _loss(self, features: Tensor, target: Tensor) -> Tensor:
        function = losses.laplace_loss if self.targets == 1 else losses.laplace_vector_loss
        return function(self.mean(features), self.log_scale(features), target)

    def predict(self, features: Tensor) -> Tensor:
        """Return the locations [n, targets]."""
        mean: Tensor = self.mean(features)
        return mean

    def density(self, features: Tensor, grid: Tensor) -> Tensor:
        """Return the density [n, g] at points [g, 1]; for several targets S9 has no constant."""
        if self.targets > 1:
            return super().density(features, grid)
        mean, scale = self.mean(features), self.log_scale(features).exp()
        return torch.exp(-(grid[:, 0] - mean).abs() / scale) / (2 * scale)


class Softmax(Head):
    """Classification of a target, predicted by its expectation (DEX and its relatives).

    Parameters
    ----------
    features : int
    values : Tensor [c], optional
        What the classes stand for; by default ages 0 to 100.
    square_weight, variance_weight : float, default 0.1, 0.05
        See `losses.mean_variance_loss`.
    hidden : int, optional
        Units of a layer before the last.
    """

    values: Tensor

    def __init__(
        self,
        features: int,
        values: Tensor | None = None,
        square_weight: float = 0.1,
        variance_weight: float = 0.05,
        hidden: int | None = None,
    ) -> None:
        super().__init__()
        values = torch.arange(OLDEST + 1.0) if values is None else torch.as_tensor(values)
        self.register_buffer("values", values.to(torch.get_default_dtype()))
        self.square_weight, self.variance_weight = square_weight, variance_weight
        self.network = layers(features, len(values), hidden)

    def _loss(self, features: Tensor, target: Tensor) -> Tensor:
        weights = self.square_weight, self.variance_weight
        logits = self.network(features)
        return losses.mean_variance_loss(logits, target[:, 0], self.values, *weights)

    def predict(self, features: Tensor) -> Tensor:
        """Return the expectations [n, 1]."""
        return losses.expectation(self.network(features), self.values)[:, None]

    def density(self, features: Tensor, grid: Tensor) -> Tensor:
        """Return the density [n, g] at points [g, 1]: each class spread evenly about its value."""
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
        What the classes stand for; by default ages 0 to 100.
    hidden : int, optional
        Units of a layer before the last.
    """

    def __init__(
        self, features: int, values: Tensor | None = None, hidden: int | None = None
    ) -> None:
        super().__init__(features, values, 0.0, 0.0, hidden)


class LabelDistribution(Softmax):
    """Label distribution learning with an L1 loss of the expectation (DLDL-v2, Gao 2018).

    Parameters
    ----------
    features : int
    values : Tensor [c], optional
        What the classes stand for; by default ages 0 to 100.
    sigma : float, default 2.0
        Of the distribution around a label.
    weight : float, default 1.0
        Of the L1 loss.
    hidden : int, optional
        Units of a layer before the last.
    """

    def __init__(
        self,
        features: int,
        values: Tensor | None = None,
        sigma: float = 2.0,
        weight: float = 1.0,
        hidden: int | None = None,
    ) -> None:
        super().__init__(features, values, 0.0, 0.0, hidden)
        self.sigma, self.weight = sigma, weight

    def _loss(self, features: Tensor, target: Tensor) -> Tensor:
        return losses.label_distribution_loss(
            self.network(features), target[:, 0], self.values, self.sigma, self.weight
        )


class StagewiseRegression(Head):
    """Soft stagewise regression on any features (Yang et al. 2018, SSR-Net, equations 3 to 7).

    `sr_arn.age.backbones.SSRNet` is the network of the paper, with streams of its own.

    Parameters
    ----------
    features : int
    bins : tuple of int, default (3, 3, 3)
        Of each stage.
    largest : float, default 101.0
        V: targets lie in 0 to V.
    activation : {"softmax", "relu"}, default "softmax"
        Of p; the released network has "relu", whose units may die.
    """

    def __init__(
        self,
        features: int,
        bins: tuple[int, ...] = (3, 3, 3),
        largest: float = OLDEST + 1.0,
        activation: Literal["softmax", "relu"] = "softmax",
    ) -> None:
        super().__init__()
        if activation not in ("softmax", "relu"):
            raise InputError(f"activation: expected softmax or relu, received {activation}")
        self.bins, self.largest, self.activation = bins, largest, activation
        self.stages = nn.ModuleList(layers(features, 2 * count + 1) for count in bins)

    def _loss(self, features: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(self.predict(features), target)

    def predict(self, features: Tensor) -> Tensor:
        """Return the estimates [n, 1]."""
        parts = []
        for stage, count in zip(self.stages, self.bins, strict=True):
            p, eta, delta = stage(features).split([count, count, 1], dim=1)
            p = p.softmax(dim=1) if self.activation == "softmax" else p.relu()
            parts.append((p, eta.tanh(), delta[:, 0].tanh()))
        return stagewise(parts, self.largest)[:, None]


def stagewise(
    stages: list[tuple[Tensor, Tensor, Tensor]],
    largest: float,
    local: float = 1.0,
    dynamic: float = 1.0,
) -> Tensor:
    """Return V sum_k [sum_i p_i (i + local eta_i)] / prod_{j <= k} s_j (1 + dynamic Delta_j).

    Parameters
    ----------
    stages : list of (p [n, s], eta [n, s], Delta [n])
        From the coarsest; eta and Delta in -1 to 1.
    largest : float
        V.
    local, dynamic : float, default 1.0
        Of shifted bins and of scaled widths, 0 to 1.
    """
    total: Tensor | float = 0.0
    width: Tensor | float = 1.0
    for p, eta, delta in stages:
        bins = torch.arange(p.shape[1], dtype=p.dtype, device=p.device)
        width = width * p.shape[1] * (1 + dynamic * delta).clamp_min(SMALLEST_WIDTH)
        total = total + (p * (bins + local * eta)).sum(dim=1) / width
    return torch.as_tensor(largest * total)


SMALLEST_WIDTH = 1e-3  # of a bin, in units of its unscaled width


def _known(distance: Distance) -> Distance:
    if distance not in DISTANCES:
        raise InputError(f"distance: expected {', '.join(DISTANCES)}, received {display(distance)}")
    return distance
