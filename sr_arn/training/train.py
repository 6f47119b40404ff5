"""From a folder of images to an up-scaler."""

import logging
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from sr_arn.checks import check_integer
from sr_arn.datasets.degradation import BICUBIC, Degradation
from sr_arn.datasets.folders import digest, find_images, lr_versions, pair_folders
from sr_arn.datasets.images import ImageFiles, usable
from sr_arn.errors import InputError, display
from sr_arn.evaluation.held_out import Validation, hold_out
from sr_arn.models.base import BicubicModel, LuminanceModel
from sr_arn.models.features import check_patch_scale
from sr_arn.regressors.in_epochs import TrainedInEpochs
from sr_arn.system.cluster import Cluster
from sr_arn.system.locations import identity, is_location, location
from sr_arn.training.curve import Curve
from sr_arn.training.trainer import TrainingSet
from sr_arn.training.trainers import Learner, trainer_of
from sr_arn.upscaling.upscaler import Upscaler

if TYPE_CHECKING:
    from sr_arn.nn.training import Progress

__all__ = ["TrainedUpscaler", "check_learns_from_parts", "train_upscaler", "training_images"]

logger = logging.getLogger(__name__)

MAX_SAMPLES = 5_000_000


class TrainedUpscaler(Upscaler):
    """An up-scaler that was just trained.

    Attributes
    ----------
    held_out : list of ImageFiles
        The images that it was not trained on, to measure it on.
    """

    def __init__(
        self, model: LuminanceModel, header: dict[str, Any], held_out: list[ImageFiles]
    ) -> None:
        super().__init__(model, header)
        self.held_out = held_out


def train_upscaler(
    images: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    regressor: Learner,
    *,
    scale: int = 3,
    max_samples: int = MAX_SAMPLES,
    validation: int | None = 0,
    observe: "Callable[[Progress], None] | None" = None,
    degrade: Degradation = BICUBIC,
    curve: Curve | None = None,
    cluster: Cluster | None = None,
    **fit_options: Any,
) -> TrainedUpscaler:
    """Train features and a regressor, or a whole luminance model, on folders of images.

    Parameters
    ----------
    images : str, path or sequence of them
        Folders; `sr_arn.datasets.folders.find_images` lists their pictures. One that holds
        folders HR and LR gives pictures and their smaller versions: see
        `sr_arn.datasets.folders.lr_versions`.
    regressor : Regressor or Trainer
        A regressor of a patch model, or what learns another kind of model, such as a `ConvARN`.
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
    degrade : Degradation, default bicubic
        What makes LR planes of the images.
    curve : Curve, optional
        Receives the loss and held-out PSNR of every epoch.
    cluster : Cluster, optional
        Whose workers read the images, keep the training pairs, and learn from them together: only
        with a regressor that is not trained in epochs. Any number of them gives the same result,
        that without a cluster to the rounding of float32.
    **fit_options
        Passed on to the regressor's `fit`, as `checkpoint` and `resume` are to one that is
        trained in epochs.

    Returns
    -------
    TrainedUpscaler
        Its header's "training" entry describes the training, `held_out` lists the held-out images.

    Raises
    ------
    InputError
        If a parameter is out of range, no picture can be read, or all are too small.
    """
    check_patch_scale(scale)
    check_integer(max_samples, "max_samples", 1)
    if isinstance(regressor, TrainedInEpochs):
        regressor.check_parameters(fit_options.get("resume"))
    if cluster is not None:
        check_learns_from_parts(regressor)
    # 1. images
    folders = cast(Sequence[Any], [images] if is_location(images) else images)
    if len({identity(location(folder)) for folder in folders}) < len(folders):
        raise InputError("images: a folder is given twice")
    usable_images = usable(training_images(folders, scale, degrade), scale)
    files, held_out = hold_out(usable_images, validation)
    validation_set = Validation(
        (one.read(scale, degrade.in_colour) for one in held_out), scale, degrade
    )
    logger.info("images: %d, %d held out, x%d", len(files), len(held_out), scale)
    training: dict[str, Any] = {
        "images": len(files),
        "digest": digest(one.hr for one in files),
        "held_out": len(held_out),
    }
    # 2. learning
    trainer = trainer_of(regressor)
    if isinstance(regressor, TrainedInEpochs):

        def follow(progress: "Progress") -> None:
            if observe is not None:
                observe(progress)
            if progress.epoch_ended:
                psnr = validation_set.psnr(Upscaler(trainer.model_)) if validation_set else None
                logger.info(progress.line("" if psnr is None else f"held out {psnr:.3f} dB"))
                if curve is not None:
                    curve.add(progress.epoch, progress.loss, psnr)

        fit_options["observe"] = follow
    data = TrainingSet(files, scale, degrade, max_samples, cluster)
    training |= trainer.fit_images(data, **fit_options)
    # 3. what was learned, from what
    training["parameters"] = {
        name: value if isinstance(value, int | float | str | None) else "given"
        for name, value in regressor.get_params().items()
    }
    if any(one.lr for one in files):
        training["degradation"] = "given"
    elif degrade != BICUBIC:
        training["degradation"] = degrade.strengths
    upscaler = TrainedUpscaler(trainer.model_, {"training": training}, held_out)
    if validation_set and logger.isEnabledFor(logging.INFO):
        bicubic, ours = (validation_set.psnr(u) for u in (Upscaler(BicubicModel(scale)), upscaler))
        logger.info("held out: bicubic %.2f dB, %s %.2f dB", bicubic, regressor.name, ours)
    return upscaler


def check_learns_from_parts(regressor: Learner) -> None:
    """Raise `InputError` unless workers of a cluster can train it."""
    if not regressor.learns_from_parts:
        remedy = "; torchrun trains it" if isinstance(regressor, TrainedInEpochs) else ""
        raise InputError(f"workers: {regressor.name} does not learn from samples in parts{remedy}")
    if (device := getattr(regressor, "device", "cpu")) != "cpu":
        raise InputError(f"device: expected cpu where workers train, received {display(device)}")


def training_images(
    folders: Sequence[str | os.PathLike[str]], scale: int, degrade: Degradation
) -> list[ImageFiles]:
    """Return the pictures of folders; of those with folders HR and LR, both versions of each.

    Raises
    ------
    InputError
        If only some folders are so, a picture lacks its other version, or a degradation is asked
        for in spite of them.
    """
    for folder in folders:
        if not location(folder).is_dir():
            find_images(folder)  # which raises an error that names the problem
    known = [pair_folders(folder) for folder in folders]
    if not any(known):
        return [ImageFiles(path) for folder in folders for path in find_images(folder)]
    if not all(known) or degrade != BICUBIC:
        raise InputError(
            "images: a folder has HR and LR pictures; give only such, and no degradation"
        )
    files: list[ImageFiles] = []
    for hr_folder, lr_folder in filter(None, known):
        found = find_images(hr_folder)
        files += map(ImageFiles, found, lr_versions(found, lr_folder, scale))
    return files
