"""Soft stagewise regression (Yang et al. 2018, SSR-Net): classification, refined stage by stage."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sr_arn.age.heads.base import OLDEST, Head, layers
from sr_arn.checks import check_scale
from sr_arn.errors import InputError

__all__ = ["StagewiseRegression", "stagewise"]

SMALLEST_WIDTH = 1e-3  # of a bin, in units of its unscaled width


class StagewiseRegression(Head):
    """Soft stagewise regression on any features (Yang et al. 2018, SSR-Net, equations 3 to 7).

    `sr_arn.age.backbones.SSRNet` is the complete network of the paper, with its streams.

    Parameters
    ----------
    features : int
    bins : tuple of int, default (3, 3, 3)
        Number of bins of each stage.
    largest : float, default 101.0
        V: targets lie in 0 to V.
    activation : {"softmax", "relu"}, default "softmax"
        Activation of p; the released network has "relu", whose units may die.
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
        if not bins:
            raise InputError("bins: expected those of at least one stage, received none")
        self.bins, self.largest, self.activation = bins, check_scale(largest, "largest"), activation
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
        Weights of shifted bins and of scaled widths, 0 to 1.
    """
    total: Tensor | float = 0.0
    width: Tensor | float = 1.0
    for p, eta, delta in stages:
        bins = torch.arange(p.shape[1], dtype=p.dtype, device=p.device)
        width = width * p.shape[1] * (1 + dynamic * delta).clamp_min(SMALLEST_WIDTH)
        total = total + (p * (bins + local * eta)).sum(dim=1) / width
    return torch.as_tensor(largest * total)
