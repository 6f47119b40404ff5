"""The segments of a JPEG file, and what follows its picture. [ITU-T T.81, annex B]."""

import re
import struct
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import NamedTuple

from sr_arn.errors import display
from sr_arn.pictures.tiff_tags import Tiff

__all__ = [
    *("APP13", "COMMENT", "FURTHER", "LONGEST", "PHOTOSHOP"),
    *("JPEGFile", "Segment", "segment"),
]

EOI, SOS, COMMENT, APP0, APP13 = 0xD9, 0xDA, 0xFE, 0xE0, 0xED
ALONE = (0x01, *range(0xD0, 0xD9))  # markers without a segment
MARKER = re.compile(rb"\xff(?=[^\x00\xd0-\xd7\xff])")  # in coded pixels, restarts excepted
MOST = 20_000  # segments, and pictures in a file
LONGEST = 65_533  # bytes of a segment after its length

PHOTOSHOP = b"Photoshop 3.0\0"
MULTI_PICTURE = b"MPF\0"
ENTRIES, PREVIEWS = 0xB002, (0x010001, 0x010002)  # a tag of it; types of its pictures [CIPA DC-007]
READ = {
    0xE0: (b"JFIF\0", b"JFXX\0"),
    0xE1: (b"Exif\0", b"http://ns.adobe.com/xap/1.0/\0"),
    0xE2: (b"ICC_PROFILE\0", MULTI_PICTURE),
    0xEC: (b"Ducky\0\1\0\4",),  # a quality
    0xED: (PHOTOSHOP,),
    0xEE: (b"Adobe",),
}
"""Segments that are read elsewhere, or describe how the file is stored, by their beginnings."""

EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
KNOWN = {
    EXTENDED_XMP: "extended XMP",
    b"urn:iso:std:iso:ts:21496:-1\0": "gain map",
    b"FPXR\0": "FlashPix data",
    b"FLIR\0": "thermal data (FLIR)",
    b"JP\0": "content credentials or other JUMBF data",
}
"""Names of other segments, by their beginnings."""

DEPTH = b"http://ns.google.com/photos/1.0/depthmap/"
SIGNS = {
    b"hdr-gain-map": "gain map",
    b"hdrgainmap": "gain map",
    b"HDRGainMap": "gain map",
    b"urn:iso:std:iso:ts:21496": "gain map",
    b"depthmap": "depth map",
    b"aux:depth": "depth map",
}
"""What a further picture is, by what its first bytes contain."""

FURTHER = "further picture"
FIRST = 1 << 16  # bytes of it


class Segment(NamedTuple):
    """A segment with its content."""

    marker: int
    start: int
    """Of the content in the file."""
    content: bytes


class JPEGFile:
    """The segments of a file up to its end marker.

    Parameters
    ----------
    data : bytes
    start : int
        Where the file begins in them.
    """

    def __init__(self, data: bytes, start: int = 0) -> None:
        self.data = data
        self.segments: list[Segment] = []
        self.end = len(data)
        """Where it ends; that of the data where no end marker was found."""
        place = start + 2
        while len(self.segments) < MOST and place + 4 <= len(data):
            marker = data[place + 1]
            if data[place] != 0xFF or marker == 0xFF or marker in ALONE:
                place += 1 if marker == 0xFF or data[place] != 0xFF else 2
                continue
            if marker == EOI:
                break
            length = struct.unpack_from(">H", data, place + 2)[0]
            content = data[place + 4 : place + 2 + length]
            self.segments.append(Segment(marker, place + 4, content))
            place += 2 + length
            if marker == SOS:
                found = MARKER.search(data, place)
                place = found.start() if found else len(data)
        if data[place : place + 2] == bytes((0xFF, EOI)):
            self.end = place + 2

    def starting_with(self, start: bytes, marker: int) -> Iterator[Segment]:
        """Yield the segments of a kind."""
        for found in self.segments:
            if found.marker == marker and found.content.startswith(start):
                yield found

    def unread(self) -> list[str]:
        """Return what the file holds beside its picture and what is read elsewhere."""
        names = [name for found in self.segments if (name := _name_of(found))]
        if any(DEPTH in found.content for found in self.starting_with(EXTENDED_XMP, 0xE1)):
            names.append("depth map")
        return [*dict.fromkeys(names), *self._after()]

    def _after(self) -> Iterator[str]:
        """Yield what follows the picture, but for its previews."""
        previews = set(self._previews())
        place = self._skipped(self.end)
        for _ in range(MOST):
            if self.data[place : place + 3] != b"\xff\xd8\xff":
                break
            head = self.data[place : place + FIRST]
            kinds = [kind for sign, kind in SIGNS.items() if sign in head]
            if place not in previews:
                yield kinds[0] if kinds else FURTHER
            place = self._skipped(JPEGFile(self.data, place).end)
        left = len(self.data) - place
        if b"ftyp" in self.data[place:]:
            yield "motion video"
        elif left:
            yield f"{left:,} bytes after the picture"

    def _skipped(self, place: int) -> int:
        """Return where the zeros that begin somewhere end."""
        found = re.compile(rb"\0*").match(self.data, place)
        return found.end() if found else place

    def _previews(self) -> Iterator[int]:
        """Yield where previews begin."""
        for found in self.starting_with(MULTI_PICTURE, 0xE2):
            origin = found.start + len(MULTI_PICTURE)
            try:
                tiff = Tiff.read(BytesIO(found.content[len(MULTI_PICTURE) :]))
            except ValueError:
                continue
            entries = tiff.value(ENTRIES) or b""
            for start in range(0, len(entries) - 15, 16):
                kind, _, offset = struct.unpack_from(tiff.order + "III", entries, start)
                if kind & 0xFFFFFF in PREVIEWS:
                    yield origin + offset


def _name_of(found: Segment) -> str:
    """Return what a segment is that is not read; nothing of others."""
    content = found.content
    if found.marker not in range(APP0, APP0 + 16) or content.startswith(READ.get(found.marker, ())):
        return ""
    for start, name in KNOWN.items():
        if content.startswith(start):
            return name
    what = content[:24].partition(b"\0")[0].decode("latin-1")
    return f"segment APP{found.marker - APP0} ({display(what)})"


def segment(marker: int, contents: Iterable[bytes]) -> bytes:
    """Return the bytes of segments of a kind.

    Raises
    ------
    ValueError
        If a content is too long for one.
    """
    parts = []
    for content in contents:
        if len(content) > LONGEST:
            raise ValueError("too long for a segment")
        parts.append(struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content)
    return b"".join(parts)
