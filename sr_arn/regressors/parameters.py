"""Parameters given to `__init__`, by name, as scikit-learn expects them of an estimator."""

import inspect
import re
from collections.abc import Collection
from typing import Any, NamedTuple, Self

__all__ = ["Parameter", "Parameters"]

SECTION = re.compile(r"^Parameters\n-+\n(.*?)(?=\n\n\S|\Z)", re.DOTALL | re.MULTILINE)
ENTRY = re.compile(r"^(\S.*?) :.*((?:\n +.*)*)", re.MULTILINE)


class Parameter(NamedTuple):
    """A parameter, as signature and docstring have it."""

    name: str
    type: Any
    default: Any
    help: str
    """The first sentence of its description, without a full stop."""


class Parameters:
    """Base class that lists, sets and shows the parameters that `__init__` stored."""

    @classmethod
    def described(cls) -> list[Parameter]:
        """Return the descriptions of the parameters, in their order."""
        section = SECTION.search(inspect.getdoc(cls) or "")
        helps = {
            name: _first_sentence(text)
            for names, text in ENTRY.findall(section[1] if section else "")
            for name in names.split(", ")
        }
        try:
            signature = inspect.signature(cls, eval_str=True)
        except NameError:  # of a type that is imported for type checkers alone
            signature = inspect.signature(cls)
        return [
            Parameter(
                p.name,
                type(p.default) if p.annotation is p.empty else p.annotation,
                p.default,
                helps.get(p.name, ""),
            )
            for p in signature.parameters.values()
        ]

    @classmethod
    def _parameter_names(cls) -> list[str]:
        return sorted(inspect.signature(cls).parameters)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters given to `__init__`, as scikit-learn expects them."""
        return {name: getattr(self, name) for name in self._parameter_names()}

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name; an unknown one raises `ValueError`."""
        known = self._parameter_names()
        for name, value in params.items():
            if name not in known:
                raise ValueError(
                    f"parameter: expected one of {', '.join(known)}, received {name!r}"
                )
            setattr(self, name, value)
        return self

    def settle(self, given: Collection[str]) -> None:
        """Choose parameters that depend on others, except those given by name.

        The command line calls it once it has set what the user gave.
        """

    def __repr__(self) -> str:
        """Show the parameters."""
        given = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({given})"


def _first_sentence(text: str) -> str:
    """Return it in one line, without marks of code and the full stop."""
    line = " ".join(text.split()).replace("`", "")
    return re.split(r"[.:](?: |$)", line)[0]
