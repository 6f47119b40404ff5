"""Up-scalers by name: bundled models, and those in files."""

import os
from functools import reduce
from itertools import product
from pathlib import Path

from sr_arn.checks import check_integer
from sr_arn.errors import InputError, display
from sr_arn.models.base import PLAIN
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

__all__ = [
    "CREDITS",
    "DEFAULT_SCALE",
    "best_models",
    "load_model",
    "passes",
    "save_model",
    "trained_scales",
]

BEST = ("conv-arn-x{}", "conv-arn-x{}-tiny", "deep-arn-x{}")  # the first that is bundled is taken
DEFAULT_SCALE = 3
THEN = "+"
"""Between the names of models that enlarge one after another."""


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
        A name that `sr-arn models` lists, or a .safetensors file; or several that enlarge one
        after another, such as "conv-arn-x4+conv-arn-x2": see `Upscaler.then`. By default the best
        bundled model for `scale`, or the best two beyond the scales that are trained: see `passes`.
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
        name_or_path = _best(scale or DEFAULT_SCALE)
    if name_or_path in PLAIN:
        return Upscaler(PLAIN[str(name_or_path)](scale or DEFAULT_SCALE), schedule=schedule)
    loaded = [_load(path, schedule) for path in _files(name_or_path)]
    upscaler = reduce(Upscaler.then, loaded)
    if scale not in (None, upscaler.scale):
        raise InputError(
            f"scale: the model {display(name_or_path)} is for {upscaler.scale}, received {scale}; "
            f"{bundled_listing()}"
        )
    return upscaler


def _files(name_or_path: str | os.PathLike[str]) -> list[Path]:
    """Return the files of one model or of several; a name with a + that exists is a name."""
    try:
        return [find_model(name_or_path)]
    except InputError:
        names = str(name_or_path).split(THEN)
        if len(names) == 1 or not all(names):
            raise
        if plain := [name for name in names if name in PLAIN]:
            raise InputError(
                f"model: {plain[0]} takes any scale by itself; leave the others out"
            ) from None
        return [find_model(name) for name in names]


def _load(path: Path, schedule: Schedule | None) -> Upscaler:
    model, header = read_model(path)
    return Upscaler(model, header, name=name_of(path), schedule=schedule)


def _best(scale: int) -> str:
    """Return the name of the best model for a scale, or of the best two."""
    scales = passes().get(scale)
    if scales is None:
        made = ", ".join(str(known) for known in passes())
        raise InputError(
            f"scale: expected one of {made}, received {scale}; {bundled_listing()}, of which "
            f"{' and '.join(PLAIN)} take any scale"
        )
    return THEN.join(best_models(part)[0] for part in scales)


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


def passes() -> dict[int, tuple[int, ...]]:
    """Return the trained scales that make each scale: one, or two beyond those that are trained.

    Of two the larger comes first: x8 is x4, then x2.
    """
    scales = trained_scales()
    pairs = {a * b: (a, b) for a, b in product(scales, scales) if b <= a}
    by_scale = pairs | {scale: (scale,) for scale in scales}
    return {scale: by_scale[scale] for scale in sorted(by_scale) if scale <= LARGEST_SCALE}


def best_models(scale: int) -> list[str]:
    """Return the names of the best models for a scale, the best first."""
    bundled = bundled_models()
    return [name.format(scale) for name in BEST if name.format(scale) in bundled]
