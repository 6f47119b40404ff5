"""Super-resolution with anchored regression: A+ and Anchored Regression Networks."""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from sr_arn._version import __version__ as __version__

if TYPE_CHECKING:
    from sr_arn import age as age
    from sr_arn import nn as nn
    from sr_arn import regressors as regressors
    from sr_arn.datasets.degradation import Degradation
    from sr_arn.errors import InputError, SrArnError, UnavailableError
    from sr_arn.evaluation.evaluate import evaluate
    from sr_arn.evaluation.metrics import psnr_y, ssim_y
    from sr_arn.models.files import list_models
    from sr_arn.pictures.io import read_image, write_image
    from sr_arn.pictures.picture import Picture
    from sr_arn.pictures.resize import imresize
    from sr_arn.training.conv_arn import ConvARN
    from sr_arn.training.train import train_upscaler
    from sr_arn.upscaling.file_upscaler import FileUpscaler
    from sr_arn.upscaling.loading import load_model, save_model
    from sr_arn.upscaling.schedule import Schedule
    from sr_arn.upscaling.sizes import Size
    from sr_arn.upscaling.upscaler import Upscaler

__all__ = [
    "ConvARN",
    "Degradation",
    "FileUpscaler",
    "InputError",
    "Picture",
    "Schedule",
    "Size",
    "SrArnError",
    "UnavailableError",
    "Upscaler",
    "evaluate",
    "imresize",
    "list_models",
    "load_model",
    "psnr_y",
    "read_image",
    "save_model",
    "ssim_y",
    "train_upscaler",
    "write_image",
]

_HOMES = {
    "ConvARN": "training.conv_arn",
    "Degradation": "datasets.degradation",
    "FileUpscaler": "upscaling.file_upscaler",
    "InputError": "errors",
    "Picture": "pictures.picture",
    "Schedule": "upscaling.schedule",
    "Size": "upscaling.sizes",
    "SrArnError": "errors",
    "UnavailableError": "errors",
    "Upscaler": "upscaling.upscaler",
    "evaluate": "evaluation.evaluate",
    "imresize": "pictures.resize",
    "list_models": "models.files",
    "load_model": "upscaling.loading",
    "psnr_y": "evaluation.metrics",
    "read_image": "pictures.io",
    "save_model": "upscaling.loading",
    "ssim_y": "evaluation.metrics",
    "train_upscaler": "training.train",
    "write_image": "pictures.io",
}
_ROOMS = ("age", "nn", "regressors")  # not in `__all__`: two of them need torch


def __dir__() -> list[str]:
    """Return the public names, whose modules may not be loaded yet."""
    return [*__all__, *(_ROOMS if find_spec("torch") else _ROOMS[2:])]


def __getattr__(name: str) -> Any:
    """Import a public name's module on first use, so that `sr-arn --help` loads nothing."""
    if name in _HOMES:
        return getattr(import_module(f"sr_arn.{_HOMES[name]}"), name)
    if name in _ROOMS:
        return import_module(f"sr_arn.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
