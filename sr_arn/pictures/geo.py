"""GeoTIFF data: where the pixels lie on Earth, which follows their size.

[OGC 19-008r4, GeoTIFF 1.1, annex B and clause 7.4; GDAL's tags GDAL_METADATA and GDAL_NODATA]
"""

import struct
from collections.abc import Sequence
from io import BytesIO

from sr_arn.pictures.change import Change
from sr_arn.pictures.tiff_tags import DOUBLE, SIZES, Directory, Field, Order, Tiff, block_of

__all__ = ["TAGS", "changed", "in_order"]

PIXEL_SCALE, TIE_POINTS, TRANSFORM, KEYS = 33550, 33922, 34264, 34735
TAGS = frozenset({PIXEL_SCALE, TIE_POINTS, TRANSFORM, KEYS, 34736, 34737, 42112, 42113})
"""The last two are GDAL's: metadata of its own, and the value of pixels without data."""

RASTER_TYPE, POINT = 1025, 2  # a key, and its value where a pixel stands for its middle


def changed(block: bytes, change: Change) -> tuple[bytes | None, tuple[str, ...]]:
    """Return a block of these tags for the changed picture, and what is left out.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    if change.is_turned:
        return None, ("GeoTIFF data of a picture that is not upright",)
    tiff = Tiff.read(BytesIO(block))
    scale = change.scale
    shift = [(s - 1) / 2 if _means_middles(tiff) else 0.0 for s in scale]  # of the middles
    moved: Directory = dict(tiff.directory)
    if (sizes := _doubles(tiff, PIXEL_SCALE)) is not None:
        _check(len(sizes) == 3)
        sizes = [sizes[0] / scale[0], sizes[1] / scale[1], sizes[2]]
        moved[PIXEL_SCALE] = _field(sizes, tiff.order)
    if (points := _doubles(tiff, TIE_POINTS)) is not None:
        _check(len(points) % 6 == 0)
        for start in range(0, len(points), 6):
            for axis in range(2):
                points[start + axis] = points[start + axis] * scale[axis] + shift[axis]
        moved[TIE_POINTS] = _field(points, tiff.order)
    if (matrix := _doubles(tiff, TRANSFORM)) is not None:
        _check(len(matrix) == 16)
        for row in range(0, 16, 4):
            for axis in range(2):
                matrix[row + axis] /= scale[axis]
                matrix[row + 3] -= matrix[row + axis] * shift[axis]
        moved[TRANSFORM] = _field(matrix, tiff.order)
    return block_of(moved, tiff.order), ()


def in_order(block: bytes, order: Order) -> Directory:
    """Return the tags of a block in a byte order."""
    tiff = Tiff.read(BytesIO(block))
    if tiff.order == order:
        return tiff.directory
    return {
        tag: Field(field.kind, _swapped(field.value, SIZES[field.kind]))
        for tag, field in tiff.directory.items()
        if isinstance(field, Field)
    }


def _swapped(value: bytes, size: int) -> bytes:
    """Return numbers of some bytes each in the other byte order."""
    numbers = (value[start : start + size] for start in range(0, len(value), size))
    return b"".join(number[::-1] for number in numbers)


def _means_middles(tiff: Tiff) -> bool:
    """Return whether coordinates are those of the pixels' middles, not of their corners."""
    keys = tiff.value(KEYS) or b""
    numbers = struct.unpack(f"{tiff.order}{len(keys) // 2}H", keys[: len(keys) // 2 * 2])
    entries = [numbers[start : start + 4] for start in range(4, len(numbers) - 3, 4)]
    return (RASTER_TYPE, 0, 1, POINT) in entries


def _doubles(tiff: Tiff, tag: int) -> list[float] | None:
    field = tiff.directory.get(tag)
    if not isinstance(field, Field):
        return None
    _check(field.kind == DOUBLE)
    return list(struct.unpack(f"{tiff.order}{len(field.value) // 8}d", field.value))


def _field(numbers: Sequence[float], order: Order) -> Field:
    return Field(DOUBLE, struct.pack(f"{order}{len(numbers)}d", *numbers))


def _check(is_valid: bool) -> None:
    if not is_valid:
        raise ValueError("numbers are missing")
