"""Where torch computes; without torch, on the processor alone."""

from importlib.util import find_spec

from sr_arn.checks import InputError

__all__ = ["check_device", "find_gpu"]


def check_device(name: str) -> None:
    """Raise `InputError` unless torch is installed and has the device."""
    try:
        from sr_arn.nn.training import find_device
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise InputError("torch: is not installed and this needs it; pip install torch") from error
    find_device(name)


def find_gpu(device: str) -> str | None:
    """Return "cuda" if that is the device or, for "auto", torch is installed and has it.

    Raises
    ------
    InputError
        If "cuda" is missing, or the device is none of those and not "cpu", which needs no torch.
    """
    if device == "cpu" or (device == "auto" and find_spec("torch") is None):
        return None
    check_device(device)
    from sr_arn.nn.training import find_device

    return "cuda" if find_device(device).type == "cuda" else None
