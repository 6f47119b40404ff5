"""The metadata of TIFF files: tags of the first directory.

[TIFF 6.0; TIFF supplement "Photoshop TIFF technical notes"; XMP specification, part 3]
"""

import struct
from typing import IO

from sr_arn.pictures import exif, geo, photoshop, tiff_tags
from sr_arn.pictures.metadata import Metadata, sane_dpi
from sr_arn.pictures.tiff_tags import (
    BYTE,
    RATIONAL,
    UNDEFINED,
    Directory,
    Field,
    Order,
    Tiff,
)

__all__ = ["ICC", "metadata_of", "photo_of", "tags_of"]

XMP, IPTC, PHOTOSHOP, ICC = 700, 33723, 34377, 34675
TRANSFER, WHITE_POINT, PRIMARIES = 301, 318, 319
OF_SRGB = {WHITE_POINT: (0.3127, 0.329), PRIMARIES: (0.64, 0.33, 0.3, 0.6, 0.15, 0.06)}
NEAR = 0.01  # of chromaticities
READ = frozenset(
    {ICC, XMP, IPTC, PHOTOSHOP, *OF_SRGB, *geo.TAGS, *exif.OF_PIXELS, *exif.DESCRIPTIVE}
)
DESCRIPTION = 0x010E
OF_PROGRAMS = {b'{"shape":': "", b"ImageJ=": "ImageJ's description", b"<OME": "OME's description"}
"""Descriptions of how a file's pixels are stored, by what is in their first bytes."""

FIRST = 200  # bytes of a description
STORAGE = frozenset(
    {
        *(254, 255, *range(256, 267), 269, 273, *range(277, 282), 284, *range(288, 294), 297),
        *(317, *range(320, 329), 332, 333, 334, 336, *range(338, 342), 347, 559),
        *(*range(512, 522), *range(529, 533)),  # JPEG and YCbCr
        *(50341, 59932, 59933),  # for printers, and Windows' padding
    }
)
"""Tags of how the old file's pixels are stored."""

FURTHER = {330: "further pictures (SubIFDs)", 37724: "layers (ImageSourceData)"}
MOST_NAMES = 8
IPTC_START = 0x1C


def metadata_of(file: IO[bytes]) -> tuple[Metadata, int]:
    """Return the metadata of a TIFF file, and its orientation, 1 to 8."""
    try:
        tiff = Tiff.read(file, wanted=READ)
    except ValueError as error:
        return Metadata().without(f"damaged metadata ({error})"), 1
    fields, names = photo_of(tiff)
    names += ["damaged metadata"] if tiff.is_damaged else []
    here = {tag: field for tag, field in tiff.directory.items() if tag in geo.TAGS}
    metadata = Metadata(
        icc_profile=tiff.value(ICC),
        exif=tiff_tags.block_of(fields, tiff.order) if fields else None,
        xmp=tiff.value(XMP),
        dpi=sane_dpi(exif.resolution_of(tiff)),
        photoshop=_resources(tiff),
        geo=tiff_tags.block_of(here, tiff.order) if here else None,
    ).without(*names)
    return metadata, exif.orientation_of(tiff) or metadata.orientation()


def photo_of(tiff: Tiff) -> tuple[Directory, list[str]]:
    """Return the fields that describe the photo and may move, and names of the others."""
    fields = {tag: field for tag, field in tiff.directory.items() if tag in exif.DESCRIPTIVE}
    fields, is_all = exif.portable(fields)
    names = [] if is_all else ["the maker's notes, which hold in their place alone"]
    start = (tiff.value(DESCRIPTION) or b"")[:FIRST]
    for sign, name in OF_PROGRAMS.items():
        if sign in start:
            fields = {tag: field for tag, field in fields.items() if tag != DESCRIPTION}
            names += [name] if name else []
    return fields, [*names, *_names_of(tiff)]


def _resources(tiff: Tiff) -> bytes | None:
    """Return Photoshop's resources with the IPTC data, which have a tag of their own."""
    others, iptc = tiff.value(PHOTOSHOP), tiff.value(IPTC)
    if not iptc:
        return others
    if iptc[0] != IPTC_START and len(iptc) % 4 == 0:  # of type LONG, and swapped
        iptc = b"".join(iptc[start : start + 4][::-1] for start in range(0, len(iptc), 4))
    try:
        return photoshop.with_iptc(others or b"", iptc)
    except ValueError:
        return photoshop.with_iptc(b"", iptc)


def _names_of(tiff: Tiff) -> list[str]:
    """Return what is left out of the tags that are not read."""
    from tifffile import TIFF

    tags = {*tiff.others, *(tiff.directory.keys() - READ)}
    if ICC in tiff.directory:  # which says all that readers want of the colours
        tags -= {TRANSFER}
    else:
        tags |= {tag for tag, numbers in OF_SRGB.items() if _differ(tiff, tag, numbers)}
    names = [name for tag, name in FURTHER.items() if tag in tags]
    unknown = sorted(tags - STORAGE - FURTHER.keys())
    known = ((tag, TIFF.TAGS.get(tag, "")) for tag in unknown[:MOST_NAMES])
    shown = [f"{tag} ({name})" if name else str(tag) for tag, name in known]
    more = ["..."] if len(unknown) > MOST_NAMES else []
    return [*names, f"tags {', '.join([*shown, *more])}"] if unknown else names


def _differ(tiff: Tiff, tag: int, numbers: tuple[float, ...]) -> bool:
    """Return whether a tag gives other chromaticities."""
    field = tiff.directory.get(tag)
    if not isinstance(field, Field) or (field.kind, len(field.value)) != (
        RATIONAL,
        8 * len(numbers),
    ):
        return field is not None
    pairs = struct.iter_unpack(tiff.order + "II", field.value)
    found = [numerator / max(denominator, 1) for numerator, denominator in pairs]
    return any(abs(a - b) > NEAR for a, b in zip(found, numbers, strict=True))


def tags_of(metadata: Metadata, order: Order) -> Directory:
    """Return the tags that hold metadata."""
    tags: Directory = {}
    if metadata.exif:
        tags |= photo_of(exif.read(metadata.exif))[0]
    if metadata.geo:
        tags |= geo.in_order(metadata.geo, order)
    if metadata.xmp:
        tags[XMP] = Field(BYTE, metadata.xmp)
    if metadata.photoshop:
        iptc, others = photoshop.split(metadata.photoshop)
        tags |= {IPTC: Field(UNDEFINED, iptc)} if iptc else {}
        tags |= {PHOTOSHOP: Field(BYTE, others)} if others else {}
    return exif.with_resolution(tags, order, metadata.dpi) if metadata.dpi else tags
