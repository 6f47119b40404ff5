"""Energy-based conditional densities, and refinement of estimates by climbing them (DCTD).

References
----------
F. K. Gustafsson, M. Danelljan, G. Bhat, T. B. Schön, "Energy-based models for deep probabilistic
regression", ECCV 2020, equations 1 to 5, algorithms 1 and S1.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sr_arn.age.heads.base import OLDEST, Head, chain
from sr_arn.age.losses import energy_loss, sum_of_proposals
from sr_arn.checks import check_integer, check_scale
from sr_arn.errors import InputError, display

__all__ = ["EnergyDensity", "ascend", "climb"]

POINTS, WITHIN = 201, 5.0  # of the grid of possible starts, in units from the centre

Energy = Callable[[Tensor], Tensor]
"""From targets [n, d] to the logarithm [n] of a density, up to a constant."""


class EnergyDensity(Head):
    """A density of targets of any small dimension, p(y | x) = exp f(x, y) / Z(x).

    Parameters
    ----------
    features : int
    targets : int, default 1
    sigmas : sequence of float, or of sequences of length `targets`; default (0.1, 20.0)
        Standard deviations of the proposals around a training target, in its unit. One
        component is drawn per sample, for all dimensions. The default is DCTD's for ages; for
        angles of head pose it is (1, 20) degrees.
    samples : int, default 1024
        Number of samples per target in training.
    embedding : sequence of int, default (16, 32, 64, 128)
        Units of the layers for the target alone.
    hidden : sequence of int, default (2048,)
        Units of the layers for features and target together.
    unit : float or sequence of length `targets`, optional
        Targets are divided by it at the input of the network. By default, `prepare` subtracts
        the mean of the labels and divides by their standard deviations; DCTD has 1.

    Raises
    ------
    InputError
        If an argument is out of range, or has another number of dimensions than the targets.
    """

    sigmas: Tensor
    centre: Tensor
    unit: Tensor

    def __init__(
        self,
        features: int,
        targets: int = 1,
        sigmas: Sequence[float] | Sequence[Sequence[float]] = (0.1, 20.0),
        samples: int = 1024,
        embedding: Sequence[int] = (16, 32, 64, 128),
        hidden: Sequence[int] = (2048,),
        unit: float | Sequence[float] | None = None,
    ) -> None:
        super().__init__(targets)
        self.samples = check_integer(samples, "samples", 1)
        spread = np.asarray(sigmas, float)
        spread = np.repeat(spread[:, None], targets, axis=1) if spread.ndim == 1 else spread
        if spread.ndim != 2 or spread.shape[1] != targets or not (spread > 0).all():
            raise InputError(
                f"sigmas: expected numbers above 0, or {targets} for each component, "
                f"received {sigmas}"
            )
        self.register_buffer("sigmas", torch.tensor(spread, dtype=torch.get_default_dtype()))
        self.learns_unit = unit is None
        units = np.asarray(1.0 if unit is None else unit, float)
        if units.shape not in ((), (targets,)) or not (units > 0).all():
            raise InputError(f"unit: expected numbers above 0, one or {targets}, received {unit}")
        for name, counts in {"embedding": embedding, "hidden": hidden}.items():
            if not counts:
                raise InputError(f"{name}: expected units of at least one layer, received none")
        self.register_buffer("unit", torch.tensor(units).to(self.sigmas).expand(targets).clone())
        self.register_buffer("centre", torch.zeros(targets))
        check_integer(features, "features", 1)
        self.of_target = chain([targets, *embedding])
        self.joint = nn.Linear(features + embedding[-1], check_integer(hidden[0], "hidden", 1))
        self.rest = nn.Sequential(nn.ReLU(), *chain(hidden), nn.Linear(hidden[-1], 1))

    def _prepare(self, labels: Tensor) -> None:
        """Use the labels' mean and standard deviation as centre and unit, unless one was given."""
        if self.learns_unit:
            spread = labels.std(dim=0, correction=0)
            self.centre.copy_(labels.mean(dim=0))
            self.unit.copy_(torch.where(spread > 0, spread, 1.0))

    def energy(self, features: Tensor, targets: Tensor) -> Tensor:
        """Return f(x, y): [n, m] for features [n, k] and targets [n, m, d]."""
        k = features.shape[1]
        of_target = self.of_target((targets - self.centre) / self.unit)
        once = F.linear(features, self.joint.weight[:, :k], self.joint.bias)  # once for all targets
        both = once[:, None] + F.linear(of_target, self.joint.weight[:, k:])
        energy: Tensor = self.rest(both)[..., 0]
        return energy

    def _loss(self, features: Tensor, target: Tensor) -> Tensor:
        offsets = self._offsets(target)
        at = self.energy(features, torch.cat([target[:, None], target[:, None] + offsets], dim=1))
        return energy_loss(at[:, 0], at[:, 1:], sum_of_proposals(offsets, self.sigmas))

    def _offsets(self, target: Tensor) -> Tensor:
        """Return offsets [m, d] drawn from the proposals, the same for the whole batch."""
        component = torch.randint(len(self.sigmas), (self.samples,), device=target.device)
        noise = torch.randn(self.samples, self.targets, dtype=target.dtype, device=target.device)
        return noise * self.sigmas[component]

    def predict(
        self,
        features: Tensor,
        initial: Tensor | None = None,
        grid: Tensor | None = None,
        step: float | Tensor = 0.1,
        steps: int = 10,
    ) -> Tensor:
        """Return estimates [n, targets], climbed to from the best point of a grid or from a start.

        Parameters
        ----------
        features : Tensor [n, features]
        initial : Tensor [n, targets], optional
            The start, for example estimates of another head.
        grid : Tensor [g, targets], optional
            Possible starts. By default, for one target, they are 201 points within 5 units of
            the centre, or, if a unit was given, ages from 0 to 100.
        step : float, default 0.1
            See `ascend`.
        steps : int, default 10
            See `ascend`.

        Raises
        ------
        InputError
            If there are several targets, and neither a start nor a grid.
        """
        if initial is None:
            if grid is None:
                if self.targets > 1:
                    raise InputError("energy: give initial estimates, or a grid")
                grid = self._usual_grid().to(features)
            with torch.no_grad():
                best = self._on(features, grid).argmax(dim=1)
            initial = grid[best]
        return ascend(
            lambda y: self.energy(features, y[:, None])[:, 0], initial, step=step, steps=steps
        )

    def _usual_grid(self) -> Tensor:
        """Return points [201, 1] in the range of targets."""
        if not self.learns_unit:
            return torch.linspace(0, OLDEST, POINTS)[:, None]
        around = torch.linspace(-WITHIN, WITHIN, POINTS, device=self.unit.device)
        return (self.centre + around * self.unit)[:, None]

    def density(self, features: Tensor, grid: Tensor) -> Tensor:
        """Return the density [n, g] on an even grid [g, targets], normalised over its cells."""
        self._check_grid(grid)
        logs = self._on(features, grid)
        return (logs - torch.logsumexp(logs, dim=1, keepdim=True)).exp() / _cell(grid)

    def _on(self, features: Tensor, grid: Tensor) -> Tensor:
        return self.energy(features, grid.expand(len(features), *grid.shape))


def ascend(
    energy: Energy,
    initial: Tensor,
    *,
    step: float | Tensor = 0.1,
    steps: int = 10,
    decay: float = 0.5,
) -> Tensor:
    """Climb by gradients, accepting only higher energies (DCTD, algorithm 1).

    A step that does not lead higher is rejected, and the next steps are `decay` times as long,
    separately for each element of a batch. So the energy never decreases.

    Parameters
    ----------
    energy : callable
        From targets [n, d] to [n].
    initial : Tensor [n, d]
    step : float or Tensor [d], default 0.1
        Lambda.
    steps : int, default 10
        T.
    decay : float, default 0.5
        Eta.
    """
    _check_steps(step, steps)
    check_scale(decay, "decay")
    y = initial.detach().clone()
    rate = torch.as_tensor(step, dtype=y.dtype, device=y.device).expand_as(y).clone()
    height, slope = _height_and_slope(energy, y)
    for _ in range(steps):
        candidate = y + rate * slope
        its_height, its_slope = _height_and_slope(energy, candidate)
        higher = (its_height > height)[:, None]
        y = torch.where(higher, candidate, y)
        slope = torch.where(higher, its_slope, slope)
        height = torch.where(higher[:, 0], its_height, height)
        rate = torch.where(higher, rate, rate * decay)
    return y


def climb(
    energy: Energy,
    initial: Tensor,
    *,
    step: float | Tensor = 3.0,
    steps: int = 5,
    least_change: float = 1e-3,
    largest_fall: float = -1e-2,
    revert: bool = False,
) -> Tensor:
    """Climb by gradients until little changes (DCTD, algorithm S1: ages with 3, angles with 0.1).

    Parameters
    ----------
    energy : callable
        From targets [n, d] to [n].
    initial : Tensor [n, d]
    step : float or Tensor [d], default 3.0
        Lambda.
    steps : int, default 5
        T.
    least_change, largest_fall : float, default 1e-3, -1e-2
        Omega 1 and 2: an element stops when its energy changes less, or falls more.
    revert : bool, default False
        Whether a step with such a fall is reverted. The paper's algorithm keeps it.
    """
    _check_steps(step, steps)
    y = initial.detach().clone()
    goes_on = torch.ones(len(y), dtype=torch.bool, device=y.device)
    height, slope = _height_and_slope(energy, y)
    for _ in range(steps):
        candidate = torch.where(goes_on[:, None], y + step * slope, y)
        its_height, its_slope = _height_and_slope(energy, candidate)
        change = its_height - height
        fell = goes_on & (change < largest_fall)
        back = fell if revert else torch.zeros_like(fell)
        y = torch.where(back[:, None], y, candidate)
        height, slope = its_height, its_slope
        goes_on = goes_on & ~fell & (change.abs() >= least_change)
        if not bool(goes_on.any()):
            break
    return y


def _check_steps(step: float | Tensor, steps: int) -> None:
    check_integer(steps, "steps", 0)
    if not bool((torch.as_tensor(step) > 0).all()):
        raise InputError(f"step: expected numbers above 0, received {display(step)}")


def _height_and_slope(energy: Energy, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return f and its gradient with respect to y; the parameters get none."""
    with torch.enable_grad():
        y = y.detach().requires_grad_()
        height = energy(y)
        (slope,) = torch.autograd.grad(height.sum(), y)
    return height.detach(), slope


def _cell(grid: Tensor) -> float:
    """Return the volume of a cell of an even grid [g, d]."""
    sides = [torch.unique(column) for column in grid.T]
    if math.prod(len(side) for side in sides) != len(grid) or not all(map(_is_even, sides)):
        raise InputError("grid: expected an even one, of two points or more along each dimension")
    return math.prod(float((side[-1] - side[0]) / (len(side) - 1)) for side in sides)


def _is_even(side: Tensor) -> bool:
    """Return whether increasing numbers are at least two, at equal distances."""
    steps = side.diff()
    return len(steps) > 0 and bool((steps - steps.mean()).abs().max() <= 1e-3 * steps.mean())
