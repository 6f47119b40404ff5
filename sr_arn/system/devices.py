"""The device that torch computes on; without torch, the CPU."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from sr_arn.errors import InputError, UnavailableError, display

if TYPE_CHECKING:
    import torch

__all__ = ["DEVICES", "find_device", "find_gpu"]

DEVICES = ("auto", "cpu", "cuda")


def find_device(name: str) -> "torch.device":
    """Return torch's device "cpu" or "cuda"; "auto" is a GPU if there is one.

    Raises
    ------
    InputError
        If the name is unknown.
    UnavailableError
        If torch or the device is missing.
    """
    if name not in DEVICES:
        raise InputError(f"device: expected auto, cpu or cuda, received {display(name)}")
    try:
        import torch
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise UnavailableError(
            'torch: is not installed and this needs it; pip install "sr-arn[torch]"'
        ) from error
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise UnavailableError("device: there is no CUDA device that this torch can use; take cpu")
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def find_gpu(name: str) -> "torch.device | None":
    """Return the device if it is a GPU; "cpu" and "auto" need no torch here.

    Raises
    ------
    InputError, UnavailableError
        As `find_device`, if a GPU is requested.
    """
    if name == "cpu" or (name == "auto" and find_spec("torch") is None):
        return None
    device = find_device(name)
    return device if device.type == "cuda" else None
