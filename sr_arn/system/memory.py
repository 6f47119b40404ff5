"""The memory that is left before the control group, for example of a container, kills the process.

A limit of the address space (`ulimit -v`) makes an allocation fail, which can be reported. A
control group kills the process without a message, so its limit must be known beforehand. [Linux,
cgroup-v1/memory.rst, cgroup-v2.rst].
"""

import math
from pathlib import Path

from sr_arn.errors import InputError

__all__ = ["check_memory", "memory_left"]

MOUNT, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
FIRST = "memory.limit_in_bytes", "memory.usage_in_bytes"  # of version 1
SECOND = "memory.max", "memory.current"
CACHES = {
    FIRST: ("total_inactive_file", "total_active_file"),
    SECOND: ("inactive_file", "active_file"),
}
"""Cached files, which the system drops if memory is needed."""


def check_memory(needed: int, what: str) -> None:
    """Raise `InputError` if `what` takes more bytes than are left."""
    if needed > (left := memory_left()):
        raise InputError(
            f"{what}, which takes {needed / 1e6:,.0f} MB of memory where the container leaves "
            f"{left / 1e6:,.0f}; raise its limit"
        )


def memory_left() -> float:
    """Return the number of bytes left, infinite without a limit."""
    try:
        lines = OWN.read_text().splitlines()
    except OSError:  # not Linux
        return math.inf
    least = math.inf
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers not in ("memory", ""):
            continue
        top = MOUNT / controllers
        group = top / path.strip("/")
        for place in (group, *group.parents):  # a group limits its children
            least = min(least, _left_in(place, FIRST if controllers else SECOND))
            if place == top:
                break
    return least


def _left_in(group: Path, names: tuple[str, str]) -> float:
    """Return the limit minus the memory in use, without cached files."""
    try:
        most, used = (int((group / name).read_text()) for name in names)
        lines = (group / "memory.stat").read_text().splitlines()
    except (OSError, ValueError):  # there is no limit, or it is "max"
        return math.inf
    counts = dict(line.split() for line in lines)
    return max(0, most - used + sum(int(counts.get(cache, 0)) for cache in CACHES[names]))
