"""What a picture's file holds and its result does not: named once for each picture."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["leave_out", "noted"]

logger = logging.getLogger(__name__)

_notes: ContextVar[list[str] | None] = ContextVar("notes", default=None)


def leave_out(where: str, *what: str) -> None:
    """Name what is left out: in the list of `noted`, otherwise in one line of the log.

    Parameters
    ----------
    where : str
        What messages call the file.
    *what : str
        Such as "2 further frames or pages".
    """
    notes = _notes.get()
    if notes is not None:
        notes += what
    elif what:
        logger.warning("%s: left out %s", where, "; ".join(what))


@contextmanager
def noted() -> Iterator[list[str]]:
    """Collect the names of what is left out meanwhile, which the log then does not give."""
    notes: list[str] = []
    token = _notes.set(notes)
    try:
        yield notes
    finally:
        _notes.reset(token)
