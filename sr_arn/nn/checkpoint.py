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
            epochs = header.get("epochs") if isinstance(header, dict) else None
            if type(epochs) is not int or epochs < 1:
                raise InputError(f"{where}: is no checkpoint of sr-arn")
            _check_settings(header.get("settings"), settings, where)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict
    except InputError:
        raise
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise InputError(f"{where}: is damaged or cut off ({display(error)})") from error
    try:
        _restore(tensors, module, optimiser)
    except (RuntimeError, ValueError, LookupError) as error:
        raise InputError(f"{where}: does not fit the model ({display(error)})") from error
    return epochs


def _restore(
    tensors: dict[str, torch.Tensor], module: nn.Module, optimiser: torch.optim.Optimizer
) -> None:
    """Load what `write_checkpoint` kept; `RuntimeError`, `ValueError` if it does not fit."""
    shapes = [parameter.shape for parameter in module.parameters()]
    state: dict[int, dict[str, torch.Tensor]] = {number: {} for number in range(len(shapes))}
    model = {}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        if part == "model":
            model[rest] = tensor
            continue
        number, _, entry = rest.partition(".")
        if tensor.shape not in (shapes[int(number)], ()):
            raise ValueError(f"{name} of shape {list(tensor.shape)}")
        state[int(number)][entry] = tensor
    module.load_state_dict(model)
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})


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
