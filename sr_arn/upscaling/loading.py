"""Up-scalers by name: bundled models, and those in files."""

import os

from sr_arn.checks import check_integer
from sr_arn.errors import InputError, display
from sr_arn.models.base import BicubicModel
from sr_arn.models.features import SCALES
from sr_arn.models.files import (
    CREDITS,
    bundled_listing,
    bundled_models,
    find_model,
    name_of,
    read_model,
    write_model,
)
from sr_arn.upscaling.options import LARGEST_SCALE
from sr_arn.upscaling.schedule import Schedule
from sr_arn.upscaling.upscaler import Upscaler

__all__ = ["CREDITS", "DEFAULT_SCALE", "best_models", "load_model", "save_model", "trained_scales"]

BEST = ("conv-arn-x{}", "conv-arn-x{}-tiny", "deep-arn-x{}")  # the first that is bundled is taken
DEFAULT_SCALE = 3


def load_model(
    name_or_path: str | os.PathLike[str] | None = None,
    *,
    scale: int | None = None,
    schedule: Schedule | None = None,
) -> Upscaler:
    """Return a bundled up-scaler, or one from a file.

    Parameters
    ----------
    name_or_path : str or path, optional
        A name that `sr-arn models` lists, or a .safetensors file. By default the best bundled
        model for `scale`.
    scale : int, optional
        Selects the model, or must be the model's; by default 3 for "bicubic" and no name.
    schedule : Schedule, optional
        Who computes the tiles of a picture, and with how much memory.

    Raises
    ------
    InputError
        If there is no such model, it has another scale, or the file is not a sound model.
    """
    if scale is not None and check_integer(scale, "scale", 1) > LARGEST_SCALE:
        raise InputError(f"scale: expected 1 to {LARGEST_SCALE}, received {display(scale)}")
    if name_or_path is None:
        found = best_models(scale or DEFAULT_SCALE)
        if not found:
            raise InputError(
                f"scale: no trained model for {scale}; {bundled_listing()}, "
                "of which bicubic takes any scale"
            )
        name_or_path = found[0]
    if name_or_path == BicubicModel.name:
        return Upscaler(BicubicModel(scale or DEFAULT_SCALE), schedule=schedule)
    path = find_model(name_or_path)
    model, header = read_model(path)
    upscaler = Upscaler(model, header, name=name_of(path), schedule=schedule)
    if scale not in (None, upscaler.scale):
        raise InputError(
            f"scale: the model {display(name_or_path)} is for {upscaler.scale}, received {scale}; "
            f"{bundled_listing()}"
        )
    return upscaler


def save_model(
    path: str | os.PathLike[str],
    upscaler: Upscaler,
    *,
    licence: str = "unstated",
    scores: dict[str, dict[str, float]] | None = None,
    time: dict[str, float] | None = None,
) -> None:
    """Write a trained up-scaler to a .safetensors file, whole or not at all.

    Parameters
    ----------
    path : str or path
    upscaler : Upscaler
        One that holds a `PatchModel` or a `ConvModel`; the "training" entry of its header is kept.
    licence : str, default "unstated"
        SPDX identifier of the weights' licence.
    scores : dict, optional
        {set: {"psnr": dB, "ssim": ...}} as `sr_arn.evaluation.evaluate` measured them.
    time : dict, optional
        {"seconds": per megapixel made, "cores": on how many}.

    Raises
    ------
    InputError
        If the model has nothing to keep or the file cannot be written.
    """
    about = {
        "training": upscaler.header.get("training", {}),
        "scores": scores or {},
        "time": time or {},
        "licence": licence,
    }
    write_model(path, upscaler.model, about)


def trained_scales() -> list[int]:
    """Return the scales that `load_model` has a trained model for, without a name."""
    return [scale for scale in SCALES if best_models(scale)]


def best_models(scale: int) -> list[str]:
    """Return the names of the best models for a scale, the best first."""
    bundled = bundled_models()
    return [name.format(scale) for name in BEST if name.format(scale) in bundled]
