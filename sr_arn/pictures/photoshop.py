"""Photoshop's resources, in which IPTC data are kept: in JPEG's APP13, and in two tags of TIFF.

[Adobe Photoshop file formats specification, "image resource blocks"; IPTC-IIM 4.2]
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from sr_arn.pictures.change import Change

__all__ = ["IPTC", "Resource", "changed", "joined", "named", "resources", "split", "with_iptc"]

IPTC, DIGEST = 0x0404, 0x0425
SIGNATURES = (b"8BIM", b"MeSa", b"AgHg", b"PHUT", b"DCSR")
OBSOLETE = (0x03E8, 0x0409, 0x040C)  # the old size, and thumbnails
PATHS = range(0x07D0, 0x0BB7)  # in shares of the sides
OF_PIXELS = {0x0408: "guides", 0x041A: "slices", 0x0422: "EXIF data", 0x0424: "XMP data"}
"""What counts pixels."""

MOST = 10_000  # resources


class Resource(NamedTuple):
    """One of them."""

    number: int
    content: bytes
    whole: bytes
    """With its header, as in the file."""


def resources(data: bytes) -> Iterator[Resource]:
    """Yield the resources of a block.

    Raises
    ------
    ValueError
        Where it is damaged.
    """
    place, count = 0, 0
    while data[place:].strip(b"\0"):
        if data[place : place + 4] not in SIGNATURES or len(data) < place + 12 or count == MOST:
            raise ValueError("no resource")
        name_end = place + 6 + (1 + data[place + 6] + 1 & ~1)  # padded to even
        if len(data) < name_end + 4:
            raise ValueError("ends too early")
        size = struct.unpack_from(">I", data, name_end)[0]
        start = name_end + 4
        end = start + size
        if end > len(data):
            raise ValueError("ends too early")
        number = struct.unpack_from(">H", data, place + 4)[0]
        padded = data[place:end] + b"\0" * (size % 2)
        yield Resource(number, data[start:end], padded)
        place, count = end + size % 2, count + 1


def joined(found: Iterator[Resource] | list[Resource]) -> bytes:
    """Return the block of some resources."""
    return b"".join(resource.whole for resource in found)


def with_iptc(others: bytes, iptc: bytes) -> bytes:
    """Return a block with these IPTC data and the other resources of another."""
    whole = b"8BIM" + struct.pack(">HHI", IPTC, 0, len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
    rest = [resource for resource in resources(others) if resource.number != IPTC]
    return whole + joined(rest)


def split(data: bytes) -> tuple[bytes, bytes]:
    """Return the IPTC data of a block, and the block without them, as TIFF keeps them."""
    found = list(resources(data))
    iptc = b"".join(resource.content for resource in found if resource.number == IPTC)
    return iptc, joined([resource for resource in found if resource.number != IPTC])


def named(data: bytes) -> str:
    """Return what a block is, for the user."""
    try:
        has_iptc = any(resource.number == IPTC for resource in resources(data))
    except ValueError:
        has_iptc = False
    return "IPTC data" if has_iptc else "Photoshop's resources"


def changed(data: bytes, change: Change) -> tuple[bytes, tuple[str, ...]]:
    """Return a block for the changed picture, and what it holds no longer.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    kept, left_out = [], []
    is_moved = change.is_turned or change.before != change.after
    for resource in resources(data):
        if resource.number in OBSOLETE:
            continue
        if resource.number in PATHS and change.is_turned:
            left_out.append("Photoshop's paths")
        elif resource.number in OF_PIXELS and is_moved:
            left_out.append(f"Photoshop's {OF_PIXELS[resource.number]}")
        else:
            kept.append(resource)
    return joined(kept), tuple(dict.fromkeys(left_out))
