"""Compilation by numba, cached on disk where a folder can be written to."""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache

__all__ = ["PARALLEL", "ForgivingCache", "compiled", "stamp"]

logger = logging.getLogger(__name__)

PARALLEL = threading.Lock()
"""Held around a function compiled with ``parallel=True``: numba's fallback pool of threads,
"workqueue", ends the process if two of them run at once."""

Function = Callable[..., Any]


def compiled(**options: Any) -> Callable[[Function], Function]:
    """Return a decorator that compiles by numba and caches the code on disk if it can."""

    def decorate(function: Function) -> Function:
        dispatcher = njit(**options)(function)
        try:
            dispatcher._cache = ForgivingCache(function)
        except RuntimeError:  # numba finds no folder to write to: every run compiles
            logger.debug("no cache folder for %s", function.__name__)
        return dispatcher

    return decorate


def stamp(package: Path) -> tuple[tuple[str, float, int], ...]:
    """Return names, times and sizes of the files that compiled code depends on."""
    paths = sorted((*package.glob("kernels/*.py"), *package.glob("planes.py")))
    stats = [(path.name, path.stat()) for path in paths]
    return tuple((name, stat.st_mtime, stat.st_size) for name, stat in stats)


STAMP = stamp(Path(__file__).parents[1])


class ForgivingCache(FunctionCache):
    """Numba's cache on disk, in which a full disk or a damaged file costs time only.

    It replaces the one that ``njit(cache=True)`` gives a function. Numba compiles anew when the
    function's own file changes; this one also when another file of this folder, or planes.py,
    does: the function's code may include code of theirs.
    """

    def __init__(self, function: Function) -> None:
        super().__init__(function)
        self._cache_file._source_stamp = (self._cache_file._source_stamp, STAMP)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled function, or None if it must be compiled."""
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # whatever unpickling a damaged file raises
            logger.debug("compiled anew, the cache is damaged: %r", error)
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Write the compiled function, if that is possible."""
        try:
            super().save_overload(sig, data)
        except Exception as error:  # a full disk, or an index that is damaged
            logger.debug("not cached: %r", error)
