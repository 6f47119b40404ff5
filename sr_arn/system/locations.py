"""Where files lie: paths of this machine, and URLs of what fsspec reaches."""

import glob
import os
import re
import sys
from pathlib import Path
from typing import Any, cast

from sr_arn.errors import UnavailableError, display

__all__ = ["identity", "is_local", "is_pattern", "is_place", "is_same", "place"]

URL = re.compile(r"[a-z][a-z0-9+.-]+(::[a-z][a-z0-9+.-]+)*://", re.IGNORECASE)  # C:// is none
NEEDED = ("upath", "fsspec", "pathlib_abc")


def place(given: Any) -> Path:
    """Return where a file or folder lies.

    Parameters
    ----------
    given : str, path or UPath
        A text that begins with a scheme, as s3://bucket/photo.png does, is a URL, whatever files
        there are; a file that is called so is given as ./s3://bucket/photo.png.

    Returns
    -------
    Path
        Or, for a URL, a `sr_arn.system.remote.Store`, which has the interface of one.

    Raises
    ------
    InputError
        If nothing reaches such a URL.
    UnavailableError
        If what reaches it is not installed.
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


def is_place(value: object) -> bool:
    """Tell whether `place` takes it, without importing what reaches URLs."""
    upath = sys.modules.get("upath")
    return isinstance(value, str | os.PathLike) or (
        upath is not None and isinstance(value, upath.UPath)
    )


def is_pattern(text: str) -> bool:
    """Tell whether a text may stand for several files, as photos/*.jpg does."""
    is_link = re.match("https?://", text, re.IGNORECASE)  # where a ? means something else
    return glob.has_magic(text) and not is_link


def is_local(path: object) -> bool:
    """Tell whether it is a path of this machine."""
    return isinstance(path, Path)


def identity(path: Any) -> str:
    """Return where a place leads, in one spelling even where upper and lower case are alike.

    It may hold secrets and is not for the eye.
    """
    if not is_local(path):
        return str(path.identity)
    spelled = os.path.normcase(os.path.realpath(path))
    return spelled.casefold() if sys.platform == "darwin" else spelled


def is_same(one: Path, other: Path) -> bool:
    """Whether two paths or URLs lead to one file."""
    if is_local(one) and is_local(other):
        return one.exists() and other.exists() and one.samefile(other)
    return identity(one) == identity(other)
