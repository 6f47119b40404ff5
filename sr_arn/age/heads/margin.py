"""Progressive margin loss: classification with margins from statistics of the classes.

References
----------
Z. Deng, H. Liu, Y. Wang, C. Wang, Z. Yu, X. Sun, "PML: Progressive margin loss for long-tailed age
classification", CVPR 2021, equations 1 to 13. The authors' code differs from the paper; both are
supported, as variants.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sr_arn.age.heads.softmax import Softmax
from sr_arn.age.losses import expectation, label_distribution, margin_log_softmax, nearest_class
from sr_arn.checks import check_integer, check_scale
from sr_arn.errors import InputError

__all__ = ["ClassStatistics", "ProgressiveMargin", "cosine_distance", "curricula"]

Variant = Literal["paper", "released"]
LOWEST_SIGMA = 0.5  # of an ordinal margin, in classes
HIDDEN = 128  # units of the networks for margins
FEWEST = 32  # features that are left after the strides of the released network
RELEASED_WEIGHTS = 0.1, 0.01  # of the variational margin, and of all standardised margins
SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)


def cosine_distance(a: Tensor, b: Tensor) -> Tensor:
    """Return 1 - cos [...] of vectors [..., d], 0 to 2; 1 if one of them is 0."""
    cosine = (F.normalize(a, dim=-1) * F.normalize(b, dim=-1)).sum(dim=-1)
    return (1 - cosine).clamp(0, 2)


class ClassStatistics(nn.Module):
    """Centres, and spread within and between classes, updated sample by sample.

    Parameters
    ----------
    features, classes : int
    mean : bool, default False
        Whether the spread within a class is divided by its number of samples; not in the paper.

    Attributes
    ----------
    centres : Tensor [c, d]
        Running means of features (equation 6).
    spread : Tensor [c]
        phi: cosine distances to the centre before and after each sample, multiplied (equation 8).
    counts : Tensor [c]
    """

    centres: Tensor
    spread: Tensor
    counts: Tensor

    def __init__(self, features: int, classes: int, mean: bool = False) -> None:
        super().__init__()
        self.mean = mean
        self.register_buffer("centres", torch.zeros(classes, features))
        self.register_buffer("spread", torch.zeros(classes))
        self.register_buffer("counts", torch.zeros(classes))

    @torch.no_grad()
    def update(self, features: Tensor, classes: Tensor) -> None:
        """Update with features [n, d] of samples of `classes` [n], one after another.

        Computed for all at once: the samples of a class before a sample are a difference of running
        sums.
        """
        order = classes.argsort(stable=True)
        x, k = features.detach()[order].double(), classes[order]
        firsts = torch.searchsorted(k, k)  # start of each sample's class
        ends = torch.searchsorted(k, k, right=True) - 1
        counts = self.counts[k] + torch.arange(1, len(k) + 1, device=k.device) - firsts
        earlier = x.cumsum(dim=0) - x
        earlier = earlier - earlier[firsts] + self.counts[k, None] * self.centres[k]
        old = earlier / (counts - 1).clamp_min(1)[:, None]
        new = (earlier + x) / counts[:, None]
        product = cosine_distance(x, old) * cosine_distance(x, new)
        product = torch.where(counts > 1, product, 0.0)
        self.spread.index_add_(0, k, product.to(self.spread))
        self.centres[k] = new[ends].to(self.centres)
        self.counts[k] = counts[ends]

    @torch.no_grad()
    def reset(self) -> None:
        """Reset all statistics, as at the start of an epoch."""
        for buffer in (self.centres, self.spread, self.counts):
            buffer.zero_()

    def between(self) -> Tensor:
        """Return psi [c, c], cosine distances of the centres; 0 on the diagonal (equation 7)."""
        directions = F.normalize(self.centres, dim=1)
        return (1 - directions @ directions.T).clamp(0, 2).fill_diagonal_(0)

    def table(self) -> Tensor:
        """Return V [c, d + 1 + c]: centre, spread within, distances to the others."""
        within = self.spread / self.counts.clamp_min(1) if self.mean else self.spread
        return torch.cat([self.centres, within[:, None], self.between()], dim=1)


class ProgressiveMargin(Softmax):
    """Classification by label distributions, with margins from statistics of the classes.

    There are no margins in evaluation. The statistics pass no gradient to the backbone.

    Parameters
    ----------
    features : int
    values : Tensor [c], optional
        Values of the classes; by default ages 0 to 100.
    variant : {"paper", "released"}, default "paper"
        "paper": equation 4, margins in a class's own numerator and denominator. "released": the
        authors' code, one softmax of logits minus margins that are standardised over the classes,
        plus the absolute error of the expectation.
    sigma : float, default 2.0
        Of the label distributions.
    ordinal_weight, variational_weight : float, default 0.1, 0.01
        lambda and beta of equation 11; the paper does not specify them.
    mean_spread : bool, default False
        See `ClassStatistics`.
    normalize : bool, default True
        Whether label distributions sum to 1; the paper's do not at the ends of the range.

    Raises
    ------
    InputError
        If the variant is unknown.
    """

    frozen: Tensor
    has_frozen: Tensor

    def __init__(
        self,
        features: int,
        values: Tensor | None = None,
        variant: Variant = "paper",
        sigma: float = 2.0,
        ordinal_weight: float = 0.1,
        variational_weight: float = 0.01,
        mean_spread: bool = False,
        normalize: bool = True,
    ) -> None:
        super().__init__(features, values, 0.0, 0.0)
        if variant not in ("paper", "released"):
            raise InputError(f"variant: expected paper or released, received {variant}")
        self.variant, self.normalize = variant, normalize
        self.sigma = check_scale(sigma, "sigma")
        self.ordinal_weight, self.variational_weight = ordinal_weight, variational_weight
        classes = len(self.values)
        if variant == "released" and features < FEWEST:
            raise InputError(f"features: the released margins see {FEWEST} or more, not {features}")
        width = features + 1 + classes
        self.statistics = ClassStatistics(features, classes, mean_spread)
        if variant == "paper":
            self.ordinal, self.variational = _rows(width, 2), _rows(width, 1)
        else:
            self.margin_network = _ReleasedMargins(classes)
        self.register_buffer("frozen", torch.zeros(classes, width))
        self.register_buffer("has_frozen", torch.tensor(False))

    def begin_epoch(self) -> None:
        """Reset the statistics of the classes, as in the authors' code."""
        self.statistics.reset()

    @torch.no_grad()
    def end_curriculum(self) -> None:
        """Save the statistics; later margins depend on the change since then (equation 13)."""
        self.frozen.copy_(self.statistics.table())
        self.has_frozen.fill_(True)

    def margins(self, now: Tensor, change: Tensor) -> Tensor:
        """Return the margins [c, c] of samples of each class, given V and its change."""
        if self.variant == "paper":
            place, width = self.ordinal(now).unbind(dim=1)
            largest = len(self.values) - 1
            mean, sigma = largest * place.sigmoid(), F.softplus(width) + LOWEST_SIGMA
            ordinal = self.ordinal_weight * _gaussians(mean, sigma)
            varying: Tensor = self.variational(change)[:, 0]
            return ordinal + self.variational_weight * varying
        raw = self.margin_network(now[:, : now.shape[1] - len(self.values)])
        scaled = (raw - raw.min()) / (raw.max() - raw.min()).clamp_min(1e-12)
        sigma = torch.where(raw.abs() < 1e-3, 1e-3, raw)  # the released code may divide by 0
        margins = _gaussians(len(self.values) * scaled, sigma)
        margins = margins + RELEASED_WEIGHTS[0] * self.margin_network(change)
        centred = margins - margins.mean(dim=1, keepdim=True)
        return RELEASED_WEIGHTS[1] * centred / margins.std(dim=1, keepdim=True).clamp_min(1e-12)

    def _loss(self, features: Tensor, target: Tensor) -> Tensor:
        ages = target[:, 0]
        logits, margins = self.network(features), torch.zeros(())
        if self.training:
            classes = nearest_class(ages, self.values)
            before = self.statistics.table()
            self.statistics.update(features, classes)
            now = self.statistics.table()
            uses_frozen = self.variant == "paper" and bool(self.has_frozen)
            margins = self.margins(now, now - (self.frozen if uses_frozen else before))[classes]
        y = label_distribution(ages, self.values, self.sigma, self.normalize)
        margins = margins.to(logits).expand_as(logits)
        if self.variant == "paper":
            return -(y * margin_log_softmax(logits, margins)).sum(dim=1).mean()
        divergence = F.kl_div((logits - margins).log_softmax(dim=1), y, reduction="batchmean")
        return divergence + (expectation(logits - margins, self.values) - ages).abs().mean()


def _rows(width: int, outputs: int) -> nn.Sequential:
    """Return a network for the statistics of each class separately."""
    return nn.Sequential(nn.Linear(width, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, outputs))


def _gaussians(mean: Tensor, sigma: Tensor) -> Tensor:
    """Return N(k; mean_j, sigma_j^2) at classes k: [c, c]."""
    k = torch.arange(len(mean), dtype=mean.dtype, device=mean.device)
    scaled = (k - mean[:, None]) / sigma[:, None]
    return torch.exp(-0.5 * scaled.square()) / (sigma[:, None] * math.sqrt(2 * math.pi))


class _ReleasedMargins(nn.Module):
    """The network of the authors' code, with classes as channels: [c, w] to [c]."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        blocks: list[nn.Module] = [
            nn.Conv1d(classes, 64, 7, 2, 3, bias=False),
            nn.BatchNorm1d(64),
            nn.ReLU(),
            nn.MaxPool1d(3, 2, 1),
            nn.Conv1d(64, 64, 3, 1, 1),
            nn.BatchNorm1d(64),
            nn.ReLU(),
        ]
        for inputs, outputs in ((64, 128), (128, 256), (256, 512)):
            blocks += [
                nn.Conv1d(inputs, outputs, 3, 2, 1),
                nn.Conv1d(outputs, outputs, 3, 1, 1),
                nn.BatchNorm1d(outputs),
                nn.ReLU(),
            ]
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Linear(512, classes)

    def forward(self, table: Tensor) -> Tensor:
        seen: Tensor = self.blocks(table[None])
        outputs: Tensor = self.last(seen.mean(dim=2))[0]
        return outputs


def curricula(classes: Tensor, shares: Sequence[float] = SHARES, seed: int = 0) -> list[Tensor]:
    """Return the samples of each curriculum, as sorted indices; each contains the one before.

    Classes are sorted by their number of samples. A share d keeps the smallest d K classes
    completely, and as many samples of every other class as the largest of these has (equation 12).

    Parameters
    ----------
    classes : Tensor of int [n]
        From 0.
    shares : sequence of float, default (0.2, 0.4, 0.6, 0.8, 1.0)
        Increasing, above 0, up to 1.
    seed : int, default 0
        Draws the samples.

    Raises
    ------
    InputError
        If the shares do not increase, there are no samples, or classes are not numbers from 0.
    """
    check_integer(seed, "seed", 0)
    if classes.ndim != 1 or classes.is_floating_point() or bool((classes < 0).any()):
        raise InputError("curricula: expected classes [n], integers from 0")
    rises = all(a < b for a, b in zip([0.0, *shares], shares, strict=False))
    if not rises or not shares or shares[-1] > 1 or not len(classes):
        raise InputError("curricula: expected samples, and shares that rise above 0 to 1")
    order = torch.randperm(len(classes), generator=torch.Generator().manual_seed(seed))
    counts = torch.bincount(classes)
    sizes = counts[counts > 0].sort().values
    # the rank of each sample in its class, in the order drawn
    ranks = torch.empty(len(classes), dtype=torch.long)
    for k in counts.nonzero()[:, 0]:
        own = order[classes[order] == k]
        ranks[own] = torch.arange(len(own))
    kept = [sizes[max(int(share * len(sizes) + 1e-9), 1) - 1] for share in shares]
    return [(ranks < most).nonzero()[:, 0] for most in kept]
