"""Compilation by numba, kept on disk where there is a place for it."""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache

__all__ = ["PARALLEL", "ForgivingCache", "compiled"]

logger = logging.getLogger(__name__)

PARALLEL = threading.Lock()
"""Held around a function compiled with ``parallel=True``: numba's fallback pool of threads,
"workqueue", ends the process if two of them run at once."""

Function = Callable[..., Any]


def compiled(**options: Any) -> Callable[[Function], Function]:
    """Return a decorator that compiles by numba, kept on disk where there is a place for it."""

    def decorate(function: Function) -> Function:
        dispatcher = njit(**options)(function)
        try:
            dispatcher._cache = ForgivingCache(function)
        except RuntimeError:  # numba finds no folder it can write to: compile in every run
            logger.debug("no cache folder for %s", function.__name__)
        return dispatcher

    return decorate


@cache
def _stamp_of_package() -> tuple[tuple[str, float, int], ...]:
    """Return names, times and sizes of the modules that hold compiled code, and of planes.py."""
    here = Path(__file__).parent
    modules = (*here.glob("*.py"), *here.parent.glob("planes.py"))
    files = sorted((path.name, path.stat()) for path in modules)
    return tuple((name, stat.st_mtime, stat.st_size) for name, stat in files)


class ForgivingCache(FunctionCache):
    """Numba's cache on disk, which at worst does nothing: a full disk or a damaged file.

    It takes the place of the one that ``njit(cache=True)`` gives a function. Unlike that one, it
    notices when another module of this folder, or planes.py, has changed: its code may be in this
    function's.
    """

    def __init__(self, function: Function) -> None:
        super().__init__(function)
        self._cache_file._source_stamp = (self._cache_file._source_stamp, _stamp_of_package())

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled function, or None to have it compiled."""
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # whatever unpickling a damaged file raises
            logger.debug("compiled anew, the cache is damaged: %r", error)
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the compiled function, if that can be done."""
        try:
            super().save_overload(sig, data)
        except Exception as error:  # a full disk, or an index that is damaged
            logger.debug("not cached: %r", error)
