"""Classes by name, imported when they are asked for; and what other packages register."""

from collections.abc import Iterator, MutableMapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Generic, TypeVar

__all__ = ["GROUP", "Registry", "load_plugins"]

GROUP = "sr_arn"
"""Entry points of other packages, each a function without arguments that registers something."""

T = TypeVar("T")


class Registry(MutableMapping[str, type[T]], Generic[T]):
    """Classes by the name that each of them states.

    Parameters
    ----------
    key : str
        The attribute of a class that holds its name.
    homes : dict
        "module:Class" by name.

    Examples
    --------
    >>> from sr_arn.registry import Registry
    >>> planes = Registry("name", {"rim": "sr_arn.planes:Rim"})
    >>> planes["rim"].__name__
    'Rim'
    """

    def __init__(self, key: str, homes: dict[str, str]) -> None:
        self._key = key
        self._entries: dict[str, str | type[T]] = {**homes}

    def register(self, item: type[T]) -> type[T]:
        """Add a class under its name, and return it: a decorator.

        Raises
        ------
        ValueError
            If another class has the name.
        """
        name = getattr(item, self._key)
        if name in self and _home(self[name]) != _home(item):  # it may be defined anew
            raise ValueError(f"{self._key}: {name!r} is taken by {self[name].__name__}")
        self[name] = item
        return item

    def __getitem__(self, name: str) -> type[T]:
        """Return the class of a name."""
        entry = self._entries[name]
        if not isinstance(entry, str):
            return entry
        module, _, attribute = entry.partition(":")
        found: type[T] = getattr(import_module(module), attribute)
        self._entries[name] = found
        return found

    def __setitem__(self, name: str, item: type[T] | str) -> None:
        """Put a class, or where to find it, under a name."""
        self._entries[name] = item

    def __delitem__(self, name: str) -> None:
        """Forget a name."""
        del self._entries[name]

    def __contains__(self, name: object) -> bool:
        """Return whether a name is known; nothing is imported for it."""
        return isinstance(name, str) and name in self._entries

    def __iter__(self) -> Iterator[str]:
        """Yield the names; nothing is imported for it."""
        return iter(self._entries)

    def __len__(self) -> int:
        """Return the number of names."""
        return len(self._entries)


def _home(item: type) -> tuple[str, str]:
    """Return where a class is defined."""
    return item.__module__, item.__qualname__


@cache
def load_plugins() -> None:
    """Let installed packages register their formats, models, regressors and degradations.

    The command line and workers of a cluster call it once; from Python, a package is imported by
    its user.
    """
    for entry in entry_points(group=GROUP):
        entry.load()()
