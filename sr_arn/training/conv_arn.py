"""Training of the convolutional ARN: from HR planes to a model that needs no torch.

Agustsson et al. (ICCV 2017) leave it as future work. The loss is the mean absolute error, and
in the last fifth of the training the mean squared error, which PSNR measures.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from sr_arn.checks import RandomState, check_integer, check_scale, seed_from
from sr_arn.datasets.degradation import BICUBIC, Degradation
from sr_arn.datasets.images import TrainingImage
from sr_arn.errors import InputError, display
from sr_arn.models.conv import ConvModel
from sr_arn.models.features import SMALLEST, check_patch_scale
from sr_arn.models.refine import SelfEnsemble
from sr_arn.regressors.in_epochs import TrainedInEpochs
from sr_arn.training.crops import Crops
from sr_arn.training.trainer import Trainer, TrainingSet

if TYPE_CHECKING:
    from torch import Tensor

    from sr_arn.models.conv_network import ConvAnchoredNetwork
    from sr_arn.nn.training import Progress, Recipe

__all__ = ["BATCHES", "ConvARN", "loss", "plain", "plain_arrays", "recipe"]

logger = logging.getLogger(__name__)

BATCHES = 500  # of an epoch
ABSOLUTE = 0.8  # share of the training whose loss is the mean absolute error
UNIT = 0.1  # of the details, in the loss: about their size
SQUARES = 4.0  # factor of the squared errors, so that the two losses are about equal


class ConvARN(TrainedInEpochs, Trainer):
    """A convolutional ARN to be trained on planes.

    Parameters
    ----------
    channels : int, default 48
        Features of each pixel: see `sr_arn.models.conv_network.ConvAnchoredNetwork`.
    layers : int, default 18
        Convolutions in pairs, an even number: see there.
    anchors : int, default 16
        See there.
    epochs : int, default 40
        Of 500 batches.
    crop : int, default 32
        Side of the crops in LR pixels.
    batch_size : int, default 16
        Crops of a step.
    learning_rate : float, default 0.003
        The highest, of Adam with a one-cycle rate.
    device : {"auto", "cpu", "cuda"}, default "auto"
        Where torch trains.
    precision : {"float32", "bfloat16"}, default "float32"
        Of products in training. Processors that multiply bfloat16 themselves then take less
        time.
    compiled : bool, default False
        Whether torch compiles the network, by the machine's C++ compiler or, for a GPU, Triton.
        Small networks gain by it, in bfloat16.
    random_state : int, RandomState, Generator or None, default 0
        Chooses start and crops.
    start : ConvModel, optional
        What to begin with instead of random numbers: of the same channels and anchors, of as
        many layers or fewer, of any scale.
    teacher : ConvModel, optional
        What to imitate, of the same scale, averaged over the 8 flips and rotations: its results
        are targets for three planes in four, some of them planes that nobody knows a larger
        version of. So a network learns what others, larger or not of its kind, have learned
        (Hinton, Vinyals & Dean, "Distilling the knowledge in a neural network", 2015).
    equivariant : bool, default True
        Whether it turns with the picture, as far as `start` does. A network that does not gains
        more from an average over 8 views: it is the better teacher.

    Attributes
    ----------
    model_ : ConvModel
        What was learned.
    """

    name: ClassVar[str] = "conv-arn"

    model_: ConvModel
    epochs: int
    batch_size: int
    learning_rate: float

    def __init__(
        self,
        *,
        channels: int = 48,
        layers: int = 18,
        anchors: int = 16,
        epochs: int = 40,
        crop: int = 32,
        batch_size: int = 16,
        learning_rate: float = 0.003,
        device: str = "auto",
        precision: Literal["float32", "bfloat16"] = "float32",
        compiled: bool = False,
        random_state: RandomState = 0,
        start: ConvModel | None = None,
        teacher: ConvModel | None = None,
        equivariant: bool = True,
    ) -> None:
        self.channels = channels
        self.layers = layers
        self.anchors = anchors
        self.epochs = epochs
        self.crop = crop
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.device = device
        self.precision = precision
        self.compiled = compiled
        self.random_state = random_state
        self.start = start
        self.teacher = teacher
        self.equivariant = equivariant

    def check_parameters(self, resume: Path | None = None) -> None:
        """Raise `InputError` for what can be known to be wrong before there are data.

        Parameters
        ----------
        resume : path, optional
            The checkpoint to go on from.
        """
        for name in ("epochs", "batch_size", "crop"):
            check_integer(getattr(self, name), name, 1)
        check_scale(self.learning_rate, "learning_rate")
        for name in ("start", "teacher"):
            model = getattr(self, name)
            if not isinstance(model, ConvModel | None):
                raise InputError(f"{name}: expected a ConvModel, received {display(model)}")
        super().check_parameters(resume)
        from sr_arn.models.conv_network import check_sizes

        check_sizes(self.channels, self.layers, self.anchors)

    def settle(self, given: Collection[str]) -> None:
        """Take from `start` the sizes that are not among the parameters given."""
        if self.start is not None:
            sizes = self.start.sizes.items()
            self.set_params(**{name: size for name, size in sizes if name not in given})

    def fit_images(self, data: TrainingSet, **options: Any) -> dict[str, Any]:
        """Learn from the images that are large enough; the options are those of `fit`."""
        side = SMALLEST * data.scale
        large = [image for image in data.images() if min(image.shape) >= side]
        self.fit(large, data.scale, degrade=data.degrade, **options)
        return {}

    def fit(
        self,
        planes: Sequence[NDArray[np.float32] | TrainingImage],
        scale: int,
        *,
        observe: "Callable[[Progress], None] | None" = None,
        checkpoint: Path | None = None,
        resume: Path | None = None,
        degrade: Degradation = BICUBIC,
    ) -> Self:
        """Learn from HR luminance.

        Parameters
        ----------
        planes : sequence of float32 [h, w] in [0, 1] or of TrainingImage
        scale : int
            2 to 8.
        observe : function of a `sr_arn.nn.training.Progress`, optional
            Is called now and then, and after every epoch, when `model_` is what was learned
            so far.
        checkpoint : path, optional
            Is written anew after every epoch.
        resume : path, optional
            A checkpoint of the same planes and parameters to go on from.
        degrade : Degradation, default bicubic
            What makes LR planes of HR ones.

        Raises
        ------
        InputError
            If a parameter is out of range or the checkpoint is of another run.
        UnavailableError
            If torch is not installed, or has no such device.
        """
        self.check_parameters(resume)
        check_patch_scale(scale)
        if not planes:
            raise InputError("planes: expected at least one, received none")
        from sr_arn.nn.training import train

        if self.teacher is not None and self.teacher.scale != scale:
            raise InputError(f"teacher: expected one for x{scale}, received x{self.teacher.scale}")
        teacher = None if self.teacher is None else SelfEnsemble(self.teacher)
        seed = seed_from(self.random_state)
        network = self._network(scale, seed)

        def look(progress: "Progress") -> None:
            if progress.epoch_ended:
                self.model_ = plain(network)
            if observe is not None:
                observe(progress)

        train(
            network,
            Crops(
                planes,
                scale,
                self.crop,
                self.batch_size,
                BATCHES,
                seed,
                teacher,
                degrade,
            ),
            recipe(
                int(self.epochs),
                float(self.learning_rate),
                self.precision,
                seed,
                self.equivariant,
                self.compiled,
            ),
            loss,
            device=self.device,
            checkpoint=checkpoint,
            resume=resume,
            observe=look,
        )
        self.model_ = plain(network)
        return self

    def _network(self, scale: int, seed: int) -> "ConvAnchoredNetwork":
        """Return a network as it is before training; it turns with the picture if `start` does."""
        import torch

        from sr_arn.models.conv_network import ConvAnchoredNetwork, DoesNotTurn

        def network(equivariant: bool) -> ConvAnchoredNetwork:
            sizes = scale, self.channels, self.layers, self.anchors
            network = ConvAnchoredNetwork(*sizes, equivariant=equivariant)
            if self.start is not None:
                arrays = self.start.arrays.items()
                network.start_from({name: torch.from_numpy(array) for name, array in arrays})
            return network

        with torch.random.fork_rng():
            torch.manual_seed(seed)
            try:
                return network(self.equivariant)
            except DoesNotTurn as error:
                logger.warning("%s; nor will what is trained from it", error)
                return network(equivariant=False)


def recipe(
    epochs: int,
    learning_rate: float,
    precision: Literal["float32", "bfloat16"],
    seed: int,
    equivariant: bool = True,
    compiled: bool = False,
) -> "Recipe":
    """Return how it is trained."""
    from sr_arn.nn.training import Recipe

    return Recipe(
        epochs=epochs,
        learning_rate=learning_rate,
        second_moment=0.99,
        largest_gradient=1.5 if equivariant else 0.5,  # a tied number has the gradients of eight
        averaging=0.999,
        precision=precision,
        compiled=compiled,
        seed=seed,
    )


def loss(outputs: "Tensor", targets: "Tensor", share: float) -> "Tensor":
    """Return the loss once a share of the training is done."""
    errors = (outputs - targets) / UNIT
    return errors.abs().mean() if share < ABSOLUTE else SQUARES * errors.square().mean()


def plain(network: "ConvAnchoredNetwork") -> ConvModel:
    """Return a network as a model of plain arrays."""
    return ConvModel(network.scale, plain_arrays(network.folded()))


def plain_arrays(tensors: "Mapping[str, Tensor]") -> dict[str, NDArray[np.float32]]:
    """Return tensors as arrays of float32."""
    return {
        name: tensor.detach().cpu().float().contiguous().numpy().copy()
        for name, tensor in tensors.items()
    }
