"""The metadata of a picture file: ICC profile, EXIF, XMP, resolution."""

import logging
import re
from dataclasses import dataclass, replace
from typing import Any

from sr_arn.errors import display
from sr_arn.pictures import exif

__all__ = [
    "EXIF_PREFIX",
    "ICC_SPACE",
    "ICC_SPACES",
    "Metadata",
    "checked_icc",
    "exif_dpi",
    "sane_dpi",
    "unhexed",
]

logger = logging.getLogger(__name__)

EXIF_PREFIX = b"Exif\0\0"  # what stands before the block in JPEG files
MOST_DPI = 65_535  # of JPEG

ICC_HEADER, ICC_SIGNATURE = 128, slice(36, 40)  # ICC.1:2022, table 17
ICC_SPACE = slice(16, 20)
ICC_SPACES = {"L": b"GRAY", "LA": b"GRAY", "RGB": b"RGB ", "RGBA": b"RGB ", "CMYK": b"CMYK"}


@dataclass(frozen=True)
class Metadata:
    """What is kept of a picture file beside its pixels."""

    icc_profile: bytes | None = None
    exif: bytes | None = None
    """An EXIF block, from its byte order mark on."""
    xmp: bytes | None = None
    """An XMP packet."""
    dpi: tuple[float, float] | None = None
    """Dots per inch along x and y."""

    def for_picture(self, width: int, height: int, name: str = "image") -> "Metadata":
        """Return the metadata of an upright picture of this size, without a thumbnail.

        Damaged parts are left out with a warning in the log.
        """
        block, xmp = self.exif, self.xmp
        if block is not None:
            try:
                block = exif.for_picture(block, width, height)
            except ValueError as error:
                logger.warning("%s: its EXIF data are damaged (%s) and left out", name, error)
                block = None
        if xmp is not None:
            xmp = _xmp_for_picture(xmp, width, height)
        return replace(self, exif=block, xmp=xmp)

    def orientation(self) -> int:
        """Return the orientation of the stored pixels, 1 to 8, by EXIF or otherwise by XMP."""
        try:
            number = exif.orientation_of(exif.read(self.exif)) if self.exif else 0
        except ValueError:
            number = 0
        if not number and self.xmp:
            found = re.search(rb"\btiff:Orientation(?:\s*=\s*[\"']|\s*>\s*)([1-8])\b", self.xmp)
            number = int(found[1]) if found else 0
        return number or 1


def checked_icc(profile: bytes | None, mode: str, name: str) -> bytes | None:
    """Return an ICC profile if it is valid for pixels of this mode, else None and a warning."""
    if not profile:
        return None
    if len(profile) < ICC_HEADER or profile[ICC_SIGNATURE] != b"acsp":
        logger.warning("%s: its ICC profile is none and left out", name)
        return None
    if profile[ICC_SPACE] != ICC_SPACES.get(mode):
        space = display(profile[ICC_SPACE].decode("latin-1").strip())
        logger.warning("%s: its ICC profile is for %s, not for %s, and left out", name, space, mode)
        return None
    return profile


def _xmp_for_picture(xmp: bytes, width: int, height: int) -> bytes:
    """Correct the numbers in an XMP packet, written as attributes or as elements."""
    numbers = {  # [XMP specification part 2: the name spaces tiff and exif]
        "tiff:Orientation": 1,
        "tiff:ImageWidth": width,
        "tiff:ImageLength": height,
        "exif:PixelXDimension": width,
        "exif:PixelYDimension": height,
    }
    for name, number in numbers.items():
        for pattern in (rf"(\b{name}\s*=\s*[\"'])\d+(?=[\"'])", rf"(<{name}\s*>\s*)\d+(?=\s*</)"):
            xmp = re.sub(pattern.encode(), rb"\g<1>%d" % number, xmp)
    return xmp


def unhexed(text: str) -> bytes:
    """Return the bytes of a profile written as text: name, length, hexadecimals.

    Raises
    ------
    ValueError
        If it is none.
    """
    return bytes.fromhex(text.split("\n", 3)[-1])


def sane_dpi(dpi: Any) -> tuple[float, float] | None:
    """Return a resolution if it is one that every format can hold."""
    try:
        x, y = (float(number) for number in dpi)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (x, y) if 0 < x <= MOST_DPI and 0 < y <= MOST_DPI else None


def exif_dpi(block: bytes | None) -> tuple[float, float] | None:
    """Return the resolution in an EXIF block."""
    try:
        return sane_dpi(exif.resolution_of(exif.read(block))) if block else None
    except ValueError:
        return None
