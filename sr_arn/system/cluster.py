"""Work shared by the workers of a Dask cluster, on this machine or on others.

Functions of this package and their arguments are sent, so workers need the same version of it.
Results are returned in order. If a worker dies, another one repeats its tasks.
"""

import asyncio
import logging
import math
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any, TypeVar

from sr_arn.checks import check_integer
from sr_arn.errors import InputError, SrArnError, UnavailableError, display

if TYPE_CHECKING:
    from distributed import Client, Future, Worker

__all__ = ["Cluster", "ClusterLost", "asks_if_wanted", "open_cluster"]

PREFETCH = 4  # tasks waiting for each thread of the workers, so that none is idle
CONNECT_TIMEOUT = 10  # seconds for the scheduler to answer
WORKER_TIMEOUT = 60  # seconds for the first worker to join
LAST = 10  # seconds for tasks that still run at the end
COUNTED = 2  # seconds for which a count of the workers, asked of the scheduler, is reused
UNREADABLE = "deserialization of the task graph"  # the error of a scheduler without our modules
QUIET: dict[str, Any] = {"distributed.admin.large-graph-warning-threshold": "1 TB"}
OWN: dict[str, Any] = {
    "distributed.scheduler.http.routes": [],  # no status pages
    "distributed.worker.http.routes": [],
    # by default Dask returns freed memory at once, which halves our speed
    "distributed.nanny.pre-spawn-environ": {"OMP_NUM_THREADS": 1, "OPENBLAS_NUM_THREADS": 1},
}

Result = TypeVar("Result")


class WorkersDied(UnavailableError):
    """A task killed every worker that ran it."""


class ClusterLost(UnavailableError):
    """The scheduler no longer answers."""


class Cluster:
    """The workers of a Dask scheduler.

    Parameters
    ----------
    client : distributed.Client
    """

    def __init__(self, client: "Client") -> None:
        self.client = client
        self.address = client.scheduler.address
        self.version = _version()
        self._threads, self._counted = 1, -math.inf

    @property
    def threads(self) -> int:
        """How many tasks the workers run at a time, at least 1; a recent count is reused."""
        if time.monotonic() - self._counted > COUNTED:
            workers = self.client.scheduler_info(n_workers=-1)["workers"].values()
            self._threads = max(1, sum(worker["nthreads"] for worker in workers))
            self._counted = time.monotonic()
        return self._threads

    def keep(self, work: Callable[..., Any], *args: Any, priority: int = 0) -> "Future[Any]":
        """Run `work(*args)` on a worker, which keeps the result for other tasks.

        Kept results can be arguments, also of `in_order` and `total`. Tasks with a higher priority
        run first.
        """
        try:
            return self.client.submit(_do, self.version, work, *args, pure=False, priority=priority)
        except Exception as error:  # of Dask or the work, raised again unless translated
            self._tell(error)
            raise

    def result(self, kept: "Future[Any]") -> Any:
        """Return a kept result, or raise the error of its task.

        Raises
        ------
        UnavailableError
            If the scheduler is lost, the task kills workers, or they lack this version of sr-arn.
        """
        try:
            return kept.result()
        except Exception as error:  # of Dask or the work, raised again unless translated
            self._tell(error)
            raise

    def in_order(
        self,
        work: Callable[..., Result],
        items: Iterable[tuple[Any, ...]],
        instead: Callable[[tuple[Any, ...], SrArnError], Result] | None = None,
    ) -> Iterator[Result]:
        """Yield `work(*item)` of each item, in their order.

        Items are taken, and results kept, only as far ahead as keeps the workers busy. An item that
        kills workers is tried twice; then `instead` gives its result.
        """
        pending: deque[tuple[tuple[Any, ...], Future[Any]]] = deque()

        def first() -> Any:
            item, kept = pending.popleft()
            with suppress(WorkersDied):  # perhaps another task killed it
                return self.result(kept)
            try:
                return self.result(self.keep(work, *item))
            except WorkersDied as error:
                if instead is None:
                    raise
                return instead(item, error)

        try:
            for item in items:
                pending.append((item, self.keep(work, *item)))
                if len(pending) > PREFETCH * self.threads:
                    yield first()
            while pending:
                yield first()
        finally:  # also after a failure, or if no more are wanted
            for _, kept in pending:
                kept.cancel()

    def total(self, kept: Iterable["Future[Any]"], add: Callable[[Result, Result], Result]) -> Any:
        """Return the sum of kept results: the workers add neighbours, then the sums of these.

        So the result depends on the order of the summands, not on the workers. Sums are requested
        as soon as possible, so that summands do not accumulate unless the caller keeps them.
        """
        sums: list[tuple[int, Future[Any]]] = []  # and of how many summands, like a binary counter
        for future in kept:
            size = 1
            while sums and sums[-1][0] == size:
                future, size = self.keep(add, sums.pop()[1], future, priority=1), 2 * size
            sums.append((size, future))
        _, total = sums.pop()
        while sums:
            total = self.keep(add, sums.pop()[1], total, priority=1)
        return self.result(total)

    def _tell(self, error: Exception) -> None:
        """Raise `UnavailableError` for an error of the cluster itself."""
        from distributed import KilledWorker

        if isinstance(error, KilledWorker):
            raise WorkersDied("workers of the cluster died of it, one after another") from error
        where = f"scheduler {self.address}"
        if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("sr_arn"):
            raise UnavailableError(f"{where}: a worker lacks sr-arn; install it there") from error
        if isinstance(error, RuntimeError) and UNREADABLE in str(error):
            raise UnavailableError(
                f"{where}: it lacks sr-arn, or has another version; install this one there, too"
            ) from error
        if isinstance(error, CancelledError) or self.client.status != "running":
            raise ClusterLost(f"{where}: was lost") from error


def _do(expected: str, work: Callable[..., Result], *args: Any) -> Result:
    """Run a task of the client, if it has the same version."""
    if (own := _version()) != expected:
        raise UnavailableError(
            f"scheduler: a worker has sr-arn {own}, expected {expected}; install that"
        )
    return work(*args)


def _version() -> str:
    """Return the version of the loaded package: an import from here would point upward."""
    return str(sys.modules["sr_arn"].__version__)


def asks_if_wanted() -> Callable[[], bool]:
    """Return, within a task, a function that returns whether its result is still wanted."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def is_wanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state != "cancelled"

    return is_wanted


@contextmanager
def open_cluster(workers: int | None, scheduler: str | None) -> Iterator[Cluster | None]:
    """Start workers on this machine or join a scheduler; with neither, yield None.

    Parameters
    ----------
    workers : int, optional
        Processes of one thread each. They use TLS, with a certificate for this run.
    scheduler : str, optional
        Address, for example tcp://10.0.0.1:8786. Dask's configuration holds TLS settings.

    Raises
    ------
    InputError
        If both are given.
    UnavailableError
        If Dask is not installed, or the scheduler does not answer.
    """
    if workers is None and scheduler is None:
        yield None
        return
    if workers is not None and scheduler is not None:
        raise InputError("workers: are those of the scheduler; give one of the two")
    count = None if workers is None else check_integer(workers, "workers", 1)
    try:
        import dask
        from distributed import Client, LocalCluster
    except ModuleNotFoundError:
        raise UnavailableError(
            'scheduler: Dask is not installed; pip install "sr-arn[distributed]"'
        ) from None
    _silence()
    if scheduler is not None:
        with ThreadPoolExecutor(1) as thread:  # in a notebook, this thread may run a loop already
            thread.submit(asyncio.run, _knock(scheduler)).result()
        with dask.config.set(QUIET), Client(scheduler, set_as_default=False) as client:
            yield _with_workers(client)
        return
    with dask.config.set(QUIET | OWN):
        with _deaf_to_ctrl_c():
            cluster = LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                security=True,
                silence_logs=logging.CRITICAL,
            )
        with cluster, Client(cluster, set_as_default=False) as client:
            try:
                yield _with_workers(client)
            finally:
                _let_end(client)


def _let_end(client: "Client") -> None:
    """Wait a little for running tasks, which would leave half a file if they were killed.

    Tasks whose results are not wanted can stop early: see `asks_if_wanted`.
    """
    until = time.monotonic() + LAST
    with suppress(OSError, RuntimeError):  # of workers that have left
        while any(client.run(_is_busy).values()) and time.monotonic() < until:
            time.sleep(0.05)


def _is_busy(dask_worker: "Worker") -> bool:
    return bool(dask_worker.active_threads)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Block Ctrl-C in threads and processes that are started within, and in their children.

    A terminal also sends it to workers, which would print tracebacks. This thread receives it at
    the end of the block.
    """
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    resource_tracker.ensure_running()  # which would unblock Ctrl-C in its thread
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _silence() -> None:
    """Keep Dask's log from the terminal: our own errors report failures."""
    for name, logger in logging.root.manager.loggerDict.items():
        is_dasks = name.partition(".")[0] in ("distributed", "tornado", "asyncio")
        if is_dasks and isinstance(logger, logging.Logger):
            logger.handlers, logger.propagate = [logging.NullHandler()], False


async def _knock(scheduler: str) -> None:
    """Raise `UnavailableError` if no scheduler answers; a `Client` would retry for a minute."""
    from distributed.comm import connect
    from distributed.security import Security

    try:
        secrets = Security().get_connection_args("client")
        comm = await connect(scheduler, timeout=CONNECT_TIMEOUT, **secrets)
        await comm.close()
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        reason = str(error) or type(error).__name__
        raise UnavailableError(
            f"scheduler: {display(scheduler)} cannot be reached: {display(reason)}"
        ) from error


def _with_workers(client: "Client") -> Cluster:
    """Wait for the first worker."""
    cluster = Cluster(client)
    try:
        client.wait_for_workers(1, timeout=WORKER_TIMEOUT)
    except TimeoutError:
        raise UnavailableError(
            f"scheduler {cluster.address}: has no workers; start some with dask worker"
        ) from None
    return cluster
