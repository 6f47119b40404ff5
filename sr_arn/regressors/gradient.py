"""The base class of regressors that torch trains by stochastic gradient descent."""

import math
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from sr_arn.checks import seed_from
from sr_arn.errors import InputError, display
from sr_arn.regressors.anchored import AnchoredRegressor
from sr_arn.regressors.anchors import Anchors, are_given, count_anchors, given_anchors
from sr_arn.regressors.base import FloatArray
from sr_arn.regressors.in_epochs import TrainedInEpochs
from sr_arn.regressors.numpy_layer import NumpyAnchoredRegression

if TYPE_CHECKING:
    from torch import nn

    from sr_arn.nn import AnchoredRegression
    from sr_arn.nn.training import Progress, Recipe

__all__ = ["GradientRegressor"]

INPUT_RMS = 0.6  # of scaled features and targets in training, chosen on BSD200
TARGET_RMS = 0.8
LEAST_STEPS = 1000  # of a training, by default: few samples get more epochs,
MOST_EPOCHS = 50  # but not more than these, which would overfit
SMALLEST_BATCH = 16
PAPER_EPOCHS, PAPER_RATE, PAPER_BATCH, PAPER_DECAY = 90, 20.0, 1000, 1e-8


class GradientRegressor(TrainedInEpochs, AnchoredRegressor):
    """Training by torch: scales, initial anchors, the loop, and the learned arrays.

    The parameters that subclasses share:

    recipe : {"one-cycle", "paper"}
        "one-cycle" is Adam with rates that rise and fall, on scaled features and targets.
        "paper" is that of Agustsson et al. 2017: momentum 0.9, rate 20, halved every 20 of
        90 epochs, batches of 1000, decay 1e-8, nothing scaled, random start.
    epochs, batch_size, learning_rate : optional
        By default those of the recipe.
    """

    name: ClassVar[str]
    anchors: Anchors
    recipe: Literal["one-cycle", "paper"]

    intercept_: FloatArray

    most_anchors = 1024
    default_epochs = 10
    default_rate = 0.01

    @property
    def array_axes(self) -> dict[str, str]:
        """Axes of the learned arrays."""
        return super().array_axes | {"intercept": "t"}

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        observe: "Callable[[Progress], None] | None" = None,
        checkpoint: Path | None = None,
        resume: Path | None = None,
    ) -> Self:
        """Learn anchors and regressors together.

        Parameters
        ----------
        X : array-like [n, d]
            Features, finite.
        y : array-like [n, t] or [n]
            Targets, finite.
        observe : function of a `sr_arn.nn.training.Progress`, optional
            Called regularly, and after every epoch; then `predict` uses the current state.
        checkpoint : path, optional
            Written after every epoch.
        resume : path, optional
            A checkpoint of the same data and parameters to continue from.

        Raises
        ------
        ValueError
            If the arrays do not match, a parameter is out of range or the checkpoint belongs to
            another run.
        UnavailableError
            If torch is not installed, or has no such device.
        """
        self.check_parameters(resume)
        import torch

        from sr_arn.nn.training import Shuffled, train

        X, y = self._validate_fit(X, y)
        seed = seed_from(self.random_state)
        recipe, batch_size = self._plan(len(X), seed)
        # 1. scales: the recipe's rates are meant for features and targets of a known size
        mean = y.mean(axis=0, dtype=np.float64).astype(y.dtype)
        centred = y - mean
        x_scale, y_scale = 1.0, 1.0
        if self.recipe != "paper":
            x_scale, y_scale = _scale_to(INPUT_RMS, X), _scale_to(TARGET_RMS, centred)
        inputs = torch.from_numpy((X * X.dtype.type(x_scale)).astype(np.float32, copy=False))
        centred *= centred.dtype.type(y_scale)
        targets = torch.from_numpy(centred.astype(np.float32, copy=False).reshape(len(y), -1))
        # 2. the network and its initial values
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            sharpness = self.sharpness
            if self.similarity == "neg_sqdist":  # its distances are in scaled units
                sharpness /= x_scale**2
            sizes = inputs.shape[1], targets.shape[1], self._count(len(X))
            module = self._network(*sizes, sharpness)
        self._start(module, inputs.numpy(), targets.numpy(), x_scale, seed)
        # 3. training; 4. the learned arrays, at the end and for each observer
        shape = y.shape[1:]

        def look(progress: "Progress") -> None:
            if progress.epoch_ended:
                self._keep(module, x_scale, y_scale, mean, shape)
            if observe is not None:
                observe(progress)

        train(
            module,
            Shuffled(inputs, targets, batch_size, seed),
            recipe,
            device=self.device,
            checkpoint=checkpoint,
            resume=resume,
            observe=look,
        )
        self._keep(module, x_scale, y_scale, mean, shape)
        return self

    @abstractmethod
    def _network(
        self, in_features: int, out_features: int, anchors: int, sharpness: float
    ) -> "nn.Module":
        """Return the module to train."""

    @abstractmethod
    def _torch_layers(self, module: Any) -> "list[AnchoredRegression]":
        """Return its layers in order; all but the last are residual."""

    def _keep_hidden(self, layers: list[NumpyAnchoredRegression]) -> None:
        """Store the layers before the last."""

    def _count(self, samples: int) -> int:
        if are_given(self.anchors):
            return len(np.asarray(self.anchors))
        return count_anchors(self.anchors, samples, self.most_anchors)

    def check_parameters(self, resume: Path | None = None) -> None:
        """Raise `InputError` for invalid parameters, before any data are read.

        Parameters
        ----------
        resume : path, optional
            The checkpoint to continue from.
        """
        if self.recipe not in ("one-cycle", "paper"):
            raise InputError(
                f"recipe: expected one-cycle or paper, received {display(self.recipe)}"
            )
        self.check_settings()
        super().check_parameters(resume)

    def _plan(self, samples: int, seed: int) -> "tuple[Recipe, int]":
        """Return recipe and batch size for a number of samples."""
        from sr_arn.nn.training import Recipe

        paper = self.recipe == "paper"
        batch_size = self.batch_size or (
            PAPER_BATCH if paper else max(SMALLEST_BATCH, min(2048, samples // 64))
        )
        steps = max(1, samples // batch_size)
        enough = max(self.default_epochs, min(MOST_EPOCHS, -(-LEAST_STEPS // steps)))
        epochs = self.epochs or (PAPER_EPOCHS if paper else enough)
        rate = self.learning_rate or (PAPER_RATE if paper else self.default_rate)
        recipe = Recipe(
            epochs=int(epochs),
            learning_rate=float(rate),
            optimiser="sgd" if paper else "adam",
            schedule="halving" if paper else "one-cycle",
            weight_decay=PAPER_DECAY if paper else 0.0,
            precision=self.precision,
            compiled=self.compiled,
            seed=seed,
        )
        return recipe, int(batch_size)

    def _start(
        self, module: "nn.Module", X: FloatArray, y: FloatArray, x_scale: float, seed: int
    ) -> None:
        """Set the anchors to scaled samples (or to given anchors), and the regressors to 0.

        The initial basis is the principal directions of the targets y. The paper's recipe has
        random initial values.
        """
        import torch

        rng = np.random.default_rng(seed)
        candidates = np.flatnonzero(X.any(axis=1))
        for layer in self._torch_layers(module):
            count = len(layer.anchors)
            if are_given(self.anchors):
                start = given_anchors(self.anchors, X.shape[1], X.dtype)
                if self.similarity == "neg_sqdist":
                    start = start * x_scale
                elif self.similarity != "abs_cosine":  # products with samples do not change
                    start = start / x_scale
            elif self.recipe == "paper" or len(candidates) == 0:
                continue
            else:
                drawn = rng.choice(candidates, count, replace=count > len(candidates))
                start = X[drawn]
                if self.similarity != "neg_sqdist":
                    start = start / np.linalg.norm(start, axis=1, keepdims=True)
            with torch.no_grad():
                layer.anchors.copy_(torch.from_numpy(start))
                if self.recipe != "paper":
                    layer.weight.zero_()
                    if layer.basis is not None:
                        layer.basis.copy_(torch.from_numpy(_directions(y, len(layer.basis))))

    def _keep(
        self,
        module: "nn.Module",
        x_scale: float,
        y_scale: float,
        mean: FloatArray,
        shape: tuple[int, ...],
    ) -> None:
        """Store the network as arrays for unscaled features and targets."""
        *hidden, last = (_arrays(layer) for layer in self._torch_layers(module))
        self._keep_hidden([layer.rescaled(x_scale, x_scale) for layer in hidden])
        last = last.rescaled(x_scale, y_scale)
        self.anchors_ = last.anchors
        count, q, d = last.weight.shape
        if last.mixing is not None:
            self.mixing_ = last.mixing
        if last.basis is not None:
            self.basis_ = last.basis.reshape(q, *shape)
            shape = (q,)
        self.weight_ = last.weight.reshape(count, *shape, d)
        self.bias_ = last.bias.reshape(count, *shape)
        self.intercept_ = np.asarray(mean, np.float32)

    def _output(self, rows: FloatArray) -> FloatArray:
        rows = super()._output(rows)
        rows += self.intercept_.astype(rows.dtype)
        return rows


def _scale_to(rms: float, array: FloatArray) -> float:
    """Return the factor that gives an array a root mean square of `rms`; 1 for zeros."""
    parts = np.array_split(array.reshape(-1), -(-array.size // 1_000_000))
    squares = sum(float(np.square(part, dtype=np.float64).sum()) for part in parts)
    return rms / math.sqrt(squares / array.size) if squares > 0 else 1.0


def _directions(y: FloatArray, count: int) -> FloatArray:
    """Return the principal directions [count, t] of y [n, t], by decreasing energy."""
    moment = np.zeros((y.shape[1],) * 2)
    for rows in np.array_split(y, -(-len(y) // 65_536)):
        moment += rows.T @ rows
    directions = np.linalg.eigh(moment)[1].T[::-1][:count]
    return np.ascontiguousarray(directions, y.dtype)


def _arrays(layer: "AnchoredRegression") -> NumpyAnchoredRegression:
    """Return a copy of a torch layer as arrays."""

    def array(parameter: "nn.Parameter") -> FloatArray:
        return parameter.detach().cpu().numpy().copy()

    if layer.bias is None:
        raise ValueError("the layer has no bias")
    return NumpyAnchoredRegression(
        array(layer.anchors),
        array(layer.weight),
        array(layer.bias),
        None if layer.mixing is None else array(layer.mixing),
        None if layer.basis is None else array(layer.basis),
        layer.similarity,
        layer.sharpness,
    )
