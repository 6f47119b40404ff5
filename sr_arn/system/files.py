"""Output files that are complete or absent, and local copies for libraries that need names."""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import IO, Any

from sr_arn.errors import InputError, display
from sr_arn.system.locations import is_local, location

__all__ = ["check_folder", "check_output", "local_copy", "write_whole"]


def check_output(path: str | os.PathLike[str], name: str = "output") -> Path:
    """Return `path` if a file can be written there; called before any work.

    `name` is that of the option.

    Raises
    ------
    InputError
        If it is a folder, or its folder is missing or not writable.
    """
    path = location(path)
    if path.is_dir():
        raise InputError(f"{name}: expected a file, {display(path)} is a folder")
    if not is_local(path):
        return _check_store(path, name)
    if not path.parent.is_dir():
        raise InputError(f"{name}: the folder {display(path.parent)} does not exist; create it")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise InputError(f"{name}: the folder {display(path.parent)} is not writable")
    if path.exists() and not os.access(path, os.W_OK):
        raise InputError(f"{name}: {display(path)} is write-protected")
    return path


def check_folder(path: str | os.PathLike[str], name: str = "output") -> Path:
    """Return `path` if it is a writable folder, or can be created.

    Raises
    ------
    InputError
        If it is not a folder, or cannot be written to or created.
    """
    path = location(path)
    if not is_local(path) and not path.is_file():
        return _check_store(path, name)
    there = next(p for p in (path, *path.absolute().parents) if p.exists())
    if not there.is_dir():
        raise InputError(f"{name}: expected a folder, {display(there)} is a file")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"{name}: the folder {display(there)} is not writable")
    return path


def _check_store(path: Any, name: str) -> Path:
    """Return the path if its store accepts files; their folders may be missing."""
    path.check_output(name)
    return path


def write_whole(path: str | os.PathLike[str], write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` fill a temporary file beside `path`, open for reading too, then rename it.

    A file for a store is filled on this machine, then uploaded. A reader never sees a partial file,
    and a failure leaves the previous one. The permissions are those of any new file.

    Raises
    ------
    InputError
        If the folder cannot be written to or the disk is full.
    """
    path = check_output(path)
    if not is_local(path):
        _send(path, write)
        return
    if path.exists() and not path.is_file():  # a device or a pipe is not replaced
        whole = BytesIO()
        write(whole)
        path.write_bytes(whole.getbuffer())
        return
    path = path.resolve()  # follow links to the file
    stem = os.fsencode(path.name)[:80].decode(errors="ignore")
    temporary = path.with_name(f".{stem}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open("x+b") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"output: cannot write {display(path)}: {display(reason)}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _send(path: Any, write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` fill a local temporary file, then upload it to a store."""
    try:
        with NamedTemporaryFile() as file:  # tifffile needs a name
            write(file)
            file.seek(0)
            path.put(file)
    except OSError as error:
        reason = display(error.strerror or error)
        raise InputError(f"output: cannot write {display(path)}: {reason}") from error


@contextmanager
def local_copy(path: Path) -> Iterator[Path]:
    """Yield a local file with the content of `path`: itself, or a temporary copy."""
    if is_local(path):
        yield path
        return
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        with path.open("rb") as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target)
        yield copy
