"""A picture on the desk: what is wanted of it, where it is, and how far the work has come."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sr_arn.errors import InputError
from sr_arn.models.restoration import Restore
from sr_arn.pictures.formats import Format
from sr_arn.upscaling.file_upscaler import FileUpscaler
from sr_arn.upscaling.sizes import Size

__all__ = ["Item", "Order", "Unknown", "plain_name"]

MOST_SHOWN = 50_000_000  # pixels that a browser is given to compare
LONGEST_NAME = 150  # bytes


class Unknown(InputError):
    """No such picture: it was removed, or is not there yet."""


@dataclass(frozen=True)
class Order:
    """What is wanted of a picture.

    Attributes
    ----------
    name : str
        Of the file, as its owner calls it.
    model : str, optional
        One of the desk's; by default the best for the size.
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
class Item:
    """A picture on the desk: where it is, and how far the work has come."""

    order: Order
    enlarge: FileUpscaler
    folder: Path
    called: str  # the result
    status: str = "waiting"  # working, done, failed
    share: float = 0.0
    outcome: dict[str, Any] = field(default_factory=dict)
    gone: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def source(self) -> Path:
        """The picture that was handed in."""
        return self.folder / f"source{Path(self.order.name).suffix.lower()}"

    @property
    def result(self) -> Path:
        """What was made of it, under a name that fits any file system."""
        return self.folder / f"result{Path(self.called).suffix}"

    @property
    def is_shown(self) -> bool:
        """Whether a browser may be given the result to look at."""
        size = self.outcome.get("width", 0) * self.outcome.get("height", 0)
        return self.status == "done" and size <= MOST_SHOWN


def plain_name(name: str) -> str:
    """Return a file name without folders or control characters, not too long."""
    name = name.replace("\\", "/").rpartition("/")[2]
    name = "".join(c for c in name if c.isprintable()).lstrip(". ")
    path = Path(name or "picture")
    stem = path.stem.encode()[: LONGEST_NAME - len(path.suffix.encode())]
    return stem.decode(errors="ignore") + path.suffix
