"""Training on faces, by the one seeded loop of all models, with random variations."""

import hashlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional as F

from sr_arn.age.model import AgeModel
from sr_arn.age.transfer import parameter_groups
from sr_arn.checks import check_integer
from sr_arn.errors import InputError
from sr_arn.nn.ranks import Ranks
from sr_arn.nn.training import ALL, Progress, Recipe, seed_of, train

__all__ = ["VariedFaces", "predict_ages", "to_tensor", "train_ages", "vary"]

TURN = 20.0  # maximum, in degrees
SHIFT = 0.1  # maximum, as a fraction of the side
ZOOM = 0.2  # 0.8 to 1.2
LIGHT = 0.25  # gain of 0.75 to 1.25
AT_ONCE = 256  # faces per batch in prediction


def to_tensor(faces: NDArray[np.uint8]) -> Tensor:
    """Return faces [n, h, w, 3] with levels 0 to 255 as [n, 3, h, w] with the same levels."""
    return torch.from_numpy(np.ascontiguousarray(faces.transpose(0, 3, 1, 2)))


def vary(
    faces: Tensor, generator: torch.Generator, batch: int | None = None, share: slice = ALL
) -> Tensor:
    """Return faces [n, 3, h, w], randomly mirrored, turned, shifted, zoomed and brightened.

    Similar to SSR-Net: half are mirrored; changes are up to 20 degrees, a tenth of the side and a
    fifth in size, with gains of 0.75 to 1.25. Border pixels are repeated outside. If the faces are
    the rows `share` of a larger `batch`, the result equals those rows of the varied batch.
    """
    n = len(faces) if batch is None else batch

    def drawn(*shape: int) -> Tensor:
        """Draw numbers from -1 to 1 for each face."""
        return (2 * torch.rand(n, *shape, generator=generator) - 1)[share]

    angle = drawn() * math.radians(TURN)
    size = 1 + ZOOM * drawn()
    mirror = torch.where(drawn() < 0, -1.0, 1.0)
    rows = [
        torch.stack([mirror * angle.cos() * size, -angle.sin() * size, 2 * SHIFT * drawn()], 1),
        torch.stack([mirror * angle.sin() * size, angle.cos() * size, 2 * SHIFT * drawn()], 1),
    ]
    gain = 1 + LIGHT * drawn(1, 1, 1)
    places = F.affine_grid(torch.stack(rows, 1), list(faces.shape), align_corners=False)
    moved = F.grid_sample(faces, places.to(faces), padding_mode="border", align_corners=False)
    return moved * gain.to(faces)


class VariedFaces:
    """Faces in random order, with new random variations in every epoch.

    Parameters
    ----------
    faces : Tensor of uint8 [n, 3, h, w]
    ages : Tensor [n]
    batch_size : int
        Remaining faces at the end of an epoch are skipped.
    seed : int
    varied : bool, default True
        Whether the faces are varied by `vary`.
    """

    def __init__(
        self, faces: Tensor, ages: Tensor, batch_size: int, seed: int, varied: bool = True
    ) -> None:
        if faces.dtype != torch.uint8 or faces.ndim != 4 or not 0 < len(faces) == len(ages):
            raise InputError("faces: expected some, uint8 [n, 3, h, w], and as many ages")
        self.faces, self.ages, self.seed, self.varied = faces, ages.float(), seed, varied
        self.batch_size = min(check_integer(batch_size, "batch_size", 1), len(faces))

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return len(self.faces) // self.batch_size

    def epoch(
        self, number: int, device: torch.device, share: slice = ALL
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield faces with levels 0 to 1, or a little above if varied, and ages.

        Only the rows `share` of each batch are yielded; random numbers do not depend on it.
        """
        generator = torch.Generator().manual_seed(seed_of(self.seed, number))
        order = torch.randperm(len(self.faces), generator=generator)
        for batch in order[: len(self) * self.batch_size].reshape(len(self), -1):
            rows = batch[share]
            faces = self.faces[rows].to(device).float() / 255
            if self.varied:
                faces = vary(faces, generator, len(batch), share)
            yield faces, self.ages[rows].to(device)

    def identity(self) -> str:
        """Return a text that distinguishes these faces from others."""
        digest = hashlib.blake2b(self.faces.numpy().tobytes(), digest_size=16)
        digest.update(self.ages.numpy().tobytes())
        return f"{digest.hexdigest()} {self.batch_size} {self.seed} {self.varied}"


def train_ages(
    model: AgeModel,
    faces: Tensor,
    ages: ArrayLike,
    recipe: Recipe,
    *,
    batch_size: int = 64,
    varied: bool = True,
    head_multiplier: float = 1.0,
    prepare: bool = True,
    device: str = "auto",
    checkpoint: Path | None = None,
    resume: Path | None = None,
    observe: Callable[[Progress], None] | None = None,
) -> None:
    """Train a model in place.

    In a process group, each process gets its share of every batch: see `sr_arn.nn.training.train`.
    Operations that are not a mean over the rows of a batch then differ from those of one process,
    on CPUs and GPUs. Normalisation uses mean and variance of the rows of its process, and those of
    rank 0 are kept for prediction, as are the class statistics of the head "pml". Dropout omits the
    same units in all processes. The head "energy" draws the same samples in all processes.

    Parameters
    ----------
    model : AgeModel
    faces : Tensor of uint8 [n, 3, h, w]
    ages : array_like [n]
        In years.
    recipe : Recipe
    batch_size : int, default 64
    varied : bool, default True
        See `vary`.
    head_multiplier : float, default 1.0
        Factor on the learning rate of the head; ARN's paper, which starts with a trained
        backbone, has 10.
    prepare : bool, default True
        Whether the head is initialised from the ages: see `Head.prepare`. Use False for a trained
        head, or one made from a DEX.
    device : {"auto", "cpu", "cuda"}, default "auto"
    checkpoint, resume, observe : optional
        See `sr_arn.nn.training.train`.

    Raises
    ------
    InputError
        As `sr_arn.nn.training.train`; or if a process would get fewer than two faces at a time,
        which have no variance for normalisation.
    """
    years = torch.as_tensor(np.asarray(ages, np.float32))
    batches = VariedFaces(faces, years, batch_size, recipe.seed, varied)
    processes = Ranks.present().count
    if processes > 1 and batches.batch_size < 2 * processes:
        raise InputError(
            f"batch-size: expected at least 2 faces for each of {processes} processes, received "
            f"{batches.batch_size}"
        )
    if prepare:
        model.head.prepare(years)
    rate, decay = recipe.learning_rate, recipe.weight_decay

    def loss(features: Tensor, target: Tensor, share: float) -> Tensor:
        if round(share * recipe.epochs * len(batches)) % len(batches) == 0:
            model.head.begin_epoch()
        return model.head.loss(features, target)

    train(
        _Learner(model.backbone, model.head, model.description),
        batches,
        recipe,
        loss,
        device,
        checkpoint,
        resume,
        observe,
        parameter_groups(
            model.backbone, model.head, rate, head_multiplier=head_multiplier, weight_decay=decay
        ),
    )


class _Learner(AgeModel):
    """A model in training, of the same backbone and head: it gives what the head's loss takes."""

    def forward(self, faces: Tensor) -> Tensor:
        """Return the features [n, f] of faces [n, 3, h, w]."""
        return self.features(faces)

    def _get_name(self) -> str:
        return AgeModel.__name__  # in checkpoints


@torch.no_grad()
def predict_ages(model: AgeModel, faces: Tensor, *, mirrored: bool = False) -> NDArray[np.float64]:
    """Return the ages [n] of faces [n, 3, h, w] with levels 0 to 255.

    Parameters
    ----------
    model : AgeModel
    faces : Tensor of uint8 [n, 3, h, w]
    mirrored : bool, default False
        Whether to average over each face and its mirror image.
    """
    learning = [module for module in model.modules() if module.training]
    place = next(model.parameters()).device
    model.eval()
    ages = []
    try:
        for part in torch.split(faces, AT_ONCE):
            levels = part.to(place).float() / 255
            seen = [model(x) for x in ((levels, levels.flip(3)) if mirrored else (levels,))]
            ages.append(torch.stack(seen).mean(dim=0).cpu())
    finally:
        for module in learning:
            module.training = True
    return torch.cat(ages).double().numpy()
