"""The frame and the scans of a JPEG file. [ITU-T T.81, annex B]."""

import re
import struct
from typing import NamedTuple

__all__ = ["END", "Frame", "is_whole", "with_end"]

LOSSLESS, SCAN = (0xC3, 0xC7, 0xCB, 0xCF), 0xDA
FRAMES = {0xC0 + k for k in range(16)} - {0xC4, 0xC8, 0xCC}
MARKER = re.compile(rb"\xff+([^\0\xd0-\xd7\xff])", re.DOTALL)  # but restarts
END = b"\xff\xd9"
FILLS = (b"\0", b"\x55", b"\xaa")
RESTARTS = range(0xD0, 0xD8)
FILLED = 64  # bytes: more than a block takes
COEFFICIENTS = 64  # of a block


class Frame(NamedTuple):
    """What a frame header says, and where it lies."""

    marker: int
    bits: int
    height: int
    width: int
    components: tuple[int, ...]
    offset: int
    """Of its bits per sample."""

    @classmethod
    def of(cls, content: bytes) -> "Frame | None":
        """Return the first frame of a file, if there is one."""
        for marker, start in _segments(content):
            if marker in FRAMES and len(content) >= start + 6:
                bits, height, width, count = struct.unpack_from(">BHHB", content, start)
                components = content[start + 6 : start + 6 + 3 * count : 3]
                return cls(marker, bits, height, width, tuple(components), start)
            if marker == SCAN:
                break
        return None

    @property
    def is_lossless(self) -> bool:
        """Whether nothing was lost: DPCM, not DCT."""
        return self.marker in LOSSLESS


def _segments(content: bytes) -> "list[tuple[int, int]]":
    """Return the markers of a file and where the content of each begins."""
    found, place = [], 2
    while match := MARKER.search(content, place):
        place, marker = match.end(), match[1][0]
        if len(content) < place + 2:
            break
        (length,) = struct.unpack_from(">H", content, place)
        found.append((marker, place + 2))
        place += length
    return found


def is_whole(content: bytes) -> bool:
    """Return whether the scans of a file bring every bit of every coefficient."""
    frame = Frame.of(content)
    if frame is None:
        return False
    missing = {(which, k) for which in frame.components for k in range(COEFFICIENTS)}
    for marker, start in _segments(content):
        if marker == SCAN and start < len(content):
            count = content[start]
            spectrum = start + 1 + 2 * count
            if len(content) < spectrum + 3:
                break
            first, last, bits = content[spectrum : spectrum + 3]
            if not bits & 15:  # none is left for another scan
                own = content[start + 1 : spectrum : 2]
                missing -= {(which, k) for which in own for k in range(first, last + 1)}
    return not missing


def with_end(content: bytes) -> list[bytes]:
    """Return a file without its end marker ended in several ways.

    If all pixels are there, they are the same whatever follows: bits of any kind are no part of
    them. If some are missing, the bits that follow are taken for them.
    """
    ends = (b"".join(fill * FILLED + bytes((0xFF, n)) for n in RESTARTS) for fill in FILLS)
    return [content + END, *(content + end + END for end in ends)]
