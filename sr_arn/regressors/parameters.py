"""Parameters given to `__init__`, by name, as scikit-learn expects them of an estimator."""

import inspect
from typing import Any, Self

__all__ = ["Parameters"]


class Parameters:
    """Base class that lists, sets and shows what `__init__` has stored under its own names."""

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

    def __repr__(self) -> str:
        """Show the parameters."""
        given = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({given})"
