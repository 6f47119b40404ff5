"""The metadata of a picture file, and what becomes of each kind of them with the picture."""

import re
import struct
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sr_arn.errors import display
from sr_arn.pictures import exif, geo, photoshop, xmp
from sr_arn.pictures.change import Change

__all__ = [
    "EXIF_PREFIX",
    "ICC_SPACE",
    "ICC_SPACES",
    "KINDS",
    "XMP_PREFIX",
    "Kind",
    "Metadata",
    "exif_dpi",
    "sane_dpi",
    "unhexed",
]

EXIF_PREFIX = b"Exif\0\0"  # what stands before the block in JPEG files
XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"
MOST_DPI = 65_535  # of JPEG
MOST_NAMES = 6  # of text chunks, in a message
PRIMARIES = {9: "BT.2020", 11: "DCI-P3", 12: "Display P3"}  # ITU-T H.273, tables 2 and 3
TRANSFERS = {16: "PQ", 18: "HLG"}

ICC_HEADER, ICC_SIGNATURE = 128, slice(36, 40)  # ICC.1:2022, table 17
ICC_SPACE = slice(16, 20)
ICC_SPACES = {"L": b"GRAY", "LA": b"GRAY", "RGB": b"RGB ", "RGBA": b"RGB ", "CMYK": b"CMYK"}


@dataclass(frozen=True)
class Metadata:
    """What is kept of a picture file beside its pixels, by kinds; see `KINDS`."""

    icc_profile: bytes | None = None
    exif: bytes | None = None
    """An EXIF block, from its byte order mark on."""
    xmp: bytes | None = None
    """An XMP packet."""
    dpi: tuple[float, float] | None = None
    """Dots per inch along x and y."""
    photoshop: bytes | None = None
    """Photoshop's resources, with IPTC data among them."""
    comments: tuple[bytes, ...] = ()
    """Of a JPEG or GIF file."""
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    """Kind and content of PNG chunks of text, and of others that fit every size."""
    geo: bytes | None = None
    """GeoTIFF's tags, as a block."""
    cicp: bytes | None = None
    """Colour by numbers, four bytes: primaries, transfer, matrix, full range. [ITU-T H.273]"""
    left_out: tuple[str, ...] = ()
    """Names of what the file holds and these metadata do not."""

    def changed(self, change: Change) -> "Metadata":
        """Return the metadata of the upright picture in its new size, without what is damaged."""
        kept: dict[str, Any] = {}
        left_out: list[str] = []
        for name, kind in KINDS.items():
            value = getattr(self, name)
            if not value:
                continue
            try:
                kept[name], lost = kind.changed(value, change)
            except (ValueError, struct.error) as error:
                kept[name], lost = None, (f"damaged {kind.named(value)} ({display(error)})",)
            left_out += lost
        return replace(self, **kept).without(*left_out)

    def without(self, *names: str, **fields: Any) -> "Metadata":
        """Return metadata that name what they do not hold, with other fields."""
        return replace(self, **fields, left_out=tuple(dict.fromkeys((*self.left_out, *names))))

    def held(self, kinds: Collection[str], holder: str) -> "Metadata":
        """Return those of some kinds, and name the others as what `holder` does not hold."""
        others = {name: kind for name, kind in KINDS.items() if name not in kinds}
        values = {name: value for name in others if (value := getattr(self, name))}
        names = filter(None, (others[name].named(value) for name, value in values.items()))
        blank = {name: getattr(Metadata(), name) for name in others}
        return self.without(*(f"{name} ({holder} holds none)" for name in names), **blank)

    def of_colours(self) -> "Metadata":
        """Return only what says how the pixels look."""
        return Metadata(icc_profile=self.icc_profile, cicp=self.cicp)

    def for_mode(self, mode: str) -> "Metadata":
        """Return them without an ICC profile that is not valid for pixels of this mode."""
        profile = self.icc_profile
        if not profile:
            return replace(self, icc_profile=None)
        if len(profile) < ICC_HEADER or profile[ICC_SIGNATURE] != b"acsp":
            return self.without("an ICC profile that is none", icc_profile=None)
        if profile[ICC_SPACE] != ICC_SPACES.get(mode):
            space = display(profile[ICC_SPACE].decode("latin-1").strip())
            what = f"an ICC profile for {space}, not for {mode}"
            return self.without(what, icc_profile=None)
        return self

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


class Kind(NamedTuple):
    """A kind of metadata, a field of `Metadata`."""

    named: Callable[[Any], str]
    """What it is called, by its value."""
    changed: Callable[[Any, Change], tuple[Any, Sequence[str]]]
    """Its value for a picture that was turned and scaled, and names of what is left out of it.

    A `ValueError` means that it is damaged."""


def _as_it_is(value: Any, _: Change) -> tuple[Any, Sequence[str]]:
    return value, ()


def _names_of_chunks(chunks: tuple[tuple[bytes, bytes], ...]) -> str:
    """Return the keywords of texts, and the kinds of other chunks.

    ImageMagick's texts of when the old file was made are no loss.
    """
    names = [
        content.partition(b"\0")[0] if kind.endswith(b"Xt") else kind for kind, content in chunks
    ]
    names = [name for name in names if not name.startswith(b"date:")]
    if not names:
        return ""
    shown = [display(name.decode("latin-1"), 40) for name in dict.fromkeys(names)]
    more = ", ..." if len(shown) > MOST_NAMES else ""
    return f"PNG's {', '.join(shown[:MOST_NAMES])}{more}"


def _name_of_colours(cicp: bytes) -> str:
    primaries, transfer = PRIMARIES.get(cicp[0], ""), TRANSFERS.get(cicp[1], "")
    known = " ".join(filter(None, (primaries, transfer)))
    return f"colours by numbers {cicp[0]}/{cicp[1]}{known and f', {known}'}"


KINDS = {
    "icc_profile": Kind(lambda value: "ICC profile", _as_it_is),
    "exif": Kind(
        lambda value: "EXIF data", lambda block, change: (exif.changed(block, change), ())
    ),
    "xmp": Kind(lambda value: "XMP data", xmp.changed),
    "photoshop": Kind(photoshop.named, photoshop.changed),
    "comments": Kind(lambda value: "comment", _as_it_is),
    "chunks": Kind(_names_of_chunks, _as_it_is),
    "geo": Kind(lambda value: "GeoTIFF data", geo.changed),
    "cicp": Kind(_name_of_colours, _as_it_is),
}
"""By the names of their fields. The resolution has a place in every format."""


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
