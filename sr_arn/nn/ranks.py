"""Several processes that train one model, each on its share of every batch.

This is the only module that uses `torch.distributed`. Without a process group there is one process,
and all functions here do nothing.
"""

import hashlib
import os
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from sr_arn.errors import InputError, UnavailableError

__all__ = ["Ranks", "first_to_tell", "is_lost", "join", "leave"]

LONGEST_WAIT = timedelta(minutes=20)  # for another process, for example rank 0 while it evaluates
LONGEST_TALK = timedelta(seconds=10)  # with torchrun


@dataclass(frozen=True)
class Ranks:
    """The number of this process, and how many there are.

    Attributes
    ----------
    rank : int, default 0
        Rank 0 writes files and prints.
    count : int, default 1
    """

    rank: int = 0
    count: int = 1

    @classmethod
    def present(cls) -> "Ranks":
        """Return the ranks of torch's default process group; a single one without a group."""
        if not (dist.is_available() and dist.is_initialized()):
            return cls()
        return cls(dist.get_rank(), dist.get_world_size())

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and prints."""
        return self.rank == 0

    def share(self, rows: int) -> tuple[slice, float]:
        """Return the rows of a batch for this process, and the fraction of the batch they are.

        They are every `count`-th row. With fewer rows than processes, a process without rows gets
        the first row with the fraction 0.
        """
        own = len(range(self.rank, rows, self.count))
        return slice(self.rank, None, self.count) if own else slice(0, 1), own / rows

    def parallel(self, module: nn.Module) -> nn.Module:
        """Return a module whose backward pass averages the gradients over all processes.

        Buffers, such as the running statistics of normalisation, stay separate in each process.
        """
        if self.count == 1:
            return module
        buffers = [name for name, _ in module.named_buffers()]
        ignore = DistributedDataParallel._set_params_and_buffers_to_ignore_for_model
        ignore(module, buffers)  # type: ignore[no-untyped-call] # torch does not type it
        return DistributedDataParallel(module)

    def total(self, number: Tensor) -> float:
        """Return the sum of a number over all processes."""
        if self.count > 1:
            number = number.clone()
            dist.all_reduce(number)
        return float(number)

    def check_alike(self, what: str, device: torch.device) -> None:
        """Raise `InputError` in all processes unless `what` is the same text in all."""
        if self.count == 1:
            return
        digest = hashlib.blake2b(what.encode(), digest_size=7).digest()
        number = int.from_bytes(digest, "big")
        extremes = torch.tensor([number, -number], device=device)
        dist.all_reduce(extremes, dist.ReduceOp.MAX)
        if int(extremes.sum()) != 0:
            raise InputError(
                "training: expected the same images, options and checkpoint in all processes, "
                "received others in some"
            )


def join(on_gpus: bool) -> None:
    """Join the processes that torchrun started, by NCCL with a GPU each, or by Gloo.

    Raises
    ------
    UnavailableError
        If the machine has fewer GPUs than processes.
    """
    if on_gpus:
        local, gpus = int(os.environ.get("LOCAL_RANK", 0)), torch.cuda.device_count()
        if local >= gpus:
            raise UnavailableError(
                f"device: expected a GPU for each process, received {gpus}; start {gpus} processes "
                "a machine (--nproc-per-node), or take cpu"
            )
        torch.cuda.set_device(local)
    dist.init_process_group("nccl" if on_gpus else "gloo", timeout=LONGEST_WAIT)


def leave() -> None:
    """Leave the process group at the end of a successful run."""
    dist.destroy_process_group()


def is_lost(error: BaseException) -> bool:
    """Whether an error means that another process no longer answers."""
    return isinstance(error, dist.DistError) or "gloo/transport" in str(error)


def first_to_tell() -> bool:
    """Whether this process is the first to ask since torchrun last started the processes.

    The answer comes from torchrun's own store, which outlives the processes; if the store is gone
    too, every process reports.
    """
    try:
        from torch.distributed import TCPStore  # type: ignore[attr-defined] # nor says it exports it

        address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        store = TCPStore(address, port, is_master=False, timeout=LONGEST_TALK)
        start = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        return int(store.add(f"sr_arn/told/{start}", 1)) == 1
    except (RuntimeError, ValueError, KeyError):
        return True
