"""A picture in the queue: its order, its files and its progress."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sr_arn.errors import InputError
from sr_arn.models.restoration import Restore
from sr_arn.pictures.formats import Format
from sr_arn.upscaling.file_upscaler import FileUpscaler
from sr_arn.upscaling.sizes import Size

__all__ = ["Job", "Order", "Unknown", "plain_name"]

MOST_SHOWN = 50_000_000  # pixels that a browser gets to compare
LONGEST_NAME = 150  # bytes


class Unknown(InputError):
    """The picture does not exist: it was removed, or is not done yet."""


@dataclass(frozen=True)
class Order:
    """How a picture is to be enlarged.

    Attributes
    ----------
    name : str
        Of the uploaded file.
    model : str, optional
        One of the queue's models; by default the best for the size.
    size : Size
    kind : Format, optional
        Of the result; by default the picture's.
    restore : Restore
    """

    name: str
    model: str | None = None
    size: Size = field(default_factory=Size)
    kind: Format | None = None
    restore: Restore = field(default_factory=Restore)


@dataclass
class Job:
    """A picture in the queue: its files and its progress."""

    order: Order
    enlarge: FileUpscaler
    folder: Path
    called: str  # the name of the result
    status: str = "waiting"  # working, done, failed
    share: float = 0.0
    outcome: dict[str, Any] = field(default_factory=dict)
    gone: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def source(self) -> Path:
        """The uploaded picture."""
        return self.folder / f"source{Path(self.order.name).suffix.lower()}"

    @property
    def result(self) -> Path:
        """The result, under a name that fits any file system."""
        return self.folder / f"result{Path(self.called).suffix}"

    @property
    def is_shown(self) -> bool:
        """Whether a browser may show the result."""
        size = self.outcome.get("width", 0) * self.outcome.get("height", 0)
        return self.status == "done" and size <= MOST_SHOWN


def plain_name(name: str) -> str:
    """Return a file name without folders or control characters, shortened if necessary."""
    name = name.replace("\\", "/").rpartition("/")[2]
    name = "".join(c for c in name if c.isprintable()).lstrip(". ")
    path = Path(name or "picture")
    stem = path.stem.encode()[: LONGEST_NAME - len(path.suffix.encode())]
    return stem.decode(errors="ignore") + path.suffix
