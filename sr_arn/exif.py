"""TIFF directories, in which EXIF data are kept: read, corrected in place, written.

An EXIF block is a TIFF file without a picture: a header, then directories of fields, some of
which point to further directories. [TIFF 6.0, section 2; EXIF 2.32 (CIPA DC-008), section 4.6]
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Literal, NamedTuple

__all__ = [
    "Directory",
    "Field",
    "Tiff",
    "block_with_resolution",
    "exif_block",
    "for_picture",
    "orientation",
    "serialise",
    "with_resolution",
]

ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 0x0112, 0x011A, 0x011B, 0x0128
IMAGE_WIDTH, IMAGE_LENGTH, PIXEL_X, PIXEL_Y = 0x0100, 0x0101, 0xA002, 0xA003
EXIF_DIRECTORY, GPS_DIRECTORY, INTEROPERABILITY_DIRECTORY = 0x8769, 0x8825, 0xA005
MAKER_NOTE = 0x927C
POINTERS = (EXIF_DIRECTORY, GPS_DIRECTORY, INTEROPERABILITY_DIRECTORY)
THUMBNAIL, THUMBNAIL_LENGTH = 0x0201, 0x0202  # JPEGInterchangeFormat and its length

DESCRIPTIVE = frozenset(
    {
        *(0x010D, 0x010E, 0x010F, 0x0110, 0x0131, 0x0132),  # name, description, camera, date
        *(0x013B, 0x013C, 0x4746, 0x4749, 0x8298),  # artist, computer, rating, copyright
        *range(0x9C9B, 0x9CA0),  # title, comment, author, keywords, subject (Windows)
        *(EXIF_DIRECTORY, GPS_DIRECTORY),
    }
)


BYTE, SHORT, LONG, RATIONAL = 1, 3, 4, 5
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
SIZES_OF_BIG = {16: 8, 17: 8, 18: 8}
LARGEST = 1 << 26
"""Bytes of fields in a file, beyond which it is taken for damaged."""


class Field(NamedTuple):
    """A field of a directory."""

    kind: int
    """Its type, as TIFF numbers them."""
    value: bytes
    """As in the file, in its byte order."""
    entry: int = 0
    """Where in the file its entry stands."""


Order = Literal["<", ">"]
Directory = dict[int, "Field | Directory"]
"""Fields by tag; what a field points to, if that is a directory."""


@dataclass
class Tiff:
    """What stands in a TIFF file or an EXIF block, pixels excepted."""

    order: Order
    """Byte order as `struct` names it, < or >."""
    directory: Directory
    next: tuple[int, int] = (0, 0)
    """Where the pointer to the next directory stands, and where it points."""
    is_big: bool = False
    """Whether it is a BigTIFF file, with offsets of 8 bytes."""

    @classmethod
    def read(cls, file: IO[bytes], start: int | None = None) -> "Tiff":
        """Read the first directory, or that at `start`, and those it points to.

        Raises
        ------
        ValueError
            If it is damaged.
        """
        return _Reader(file).tiff(start)

    def integer(self, tag: int) -> int | None:
        """Return the first number of a field of integers, if there is one."""
        field = self.directory.get(tag)
        code = (
            {BYTE: "B", SHORT: "H", LONG: "I"}.get(field.kind) if isinstance(field, Field) else None
        )
        if not isinstance(field, Field) or code is None or len(field.value) < SIZES[field.kind]:
            return None
        return int(struct.unpack_from(self.order + code, field.value)[0])

    def value(self, tag: int) -> bytes | None:
        """Return the bytes of a field, if it is there."""
        field = self.directory.get(tag)
        return field.value if isinstance(field, Field) else None

    def resolution(self) -> tuple[float, float] | None:
        """Return dots per inch along x and y, if the file tells."""
        values = [self.value(tag) for tag in (X_RESOLUTION, Y_RESOLUTION)]
        inches = {2: 1.0, 3: 2.54}.get(self.integer(RESOLUTION_UNIT) or 2)  # inch, centimetre
        if inches is None:
            return None
        dpi = []
        for value in values:
            if value is None or len(value) != SIZES[RATIONAL]:
                return None
            numerator, denominator = struct.unpack(self.order + "II", value)
            dpi.append(numerator / denominator * inches if denominator else 0.0)
        return (dpi[0], dpi[1]) if min(dpi) > 0 else None

    def orientation(self) -> int:
        """Return how the stored picture is to be turned, 1 to 8, or 0 if the file tells nothing."""
        number = self.integer(ORIENTATION) or 0
        return number if number <= 8 else 0

    def descriptive(self) -> Directory:
        """Return the fields that tell of the photo, not of how it is stored."""
        return {
            tag: field
            for tag, field in self.directory.items()
            if tag in DESCRIPTIVE and not (isinstance(field, Field) and field.kind not in SIZES)
        }


class _Reader:
    """Reads directories, each once, and no more than a sane file can hold."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.left = LARGEST
        self.seen: set[int] = set()
        mark = self.bytes_at(0, 4)
        self.order: Order = ">" if mark[:2] == b"MM" else "<"
        version = struct.unpack(self.order + "H", mark[2:])[0]
        if mark[:2] not in (b"II", b"MM") or version not in (42, 43):
            raise ValueError("no TIFF header")
        self.is_big = version == 43
        self.pointer = "Q" if self.is_big else "I"
        self.sizes = {**SIZES, **SIZES_OF_BIG} if self.is_big else SIZES

    def tiff(self, start: int | None) -> Tiff:
        if start is None:
            start = self.number(self.pointer, 8 if self.is_big else 4)
        directory, end = self.directory(start)
        following = self.number(self.pointer, end)
        return Tiff(self.order, directory, (end, following), self.is_big)

    def directory(self, start: int) -> tuple[Directory, int]:
        """Return the directory at `start`, and where it ends."""
        if start in self.seen:
            raise ValueError("directories in a circle")
        self.seen.add(start)
        count = self.number("Q" if self.is_big else "H", start)
        place, size = start + (8 if self.is_big else 2), 20 if self.is_big else 12
        directory: Directory = {}
        entries = self.bytes_at(place, count * size)
        for entry in range(place, place + count * size, size):
            self.read_field(directory, entries[entry - place :][:size], entry)
        return directory, place + count * size

    def read_field(self, directory: Directory, data: bytes, entry: int) -> None:
        tag, kind, count = struct.unpack_from(f"{self.order}HH{self.pointer}", data)
        if kind not in self.sizes:
            return  # as TIFF 6.0 asks of readers
        width, size = struct.calcsize(self.pointer), self.sizes[kind] * count
        if tag in POINTERS and size == width:
            to = struct.unpack(self.order + self.pointer, data[-width:])[0]
            directory[tag] = self.directory(to)[0]
        elif size <= width:
            directory[tag] = Field(kind, data[-width:][:size], entry)
        else:
            to = struct.unpack(self.order + self.pointer, data[-width:])[0]
            directory[tag] = Field(kind, self.bytes_at(to, size), entry)

    def number(self, code: str, start: int) -> int:
        size = struct.calcsize(code)
        return int(struct.unpack(self.order + code, self.bytes_at(start, size))[0])

    def bytes_at(self, start: int, size: int) -> bytes:
        self.left -= size
        if self.left < 0:
            raise ValueError("fields too large")
        self.file.seek(min(start, 1 << 62))
        data = self.file.read(size)
        if len(data) != size:
            raise ValueError("ends too early")
        return data


def serialise(directory: Directory, order: Order, start: int) -> bytes:
    """Return a directory and those below it as they stand at `start` in a classic TIFF file."""
    table = struct.pack(order + "H", len(directory))
    room = start + len(table) + 12 * len(directory) + 4
    values = b""
    for tag, field in sorted(directory.items()):
        if isinstance(field, Field):
            kind, count, value = field.kind, len(field.value) // SIZES[field.kind], field.value
        else:
            kind, count = LONG, 1
            value = serialise(field, order, room + len(values))
        head = struct.pack(order + "HHI", tag, kind, count)
        if isinstance(field, Field) and len(value) <= 4:
            table += head + value.ljust(4, b"\0")
        else:
            table += head + struct.pack(order + "I", room + len(values))
            values += value + b"\0" * (len(value) % 2)
    return table + bytes(4) + values  # no next directory


def exif_block(directory: Directory, order: Order) -> bytes:
    """Return an EXIF block with this first directory."""
    header = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    return header + serialise(directory, order, len(header))


def rational(number: float, order: Order) -> Field:
    """Return a positive number as a field."""
    return Field(RATIONAL, struct.pack(order + "II", round(number * 10_000), 10_000))


def short(number: int, order: Order) -> Field:
    """Return a small number as a field."""
    return Field(SHORT, struct.pack(order + "H", number))


def with_resolution(directory: Directory, order: Order, dpi: tuple[float, float]) -> Directory:
    """Return the directory with a resolution in dots per inch."""
    x, y = (rational(number, order) for number in dpi)
    unit = short(2, order)
    return {**directory, X_RESOLUTION: x, Y_RESOLUTION: y, RESOLUTION_UNIT: unit}


def block_with_resolution(block: bytes | None, dpi: tuple[float, float]) -> bytes:
    """Return an EXIF block, or a new one, that tells a resolution.

    One that holds makers' notes stays as it is: they may point to places in it.
    """
    if block is None:
        return exif_block(with_resolution({}, "<", dpi), "<")
    tiff = Tiff.read(BytesIO(block))
    inner = tiff.directory.get(EXIF_DIRECTORY, {})
    if tiff.resolution() is not None or (isinstance(inner, dict) and MAKER_NOTE in inner):
        return block
    return exif_block(with_resolution(tiff.directory, tiff.order, dpi), tiff.order)


def orientation(block: bytes) -> int:
    """Return the orientation, 1 to 8, that an EXIF block tells, or 0."""
    return Tiff.read(BytesIO(block)).orientation()


def for_picture(block: bytes, width: int, height: int) -> bytes:
    """Return an EXIF block corrected for an upright picture of this size, without a thumbnail.

    All else stays where it is, so that the makers' notes, which may point into the block,
    remain valid.

    Raises
    ------
    ValueError
        If the block is damaged.
    """
    tiff = Tiff.read(BytesIO(block))
    if tiff.is_big:
        raise ValueError("a BigTIFF header")
    out = bytearray(block)
    inner = tiff.directory.get(EXIF_DIRECTORY, {})
    sizes = {IMAGE_WIDTH: width, IMAGE_LENGTH: height, PIXEL_X: width, PIXEL_Y: height}
    for directory in (tiff.directory, inner if isinstance(inner, dict) else {}):
        for tag, size in sizes.items():
            if isinstance(field := directory.get(tag), Field):
                struct.pack_into(tiff.order + "HHII", out, field.entry, tag, LONG, 1, size)
        if isinstance(field := directory.get(ORIENTATION), Field):
            entry = (ORIENTATION, SHORT, 1, 1, 0)
            struct.pack_into(tiff.order + "HHIHH", out, field.entry, *entry)
    place, second = tiff.next
    if second:
        struct.pack_into(tiff.order + "I", out, place, 0)
        for start, end in _thumbnails(block, second):
            out[start:end] = bytes(end - start)
            if end == len(out):
                del out[start:]
    return bytes(out)


def _thumbnails(block: bytes, start: int) -> Iterable[tuple[int, int]]:
    """Return where the thumbnail's JPEG file stands that the directory at `start` tells of."""
    try:
        tiff = Tiff.read(BytesIO(block), start)
    except ValueError:
        return []
    place, length = tiff.integer(THUMBNAIL), tiff.integer(THUMBNAIL_LENGTH)
    if not place or not length or not start < place <= place + length <= len(block):
        return []
    return [(place, place + length)]
