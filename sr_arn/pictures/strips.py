"""Pictures that are never all there: some rows of pixels at a time, from the top."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["regrouped"]

Pixels = NDArray[Any]


def regrouped(strips: Iterable[Pixels], rows: int) -> Iterator[Pixels]:
    """Yield the same rows [h, w, ...] so many at a time; the last may be fewer."""
    rest: list[Pixels] = []
    for strip in strips:
        rest.append(strip)
        if sum(map(len, rest)) >= rows:
            whole = rest[0] if len(rest) == 1 else np.concatenate(rest)
            end = len(whole) - len(whole) % rows
            yield from np.split(whole[:end], range(rows, end, rows))
            rest = [whole[end:]]
    whole = np.concatenate(rest) if rest else np.empty(0)
    if len(whole):
        yield whole
