"""Heads that estimate the target directly: linear layers, or an ARN."""

from collections.abc import Sequence
from typing import Literal, Self, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sr_arn.age.heads.base import Head, layers, set_last_bias
from sr_arn.errors import InputError, display
from sr_arn.nn import AnchoredRegression
from sr_arn.nn.anchored import Similarity

__all__ = ["ARN", "Direct"]

Distance = Literal["l2", "l1", "huber"]
DISTANCES = {"l2": F.mse_loss, "l1": F.l1_loss, "huber": F.smooth_l1_loss}


class _ByDistance(Head):
    """A network whose output is the estimate, trained by its distance to the target."""

    def __init__(self, targets: int, distance: Distance, network: nn.Module) -> None:
        super().__init__(targets)
        if distance not in DISTANCES:
            raise InputError(
                f"distance: expected {', '.join(DISTANCES)}, received {display(distance)}"
            )
        self.distance = distance
        self.network = network

    def _loss(self, features: Tensor, target: Tensor) -> Tensor:
        return DISTANCES[self.distance](self.predict(features), target)

    def predict(self, features: Tensor) -> Tensor:
        """Return the estimates [n, targets]."""
        estimate: Tensor = self.network(features)
        return estimate


class Direct(_ByDistance):
    """Direct regression.

    Parameters
    ----------
    features : int
    targets : int, default 1
    distance : {"l2", "l1", "huber"}, default "l2"
    hidden : int or sequence of int, optional
        Units of one or several layers before the last.
    """

    def __init__(
        self,
        features: int,
        targets: int = 1,
        distance: Distance = "l2",
        hidden: int | Sequence[int] | None = None,
    ) -> None:
        super().__init__(targets, distance, layers(features, targets, hidden))

    def _prepare(self, labels: Tensor) -> None:
        """Start at the mean of the labels [n, targets]."""
        set_last_bias(self.network, labels.mean(dim=0))


class ARN(_ByDistance):
    """The anchored regression network as a head (Agustsson et al. 2017).

    Parameters
    ----------
    features : int
    targets : int, default 1
    anchors : int, default 101
    similarity : {"dot", "abs_dot", "neg_sqdist", "abs_cosine"}, default "dot"
    sharpness : float, default 1.0
    distance : {"l2", "l1", "huber"}, default "l2"
        The paper does not specify it for ages.

    Examples
    --------
    From a trained DEX, whose expectation it equals initially:

    >>> from sr_arn.age import arn_from_dex
    >>> classifier = torch.nn.Linear(8, 101)
    >>> head = ARN.of(arn_from_dex(classifier))
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
        layer = AnchoredRegression(
            features, targets, anchors, similarity, sharpness, similarity_bias=True
        )
        super().__init__(targets, distance, layer)

    @classmethod
    def of(cls, layer: AnchoredRegression, distance: Distance = "l2") -> Self:
        """Return a head with an existing layer: see `sr_arn.age.arn_from_dex`."""
        head = cls(layer.in_features, layer.out_features, len(layer.anchors), distance=distance)
        head.network = layer
        return head

    @property
    def layer(self) -> AnchoredRegression:
        """The anchored regression layer."""
        return cast(AnchoredRegression, self.network)

    def _prepare(self, labels: Tensor) -> None:
        """Start with biases at quantiles of the labels [n, targets].

        If the regressors of all anchors were equal, the anchors would have no gradient.
        """
        m = len(self.layer.anchors)
        spread = np.quantile(labels.cpu().numpy(), (np.arange(m) + 0.5) / m, axis=0)
        torch.as_tensor(self.layer.bias).copy_(torch.from_numpy(spread))
