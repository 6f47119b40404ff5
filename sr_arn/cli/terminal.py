"""What a terminal shows of a training."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sr_arn.nn.training import Progress

__all__ = ["show_training", "shows_progress"]


def shows_progress(quiet: bool) -> bool:
    """Whether there is a terminal to show progress on."""
    return sys.stderr is not None and sys.stderr.isatty() and not quiet


def show_training(progress: "Progress") -> None:
    """Keep one line of a terminal up to date; the end of an epoch is a line of the log."""
    if progress.epoch_ended:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        return
    print(
        f"\repoch {progress.epoch} of {progress.epochs}: {progress.share:4.0%} of all, "
        f"loss {progress.loss:.6f}, {progress.left}",
        end="\x1b[K",
        file=sys.stderr,
        flush=True,
    )
