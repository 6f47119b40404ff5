"""Heads: from the features of any backbone to a target, all with one interface.

Training minimises `loss(features, target)`, and `predict(features)` returns a single estimate.
Heads that model a density have `density(features, grid)`. Features are [n, features]; targets
[n, targets], or [n] if there is one; predictions [n, targets].
"""

from sr_arn.age.heads.base import Head
from sr_arn.age.heads.direct import ARN, Direct
from sr_arn.age.heads.energy import EnergyDensity
from sr_arn.age.heads.likelihood import Gaussian, Laplace
from sr_arn.age.heads.margin import ProgressiveMargin
from sr_arn.age.heads.softmax import DEX, LabelDistribution, Softmax
from sr_arn.age.heads.stagewise import StagewiseRegression

__all__ = [
    "ARN",
    "DEX",
    "HEADS",
    "Direct",
    "EnergyDensity",
    "Gaussian",
    "Head",
    "LabelDistribution",
    "Laplace",
    "ProgressiveMargin",
    "Softmax",
    "StagewiseRegression",
]

HEADS: dict[str, type[Head]] = {
    "direct": Direct,
    "gaussian": Gaussian,
    "laplace": Laplace,
    "dex": DEX,
    "softmax": Softmax,
    "ldl": LabelDistribution,
    "arn": ARN,
    "ssr": StagewiseRegression,
    "pml": ProgressiveMargin,
    "energy": EnergyDensity,
}
"""Heads by their names on the command line."""
