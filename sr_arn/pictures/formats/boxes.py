"""The boxes that JPEG 2000, JPEG XL and their relatives consist of. [ISO/IEC 14496-12, 4.2]."""

import os
import struct
from collections.abc import Iterator
from typing import IO, NamedTuple

__all__ = ["Box", "box", "boxes"]

MOST = 1000  # boxes of a file or box


class Box(NamedTuple):
    """Where the content of a box lies in its file."""

    kind: bytes
    start: int
    end: int

    def read(self, file: IO[bytes], most: int) -> bytes:
        """Return its content; nothing if that is more than `most` bytes."""
        if self.end - self.start > most:
            return b""
        file.seek(self.start)
        return file.read(self.end - self.start)


def boxes(file: IO[bytes], start: int = 0, end: int | None = None) -> Iterator[Box]:
    """Yield the boxes of a file, or of one between two offsets.

    Raises
    ------
    ValueError
        If one is longer than what it lies in.
    """
    end = file.seek(0, os.SEEK_END) if end is None else end
    for _ in range(MOST):
        if end - start < 8:
            return
        file.seek(start)
        length, kind = struct.unpack(">I4s", file.read(8))
        header = 8
        if length == 1:
            (length,), header = struct.unpack(">Q", file.read(8)), 16
        length = length or end - start  # 0: up to the end
        if not header <= length <= end - start:
            raise ValueError("a box is longer than the file")
        yield Box(kind, start + header, start + length)
        start += length


def box(kind: bytes, content: bytes) -> bytes:
    """Return the bytes of a box."""
    return struct.pack(">I4s", 8 + len(content), kind) + content
