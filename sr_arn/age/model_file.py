"""Age models on disk: safetensors with a JSON header, checked on loading; nothing is executed.

The metadata of the file has one entry, "sr_arn_age", a JSON object:

==============  ===========================================================================
format_version  1
plan            the `Plan`: backbone, head, backbone_options, head_options
side            pixels of a face
margin          around it, on each side: a share of the width and height that the cascade finds
training        what it was trained on, and how
error           mean absolute error in years on faces held out, or null
==============  ===========================================================================
"""

import json
import math
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch

from sr_arn.age.model import AgeModel, Plan
from sr_arn.errors import InputError, SrArnError, display
from sr_arn.system.files import local_copy, write_whole
from sr_arn.system.locations import location
from sr_arn.system.safetensors_header import read_entry

__all__ = ["SavedModel", "load_age_model", "save_age_model"]

KEY = "sr_arn_age"
FORMAT_VERSION = 1
LARGEST_SIDE, LARGEST_MARGIN = 1024, 2


class SavedModel(NamedTuple):
    """A model, and what its file tells of it."""

    model: AgeModel
    plan: Plan
    side: int
    """Pixels of a face."""
    margin: float
    """Around a face that the cascade finds, as a share of its width and height."""
    training: dict[str, Any]
    error: float | None
    """Mean absolute error in years on faces held out."""


def save_age_model(path: str | os.PathLike[str], saved: SavedModel) -> None:
    """Write a model to a .safetensors file, whole or not at all.

    Parameters
    ----------
    path : str or path
    saved : SavedModel

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    from safetensors.torch import save

    header = {
        "format_version": FORMAT_VERSION,
        "plan": asdict(saved.plan),
        "side": saved.side,
        "margin": saved.margin,
        "training": saved.training,
        "error": saved.error,
    }
    tensors = {name: value.contiguous() for name, value in saved.model.state_dict().items()}
    data = save(tensors, metadata={KEY: json.dumps(header)})
    write_whole(path, lambda file: file.write(data))


def load_age_model(path: str | os.PathLike[str]) -> SavedModel:
    """Return the model of a file, ready to predict.

    Parameters
    ----------
    path : str or path

    Raises
    ------
    InputError
        If the file cannot be read or is not a sound model.
    """
    path = location(path)
    where = f"model {display(path)}"
    try:
        with path.open("rb") as file:
            header = read_entry(file, KEY, where)
    except OSError as error:
        raise InputError(f"{where}: cannot be read: {error.strerror or error}") from error
    _check(header, where)
    plan = Plan(**header["plan"])
    try:
        with torch.device("meta"):  # takes no memory, whatever the options say
            model = plan.build()
        with local_copy(path) as file:
            _fill(model, file, where)
        black = torch.zeros(2, 3, header["side"], header["side"])
        ages = model.eval()(black)
    except SrArnError as error:
        message = str(error) if str(error).startswith(where) else f"{where}: {error}"
        raise type(error)(message) from error
    except (TypeError, ValueError, IndexError, RuntimeError) as error:
        raise InputError(f"{where}: is not sound: {display(error)}") from error
    if ages.shape != (2,) or not bool(ages.isfinite().all()):
        raise InputError(f"{where}: is not sound: it makes no ages of faces")
    side, margin = header["side"], float(header["margin"])
    return SavedModel(model, plan, side, margin, header["training"], header.get("error"))


def _check(header: Any, where: str) -> None:
    """Raise `InputError` unless every field has the type and range that the rest relies on."""
    if not isinstance(header, dict) or header.get("format_version") != FORMAT_VERSION:
        version = header.get("format_version") if isinstance(header, dict) else None
        raise InputError(
            f"{where}: expected format version {FORMAT_VERSION}, received {display(version)}"
        )
    plan, side, margin, error = map(header.get, ("plan", "side", "margin", "error"))
    is_sound = {
        "plan": isinstance(plan, dict) and set(plan) == set(Plan.__dataclass_fields__),
        "side": isinstance(side, int) and 1 <= side <= LARGEST_SIDE,
        "margin": isinstance(margin, int | float) and 0 <= margin <= LARGEST_MARGIN,
        "training": isinstance(header.get("training"), dict),
        "error": error is None or (isinstance(error, int | float) and 0 <= error < math.inf),
    }
    if isinstance(plan, dict):
        for name in ("backbone_options", "head_options"):
            is_sound[name] = isinstance(plan.get(name), dict)
    for name, sound in is_sound.items():
        if not sound:
            raise InputError(f"{where}: the header's {name!r} is not sound")


def _fill(model: AgeModel, path: Path, where: str) -> None:
    """Put the file's numbers into a model that has none; shapes are checked beforehand."""
    from safetensors import SafetensorError, safe_open

    expected = model.state_dict()
    try:
        with safe_open(path, framework="pt") as file:
            found = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118 - it is no dict
            for name in expected.keys() | found.keys():
                shape = list(expected[name].shape) if name in expected else None
                if found.get(name) != shape:
                    raise InputError(
                        f"{where}: {display(name)}: expected shape {shape}, "
                        f"received {found.get(name)}"
                    )
            tensors = {name: file.get_tensor(name) for name in expected}
    except (SafetensorError, OSError) as error:
        raise InputError(f"{where}: is damaged or cut off ({display(error)})") from error
    for name, tensor in tensors.items():
        if tensor.dtype != expected[name].dtype or not bool(tensor.isfinite().all()):
            raise InputError(
                f"{where}: {display(name)}: expected finite numbers of {expected[name].dtype}"
            )
    model.load_state_dict(tensors, assign=True)
