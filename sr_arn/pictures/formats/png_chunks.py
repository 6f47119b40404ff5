"""The chunks of a PNG file, and the metadata in them.

[PNG specification, third edition, chapters 5, 11 and 14; ImageMagick's profiles in text]
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from sr_arn.errors import display
from sr_arn.pictures import photoshop
from sr_arn.pictures.metadata import (
    EXIF_PREFIX,
    XMP_PREFIX,
    Metadata,
    exif_dpi,
    sane_dpi,
    unhexed,
)

__all__ = ["PIXELS", "RAW_PROFILE", "SIGNATURE", "chunk", "chunks", "metadata_of", "written"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
FRAMES = (b"acTL", b"fcTL", b"fdAT")
STORAGE = (*PIXELS, *FRAMES, b"tIME", b"bKGD", b"hIST", b"sBIT", b"sPLT", b"iDOT", b"sRGB")
"""What describes the pixels of the old file alone, or is read elsewhere."""

COLOURS = (b"gAMA", b"cHRM")
LENGTHS = {b"gAMA": 4, b"cHRM": 32, b"mDCV": 24, b"cLLI": 8}
"""Of chunks that say how the pixels look, in bytes."""

COUNTING = (b"oFFs", b"caNv", b"vpAg", b"sCAL", b"pCAL")  # pixels, or what a pixel measures
NAMES = {b"caBX": "content credentials (caBX)"}
ANCILLARY, SAFE_TO_COPY = 0x20, 0x20  # bits of a kind's first and last letter

XMP_KEYWORD = b"XML:com.adobe.xmp"
RAW_PROFILE = b"Raw profile type "  # ImageMagick's keyword, in text chunks
LONGEST_KEYWORD = 79
RAW_LINE = 72  # characters
PHOTOSHOP = b"Photoshop 3.0\0"
LARGEST = 1 << 26  # bytes of all decompressed profiles and texts; more are left out
METRES_PER_INCH = 0.0254
GAMMA_OF_SRGB = range(43_000, 48_001)  # gAMA, about 100,000 / 2.2
CHRM_OF_SRGB = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
CICP_OF_SRGB = (b"\x01\x0d\x00\x01", b"\x01\x01\x00\x01")  # sRGB and BT.709, full range
TEXTS = (b"tEXt", b"zTXt", b"iTXt")

Chunk = tuple[bytes, bytes]


def chunks(data: bytes) -> Iterator[tuple[bytes, memoryview, memoryview]]:
    """Yield kind, content and all bytes of each chunk; the last may be cut off."""
    place, view = len(SIGNATURE), memoryview(data)
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length
        yield kind, view[place + 8 : end - 4], view[place:end]
        place = end


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return the bytes of a chunk."""
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def metadata_of(data: bytes) -> Metadata:
    """Return the metadata of a file, which name what is damaged or cannot be kept."""
    reader = _Reader()
    for kind, content, whole in chunks(data):
        if kind not in STORAGE:
            reader.read(kind, content, whole)
    has_srgb = any(kind == b"sRGB" for kind, _, _ in chunks(data))
    return reader.metadata(has_srgb)


class _Reader:
    """Gathers what chunks say."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}
        self.as_text: dict[str, Any] = {}  # which holds where there is no other
        self.kept: list[Chunk] = []
        self.left_out: list[str] = []
        self.inflate = _Inflater(LARGEST)

    def read(self, kind: bytes, view: memoryview, whole: memoryview) -> None:
        """Read a chunk that does not hold pixels."""
        content = bytes(view)
        try:
            if kind in TEXTS and (as_text := _of_text(kind, content, self.inflate)) is not None:
                self.as_text.update(as_text)
            elif (fields := _of_chunk(kind, content, self.inflate)) is not None:
                self.found.update(fields)
            elif chunk(kind, content) != whole or not _is_sound(kind, content):
                raise ValueError
            elif _may_be_copied(kind):
                self.kept.append((kind, content))
            else:
                self.left_out.append(NAMES.get(kind, f"chunk {display(kind.decode('latin-1'))}"))
        except (ValueError, struct.error, zlib.error):
            self.left_out.append(f"damaged chunk {display(kind.decode('latin-1'))}")

    def metadata(self, has_srgb: bool) -> Metadata:
        """Return what was found; gAMA and cHRM only if they say something else than sRGB."""
        fields = self.as_text | self.found
        colours = {kind: content for kind, content in self.kept if kind in COLOURS}
        is_told = has_srgb or "icc_profile" in fields or "cicp" in fields
        if is_told or not _looks_different(colours):
            self.kept = [one for one in self.kept if one[0] not in COLOURS]
        dpi = fields.pop("dpi", None) or exif_dpi(fields.get("exif"))
        return Metadata(**fields, dpi=dpi, chunks=tuple(self.kept)).without(*self.left_out)


def _is_sound(kind: bytes, content: bytes) -> bool:
    """Return whether a chunk has what its kind asks for."""
    if kind in TEXTS:
        return 0 < content.find(b"\0") <= LONGEST_KEYWORD
    return len(content) == LENGTHS.get(kind, len(content))


def _may_be_copied(kind: bytes) -> bool:
    """Return whether a chunk fits every size. [PNG, section 5.4: the safe-to-copy bit]."""
    if kind in TEXTS or kind in LENGTHS:
        return True
    is_safe = kind.isalpha() and kind[0] & ANCILLARY and kind[3] & SAFE_TO_COPY
    return bool(is_safe) and kind not in COUNTING


def _looks_different(kinds: Mapping[bytes, bytes]) -> bool:
    """Return whether gAMA or cHRM describe other colours than sRGB's."""
    gamma = int.from_bytes(kinds.get(b"gAMA", b""), "big")
    primaries = kinds.get(b"cHRM", b"")
    if len(primaries) == len(CHRM_OF_SRGB) * 4:
        pairs = zip(struct.unpack(">8I", primaries), CHRM_OF_SRGB, strict=True)
        if any(abs(number - of_srgb) > 1000 for number, of_srgb in pairs):
            return True
    return gamma != 0 and gamma not in GAMMA_OF_SRGB


def _of_chunk(kind: bytes, content: bytes, inflate: "_Inflater") -> dict[str, Any] | None:
    """Return what a chunk adds to the metadata, None if it is of no kind that is known."""
    if kind == b"iCCP":
        return {"icc_profile": inflate(content.partition(b"\0")[2][1:])}
    if kind == b"eXIf":
        return {"exif": content.removeprefix(EXIF_PREFIX)}
    if kind == b"cICP":
        is_other = len(content) == 4 and content not in CICP_OF_SRGB
        return {"cicp": content} if is_other else {}
    if kind == b"pHYs":
        x, y, unit = struct.unpack(">IIB", content)
        return {"dpi": sane_dpi((x * METRES_PER_INCH, y * METRES_PER_INCH))} if unit == 1 else {}
    return None


def _of_text(kind: bytes, content: bytes, inflate: "_Inflater") -> dict[str, Any] | None:
    """Return what a text adds to the metadata beside itself, None if nothing."""
    keyword, _, text = content.partition(b"\0")
    if keyword != XMP_KEYWORD and not keyword.startswith(RAW_PROFILE):
        return None
    if kind == b"zTXt":
        text = inflate(text[1:])
    elif kind == b"iTXt":
        is_compressed, text = text[:1] == b"\1", text[2:].split(b"\0", 2)[-1]
        text = inflate(text) if is_compressed else text
    if keyword == XMP_KEYWORD:
        return {"xmp": text}
    return _of_profile(keyword.removeprefix(RAW_PROFILE), unhexed(text.decode("latin-1")))


def _of_profile(kind: bytes, profile: bytes) -> dict[str, Any] | None:
    """Return what a profile written as text adds, None if it is of no kind that is known."""
    if profile.startswith(XMP_PREFIX) or kind == b"xmp":
        return {"xmp": profile.removeprefix(XMP_PREFIX)}
    if kind in (b"exif", b"APP1"):
        return {"exif": profile.removeprefix(EXIF_PREFIX)}
    if kind in (b"iptc", b"8bim"):
        resources = profile.removeprefix(PHOTOSHOP)
        is_bare = resources[:1] == b"\x1c"  # IPTC data alone begin so
        return {"photoshop": photoshop.with_iptc(b"", resources) if is_bare else resources}
    return {"icc_profile": profile} if kind in (b"icc", b"icm") else None


def written(metadata: Metadata) -> Iterator[Chunk]:
    """Yield kind and content of the chunks that hold the metadata."""
    if metadata.cicp:
        yield b"cICP", metadata.cicp
    if metadata.icc_profile:
        yield b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc_profile)
    if metadata.dpi:
        x, y = (max(1, round(dots / METRES_PER_INCH)) for dots in metadata.dpi)
        yield b"pHYs", struct.pack(">IIB", x, y, 1)
    if metadata.exif:
        yield b"eXIf", metadata.exif
    if metadata.xmp:
        yield b"iTXt", XMP_KEYWORD + b"\0\0\0\0\0" + metadata.xmp
    if metadata.photoshop:
        yield b"zTXt", RAW_PROFILE + b"iptc\0\0" + zlib.compress(_hexed(metadata.photoshop))
    for comment in metadata.comments:
        yield _comment(comment.replace(b"\0", b""))
    yield from metadata.chunks


def _hexed(profile: bytes) -> bytes:
    """Return a profile as ImageMagick writes it as text."""
    text = profile.hex()
    lines = [text[start : start + RAW_LINE] for start in range(0, len(text), RAW_LINE)]
    return f"\niptc\n{len(profile):8}\n{chr(10).join(lines)}\n".encode()


def _comment(text: bytes) -> Chunk:
    """Return the chunk of a comment: of bytes that are UTF-8, or otherwise Latin-1."""
    try:
        is_ascii = text.decode().isascii()
    except UnicodeDecodeError:
        is_ascii = True
    return (b"tEXt", b"Comment\0" + text) if is_ascii else (b"iTXt", b"Comment\0\0\0\0\0" + text)


class _Inflater:
    """Decompresses, but no more in all than a sane file holds."""

    def __init__(self, left: int) -> None:
        self.left = left

    def __call__(self, data: bytes) -> bytes:
        inflater = zlib.decompressobj()
        whole = inflater.decompress(data, self.left) if self.left else b""
        self.left -= len(whole)
        if not inflater.eof:
            raise ValueError("too large or cut off")
        return whole
