"""The kinds of luminance models that files hold, by name: one line each."""

from sr_arn.models.base import TrainedModel
from sr_arn.registry import Registry

__all__ = ["KINDS", "register"]

KINDS: Registry[TrainedModel] = Registry(
    "kind",
    {
        "patch": "sr_arn.models.patch:PatchModel",
        "conv": "sr_arn.models.conv:ConvModel",
    },
)
"""Class of each kind by the name in model files."""

register = KINDS.register
"""Make a class of models known to model files: it is a decorator."""
