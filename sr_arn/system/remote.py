"""Files and folders that fsspec supports: in object stores, on servers, in memory."""

import io
import logging
import posixpath
import re
import shutil
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any

from fsspec import AbstractFileSystem
from upath import UPath
from upath.extensions import ProxyUPath
from upath.implementations.cloud import CloudPath
from upath.implementations.http import HTTPPath

from sr_arn.errors import InputError, SrArnError, UnavailableError, display, masked

__all__ = ["Store"]

logger = logging.getLogger(__name__)

FETCHED = 2**22  # bytes per request; also for the header of a large file
SENT = 2**23
SECRET = re.compile("pass|secret|token|key|credential", re.IGNORECASE)  # names of options


class Store(ProxyUPath):
    """A remote file or folder, with the interface of a path.

    Errors of any library are raised as `InputError`. Its text contains no password. Names that
    could lead elsewhere are not listed.
    """

    __slots__ = ()

    @classmethod
    def of(cls, given: "str | UPath | Store") -> "Store | Path":
        """Return the store of a URL, or a path if the URL is of this machine.

        Raises
        ------
        InputError
            If the scheme is unknown, or the URL contains a key that the store would read as a part
            of the name.
        UnavailableError
            If the scheme's driver is not installed.
        """
        if isinstance(given, cls):
            return given
        if isinstance(given, str):
            scheme, colon, rest = given.partition("://")
            given = scheme.lower() + colon + rest
        try:
            with warnings.catch_warnings():  # about drivers without a UPath class
                warnings.simplefilter("ignore", UserWarning)
                url = UPath(given)
            if url.protocol in ("", "file", "local"):
                return Path(url.path)
            if isinstance(url, CloudPath) and masked(str(url)) != str(url):
                raise InputError(
                    f"{display(given)}: expected a URL without a key; the environment or fsspec's "
                    "configuration gives it"
                )
            _ = url.fs  # imports its driver
        except SrArnError:
            raise
        except ImportError as error:
            raise UnavailableError(f"{display(given)}: {display(error)}") from error
        except Exception as error:
            raise InputError(f"{display(given)}: {display(error)}") from error
        return cls._from_upath(url)

    # --- names ---------------------------------------------------------------------

    def __str__(self) -> str:
        """Return the URL without secrets."""
        return masked(super().__str__())

    @property
    def name(self) -> str:
        """The last part, without the query of a link."""
        name = super().name
        return name.partition("?")[0] if self._is_link else name

    @property
    def suffix(self) -> str:
        """The suffix of the name."""
        return PurePosixPath(self.name).suffix

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return PurePosixPath(self.name).stem

    @property
    def identity(self) -> str:
        """The resolved URL, in one spelling. It may contain secrets."""
        options = sorted((key, repr(value)) for key, value in self.storage_options.items())
        return f"{self.fs.protocol} {options} {posixpath.normpath(self.path)}"

    @property
    def _is_link(self) -> bool:
        return isinstance(self.__wrapped__, HTTPPath)

    # --- contents ------------------------------------------------------------------

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it exists."""
        with self._told():
            return super().exists(follow_symlinks=follow_symlinks)

    def is_file(self) -> bool:
        """Whether it is a file."""
        with self._told():
            return super().is_file()

    def is_dir(self) -> bool:
        """Whether it is a folder; a link is one if it ends in a slash."""
        if self._is_link:  # a request would read the whole file
            return self.path.endswith("/")
        with self._told():
            return super().is_dir()

    def stat(self, *, follow_symlinks: bool = True) -> Any:
        """Return size and times."""
        with self._told():
            return super().stat(follow_symlinks=follow_symlinks)

    def iterdir(self) -> Iterator["Store"]:
        """Yield the files and folders in the folder."""
        with self._told():
            found = list(super().iterdir())
        return filter(_is_harmless, found)

    def matches(self) -> list["Store"]:
        """Return the files that match it as a pattern, sorted, without hidden ones."""
        with self._told():
            found = [self.with_segments(name) for name in sorted(self.fs.glob(self.path))]
        given = {*self.parts}
        return [
            file
            for file in filter(_is_harmless, found)
            if not any(part.startswith(".") for part in {*file.parts} - given) and file.is_file()
        ]

    def check_output(self, name: str) -> None:
        """Raise `InputError` if it is known beforehand that nothing can be written there."""
        if self._is_link:
            raise InputError(f"{name}: expected a place that takes files, received {display(self)}")
        is_cloud = isinstance(self.__wrapped__, CloudPath)
        if is_cloud and not self.with_segments(self.anchor).exists():
            raise InputError(
                f"{name}: {display(self.drive)} does not exist or cannot be reached, "
                f"received {display(self)}"
            )

    # --- reading and writing -------------------------------------------------------

    def open(self, mode: str = "r", *args: Any, **options: Any) -> IO[Any]:  # type: ignore[override]
        """Open the file; its bytes are fetched on demand."""
        with self._told():
            if mode == "rb":
                file = super().open(mode, block_size=FETCHED, **options)
                return io.BufferedReader(_Reader(self, file))
            return super().open(mode, *args, **options)

    def read_bytes(self) -> bytes:
        """Return the file's bytes."""
        with self.open("rb") as file:
            return file.read()

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Create the folder; stores with buckets and names only need none."""
        if not isinstance(self.__wrapped__, CloudPath):  # which would create a bucket
            with self._told():
                super().mkdir(mode=mode, parents=parents, exist_ok=exist_ok)

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove the file."""
        with self._told():
            super().unlink(missing_ok=missing_ok)

    def put(self, whole: IO[bytes]) -> None:
        """Upload a file from its current position. The store shows it only when it is complete.

        Raises
        ------
        InputError
            If the upload fails; the previous file stays.
        """
        fs = _own(self.fs, threading.get_ident())
        with self._told("cannot be written: "):
            with fs.transaction as sent, fs.open(self.path, "wb", block_size=SENT) as file:
                if not hasattr(file, "discard"):
                    sent.files.clear()
                    raise InputError(
                        f"{display(self)}: its driver cannot write whole or not at all"
                    )
                shutil.copyfileobj(whole, file, SENT)
            self.fs.invalidate_cache(self.path)  # another file system wrote it

    # --- errors --------------------------------------------------------------------

    @contextmanager
    def _told(self, what: str = "") -> Iterator[None]:
        """Raise errors of a store's library as `InputError`."""
        try:
            yield
        except (SrArnError, MemoryError):
            raise
        except Exception as error:
            raise InputError(f"{display(self)}: {what}{self._reason(error)}") from error

    def _reason(self, error: Exception) -> str:
        text = str(error)
        if isinstance(error, OSError):
            text = error.strerror or ("" if text == self.path else text)
        for key, value in self.storage_options.items():
            if SECRET.search(key) and isinstance(value, str) and value:
                text = text.replace(value, "***")
        if isinstance(error, FileNotFoundError):
            return display(text or "no such file or folder")
        return display(text or type(error).__name__)


class _Reader(io.RawIOBase):
    """The bytes of a file, whose errors are raised as `InputError`."""

    def __init__(self, store: Store, file: IO[bytes]) -> None:
        self.store, self.file = store, file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with self.store._told("cannot be read: "):
            data = self.file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        with self.store._told("cannot be read: "):
            return self.file.read()

    def seek(self, offset: int, whence: int = 0) -> int:
        with self.store._told("cannot be read: "):
            return self.file.seek(offset, whence)

    def close(self) -> None:
        if not self.closed:
            self.file.close()
        super().close()


@lru_cache
def _own(fs: AbstractFileSystem, thread: int) -> AbstractFileSystem:
    """Return a copy of a file system for one thread: a transaction covers all its files."""
    return type(fs)(*fs.storage_args, **fs.storage_options, skip_instance_cache=True)


def _is_harmless(file: Store) -> bool:
    """Whether a listed name is also valid on this machine; log it if not."""
    name = file.name
    fits = name not in ("", ".", "..") and PureWindowsPath(name).name == name and "\0" not in name
    if not fits:
        logger.warning("left out, for its name may lead elsewhere: %s", display(file))
    return fits
