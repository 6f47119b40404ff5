"""Headers of safetensors files, read and checked first."""

import json
import os
from typing import IO, Any

from sr_arn.errors import InputError

__all__ = ["read_entry"]

LARGEST_HEADER = 1_000_000  # bytes; ours have a few thousand
LARGEST_FILE = 1_000_000_000  # bytes; ours have a few million


def read_entry(file: IO[bytes], key: str, where: str) -> Any:
    """Return the JSON in an entry of the header of a safetensors file.

    Raises
    ------
    InputError
        If it is not a safetensors file, its sizes are implausible, or the entry is missing.
    """
    start = file.read(8)
    size = file.seek(0, os.SEEK_END)
    file.seek(len(start))
    length = int.from_bytes(start, "little")
    if len(start) < 8 or size > LARGEST_FILE or not 2 <= length <= min(size - 8, LARGEST_HEADER):
        if start[:1] == b"\x80" or start[:2] == b"PK":
            raise InputError(f"{where}: is a pickle or PyTorch file; only safetensors are loaded")
        raise InputError(f"{where}: is no safetensors file, or is cut off")
    try:
        return json.loads(json.loads(file.read(length))["__metadata__"][key])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(f"{where}: is no sr-arn model: its header has no {key!r} entry") from None
