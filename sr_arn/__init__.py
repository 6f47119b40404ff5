"""Super-resolution with anchored regression: A+ and Anchored Regression Networks."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sr_arn._version import __version__ as __version__

if TYPE_CHECKING:
    from sr_arn.errors import InputError
    from sr_arn.evaluation.metrics import psnr_y, ssim_y
    from sr_arn.pictures.resize import imresize
    from sr_arn.training.train import train_upscaler
    from sr_arn.upscaling.loading import load_model, save_model
    from sr_arn.upscaling.upscaler import Upscaler

__all__ = [
    "InputError",
    "Upscaler",
    "imresize",
    "load_model",
    "psnr_y",
    "save_model",
    "ssim_y",
    "train_upscaler",
]

_HOMES = {
    "InputError": "errors",
    "Upscaler": "upscaling.upscaler",
    "imresize": "pictures.resize",
    "load_model": "upscaling.loading",
    "psnr_y": "evaluation.metrics",
    "save_model": "upscaling.loading",
    "ssim_y": "evaluation.metrics",
    "train_upscaler": "training.train",
}


def __dir__() -> list[str]:
    """Return the public names, of which the modules are not loaded yet."""
    return [*__all__, "nn", "regressors"]


def __getattr__(name: str) -> Any:
    """Import a public name's module on first use, so that `sr-arn --help` loads nothing."""
    if name in _HOMES:
        return getattr(import_module(f"sr_arn.{_HOMES[name]}"), name)
    if name in ("nn", "regressors"):
        return import_module(f"sr_arn.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
