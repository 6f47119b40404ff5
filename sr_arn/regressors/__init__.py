"""Regressors by name, each imported when it is asked for."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sr_arn.errors import InputError, display
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
    "regressor_class",
]

REGRESSORS = {
    "aplus": "APlusRegressor",
    "global-arn": "GlobalARNRegressor",
    "arn": "ARNRegressor",
    "deep-arn": "DeepARNRegressor",
}
"""Class of each regressor by its name; the module has the name's letters."""


def regressor_class(name: str) -> type[Regressor]:
    """Return the class of a regressor by its command-line name, else raise `InputError`."""
    if name not in REGRESSORS:
        known = ", ".join(REGRESSORS)
        raise InputError(f"regressor: expected one of {known}, received {display(name)}")
    found: type[Regressor] = __getattr__(REGRESSORS[name])
    return found


def __getattr__(name: str) -> Any:
    """Import a regressor's module on first use."""
    for short, class_name in REGRESSORS.items():
        if class_name == name:
            module = import_module(f"{__name__}.{short.replace('-', '_')}")
            return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
