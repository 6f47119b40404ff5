"""From a folder of images to an up-scaler."""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from sr_arn.checks import check_integer
from sr_arn.datasets.degradation import BICUBIC, Given, HowToDegrade
from sr_arn.datasets.folders import digest, find_images, pair_folders, read_luminances, read_pairs
from sr_arn.errors import InputError, display
from sr_arn.evaluation.held_out import Validation, hold_out
from sr_arn.models.base import BicubicModel, LuminanceModel
from sr_arn.models.features import SMALLEST, check_patch_scale
from sr_arn.models.patch import PatchModel
from sr_arn.regressors.base import Regressor
from sr_arn.regressors.in_epochs import TrainedInEpochs
from sr_arn.regressors.samples import Held
from sr_arn.system.cluster import Cluster
from sr_arn.system.locations import identity, is_place, place
from sr_arn.training.conv_arn import ConvARN
from sr_arn.training.curve import Curve
from sr_arn.training.patch_samples import check_sizes, training_samples
from sr_arn.upscaling.upscaler import Upscaler

if TYPE_CHECKING:
    from sr_arn.nn.training import Progress

__all__ = ["check_learns_from_parts", "train_upscaler", "training_images"]

logger = logging.getLogger(__name__)

MAX_SAMPLES = 5_000_000

Plane = NDArray[np.float32]


def train_upscaler(
    images: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    regressor: Regressor | ConvARN,
    *,
    scale: int = 3,
    max_samples: int = MAX_SAMPLES,
    validation: int | None = 0,
    observe: "Callable[[Progress], None] | None" = None,
    degrade: HowToDegrade = BICUBIC,
    curve: Curve | None = None,
    cluster: Cluster | None = None,
    **fit_options: Any,
) -> Upscaler:
    """Train features and a regressor, or a convolutional ARN, on folders of images.

    Parameters
    ----------
    images : str, path or sequence of them
        Folders; `sr_arn.datasets.folders.find_images` says what is taken from them. One that holds
        folders HR and LR gives pictures and their smaller versions: see
        `sr_arn.datasets.folders.read_pairs`.
    regressor : Regressor or ConvARN
        Is fitted in place.
    scale : int, default 3
        2 to 8.
    max_samples : int, default 5,000,000
        Training pairs of a regressor at most; each takes 4 (d + 9 scale^2) bytes of memory.
    validation : int or None, default 0
        How many images, evenly spaced in the order of folders and names, are held out of
        training to measure PSNR on; None holds out one in ten, at most ten.
    observe : function of a `sr_arn.nn.training.Progress`, optional
        Follows a regressor that is trained in epochs; no other takes it.
    degrade : Degradation or Given, default bicubic
        What makes LR planes of the images.
    curve : Curve, optional
        Is told loss and held-out PSNR of every epoch.
    cluster : Cluster, optional
        Whose workers read the images, keep the training pairs, and learn from them together: only
        with a regressor that is not trained in epochs. Any number of them gives the same result,
        that without a cluster to the rounding of float32.
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
    if isinstance(regressor, TrainedInEpochs):
        regressor.check_parameters(fit_options.get("resume"))
    if cluster is not None:
        check_learns_from_parts(regressor)
    # 1. images
    folders = cast(Sequence[Any], [images] if is_place(images) else images)
    if len({identity(place(folder)) for folder in folders}) < len(folders):
        raise InputError("images: a folder is given twice")
    every_path, degrade = training_images(folders, scale, degrade)
    paths, held_out = hold_out(every_path, validation)
    validation_set = Validation(read_luminances(held_out), scale, degrade)
    logger.info("images: %d, %d held out, x%d", len(paths), len(held_out), scale)
    training: dict[str, Any] = {
        "images": len(paths),
        "digest": digest(paths),
        "held_out": len(held_out),
    }
    # 2. what is to be learned, from what
    learn: Callable[..., object]
    model: Callable[[], LuminanceModel]
    if isinstance(regressor, ConvARN):
        planes = list(read_luminances(paths))
        check_sizes(paths, [plane.shape for plane in planes], scale)
        large = [plane for plane in planes if min(plane.shape) >= SMALLEST * scale]
        network = regressor
        learn = partial(network.fit, large, scale, degrade=degrade)
        model = lambda: network.model_  # noqa: E731 - shorter so
    else:
        features, samples = training_samples(paths, scale, max_samples, degrade, cluster)
        training["samples"] = len(samples)
        patch_model = PatchModel(features, regressor)
        model = lambda: patch_model  # noqa: E731
        if isinstance(samples, Held):
            learn = partial(regressor.fit, samples.x, samples.y)
        else:
            learn = partial(regressor.fit_samples, samples)
    # 3. learning
    if isinstance(regressor, TrainedInEpochs):

        def follow(progress: "Progress") -> None:
            if observe is not None:
                observe(progress)
            if progress.epoch_ended:
                psnr = validation_set.psnr(Upscaler(model())) if validation_set else None
                logger.info(progress.line("" if psnr is None else f"held out {psnr:.3f} dB"))
                if curve is not None:
                    curve.add(progress.epoch, progress.loss, psnr)

        fit_options["observe"] = follow
    learn(**fit_options)
    upscaler = Upscaler(model())
    if validation_set and logger.isEnabledFor(logging.INFO):
        bicubic, ours = (validation_set.psnr(u) for u in (Upscaler(BicubicModel(scale)), upscaler))
        logger.info("held out: bicubic %.2f dB, %s %.2f dB", bicubic, regressor.name, ours)
    training["parameters"] = {
        name: value if isinstance(value, int | float | str | None) else "given"
        for name, value in regressor.get_params().items()
    }
    if isinstance(degrade, Given):
        training["degradation"] = "given"
    elif degrade != BICUBIC:
        training["degradation"] = asdict(degrade)
    upscaler.header = {"training": training}
    return upscaler


def check_learns_from_parts(regressor: Regressor | ConvARN) -> None:
    """Raise `InputError` unless workers of a cluster can train it."""
    if not getattr(regressor, "learns_from_parts", False):
        remedy = "; torchrun trains it" if isinstance(regressor, TrainedInEpochs) else ""
        raise InputError(f"workers: {regressor.name} does not learn from samples in parts{remedy}")
    if (device := getattr(regressor, "device", "cpu")) != "cpu":
        raise InputError(f"device: expected cpu where workers train, received {display(device)}")


def training_images(
    folders: Sequence[str | os.PathLike[str]], scale: int, degrade: HowToDegrade
) -> tuple[list[Path], HowToDegrade]:
    """Return the HR pictures of folders, and what makes LR planes of them.

    Of folders with HR and LR pictures in folders of these names, that is what lies there.

    Raises
    ------
    InputError
        If only some folders are so, a picture lacks its other version, or a degradation is asked
        for in spite of them.
    """
    for folder in folders:
        if not place(folder).is_dir():
            find_images(folder)  # which tells what it is instead
    known = [pair_folders(folder) for folder in folders]
    if not any(known):
        return [path for folder in folders for path in find_images(folder)], degrade
    if not all(known) or degrade != BICUBIC:
        raise InputError(
            "images: a folder has HR and LR pictures; give only such, and no degradation"
        )
    paths: list[Path] = []
    pairs: list[tuple[Plane, Plane]] = []
    for hr_folder, lr_folder in filter(None, known):
        found = find_images(hr_folder)
        pairs += read_pairs(found, lr_folder, scale)
        paths += found
    return paths, Given(pairs)
