"""What torchrun started: one command in several processes, of which one speaks."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

__all__ = ["ended", "is_first", "processes", "speaks", "together"]

NAMES = ("WORLD_SIZE", "RANK", "MASTER_ADDR", "MASTER_PORT")  # of the environment


def processes() -> int:
    """Return how many there are on all machines; 1 without torchrun."""
    count, *others = (os.environ.get(name, "") for name in NAMES)
    return int(count) if count.isdecimal() and all(others) else 1


def is_first() -> bool:
    """Whether this process is the one that writes and prints."""
    return processes() == 1 or os.environ["RANK"] == "0"


@cache
def speaks() -> bool:
    """Whether this process prints why it ended: only the first that asks does."""
    if processes() == 1:
        return True
    _be_left_to_end()
    from sr_arn.nn.ranks import first_to_tell

    return first_to_tell()


class Others:
    """The other processes."""

    were_met = False


def ended(code: int) -> int:
    """Return an exit code; or, where others were met, end with it at once.

    Torch's own end waits for those that were lost or, now and then, aborts.
    """
    if Others.were_met:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
        os._exit(code)
    return code


def _be_left_to_end() -> None:
    """Ignore torchrun's signal, which it sends to all processes once one has ended."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


@contextmanager
def together(device: str, checkpoint: Path) -> Iterator[None]:
    """Train with the other processes, if there are any; if it breaks off, print how to continue."""
    from sr_arn.errors import display

    how = f"go on with --resume {display(checkpoint)}"
    try:
        if processes() == 1:
            yield
            return
        with _joined(device, lambda: f"; {how}" if checkpoint.exists() else ""):
            yield
    except KeyboardInterrupt:
        if checkpoint.exists() and speaks():
            print(how, file=sys.stderr)
        raise


@contextmanager
def _joined(device: str, how: Callable[[], str]) -> Iterator[None]:
    """Be one of the processes, and report in one line if another is lost."""
    from sr_arn.errors import UnavailableError
    from sr_arn.nn.ranks import is_lost, join, leave
    from sr_arn.system.devices import find_device

    try:
        join(find_device(device).type == "cuda")
        Others.were_met = True
        yield
        leave()
    except BaseException as error:
        _be_left_to_end()
        if isinstance(error, SystemExit) or is_lost(error):  # the one is torchrun's signal
            raise UnavailableError(
                "another process of the training was lost, or torchrun was told to end" + how()
            ) from error
        raise
