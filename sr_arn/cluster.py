"""Work shared by the workers of a Dask cluster, on this machine or on others.

What is sent are functions of this package and what they take, so workers need the same version
of it. Results come in order. What a worker does not live to finish, another one does again.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeVar

from sr_arn.checks import InputError, check_integer, display

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["Cluster", "open_cluster"]

AHEAD = 4  # tasks for each thread of the workers that wait there, so that none is idle
KNOCKING = 10  # seconds for the scheduler to answer
PATIENCE = 60  # and for the first worker to come
NO_PAGES: dict[str, list[str]] = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}

Result = TypeVar("Result")


class WorkersDied(InputError):
    """What one worker after another died of."""


class Cluster:
    """The workers of a Dask scheduler.

    Parameters
    ----------
    client : distributed.Client
    """

    def __init__(self, client: "Client") -> None:
        self.client = client
        self.address = client.scheduler.address
        self.version = version("sr-arn")

    @property
    def threads(self) -> int:
        """How many tasks the workers do at a time, at least 1."""
        workers = self.client.scheduler_info(n_workers=-1)["workers"].values()
        return max(1, sum(worker["nthreads"] for worker in workers))

    def keep(self, work: Callable[..., Any], *args: Any) -> "Future[Any]":
        """Let a worker do `work(*args)` and keep the result, for other tasks to take.

        Arguments may be what was kept; so may be what `in_order` and `total` are given.
        """
        try:
            return self.client.submit(_do, self.version, work, *args, pure=False)
        except Exception as error:
            raise self._translated(error) from error

    def result(self, kept: "Future[Any]") -> Any:
        """Return what was kept, or raise what went wrong.

        Raises
        ------
        InputError
            If the scheduler was lost, workers die of it, or they lack this version of sr-arn.
        """
        try:
            return kept.result()
        except (Exception, CancelledError) as error:
            raise self._translated(error) from error

    def in_order(
        self,
        work: Callable[..., Result],
        items: Iterable[tuple[Any, ...]],
        instead: Callable[[tuple[Any, ...], InputError], Result] | None = None,
    ) -> Iterator[Result]:
        """Yield `work(*item)` of each item, in their order.

        Items are taken, and results kept, no further ahead than keeps the workers busy. `instead`
        is asked for the result of an item that workers die of.
        """
        pending: deque[tuple[tuple[Any, ...], Future[Any]]] = deque()

        def first() -> Any:
            item, kept = pending.popleft()
            try:
                return self.result(kept)
            except WorkersDied as error:
                if instead is None:
                    raise
                return instead(item, error)

        try:
            for item in items:
                pending.append((item, self.keep(work, *item)))
                if len(pending) > AHEAD * self.threads:
                    yield first()
            while pending:
                yield first()
        finally:  # also if one failed, or no more are wanted
            for _, kept in pending:
                kept.cancel()

    def total(self, kept: Iterable["Future[Any]"], add: Callable[[Result, Result], Result]) -> Any:
        """Return the sum of what was kept: neighbours are added, then their sums, by the workers.

        So it depends on the order of the summands, not on who is there to add them. Sums are asked
        for as soon as they can be, so that summands do not pile up.
        """
        sums: list[tuple[int, Future[Any]]] = []  # and of how many summands, as a binary counter
        for future in kept:
            size = 1
            while sums and sums[-1][0] == size:
                future, size = self.keep(add, sums.pop()[1], future), 2 * size
            sums.append((size, future))
        _, total = sums.pop()
        while sums:
            total = self.keep(add, sums.pop()[1], total)
        return self.result(total)

    def _translated(self, error: BaseException) -> BaseException:
        """Return an error as the user's, where it is one of the cluster's."""
        from distributed import KilledWorker

        if isinstance(error, KilledWorker):
            return WorkersDied("workers of the cluster died of it, one after another")
        if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("sr_arn"):
            return InputError(f"scheduler {self.address}: a worker lacks sr-arn; install it there")
        if isinstance(error, CancelledError) or self.client.status != "running":
            return InputError(f"scheduler {self.address}: was lost")
        return error


def _do(expected: str, work: Callable[..., Result], *args: Any) -> Result:
    """Do what the client asks for, if it has the same version."""
    if (own := version("sr-arn")) != expected:
        raise InputError(f"scheduler: a worker has sr-arn {own}, expected {expected}; install that")
    return work(*args)


@contextmanager
def open_cluster(workers: int | None, scheduler: str | None) -> Iterator[Cluster | None]:
    """Start workers on this machine or join a scheduler, until the end; with neither, do nothing.

    Parameters
    ----------
    workers : int, optional
        Processes of one thread each. They speak TLS, with a certificate of this run.
    scheduler : str, optional
        Address, such as tcp://10.0.0.1:8786. Dask's configuration says how to speak TLS.

    Raises
    ------
    InputError
        If both are given, Dask is not installed, or nobody answers.
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
        raise InputError(
            'scheduler: Dask is not installed; pip install "sr-arn[distributed]"'
        ) from None
    _silence()
    if scheduler is not None:
        asyncio.run(_knock(scheduler))
        with Client(scheduler, set_as_default=False) as client:
            yield _with_workers(client)
        return
    with (
        dask.config.set(NO_PAGES),
        LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            security=True,
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield _with_workers(client)


def _silence() -> None:
    """Keep Dask's log from the terminal: what goes wrong is told in our words."""
    for name, logger in logging.root.manager.loggerDict.items():
        is_dasks = name.partition(".")[0] in ("distributed", "tornado", "asyncio")
        if is_dasks and isinstance(logger, logging.Logger):
            logger.handlers, logger.propagate = [logging.NullHandler()], False


async def _knock(scheduler: str) -> None:
    """Raise `InputError` if nobody answers; a `Client` would not go away for a minute then."""
    from distributed.comm import connect
    from distributed.security import Security

    try:
        secrets = Security().get_connection_args("client")
        comm = await connect(scheduler, timeout=KNOCKING, **secrets)
        await comm.close()
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        reason = str(error) or type(error).__name__
        raise InputError(
            f"scheduler: {display(scheduler)} cannot be reached: {display(reason)}"
        ) from error


def _with_workers(client: "Client") -> Cluster:
    """Wait for the first worker."""
    cluster = Cluster(client)
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError:
        raise InputError(
            f"scheduler {cluster.address}: has no workers; start some with dask worker"
        ) from None
    return cluster
