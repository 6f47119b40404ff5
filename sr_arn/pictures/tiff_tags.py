"""TIFF's directories of fields, in which EXIF data are kept as well: read and written.

[TIFF 6.0, section 2]
"""

import os
import struct
from collections.abc import Container
from dataclasses import dataclass
from typing import IO, Literal, NamedTuple

__all__ = ["Directory", "Field", "Order", "Tiff", "block_of", "rational", "serialise", "short"]

BYTE, SHORT, LONG, RATIONAL, UNDEFINED, DOUBLE, IFD = 1, 3, 4, 5, 7, 12, 13  # types of fields
IFD8 = 18  # of BigTIFF
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
SIZES |= {16: 8, 17: 8, IFD8: 8}
"""Bytes of a number, by type; the last three are those that BigTIFF adds."""

INTEGERS = {BYTE: "B", SHORT: "H", LONG: "I", IFD: "I"}
POINTERS = (0x8769, 0x8825, 0xA005)  # to the directories of EXIF, GPS and interoperability
DEEPEST = 4  # directories below directories
LARGEST = 1 << 26  # bytes that are read of a file's fields

Order = Literal["<", ">"]
"""Byte order, as `struct` names it."""


class Field(NamedTuple):
    """A field of a directory."""

    kind: int
    """Its type, as TIFF numbers them."""
    value: bytes
    """As in the file, in its byte order."""
    entry: int = 0
    """Where in the file its entry stands."""
    place: int = 0
    """Where in the file its value stands."""


Directory = dict[int, "Field | Directory"]
"""Fields by tag; what a field points to, if that is a directory."""


@dataclass
class Tiff:
    """The first directory of a TIFF file, and those it points to.

    What is damaged in it is left out.
    """

    order: Order
    directory: Directory
    next: tuple[int, int] = (0, 0)
    """Where the pointer to the next directory stands, and where it points."""
    is_big: bool = False
    """Whether it is a BigTIFF file, with offsets of 8 bytes."""
    is_damaged: bool = False
    """Whether fields that were wanted could not be read."""
    others: tuple[int, ...] = ()
    """Tags of fields that were not wanted."""

    @classmethod
    def read(
        cls, file: IO[bytes], start: int | None = None, wanted: Container[int] | None = None
    ) -> "Tiff":
        """Read the first directory, or that at `start`; of its fields the wanted tags, or all.

        Raises
        ------
        ValueError
            If there is no TIFF header or no directory.
        """
        return _Reader(file).tiff(start, wanted)

    def integer(self, tag: int) -> int:
        """Return the first number of a field of integers; 0 if there is none."""
        field = self.directory.get(tag)
        if not isinstance(field, Field) or field.kind not in INTEGERS or not field.value:
            return 0
        return int(struct.unpack_from(self.order + INTEGERS[field.kind], field.value)[0])

    def value(self, tag: int) -> bytes | None:
        """Return the bytes of a field, if it is there."""
        field = self.directory.get(tag)
        return field.value if isinstance(field, Field) else None

    def rational(self, tag: int) -> float:
        """Return the first number of a field of fractions; 0 if there is none."""
        field = self.directory.get(tag)
        if not isinstance(field, Field) or field.kind != RATIONAL or not field.value:
            return 0.0
        numerator, denominator = struct.unpack_from(self.order + "II", field.value)
        return float(numerator / denominator) if denominator else 0.0


class _Reader:
    """Reads each directory once, and no more than a sane file can hold."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.left = min(4 * file.seek(0, os.SEEK_END) + 64, LARGEST)  # values may share bytes
        self.seen: set[int] = set()
        self.damaged = False
        self.others: list[int] = []
        mark = self.bytes_at(0, 4)
        self.order: Order = ">" if mark[:2] == b"MM" else "<"
        version = struct.unpack(self.order + "H", mark[2:])[0]
        if mark[:2] not in (b"II", b"MM") or version not in (42, 43):
            raise ValueError("no TIFF header")
        self.is_big = version == 43
        self.pointer, self.count = ("Q", "Q") if self.is_big else ("I", "H")

    def tiff(self, start: int | None, wanted: Container[int] | None) -> Tiff:
        if start is None:
            start = self.number(self.pointer, 8 if self.is_big else 4)
        directory, end = self.directory(start, wanted, DEEPEST)
        try:
            following = (end, self.number(self.pointer, end))
        except ValueError:
            following = (0, 0)
        others = tuple(self.others)
        return Tiff(self.order, directory, following, self.is_big, self.damaged, others)

    def directory(
        self, start: int, wanted: Container[int] | None, depth: int
    ) -> tuple[Directory, int]:
        """Return the directory at `start`, and where it ends."""
        if start in self.seen or depth == 0:
            raise ValueError("directories in a circle or too deep")
        self.seen.add(start)
        count = self.number(self.count, start)
        place, size = start + struct.calcsize(self.count), 20 if self.is_big else 12
        directory: Directory = {}
        entries = self.bytes_at(place, count * size)
        for offset in range(0, count * size, size):
            entry = entries[offset : offset + size]
            tag = struct.unpack_from(self.order + "H", entry)[0]
            try:
                if wanted is None or tag in wanted:
                    directory[tag] = self.field(tag, entry, place + offset, depth)
                else:
                    self.others.append(tag)
            except ValueError:
                self.damaged = True  # one field, or of a type that is not known
        return directory, place + count * size

    def field(self, tag: int, data: bytes, entry: int, depth: int) -> "Field | Directory":
        kind, count = struct.unpack_from(self.order + "H" + self.pointer, data, 2)
        value = data[-struct.calcsize(self.pointer) :]
        to = struct.unpack(self.order + self.pointer, value)[0]
        if tag in POINTERS and count == 1:
            if kind in INTEGERS:  # not of BigTIFF's types, which fill the entry
                to = struct.unpack_from(self.order + INTEGERS[kind], value)[0]
            return self.directory(to, None, depth - 1)[0]
        if kind not in SIZES:
            raise ValueError("an unknown type")
        size = SIZES[kind] * count
        if size <= len(value):
            return Field(kind, value[:size], entry, entry + len(data) - len(value))
        return Field(kind, self.bytes_at(to, size), entry, to)

    def number(self, code: str, start: int) -> int:
        size = struct.calcsize(self.order + code)
        return int(struct.unpack(self.order + code, self.bytes_at(start, size))[0])

    def bytes_at(self, start: int, size: int) -> bytes:
        if size > self.left:
            raise ValueError("ends too early, or more than it can hold")
        self.file.seek(min(start, 1 << 62))
        data = self.file.read(size)
        if len(data) != size:
            raise ValueError("ends too early")
        self.left -= size
        return data


def serialise(directory: Directory, order: Order, start: int, is_big: bool = False) -> bytes:
    """Return a directory and those below it as they stand at `start` in a TIFF file."""
    pointer, count_of, kind_of_pointer = ("Q", "Q", IFD8) if is_big else ("I", "H", LONG)
    room = struct.calcsize(pointer)
    table = [struct.pack(order + count_of, len(directory))]
    place = start + struct.calcsize(count_of) + (4 + 2 * room) * len(directory) + room
    values: list[bytes] = []
    for tag, field in sorted(directory.items()):
        if isinstance(field, Field):
            kind, count, value = field.kind, len(field.value) // SIZES[field.kind], field.value
        else:
            kind, count, value = kind_of_pointer, 1, serialise(field, order, place, is_big)
        table.append(struct.pack(order + "HH" + pointer, tag, kind, count))
        if isinstance(field, Field) and len(value) <= room:
            table.append(value.ljust(room, b"\0"))
        else:
            table.append(struct.pack(order + pointer, place))
            values.append(value + b"\0" * (len(value) % 2))
            place += len(values[-1])
    return b"".join([*table, bytes(room), *values])  # no next directory


def block_of(directory: Directory, order: Order) -> bytes:
    """Return an EXIF block with this first directory."""
    header = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    return header + serialise(directory, order, len(header))


def rational(number: float, order: Order) -> Field:
    """Return a number of 0 to 65,535 as a field."""
    return Field(RATIONAL, struct.pack(order + "II", round(number * 10_000), 10_000))


def short(number: int, order: Order) -> Field:
    """Return a number of 0 to 65,535 as a field."""
    return Field(SHORT, struct.pack(order + "H", number))
