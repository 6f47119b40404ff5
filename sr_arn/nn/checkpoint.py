"""States of a training run on disk: safetensors with a JSON header; nothing is executed."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sr_arn.checks import InputError, display
from sr_arn.files import write_whole

__all__ = ["read_checkpoint", "write_checkpoint"]

KEY = "sr_arn_checkpoint"


def write_checkpoint(
    path: Path,
    module: nn.Module,
    optimiser: torch.optim.Optimizer,
    settings: dict[str, Any],
    epochs: int,
) -> None:
    """Write the state after a number of epochs, whole or not at all.

    Parameters
    ----------
    path : Path
    module : Module
    optimiser : Optimizer
    settings : dict
        What tells this run from others, of plain values.
    epochs : int
        How many are done.
    """
    from safetensors.torch import save

    tensors = {f"model.{name}": value for name, value in module.state_dict().items()}
    for number, state in optimiser.state_dict()["state"].items():
        tensors |= {
            f"optimiser.{number}.{name}": value
            for name, value in state.items()
            if value is not None
        }
    stored = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    header = {KEY: json.dumps({"epochs": epochs, "settings": settings})}
    data = save(stored, metadata=header)
    write_whole(path, lambda file: file.write(data))


def read_checkpoint(
    path: Path, module: nn.Module, optimiser: torch.optim.Optimizer, settings: dict[str, Any]
) -> int:
    """Put module and optimiser into the state of a checkpoint; return the epochs done.

    Raises
    ------
    InputError
        If the file is missing, damaged, no checkpoint, or of other settings.
    """
    from safetensors import SafetensorError, safe_open

    where = f"checkpoint {display(path)}"
    if not path.is_file():
        raise InputError(f"{where}: there is no such file")
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get(KEY, "{}"))
            if not isinstance(header, dict) or not isinstance(header.get("epochs"), int):
                raise InputError(f"{where}: is no checkpoint of sr-arn")
            _check_settings(header.get("settings"), settings, where)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict
    except (SafetensorError, OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{where}: is damaged or cut off ({display(error)})") from error
    state: dict[int, dict[str, Any]] = {}
    model = {}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        if part == "model":
            model[rest] = tensor
        else:
            number, _, entry = rest.partition(".")
            state.setdefault(int(number), {})[entry] = tensor
    try:
        module.load_state_dict(model)
        groups = optimiser.state_dict()["param_groups"]
        optimiser.load_state_dict({"state": state, "param_groups": groups})
    except (RuntimeError, ValueError, KeyError) as error:
        raise InputError(f"{where}: does not fit the model ({display(error)})") from error
    return int(header["epochs"])


def _check_settings(found: Any, expected: dict[str, Any], where: str) -> None:
    """Raise `InputError` if the checkpoint is of another run."""
    expected = json.loads(json.dumps(expected))  # tuples as lists, as in the file
    for name, value in expected.items():
        theirs = found.get(name) if isinstance(found, dict) else None
        if theirs != value:
            raise InputError(
                f"{where}: is of another {name}: expected {display(value)}, "
                f"received {display(theirs)}; train with the same options and images"
            )
