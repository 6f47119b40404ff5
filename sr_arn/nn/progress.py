"""The progress of a training: reports to observers, and the stop at a loss that diverges."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from sr_arn.errors import InputError
from sr_arn.nn.ranks import Ranks

__all__ = ["Progress", "Watch"]

REPORT_EVERY = 50  # steps between readings of the loss, for which a GPU must wait


@dataclass(frozen=True)
class Progress:
    """A report to an observer.

    Attributes
    ----------
    epoch, epochs : int
        The current epoch, or the one that has just ended, counted from 1; their number.
    share : float
        The completed fraction of the training, 0 to 1.
    loss : float
        Mean over the epoch so far.
    seconds_left : float
        Estimated.
    epoch_ended : bool
    """

    epoch: int
    epochs: int
    share: float
    loss: float
    seconds_left: float
    epoch_ended: bool

    @property
    def left(self) -> str:
        """The time left, in words."""
        minutes, seconds = divmod(round(self.seconds_left), 60)
        return f"{minutes} min {seconds:02d} s left"

    def line(self, score: str = "") -> str:
        """Return the epoch in one line, with the score on held-out data."""
        told = f"loss {self.loss:.6f}, {score and score + ', '}{self.left}"
        return f"epoch {self.epoch} of {self.epochs}: {told}"


class Watch:
    """Sums up the loss, stops if it is not finite, and calls the observer.

    The loss is the sum over all ranks; only the first rank has an observer.
    """

    def __init__(
        self,
        epochs: int,
        steps: int,
        first: int,
        observe: Callable[[Progress], None] | None,
        ranks: Ranks,
    ) -> None:
        self.epochs, self.steps, self.first = epochs, steps, first
        self.observe = observe if ranks.is_first else None
        self.ranks = ranks
        self.start = time.monotonic()
        self.total: Tensor | float = 0.0
        self.mean = 0.0

    def step(self, epoch: int, number: int, loss: Tensor) -> None:
        """Add this rank's part of the loss of a step."""
        self.total = loss.double() + (self.total if number else 0.0)
        is_last = number + 1 == self.steps
        if (number + 1) % REPORT_EVERY == 0 or is_last:
            self.mean = self.ranks.total(self.total) / (number + 1)
            if not math.isfinite(self.mean):
                raise _diverged(f"the loss is {self.mean}", epoch)
            if not is_last:
                self._tell(epoch, number + 1, ended=False)

    def check_parameters(self, module: nn.Module, epoch: int) -> None:
        """Raise `InputError` if a parameter is not finite: the checkpoint would be useless."""
        if not all(bool(p.isfinite().all()) for p in module.parameters()):
            raise _diverged("parameters are no longer finite", epoch)

    def epoch_ended(self, epoch: int) -> None:
        """Report to the observer that an epoch and its checkpoint are complete."""
        self._tell(epoch, self.steps, ended=True)

    def _tell(self, epoch: int, steps: int, ended: bool) -> None:
        if self.observe is None:
            return
        done = epoch - self.first + steps / self.steps
        left = (time.monotonic() - self.start) / done * (self.epochs - self.first - done)
        share = (epoch + steps / self.steps) / self.epochs
        self.observe(Progress(epoch + 1, self.epochs, share, self.mean, left, ended))


def _diverged(what: str, epoch: int) -> InputError:
    return InputError(
        f"training: {what} in epoch {epoch + 1}; lower the learning rate; "
        "the last checkpoint, if any, is kept"
    )
