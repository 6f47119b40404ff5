"""The loop of `train_gpu.py`; on a GPU its steps are CUDA graphs."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from gpu_batches import Batch
from torch import Tensor, nn

from sr_arn.nn.training import FIRST_RATE
from sr_arn.training import conv_arn

WARM_UP = 0.04  # share of the steps in which the rate rises
PRECISE = 0.12  # share of the steps, the last, whose products are not of bfloat16
BEFORE_CAPTURE = 3  # steps, in which libraries choose algorithms and take memory
REPORTS = 5


def fit(
    network: nn.Module,
    batches: Callable[[], Batch],
    steps: int,
    rate: float,
    report: Callable[[str], object] = print,
) -> None:
    """Train a network in place; it ends as the running mean of what it was.

    The loss is that of `sr_arn.training.conv_arn.loss`.

    Parameters
    ----------
    network : Module
        From a batch's inputs to its details.
    batches : callable
        Returns the next batch, on the network's device.
    steps : int
        At least 1.
    rate : float
        The highest of Adam. It rises in the first steps, then falls to 0 as a cosine.
    report : callable, default print
        Is told how it goes, some times.

    Raises
    ------
    FloatingPointError
        If the loss becomes infinite or NaN.
    """
    trainer = _Trainer(network.train(), batches())
    part = -(-steps // REPORTS)
    for number in range(steps):
        done = number / steps
        trainer.step(
            batches(),
            rate * _share_of_rate(done),
            number,
            low=done < 1 - PRECISE,
            squares=done >= conv_arn.ABSOLUTE,
        )
        if (number + 1) % part == 0 or number + 1 == steps:
            mean = float(trainer.total) / (number % part + 1)
            report(f"  step {number + 1} of {steps}, loss {mean:.5f}")
            if not math.isfinite(mean):
                raise FloatingPointError(f"the loss is {mean} before step {number + 1}")
            trainer.total.zero_()
    trainer.put_means()
    network.eval()


def _share_of_rate(done: float) -> float:
    """Return the share of the highest rate once a share of the steps is done."""
    if done < WARM_UP:
        return FIRST_RATE + (1 - FIRST_RATE) * done / WARM_UP
    return (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP))) / 2


class _Trainer:
    """Steps of training on batches of one shape; on a GPU each kind of step is a CUDA graph.

    Parameters
    ----------
    network : Module
    batch : Batch
        One of the shape that all have.

    Attributes
    ----------
    total : Tensor
        The sum of the losses since it was set to 0.
    """

    def __init__(self, network: nn.Module, batch: Batch) -> None:
        device = batch.details.device
        self.total = torch.zeros((), device=device)
        self._network, self._device = network, device
        self._inputs = [tensor.clone() for tensor in batch.inputs]  # graphs read them there
        self._details = batch.details.clone()
        self._rate, self._blend = (torch.zeros((), device=device) for _ in range(2))
        self._recipe = conv_arn.recipe(1, 0.0, "bfloat16", 0, equivariant=False)
        self._parameters = list(network.parameters())
        self._means = [parameter.detach().clone() for parameter in self._parameters]
        self._graphs: dict[tuple[bool, bool], torch.cuda.CUDAGraph] = {}
        self._adam = torch.optim.Adam(
            self._parameters,
            lr=self._rate,
            betas=(0.9, self._recipe.second_moment),
            fused=True,
            capturable=device.type == "cuda",
        )
        for parameter in self._parameters:
            parameter.grad = torch.zeros_like(parameter)
        self._adam.step()  # makes Adam's moments and, of no gradients, changes nothing
        for moment in self._moments():
            moment.zero_()

    def step(self, batch: Batch, rate: float, number: int, low: bool, squares: bool) -> None:
        """Learn from a batch.

        Parameters
        ----------
        batch : Batch
        rate : float
            Of this step.
        number : int
            Of this step, from 0.
        low : bool
            Whether products are of bfloat16.
        squares : bool
            Whether the loss is the mean squared error instead of the mean absolute error.
        """
        for place, tensor in zip(self._inputs, batch.inputs, strict=True):
            place.copy_(tensor)
        self._details.copy_(batch.details)
        self._rate.fill_(rate)
        self._blend.fill_(1 - min(self._recipe.averaging, (1 + number) / (10 + number)))
        if self._device.type != "cuda":
            self._step(low, squares)
            return
        if (low, squares) not in self._graphs:
            self._graphs[low, squares] = self._captured(low, squares)
        self._graphs[low, squares].replay()

    @torch.no_grad()
    def put_means(self) -> None:
        """Set the parameters to their running means."""
        for parameter, mean in zip(self._parameters, self._means, strict=True):
            parameter.copy_(mean)

    def _step(self, low: bool, squares: bool) -> None:
        with torch.autocast(self._device.type, torch.bfloat16, enabled=low):
            outputs = self._network(*self._inputs)
        value = conv_arn.loss(outputs.float(), self._details, share=float(squares))
        value.backward()  # type: ignore[no-untyped-call] # torch does not type it
        nn.utils.clip_grad_norm_(self._parameters, self._recipe.largest_gradient or math.inf)
        self._adam.step()
        with torch.no_grad():
            self.total += value
            for parameter, mean in zip(self._parameters, self._means, strict=True):
                mean.lerp_(parameter, self._blend)
                gradient: Any = parameter.grad
                gradient.zero_()

    def _captured(self, low: bool, squares: bool) -> torch.cuda.CUDAGraph:
        """Return a step as a CUDA graph; parameters, moments and means stay as they are."""
        state = [*self._parameters, *self._means, *self._moments(), self.total]
        kept = [tensor.detach().clone() for tensor in state]
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call] # torch does not type it
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(BEFORE_CAPTURE):
                self._step(low, squares)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._step(low, squares)
        with torch.no_grad():
            for tensor, before in zip(state, kept, strict=True):
                tensor.copy_(before)
        return graph

    def _moments(self) -> Iterator[Tensor]:
        """Yield Adam's state: two moments and a count of each parameter."""
        for state in self._adam.state.values():
            yield from state.values()
