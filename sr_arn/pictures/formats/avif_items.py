"""What an AVIF file says of its colours, and which pictures it holds beside the first.

[ISO/IEC 23008-12, sections 6.5.5 and 9.3; ISO/IEC 14496-12, sections 8.11 and 12.1.5]
"""

import struct
from collections.abc import Iterator
from typing import IO, NamedTuple

from sr_arn.pictures.formats.boxes import Box, boxes

__all__ = ["Items", "with_colours"]

MOST_BYTES = 1 << 20  # of a box that is read
FULL = 4  # bytes of version and flags
NCLX = b"nclx"
TONE_MAPPED = b"tmap"  # an item: a picture with its gain map [ISO 21496-1]
ALPHA = b"alpha", b"auxid:1"
KINDS = {b"depth": "depth map", b"auxid:2": "depth map", b"gainmap": "gain map"}
"""What auxiliary pictures are, by words in the URN of their kind."""

OF_SRGB = (1, 2), (1, 2, 13)  # primaries and transfer of sRGB and BT.709, or not said
HEAD = 1 << 16  # bytes that hold the colours, in files that are written here


class Items(NamedTuple):
    """What was found."""

    cicp: bytes | None = None
    """Colours of the picture, as PNG has them, if they are not those of sRGB."""
    names: tuple[str, ...] = ()
    """Of what is not read."""

    @classmethod
    def of(cls, file: IO[bytes]) -> "Items":
        """Read the items of a file; nothing of what is damaged."""
        try:
            return cls._of(file)
        except (ValueError, struct.error, IndexError):
            return cls()

    @classmethod
    def _of(cls, file: IO[bytes]) -> "Items":
        found = {box.kind: box for box in boxes(file)}
        if b"meta" not in found:
            return cls()
        parts = {box.kind: box for box in _within(file, found[b"meta"], FULL)}
        primary = _number(parts[b"pitm"].read(file, MOST_BYTES)) if b"pitm" in parts else 0
        properties = list(_properties(file, parts.get(b"iprp"), primary))
        names = [name for kind, content, _ in properties if (name := _auxiliary(kind, content))]
        if any(kind == TONE_MAPPED for kind in _kinds_of_items(file, parts.get(b"iinf"))):
            names.append("gain map")
        colours = [
            _cicp(content) for kind, content, is_own in properties if kind == b"colr" and is_own
        ]
        cicp = next(filter(None, colours), None)
        return cls(cicp, tuple(dict.fromkeys(names)))


def _within(file: IO[bytes], box: Box, skipped: int = 0) -> Iterator[Box]:
    return boxes(file, box.start + skipped, box.end)


def _number(content: bytes, place: int = FULL) -> int:
    """Return a number of 16 bits, or of 32 from version 1 on."""
    return int(struct.unpack_from(">I" if content[0] else ">H", content, place)[0])


def _properties(
    file: IO[bytes], box: Box | None, primary: int
) -> Iterator[tuple[bytes, bytes, bool]]:
    """Yield kind and content of each property, and whether it is the primary item's."""
    if box is None:
        return
    parts = {part.kind: part for part in _within(file, box)}
    own = set(_associated(parts[b"ipma"].read(file, MOST_BYTES), primary))
    for number, part in enumerate(_within(file, parts[b"ipco"]), 1):
        if part.kind in (b"colr", b"auxC"):
            yield part.kind, part.read(file, MOST_BYTES), number in own


def _associated(content: bytes, item: int) -> Iterator[int]:
    """Yield the numbers of the properties of an item."""
    is_long, is_wide = content[0] > 0, content[3] & 1
    place = FULL + 4
    for _ in range(struct.unpack_from(">I", content, FULL)[0]):
        number = struct.unpack_from(">I" if is_long else ">H", content, place)[0]
        place += 4 if is_long else 2
        count, place = content[place], place + 1
        size = 2 if is_wide else 1
        for start in range(place, place + count * size, size):
            if number == item:
                mask = 0x7FFF if is_wide else 0x7F
                yield int.from_bytes(content[start : start + size], "big") & mask
        place += count * size


def _kinds_of_items(file: IO[bytes], box: Box | None) -> Iterator[bytes]:
    if box is None:
        return
    version = box.read(file, MOST_BYTES)[:1]
    for entry in _within(file, box, FULL + (4 if version > b"\0" else 2)):
        content = entry.read(file, MOST_BYTES)
        start = FULL + (4 if content[:1] == b"\3" else 2) + 2
        yield content[start : start + 4]


def _auxiliary(kind: bytes, content: bytes) -> str:
    """Return what an auxiliary picture is; nothing if it is alpha."""
    if kind != b"auxC" or any(word in content for word in ALPHA):
        return ""
    return next((name for word, name in KINDS.items() if word in content), "auxiliary picture")


def _cicp(content: bytes) -> bytes | None:
    """Return colours as PNG has them: of RGB, in the full range."""
    if content[:4] != NCLX:
        return None
    primaries, transfer = struct.unpack_from(">HH", content, 4)
    is_other = primaries not in OF_SRGB[0] or transfer not in OF_SRGB[1]
    return bytes((primaries, transfer, 0, 1)) if is_other and primaries < 256 > transfer else None


def with_colours(data: bytes, cicp: bytes) -> bytes:
    """Return a file, of an encoder that says something of colours, with other ones."""
    place = data.index(b"colr" + NCLX, 0, HEAD)
    out = bytearray(data)
    struct.pack_into(">HH", out, place + 8, cicp[0], cicp[1])
    return bytes(out)
