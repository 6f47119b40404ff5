"""Locations of files: local paths, and URLs that fsspec supports."""

import glob
import os
import re
import sys
from pathlib import Path
from typing import Any, cast

from sr_arn.errors import UnavailableError, display

__all__ = ["identity", "is_local", "is_location", "is_pattern", "is_same", "location"]

URL = re.compile(r"[a-z][a-z0-9+.-]+(::[a-z][a-z0-9+.-]+)*://", re.IGNORECASE)  # C:// is not a URL
NEEDED = ("upath", "fsspec", "pathlib_abc")


def location(given: Any) -> Path:
    """Return the location of a file or folder.

    Parameters
    ----------
    given : str, path or UPath
        A string that begins with a scheme, for example s3://bucket/photo.png, is always a URL; a
        local file with such a name is given as ./s3://bucket/photo.png.

    Returns
    -------
    Path
        For a URL, a `sr_arn.system.remote.Store`, which has the interface of a path.

    Raises
    ------
    InputError
        If no driver supports such a URL.
    UnavailableError
        If its driver is not installed.
    """
    if isinstance(given, os.PathLike) or (isinstance(given, str) and not URL.match(given)):
        return Path(given)
    try:
        from sr_arn.system.remote import Store
    except ModuleNotFoundError as error:
        if error.name not in NEEDED:
            raise
        raise UnavailableError(
            f'{display(given)}: URLs are reached by fsspec: pip install "sr-arn[distributed]"; a '
            "file of this machine that is called so is given as ./NAME"
        ) from None
    return cast(Path, Store.of(given))


def is_location(value: object) -> bool:
    """Whether `location` accepts a value; imports no library for URLs."""
    upath = sys.modules.get("upath")
    return isinstance(value, str | os.PathLike) or (
        upath is not None and isinstance(value, upath.UPath)
    )


def is_pattern(text: str) -> bool:
    """Whether a string can name several files, for example photos/*.jpg."""
    is_link = re.match("https?://", text, re.IGNORECASE)  # where ? begins a query
    return glob.has_magic(text) and not is_link


def is_local(path: object) -> bool:
    """Whether a path is on this machine."""
    return isinstance(path, Path)


def identity(path: Any) -> str:
    """Return the resolved location, in one spelling even if the system ignores case.

    It may contain secrets and must not be shown.
    """
    if not is_local(path):
        return str(path.identity)
    spelled = os.path.normcase(os.path.realpath(path))
    return spelled.casefold() if sys.platform == "darwin" else spelled


def is_same(one: Path, other: Path) -> bool:
    """Whether two paths or URLs refer to the same file."""
    if is_local(one) and is_local(other):
        return one.exists() and other.exists() and one.samefile(other)
    return identity(one) == identity(other)
