"""The one training loop of every torch model: seeded, observed, resumable.

With the same data, recipe and seed, a run that is stopped and resumed ends with the same numbers as
an uninterrupted one (on a CPU, to the last bit). In a process group of `torch.distributed`, all
processes train one model: each takes its share of every batch, and the gradients are those of whole
batches.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import numpy as np
import torch
from torch import Tensor, nn

from sr_arn.errors import UnavailableError
from sr_arn.nn.checkpoint import read_checkpoint, write_checkpoint
from sr_arn.nn.progress import Progress, Watch
from sr_arn.nn.ranks import Ranks
from sr_arn.system.devices import find_device

__all__ = ["Batches", "Progress", "Recipe", "Shuffled", "seed_of", "train"]

WARM_UP = 0.1  # fraction of a cycle in which the rate rises
FIRST_RATE = 0.04  # fraction of the highest rate at the start of a cycle
HALVE_EVERY = 20  # epochs (Agustsson et al. 2017)
FALL_EVERY, FALL = 2000, 0.9  # steps (the same, for ages)
ALL = slice(None)


@dataclass(frozen=True)
class Recipe:
    """Optimiser, learning rates and length of a training.

    Attributes
    ----------
    epochs : int
        Passes over the data.
    learning_rate : float
        The highest rate.
    optimiser : {"adam", "sgd"}, default "adam"
        Stochastic gradient descent has a momentum of 0.9.
    schedule : {"one-cycle", "halving", "falling"}, default "one-cycle"
        "one-cycle" increases the rate for a tenth of all steps, then decreases it to 0 as a
        cosine. "halving" halves it every 20 epochs (Agustsson et al. 2017, super-resolution);
        "falling" multiplies it by 0.9 every 2000 steps (the same, ages).
    weight_decay : float, default 0.0
    second_moment : float, default 0.999
        Adam's decay of the mean of squared gradients.
    largest_gradient : float, optional
        Maximum norm of all gradients together; larger gradients are scaled down to it.
    averaging : float, default 0.0
        Decay of a running mean of the parameters; 0 for none. The mean replaces the parameters
        at the end, and while an observer is called at the end of an epoch.
    precision : {"float32", "bfloat16"}, default "float32"
        Of the products, by torch's autocast; parameters and sums stay float32. On processors
        with bfloat16 instructions, wide layers train in two thirds of the time.
    compiled : bool, default False
        Whether torch compiles the network first, which merges many small operations.
    seed : int, default 0
        Determines the order of the samples.
    """

    epochs: int
    learning_rate: float
    optimiser: Literal["adam", "sgd"] = "adam"
    schedule: Literal["one-cycle", "halving", "falling"] = "one-cycle"
    weight_decay: float = 0.0
    second_moment: float = 0.999
    largest_gradient: float | None = None
    averaging: float = 0.0
    precision: Literal["float32", "bfloat16"] = "float32"
    compiled: bool = False
    seed: int = 0

    def rate(self, step: int, steps_per_epoch: int) -> float:
        """Return the learning rate of a step, counted from 0 over all epochs."""
        if self.schedule == "halving":
            return float(self.learning_rate * 0.5 ** (step // (HALVE_EVERY * steps_per_epoch)))
        if self.schedule == "falling":
            return float(self.learning_rate * FALL ** (step // FALL_EVERY))
        done = step / (self.epochs * steps_per_epoch)
        if done < WARM_UP:
            share = FIRST_RATE + (1 - FIRST_RATE) * done / WARM_UP
        else:
            share = (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP))) / 2
        return self.learning_rate * share


def seed_of(seed: int, epoch: int) -> int:
    """Return the seed for an epoch, different for all seeds and epochs."""
    return int(np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)[0] >> 1)


class Batches(Protocol):
    """Training data; an epoch always has the same batches.

    Attributes
    ----------
    batch_size : int
        Rows of every batch.
    """

    batch_size: int

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        ...

    def epoch(
        self, number: int, device: torch.device, share: slice = ALL
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the inputs and targets of each batch of an epoch, counted from 0.

        Only the rows `share` of each batch are yielded; random numbers do not depend on it.
        """
        ...

    def identity(self) -> str:
        """Return a text that distinguishes these data from others, for checkpoints."""
        ...


class Shuffled:
    """Pairs of rows in random order, shuffled again in every epoch.

    Parameters
    ----------
    inputs, targets : Tensor [n, ...]
    batch_size : int
        Remaining rows at the end of an epoch are skipped; fewer rows than this are one batch.
    seed : int
    """

    def __init__(self, inputs: Tensor, targets: Tensor, batch_size: int, seed: int) -> None:
        self.inputs, self.targets = inputs, targets
        self.batch_size = min(batch_size, len(inputs))
        self.seed = seed

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return len(self.inputs) // self.batch_size

    def epoch(
        self, number: int, device: torch.device, share: slice = ALL
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the rows `share` of each batch of an epoch, counted from 0."""
        self.inputs, self.targets = self.inputs.to(device), self.targets.to(device)
        order = np.random.default_rng((self.seed, number)).permutation(len(self.inputs))
        rows = torch.from_numpy(order).to(device)
        for batch in rows[: len(self) * self.batch_size].reshape(len(self), -1):
            yield self.inputs[batch[share]], self.targets[batch[share]]

    def identity(self) -> str:
        """Return shapes, order and a digest of the data."""
        digest = hashlib.blake2b(digest_size=16)
        for data in (self.inputs, self.targets):
            for part in data.cpu().split(65_536):  # type: ignore[no-untyped-call] # torch does not type it
                digest.update(part.contiguous().numpy().tobytes())
        shapes = [list(data.shape) for data in (self.inputs, self.targets)]
        return f"{shapes} {digest.hexdigest()} {self.batch_size} {self.seed}"


Loss = Callable[[Tensor, Tensor, float], Tensor]
"""Called with outputs, targets and the completed fraction of the training, 0 to 1."""


def mean_squares(outputs: Tensor, targets: Tensor, share: float) -> Tensor:
    """Return the mean squared error."""
    return nn.functional.mse_loss(outputs, targets)


def train(
    module: nn.Module,
    batches: Batches,
    recipe: Recipe,
    loss: Loss = mean_squares,
    device: str = "auto",
    checkpoint: Path | None = None,
    resume: Path | None = None,
    observe: Callable[[Progress], None] | None = None,
    groups: list[dict[str, Any]] | None = None,
) -> None:
    """Train a module in place; it ends on the CPU.

    In a process group, every process calls this with the same arguments. Only rank 0 writes
    checkpoints and calls the observer, while the others wait.

    Parameters
    ----------
    module : Module
    batches : Batches
    recipe : Recipe
    loss : function of outputs, targets and the completed fraction; default mean squared error
    device : {"auto", "cpu", "cuda"}, default "auto"
    checkpoint : path, optional
        Written after every epoch.
    resume : path, optional
        A checkpoint of the same module, data and recipe to continue from.
    observe : function of a Progress, optional
        Called every 50 steps and after every epoch.
    groups : list of dict, optional
        The optimiser's groups of parameters, if they differ in "weight_decay" or "lr"; each
        group's rate follows the recipe's schedule.

    Raises
    ------
    InputError
        If the checkpoint is damaged or belongs to another run, the loss becomes infinite or NaN
        (the last checkpoint stays), or processes have different arguments.
    UnavailableError
        If the device is missing, or torch cannot compile the network here.
    """
    place, ranks = find_device(device), Ranks.present()
    module.to(place).train()
    optimiser = _optimiser(module, recipe, groups)
    average = Average(module, recipe.averaging)
    settings: dict[str, Any] = {"recipe": asdict(recipe)}
    settings |= {"model": repr(module), "data": batches.identity()}
    if groups is not None:
        kept = ("share", "weight_decay")
        settings["grouping"] = [{name: g[name] for name in kept} for g in optimiser.param_groups]
    first = 0
    if resume is not None:
        first = read_checkpoint(resume, module, optimiser, average.values, settings, recipe.epochs)
    ranks.check_alike(json.dumps([settings, first]), place)
    share, part = ranks.share(batches.batch_size)
    parallel = ranks.parallel(_compiled(module, place) if recipe.compiled else module)
    watch = Watch(recipe.epochs, len(batches), first, observe, ranks)
    with _told_of_compilers(), torch.random.fork_rng([place] if place.type == "cuda" else []):
        for epoch in range(first, recipe.epochs):
            generator = torch.cuda if place.type == "cuda" else torch.default_generator
            generator.manual_seed(seed_of(recipe.seed, epoch))  # dropout, samples of a loss
            for number, (inputs, targets) in enumerate(batches.epoch(epoch, place, share)):
                step = epoch * len(batches) + number
                rate = recipe.rate(step, len(batches))
                for group in optimiser.param_groups:
                    group["lr"] = rate * group["share"]
                with torch.autocast(place.type, torch.bfloat16, recipe.precision == "bfloat16"):
                    outputs = parallel(inputs)
                value = loss(outputs.float(), targets, step / (recipe.epochs * len(batches)))
                optimiser.zero_grad()
                value = value * part  # as a part of the whole batch's loss
                (value * ranks.count).backward()  # type: ignore[no-untyped-call] # nor this
                if recipe.largest_gradient is not None:
                    nn.utils.clip_grad_norm_(module.parameters(), recipe.largest_gradient)
                optimiser.step()
                average.update(step)
                watch.step(epoch, number, value.detach())
            watch.check_parameters(module, epoch)
            if checkpoint is not None and ranks.is_first:
                write_checkpoint(checkpoint, module, optimiser, average.values, settings, epoch + 1)
            with average.in_place():
                watch.epoch_ended(epoch)
    average.put()
    module.cpu().eval()


def _compiled(module: nn.Module, place: torch.device) -> nn.Module:
    """Return a module that torch compiles at its first batch."""
    mode = "reduce-overhead" if place.type == "cuda" else "default"  # by CUDA graphs
    torch.compiler.reset()  # torch keeps a limited number of codes: drop older ones
    try:
        return cast(nn.Module, torch.compile(module, dynamic=False, mode=mode))
    except RuntimeError as error:  # this Python is not supported
        raise _no_compiler(error) from error


@contextmanager
def _told_of_compilers() -> Iterator[None]:
    """Raise `InputError` if torch's compiler fails."""
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            raise
        raise _no_compiler(getattr(error, "inner_exception", error)) from error


def _no_compiler(error: Exception) -> UnavailableError:
    reason = str(error).strip().partition("\n")[0]
    return UnavailableError(
        f"compile: torch cannot compile the network here ({reason}); leave it out"
    )


class Average:
    """A running mean of a module's parameters; with a decay of 0, there is none.

    Parameters
    ----------
    module : Module
    decay : float
        Weight of the previous mean in a step; lower in the first steps.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.parameters = dict(module.named_parameters()) if decay else {}
        self.values = {name: p.detach().clone() for name, p in self.parameters.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Update the mean with the parameters after a step, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, parameter in self.parameters.items():
            self.values[name].lerp_(parameter, 1 - decay)

    @torch.no_grad()
    def put(self) -> None:
        """Set the parameters to their mean."""
        for name, parameter in self.parameters.items():
            parameter.copy_(self.values[name])

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Replace the parameters by their mean within a `with` block."""
        present = {name: p.detach().clone() for name, p in self.parameters.items()}
        self.put()
        try:
            yield
        finally:
            with torch.no_grad():
                for name, parameter in self.parameters.items():
                    parameter.copy_(present[name])


def _optimiser(
    module: nn.Module, recipe: Recipe, groups: list[dict[str, Any]] | None
) -> torch.optim.Optimizer:
    settings: dict[str, Any] = {"lr": recipe.learning_rate, "weight_decay": recipe.weight_decay}
    optimiser: torch.optim.Optimizer
    parameters = list(module.parameters()) if groups is None else groups
    if recipe.optimiser == "sgd":
        optimiser = torch.optim.SGD(parameters, momentum=0.9, **settings)
    else:
        betas = (0.9, recipe.second_moment)
        optimiser = torch.optim.Adam(parameters, betas=betas, **settings)
    for group in optimiser.param_groups:
        group["share"] = group["lr"] / recipe.learning_rate
    return optimiser
