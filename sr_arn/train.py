"""From a folder of images to an up-scaler."""

import logging
import os

from sr_arn.checks import InputError, check_integer, display
from sr_arn.datasets import digest, find_images, read_luminances
from sr_arn.features import SMALLEST, GradientFeatures, check_patch_scale
from sr_arn.pairs import shrink, training_pairs
from sr_arn.regressors.base import Regressor
from sr_arn.upscaler import PatchModel, Upscaler

__all__ = ["train_upscaler"]

logger = logging.getLogger(__name__)

MAX_SAMPLES = 5_000_000


def train_upscaler(
    images: str | os.PathLike[str],
    regressor: Regressor,
    scale: int = 3,
    max_samples: int = MAX_SAMPLES,
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
    # 1. images to luminance
    paths = find_images(images)
    planes = list(read_luminances(paths))
    logger.info("images: %d, x%d", len(paths), scale)
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
    regressor.fit(x, y)
    training = {
        "images": len(paths),
        "digest": contents,
        "samples": len(x),
        "parameters": {
            name: value if isinstance(value, int | float | str) else "given"
            for name, value in regressor.get_params().items()
        },
    }
    return Upscaler(PatchModel(features, regressor), {"training": training})
