"""How much memory the process may still take before its control group, a container say, kills it.

A limit of addresses (`ulimit -v`) makes an allocation fail, which can be told. A control group
kills instead, without a word: its limit must be known beforehand. [Linux, cgroup-v1/memory.rst,
cgroup-v2.rst].
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
"""Copies of files, which give way."""


def check_memory(needed: int, what: str) -> None:
    """Raise `InputError` if `what` takes more bytes than are left."""
    if needed > (left := memory_left()):
        raise InputError(
            f"{what}, which takes {needed / 1e6:,.0f} MB of memory where the container leaves "
            f"{left / 1e6:,.0f}; raise its limit"
        )


def memory_left() -> float:
    """Return bytes, infinite where nothing limits them."""
    try:
        lines = OWN.read_text().splitlines()
    except OSError:  # no Linux
        return math.inf
    least = math.inf
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers not in ("memory", ""):
            continue
        top = MOUNT / controllers
        group = top / path.strip("/")
        for place in (group, *group.parents):  # each limits those within
            least = min(least, _left_in(place, FIRST if controllers else SECOND))
            if place == top:
                break
    return least


def _left_in(group: Path, names: tuple[str, str]) -> float:
    """Return the limit less what is in use and does not give way."""
    try:
        most, used = (int((group / name).read_text()) for name in names)
        lines = (group / "memory.stat").read_text().splitlines()
    except (OSError, ValueError):  # there is none, or it is "max"
        return math.inf
    counts = dict(line.split() for line in lines)
    return max(0, most - used + sum(int(counts.get(cache, 0)) for cache in CACHES[names]))
