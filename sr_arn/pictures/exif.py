"""EXIF blocks: reading them, and correcting them in place.

[EXIF 2.32 (CIPA DC-008), section 4.6]
"""

import struct
from fractions import Fraction
from io import BytesIO

from sr_arn.pictures.change import Change
from sr_arn.pictures.tiff_tags import (
    INTEGERS,
    LONG,
    RATIONAL,
    SHORT,
    Directory,
    Field,
    Order,
    Tiff,
    block_of,
    rational,
    short,
)

__all__ = [
    "DESCRIPTIVE",
    "OF_PIXELS",
    "block_with_resolution",
    "changed",
    "orientation_of",
    "portable",
    "read",
    "resolution_of",
    "with_resolution",
    "without_orientation",
]

ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 0x0112, 0x011A, 0x011B, 0x0128
INCH, CENTIMETRE = 2, 3  # of RESOLUTION_UNIT
WIDTHS = (0x0100, 0xA002, 0x1001)  # ImageWidth, PixelXDimension, RelatedImageWidth
HEIGHTS = (0x0101, 0xA003, 0x1002)
FOCAL_PLANE = ((0xA20E, 0xA20F), (0x920E, 0x920F))  # pixels per unit of the sensor, x and y
SUBJECTS = (0x9214, 0xA214)  # SubjectArea and SubjectLocation
EXIF_DIRECTORY, MAKER_NOTE = 0x8769, 0x927C
THUMBNAILS = ((0x0201, 0x0202), (0x0111, 0x0117))  # a JPEG file, or a strip, and its length
NEAR = 0.01  # dots per inch that formats round away
HEADER = 8  # bytes
LARGEST_SHORT, LARGEST_LONG = (1 << 16) - 1, (1 << 32) - 1
MOST_DENOMINATOR = 1_000_000

DESCRIPTIVE = frozenset(
    {
        *(0x010D, 0x010E, 0x010F, 0x0110, 0x0131, 0x0132),  # name, description, camera, date
        *(0x013B, 0x013C, 0x4746, 0x4749, 0x8298),  # artist, computer, rating, copyright
        *range(0x9C9B, 0x9CA0),  # title, comment, author, keywords, subject (Windows)
        *(EXIF_DIRECTORY, 0x8825),  # the directories of EXIF and GPS
    }
)
"""Tags of a TIFF file's first directory that describe the photo, not its storage."""

OF_PIXELS = frozenset({ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT})
"""Tags of how its pixels are to be shown."""


def read(block: bytes) -> Tiff:
    """Return the directories of a block.

    Raises
    ------
    ValueError
        If there are none.
    """
    tiff = Tiff.read(BytesIO(block))
    if tiff.is_big:
        raise ValueError("a BigTIFF header")
    return tiff


def orientation_of(tiff: Tiff) -> int:
    """Return the orientation of the stored picture, 1 to 8, or 0 if there is none."""
    number = tiff.integer(ORIENTATION)
    return number if number <= 8 else 0


def resolution_of(tiff: Tiff) -> tuple[float, float]:
    """Return dots per inch along x and y, 0 if there are none."""
    unit = tiff.integer(RESOLUTION_UNIT) or INCH
    inches = {INCH: 1.0, CENTIMETRE: 2.54}.get(unit, 0.0)
    return tiff.rational(X_RESOLUTION) * inches, tiff.rational(Y_RESOLUTION) * inches


def portable(directory: Directory) -> tuple[Directory, bool]:
    """Return the fields that may move to another place, and whether these are all.

    Makers' notes may not: they may point to places around them.
    """
    inner = directory.get(EXIF_DIRECTORY)
    if not isinstance(inner, dict) or MAKER_NOTE not in inner:
        return directory, True
    rest: Directory = {tag: field for tag, field in inner.items() if tag != MAKER_NOTE}
    return {**directory, EXIF_DIRECTORY: rest}, False


def with_resolution(directory: Directory, order: Order, dpi: tuple[float, float]) -> Directory:
    """Return a directory with dots per inch along x and y, up to 65,535."""
    x, y = (rational(number, order) for number in dpi)
    return {**directory, X_RESOLUTION: x, Y_RESOLUTION: y, RESOLUTION_UNIT: short(INCH, order)}


def block_with_resolution(block: bytes | None, dpi: tuple[float, float]) -> bytes:
    """Return a block, or a new one, with a resolution; unchanged if that is impossible.

    That is, if it has no fields for it and makers' notes that cannot move.
    """
    if block is None:
        return block_of(with_resolution({}, "<", dpi), "<")
    tiff = read(block)
    if max(abs(a - b) for a, b in zip(resolution_of(tiff), dpi, strict=True)) < NEAR:
        return block
    new = with_resolution({}, tiff.order, dpi)
    out, found = bytearray(block), 0
    for tag, after in new.items():
        before = tiff.directory.get(tag)
        if isinstance(before, Field) and isinstance(after, Field) and before.kind == after.kind:
            out[before.place : before.place + len(after.value)] = after.value
            found += 1
    if found == len(new):
        return bytes(out)
    directory, is_all = portable(tiff.directory)
    if not is_all:
        return block
    return block_of(with_resolution(directory, tiff.order, dpi), tiff.order)


def changed(block: bytes, change: Change) -> bytes:
    """Return a block for the changed picture, which is upright, without a thumbnail.

    All else stays where it is, so that makers' notes remain valid. Numbers that no longer have
    room in their place stand at the end.

    Raises
    ------
    ValueError
        If it holds no directory.
    """
    tiff = read(block)
    out = bytearray(block)
    fields = _all_fields(tiff.directory)
    for tag, field in fields:
        if tag in WIDTHS + HEIGHTS:
            size = change.after[0 if tag in WIDTHS else 1]
            struct.pack_into(tiff.order + "HHII", out, field.entry, tag, LONG, 1, size)
        elif tag == ORIENTATION:
            struct.pack_into(tiff.order + "HHIHH", out, field.entry, tag, SHORT, 1, 1, 0)
    if tiff.next[1]:
        struct.pack_into(tiff.order + "I", out, tiff.next[0], 0)
        out = _without_thumbnail(out, block, tiff)
    _change_focal_plane(out, dict(fields), change, tiff.order)
    for tag, field in fields:
        if tag in SUBJECTS and field.kind in (SHORT, LONG):
            _change_subject(out, tag, field, change, tiff.order)
    return bytes(out)


def _change_focal_plane(
    out: bytearray, fields: dict[int, Field], change: Change, order: Order
) -> None:
    """Make the pixels per unit of the sensor follow the size."""
    for tags in FOCAL_PLANE:
        both = [fields[tag] for tag in tags if tag in fields]
        both = [field for field in both if field.kind == RATIONAL and len(field.value) == 8]
        numbers = [struct.unpack(order + "II", field.value) for field in both]
        if len(both) < len(tags) or not all(denominator for _, denominator in numbers):
            continue
        x, y = (numerator / denominator for numerator, denominator in numbers)
        for field, number in zip(both, change.sides(x, y), strict=True):
            room = max(1, int(LARGEST_LONG / max(number, 1)))
            fraction = Fraction(number).limit_denominator(min(room, MOST_DENOMINATOR))
            if fraction.numerator <= LARGEST_LONG:
                pair = fraction.numerator, fraction.denominator
                struct.pack_into(order + "II", out, field.place, *pair)


def _change_subject(out: bytearray, tag: int, field: Field, change: Change, order: Order) -> None:
    """Move a point, or a circle or rectangle around it. [EXIF 2.32: SubjectArea]."""
    count = len(field.value) // struct.calcsize(INTEGERS[field.kind])
    if not 2 <= count <= 4 or field.place + len(field.value) > len(out):
        return
    numbers = struct.unpack(f"{order}{count}{INTEGERS[field.kind]}", field.value)
    width, height = (numbers[2], numbers[-1]) if count > 2 else (0, 0)
    moved = (*change.point(*numbers[:2]), *change.sides(width, height))[:count]
    whole = [min(max(round(number), 0), LARGEST_LONG) for number in moved]
    if max(whole) <= LARGEST_SHORT or field.kind == LONG:
        place, kind = field.place, field.kind
    else:
        place, kind = len(out) + len(out) % 2, LONG
        out.extend(bytes(place - len(out) + 4 * count))
        struct.pack_into(order + "HHII", out, field.entry, tag, kind, count, place)
    struct.pack_into(f"{order}{count}{INTEGERS[kind]}", out, place, *whole)


def is_readable(block: bytes) -> bool:
    """Return whether there are directories in a block."""
    try:
        read(block)
    except ValueError:
        return False
    return True


def without_orientation(block: bytes) -> bytes:
    """Return a block whose first directory has no orientation; all else keeps its offset."""
    order = read(block).order
    out = bytearray(block)
    start = struct.unpack_from(order + "I", out, 4)[0]
    count = struct.unpack_from(order + "H", out, start)[0]
    end = min(start + 2 + 12 * count + 4, len(out))
    for entry in reversed(range(start + 2, start + 2 + 12 * count, 12)):
        if struct.unpack_from(order + "H", out, entry)[0] == ORIENTATION:
            out[entry:end] = out[entry + 12 : end] + bytes(12)
            count -= 1
    struct.pack_into(order + "H", out, start, count)
    return bytes(out)


def _all_fields(directory: Directory) -> list[tuple[int, Field]]:
    """Return the fields of a directory and of those below it."""
    fields = []
    for tag, field in directory.items():
        fields += [(tag, field)] if isinstance(field, Field) else _all_fields(field)
    return fields


def _without_thumbnail(out: bytearray, block: bytes, tiff: Tiff) -> bytearray:
    """Blank the thumbnail of the second directory, unless other data overlap it."""
    try:
        second = Tiff.read(BytesIO(block), tiff.next[1])
    except ValueError:
        return out
    for place, length in THUMBNAILS:
        start = second.integer(place)
        end = start + second.integer(length)
        if not HEADER <= start < end <= len(out):
            continue
        blank = out.copy()
        blank[start:end] = bytes(end - start)
        if Tiff.read(BytesIO(blank)).directory == Tiff.read(BytesIO(out)).directory:
            out = blank[:start] if end == len(blank) else blank
    return out
