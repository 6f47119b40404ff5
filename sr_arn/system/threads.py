"""Threads that share work with ordered results, and settings of every process."""

import logging
import os
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["available_cores", "hush_readers", "in_order"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
    ended: threading.Event | None = None,
) -> Iterator[Result]:
    """Yield `work` of each item, in their order, computed by several threads.

    Items are taken, and results kept, only as far ahead as keeps the threads busy. `ended` is set
    when no more results are wanted, before the wait for running work.
    """
    pool = ThreadPoolExecutor(workers)
    pending: deque[Future[Result]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) > 2 * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:  # also after a failure, or if no more are wanted
        if ended is not None:
            ended.set()
        pool.shutdown(cancel_futures=True)


def available_cores() -> int:
    """Return how many cores the process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS and Windows


def hush_readers() -> None:
    """Keep messages of libraries about pictures from the terminal: our own report them."""
    warnings.filterwarnings("ignore", module=r"PIL\.")  # large pictures, odd EXIF: lines of code
    for reader in ("PIL", "tifffile"):
        logging.getLogger(reader).setLevel(logging.CRITICAL + 1)
