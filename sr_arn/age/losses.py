"""Losses of age heads and other regression heads, as pure functions of tensors.

References
----------
R. Rothe, R. Timofte, L. Van Gool, "DEX: Deep EXpectation of apparent age from a single image",
ICCV workshops 2015: expectation of a softmax over ages.

B.-B. Gao et al., "Age estimation using expectation of label distribution learning" (DLDL-v2),
IJCAI 2018; H. Pan et al., "Mean-variance loss for deep age estimation", CVPR 2018.

F. K. Gustafsson et al., "Energy-based models for deep probabilistic regression" (DCTD), ECCV 2020,
equation numbers of its supplement.

Z. Deng et al., "PML: Progressive margin loss for long-tailed age classification", CVPR 2021.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from sr_arn.errors import InputError

__all__ = [
    "energy_loss",
    "expectation",
    "gaussian_loss",
    "label_distribution",
    "label_distribution_loss",
    "laplace_loss",
    "laplace_vector_loss",
    "margin_log_softmax",
    "mean_variance_loss",
    "softmax_loss",
    "sum_of_proposals",
    "variance",
]

TINY = 1e-12  # under a root whose argument may be 0


def expectation(logits: Tensor, values: Tensor) -> Tensor:
    """Return the expected value [n] of classes with `values` [c], given logits [n, c] (DEX)."""
    return logits.softmax(dim=1) @ values


def variance(logits: Tensor, values: Tensor) -> Tensor:
    """Return the variance [n] of the classes' values [c], given logits [n, c]."""
    p = logits.softmax(dim=1)
    return (p * (values - (p @ values)[:, None]).square()).sum(dim=1)


def nearest_class(target: Tensor, values: Tensor) -> Tensor:
    """Return the index [n] of the class whose value is nearest to each target [n]."""
    return (target[:, None] - values).abs().argmin(dim=1)


def softmax_loss(logits: Tensor, target: Tensor, values: Tensor) -> Tensor:
    """Return the cross-entropy of the class nearest to each target, mean over the batch.

    Parameters
    ----------
    logits : Tensor [n, c]
    target : Tensor [n]
        In the unit of `values`, for example years.
    values : Tensor [c]
        Values of the classes.
    """
    return F.cross_entropy(logits, nearest_class(target, values))


def mean_variance_loss(
    logits: Tensor,
    target: Tensor,
    values: Tensor,
    square_weight: float = 0.1,
    variance_weight: float = 0.05,
) -> Tensor:
    """Return cross-entropy, squared error of the expectation, and variance, weighted (Pan 2018).

    The weights are those of DCTD: its 0.1 is half of Pan's 0.2, whose square has a factor 1/2.
    """
    squares = (expectation(logits, values) - target).square().mean()
    spread = variance(logits, values).mean()
    cross = softmax_loss(logits, target, values)
    return cross + square_weight * squares + variance_weight * spread


def label_distribution(
    target: Tensor, values: Tensor, sigma: float | Tensor = 2.0, normalize: bool = True
) -> Tensor:
    """Return Gaussian label distributions [n, c] around targets [n].

    Parameters
    ----------
    target : Tensor [n]
    values : Tensor [c]
    sigma : float or Tensor [n], default 2
        Standard deviation; that of the annotators if known.
    normalize : bool, default True
        Whether rows sum to 1. PML's equation 1 does not normalise: at the ends of the range its
        rows sum to 0.6.
    """
    sigma = torch.as_tensor(sigma, dtype=values.dtype, device=values.device).reshape(-1, 1)
    logs = -0.5 * ((values - target[:, None]) / sigma).square()
    if normalize:
        return logs.softmax(dim=1)  # also if all densities underflow
    return logs.exp() / (sigma * math.sqrt(2 * math.pi))


def label_distribution_loss(
    logits: Tensor, target: Tensor, values: Tensor, sigma: float | Tensor = 2.0, weight: float = 1.0
) -> Tensor:
    """Return KL(label distribution, softmax) + weight abs(expectation - target) (DLDL-v2)."""
    q = label_distribution(target, values, sigma)
    divergence = F.kl_div(logits.log_softmax(dim=1), q, reduction="batchmean")
    return divergence + weight * (expectation(logits, values) - target).abs().mean()


def gaussian_loss(mean: Tensor, log_variance: Tensor, target: Tensor) -> Tensor:
    """Return mean over the batch of the sum over dimensions of (y - m)^2 / v + log v.

    It is twice the negative log-likelihood, up to a constant (DCTD, equations S2, S4, S8). All
    arguments are [n, d].
    """
    squares = (target - mean).square() * torch.exp(-log_variance)
    return (squares + log_variance).sum(dim=1).mean()


def laplace_loss(mean: Tensor, log_scale: Tensor, target: Tensor) -> Tensor:
    """Return mean over the batch of abs(y - m) / b + log b, for one dimension [n, 1] (DCTD, S6)."""
    if mean.shape[1] != 1:
        raise InputError(f"laplace: expected one dimension, received {mean.shape[1]}")
    return ((target - mean).abs() * torch.exp(-log_scale) + log_scale).mean()


def laplace_vector_loss(mean: Tensor, log_scale: Tensor, target: Tensor) -> Tensor:
    """Return mean of sqrt(sum_k (y_k - m_k)^2 / b_k) + sum_k log b_k, for [n, d] (DCTD, S10).

    For one dimension it differs from `laplace_loss`: here b has the role of a variance.
    """
    squares = ((target - mean).square() * torch.exp(-log_scale)).sum(dim=1)
    return ((squares + TINY).sqrt() + log_scale.sum(dim=1)).mean()


def sum_of_proposals(offsets: Tensor, sigmas: Tensor) -> Tensor:
    """Return log q [...] of offsets [..., d] under a mixture of Gaussians around 0.

    Parameters
    ----------
    offsets : Tensor [..., d]
    sigmas : Tensor [l, d]
        Standard deviations of l components with equal weights.
    """
    scaled = offsets[..., None, :] / sigmas
    logs = -0.5 * scaled.square() - sigmas.log() - 0.5 * math.log(2 * math.pi)
    return torch.logsumexp(logs.sum(dim=-1), dim=-1) - math.log(len(sigmas))


def energy_loss(at_target: Tensor, at_samples: Tensor, log_q: Tensor) -> Tensor:
    """Return the negative log-likelihood of an energy-based density, by importance sampling.

    log Z is estimated as logsumexp_m(f(y_m) - log q(y_m)) - log M (DCTD, equation 5).

    Parameters
    ----------
    at_target : Tensor [n]
        f(x, y), the logarithm of the density up to a constant, at the targets.
    at_samples : Tensor [n, m]
        f at samples drawn from q.
    log_q : Tensor [n, m] or [m]
        Logarithm of the density from which the samples were drawn.
    """
    count = math.log(at_samples.shape[1])
    return (torch.logsumexp(at_samples - log_q, dim=1) - count - at_target).mean()


def margin_log_softmax(logits: Tensor, margins: Tensor) -> Tensor:
    """Return log y*_k [n, c] of PML's equations 2 to 4.

    y*_k = e^(s_k - m_k) / (e^(s_k - m_k) + sum of e^(s_t) over t other than k): the margin appears
    only in a class's own numerator and denominator, so a row need not sum to 1.

    Parameters
    ----------
    logits, margins : Tensor [n, c]
    """
    others = logits[:, None, :].masked_fill(
        torch.eye(logits.shape[1], dtype=torch.bool, device=logits.device), -math.inf
    )
    return F.logsigmoid(logits - margins - torch.logsumexp(others, dim=2))
