"""Regressors by name, imported on demand."""

from typing import TYPE_CHECKING, Any

from sr_arn.registry import Registry
from sr_arn.regressors.base import Regressor

if TYPE_CHECKING:
    from sr_arn.regressors.aplus import APlusRegressor
    from sr_arn.regressors.arn import ARNRegressor
    from sr_arn.regressors.deep_arn import DeepARNRegressor
    from sr_arn.regressors.global_arn import GlobalARNRegressor

__all__ = [
    "REGRESSORS",
    "APlusRegressor",
    "ARNRegressor",
    "DeepARNRegressor",
    "GlobalARNRegressor",
    "Regressor",
    "register",
]

REGRESSORS: Registry[Regressor] = Registry(
    "name",
    {
        "aplus": "sr_arn.regressors.aplus:APlusRegressor",
        "global-arn": "sr_arn.regressors.global_arn:GlobalARNRegressor",
        "arn": "sr_arn.regressors.arn:ARNRegressor",
        "deep-arn": "sr_arn.regressors.deep_arn:DeepARNRegressor",
    },
)
"""Class of each regressor by its name."""

register = REGRESSORS.register
"""Make a regressor known to the command line and to model files: it is a decorator."""


_PUBLIC = {
    "APlusRegressor": "aplus",
    "ARNRegressor": "arn",
    "DeepARNRegressor": "deep-arn",
    "GlobalARNRegressor": "global-arn",
}


def __getattr__(name: str) -> Any:
    """Import a regressor's module on first use."""
    if name in _PUBLIC:
        return REGRESSORS[_PUBLIC[name]]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
