"""What learns a luminance model from images, and what it is given."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sr_arn.datasets.degradation import Degradation
from sr_arn.datasets.images import ImageFiles, TrainingImage
from sr_arn.errors import InputError, display
from sr_arn.models.base import LuminanceModel
from sr_arn.models.features import SMALLEST
from sr_arn.regressors.parameters import Parameters
from sr_arn.system.cluster import Cluster

__all__ = ["Trainer", "TrainingSet", "check_sizes"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingSet:
    """The images to learn from, and how.

    Attributes
    ----------
    files : sequence of ImageFiles
    scale : int
        HR pixels per LR pixel.
    degrade : Degradation
        Makes the LR planes that did not come with their HR planes, of pictures in colour if it acts
        on that.
    max_samples : int
        Samples to learn from at most, for trainers that learn from samples.
    cluster : Cluster, optional
        Whose workers learn; only of trainers that `learns_from_parts`.
    """

    files: Sequence[ImageFiles]
    scale: int
    degrade: Degradation
    max_samples: int
    cluster: Cluster | None = None

    def images(self) -> list[TrainingImage]:
        """Return the images; the log warns of those that are too small to learn from."""
        images = [files.read(self.scale, self.degrade.in_colour) for files in self.files]
        check_sizes(self.files, [image.shape for image in images], self.scale)
        return images


class Trainer(Parameters, ABC):
    """Base class of what learns a luminance model from images.

    A subclass states `name`, stores its parameters in `__init__`, and defines `fit_images`.
    Registered in `sr_arn.training.trainers`, it is then known to `sr-arn train`. One that is also
    a `sr_arn.regressors.in_epochs.TrainedInEpochs` has checkpoints.

    Attributes
    ----------
    model_ : LuminanceModel
        What was learned, or at the end of an epoch, what was learned so far.
    """

    name: ClassVar[str]
    """On the command line, and in model files."""

    learns_from_parts: ClassVar[bool] = False
    """Whether it learns on the workers of a cluster."""

    model_: LuminanceModel

    @abstractmethod
    def fit_images(self, data: TrainingSet, **options: Any) -> dict[str, Any]:
        """Learn `model_`.

        Parameters
        ----------
        data : TrainingSet
        **options
            `observe`, `checkpoint` and `resume` of one that is trained in epochs.

        Returns
        -------
        dict
            Entries for the header's "training", beside images and parameters.
        """


def check_sizes(files: Sequence[ImageFiles], shapes: list[tuple[int, ...]], scale: int) -> None:
    """Log the pictures that are too small; raise `InputError` if all are."""
    side = SMALLEST * scale
    too_small = [f.hr.name for f, shape in zip(files, shapes, strict=True) if min(shape) < side]
    if len(too_small) == len(files):
        raise InputError(f"images: all are smaller than {side} x {side} pixels; give larger ones")
    if too_small:
        logger.warning("too small to learn from: %s", display(", ".join(too_small)))
