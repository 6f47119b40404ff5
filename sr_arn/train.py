"""From a folder of images to an up-scaler."""

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sr_arn.checks import InputError, check_integer, display
from sr_arn.datasets import digest, find_images, read_luminances
from sr_arn.features import SMALLEST, GradientFeatures, check_patch_scale
from sr_arn.pairs import shrink, training_pairs
from sr_arn.regressors.base import Regressor
from sr_arn.regressors.gradient import GradientRegressor
from sr_arn.upscaler import BicubicModel, PatchModel, Upscaler
from sr_arn.validation import Validation, hold_out

if TYPE_CHECKING:
    from sr_arn.nn.training import Progress

__all__ = ["train_upscaler"]

logger = logging.getLogger(__name__)

MAX_SAMPLES = 5_000_000


def train_upscaler(
    images: str | os.PathLike[str],
    regressor: Regressor,
    scale: int = 3,
    max_samples: int = MAX_SAMPLES,
    validation: int | None = 0,
    observe: "Callable[[Progress], None] | None" = None,
    **fit_options: Any,
) -> Upscaler:
    """Train features and a regressor on a folder of images.

    Parameters
    ----------
    images : str or path
        A folder; `sr_arn.datasets.find_images` says what is taken from it.
    regressor : Regressor
        Is fitted in place.
    scale : int, default 3
        2 to 8.
    max_samples : int, default 5,000,000
        Training pairs at most; each takes 4 (d + 9 scale^2) bytes of memory.
    validation : int or None, default 0
        How many images, evenly spaced in alphabetical order, are held out of training to
        measure PSNR on; None holds out one in ten, at most ten.
    observe : function of a `sr_arn.nn.training.Progress`, optional
        Follows a regressor that is trained in epochs; no other takes it.
    **fit_options
        Passed on to the regressor's `fit`, as `checkpoint` and `resume` are to one that is
        trained in epochs.

    Returns
    -------
    Upscaler
        Its header's "training" entry says what was done.

    Raises
    ------
    InputError
        If a parameter is out of range, a picture cannot be read, or all are too small.
    """
    check_patch_scale(scale)
    check_integer(max_samples, "max_samples", 1)
    if isinstance(regressor, GradientRegressor):
        regressor.check_parameters(fit_options.get("resume"))
    # 1. images to luminance
    paths, held_out = hold_out(find_images(images), validation)
    planes = list(read_luminances(paths))
    validation_set = Validation(read_luminances(held_out), scale)
    logger.info("images: %d, %d held out, x%d", len(paths), len(held_out), scale)
    side = SMALLEST * scale
    too_small = [path.name for path, p in zip(paths, planes, strict=True) if min(p.shape) < side]
    if len(too_small) == len(paths):
        raise InputError(f"images: all are smaller than {side} x {side} pixels; give larger ones")
    if too_small:
        logger.warning("too small to learn from: %s", display(", ".join(too_small)))
    # 2. features, 3. pairs, 4. regressor
    contents = digest(paths)
    features = GradientFeatures(scale).fit(shrink(planes, scale))
    x, y = training_pairs(planes, features, max_samples)
    upscaler = Upscaler(PatchModel(features, regressor))
    if isinstance(regressor, GradientRegressor):

        def follow(progress: "Progress") -> None:
            if observe is not None:
                observe(progress)
            if progress.epoch_ended:
                psnr = validation_set.psnr(upscaler) if validation_set else None
                logger.info(_line(progress, psnr))

        fit_options["observe"] = follow
    regressor.fit(x, y, **fit_options)
    if validation_set:
        bicubic, ours = (validation_set.psnr(u) for u in (Upscaler(BicubicModel(scale)), upscaler))
        logger.info("held out: bicubic %.2f dB, %s %.2f dB", bicubic, regressor.name, ours)
    training = {
        "images": len(paths),
        "digest": contents,
        "held_out": len(held_out),
        "samples": len(x),
        "parameters": {
            name: value if isinstance(value, int | float | str | None) else "given"
            for name, value in regressor.get_params().items()
        },
    }
    upscaler.header = {"training": training}
    return upscaler


def _line(progress: "Progress", psnr: float | None) -> str:
    """Return an epoch in one line."""
    minutes, seconds = divmod(round(progress.seconds_left), 60)
    return (
        f"epoch {progress.epoch} of {progress.epochs}: loss {progress.loss:.6f}, "
        + ("" if psnr is None else f"held out {psnr:.3f} dB, ")
        + f"{minutes} min {seconds:02d} s left"
    )
