"""States of a training run on disk: safetensors with a JSON header; nothing is executed."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sr_arn.errors import InputError, SrArnError, display
from sr_arn.system.files import local_copy, write_whole

__all__ = ["read_checkpoint", "write_checkpoint"]

KEY = "sr_arn_checkpoint"
KEPT = 30  # characters before a difference that are reported
ENTRIES = {
    torch.optim.Adam: {"step", "exp_avg", "exp_avg_sq"},
    torch.optim.SGD: {"momentum_buffer"},
}
"""The state of a parameter in each optimiser."""
DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def write_checkpoint(
    path: Path,
    module: nn.Module,
    optimiser: torch.optim.Optimizer,
    average: dict[str, torch.Tensor],
    settings: dict[str, Any],
    epochs: int,
) -> None:
    """Write the state after a number of epochs, completely or not at all.

    Parameters
    ----------
    path : Path
    module : Module
    optimiser : Optimizer
    average : dict of Tensor
        Running means of parameters, by their names.
    settings : dict
        Plain values that distinguish this run from others.
    epochs : int
        The number of completed epochs.
    """
    from safetensors.torch import save

    tensors = {f"model.{name}": value for name, value in module.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.items()}
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
    path: Path,
    module: nn.Module,
    optimiser: torch.optim.Optimizer,
    average: dict[str, torch.Tensor],
    settings: dict[str, Any],
    most_epochs: int,
) -> int:
    """Load a checkpoint into module, optimiser and average; return the completed epochs.

    Raises
    ------
    InputError
        If the file is missing, damaged or no checkpoint, has other settings, or claims more
        than `most_epochs`.
    """
    from safetensors import SafetensorError, safe_open

    where = f"checkpoint {display(path)}"
    if not path.is_file():
        raise InputError(f"{where}: there is no such file")
    try:
        with local_copy(path) as copy, safe_open(copy, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get(KEY, "{}"))
            epochs = header.get("epochs") if isinstance(header, dict) else None
            if type(epochs) is not int or not 1 <= epochs <= most_epochs:
                raise InputError(f"{where}: is no checkpoint of sr-arn")
            _check_settings(header.get("settings"), settings, where)
            expected = _expected(module, optimiser, average)
            found = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            for name in expected.keys() | found.keys():
                _check_tensor(name, expected.get(name), found.get(name), where)
            tensors = {name: file.get_tensor(name) for name in expected}
    except SrArnError:
        raise
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise InputError(f"{where}: is damaged or cut off ({display(error)})") from error
    module.load_state_dict(
        {name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")}
    )
    for name, value in average.items():
        value.copy_(tensors[f"average.{name}"])
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimiser."):
            _, number, entry = name.split(".")
            state.setdefault(int(number), {})[entry] = tensor
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})
    return epochs


def _expected(
    module: nn.Module, optimiser: torch.optim.Optimizer, average: dict[str, torch.Tensor]
) -> dict[str, tuple[str, list[int]]]:
    """Return dtype and shape of every tensor that `write_checkpoint` writes."""
    tensors = {f"model.{name}": value for name, value in module.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.items()}
    expected = {name: (DTYPES[t.dtype], list(t.shape)) for name, t in tensors.items()}
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    for number, parameter in enumerate(parameters):
        for entry in ENTRIES[type(optimiser)]:
            shape = [] if entry == "step" else list(parameter.shape)
            expected[f"optimiser.{number}.{entry}"] = "F32", shape
    return expected


def _check_tensor(
    name: str, expected: tuple[str, list[int]] | None, found: Any, where: str
) -> None:
    """Raise `InputError` unless a tensor is expected, exists, and has the right dtype and shape."""
    if expected is None or found is None:
        what = "is missing" if found is None else "is one too many"
        raise InputError(f"{where}: does not fit the model: {display(name)} {what}")
    if (found.get_dtype(), found.get_shape()) != expected:
        raise InputError(
            f"{where}: does not fit the model: {display(name)}: expected {expected[0]} "
            f"{expected[1]}, received {found.get_dtype()} {found.get_shape()}"
        )


def _check_settings(found: Any, expected: dict[str, Any], where: str) -> None:
    """Raise `InputError` if the checkpoint belongs to another run."""
    expected = json.loads(json.dumps(expected))  # tuples as lists, as in the file
    for name, value in expected.items():
        theirs = found.get(name) if isinstance(found, dict) else None
        if theirs != value:
            ours, theirs = _from_where_they_differ(str(value), str(theirs))
            raise InputError(
                f"{where}: is of another {name}: expected {display(ours)}, "
                f"received {display(theirs)}; train with the same options and images"
            )


def _from_where_they_differ(a: str, b: str) -> tuple[str, str]:
    """Return two texts without most of their common beginning."""
    alike = next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), 0)
    start = max(0, alike - KEPT)
    return ("..." * (start > 0) + a[start:], "..." * (start > 0) + b[start:])
