"""GIF files."""

from collections.abc import Iterator
from typing import IO

from sr_arn.errors import display
from sr_arn.pictures.formats.pillow import PillowFormat
from sr_arn.pictures.metadata import Metadata

__all__ = ["GIF"]

HEADER, IMAGE = 13, 10  # bytes, of the file and of a frame [GIF89a, sections 17, 18, 20]
EXTENSION, FRAME = 0x21, 0x2C
COMMENT, APPLICATION = 0xFE, 0xFF
XMP = b"XMP DataXMP"
MAGIC = 257  # bytes after an XMP packet, by which it ends as blocks do [XMP, part 3]
OF_FRAMES = b"NETSCAPE2.0", b"ANIMEXTS1.0"
MOST = 100_000  # blocks


class GIF(PillowFormat):
    """GIF, which is only read: its 256 colours are too few for a result."""

    name = "GIF"
    suffixes = (".gif",)
    signature = rb"GIF8[79]a"
    mime = "image/gif"
    shown_by_browsers = True

    def attached(self, file: IO[bytes], metadata: Metadata) -> Metadata:
        """Return the metadata with comments and XMP, which name other extensions."""
        comments, names, xmp = [], [], None
        for label, raw, content in _extensions(file.read()):
            if label == COMMENT and content:
                comments.append(content)
            elif label == APPLICATION and content.startswith(XMP):
                xmp = raw[1 + len(XMP) : -MAGIC] or None
            elif label == APPLICATION and not content.startswith(OF_FRAMES):
                names.append(f"extension {display(content[:11].decode('latin-1'))}")
        return metadata.without(*names, comments=tuple(comments), xmp=xmp)


def _extensions(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield label, all bytes, and content of each extension; the last may be cut off."""
    place = HEADER + _size_of_palette(data[10:11])
    for _ in range(MOST):
        kind = data[place : place + 1]
        if kind == bytes((EXTENSION,)):
            label, start = data[place + 1 : place + 2], place + 2
            content, place = _content(data, start)
            yield label[0] if label else 0, data[start : place - 1], content
        elif kind == bytes((FRAME,)):
            palette = _size_of_palette(data[place + 9 : place + 10])
            place = _content(data, place + IMAGE + palette + 1)[1]
        else:
            return


def _size_of_palette(flags: bytes) -> int:
    """Return how many bytes a palette has."""
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0


def _content(data: bytes, start: int) -> tuple[bytes, int]:
    """Return what blocks hold, and where they end."""
    parts, place = [], start
    while place < len(data) and (size := data[place]):
        parts.append(data[place + 1 : place + 1 + size])
        place += 1 + size
    return b"".join(parts), place + 1
