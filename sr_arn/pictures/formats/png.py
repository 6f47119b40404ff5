"""PNG files: the metadata in their chunks, and pixels that Pillow would cut to 8 bits.

[PNG specification, third edition, chapters 5 and 11]
"""

import logging
import math
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from io import BytesIO
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError
from sr_arn.pictures.formats.base import ALPHA, Format, check_size, report_frames
from sr_arn.pictures.formats.pillow import is_cut_to_8_bits, opened, picture_of
from sr_arn.pictures.metadata import EXIF_PREFIX, Metadata, exif_dpi, sane_dpi, unhexed
from sr_arn.pictures.palette import depth_of, is_black_and_white, packed
from sr_arn.pictures.picture import Picture, PictureInfo
from sr_arn.pictures.strips import regrouped
from sr_arn.system.threads import in_order

__all__ = ["PNG", "bare", "count_of_frames", "decode", "has_profile", "metadata_of", "size_of"]

logger = logging.getLogger(__name__)

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER = len(SIGNATURE) + 25  # with the chunk IHDR
INTERLACING = HEADER - 5  # the last byte of IHDR
CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # by colour type, palettes excepted
PALETTE = 3  # the colour type
COLOURS = {channels: colour for colour, channels in CHANNELS.items()}
BLOCK = 1 << 20  # bytes that are deflated together
UP = 2  # of the filters: for enlarged photos it gave the smallest files but one
LEVEL = 4  # of deflate: a fifth of the time of 6, for files larger by a fourteenth
ZLIB = b"\x78\x5e"  # how a zlib stream begins, and how deflated data end
END_OF_DEFLATED = b"\x03\x00"
ADAM7 = [  # first column and row, steps
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
]
PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
XMP_KEYWORD = b"XML:com.adobe.xmp"
RAW_PROFILE = b"Raw profile type "  # ImageMagick's keyword, in text chunks
XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"
LARGEST = 1 << 26  # bytes of all decompressed profiles and texts; more are left out
METRES_PER_INCH = 0.0254
GAMMA_OF_SRGB = range(43_000, 48_001)  # gAMA, about 100,000 / 2.2
CHRM_OF_SRGB = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
TOLD = (b"iCCP", b"eXIf", b"pHYs", b"gAMA", b"cHRM", b"cICP", b"sRGB", *TEXTS)
CICP_OF_SRGB = (b"\x01\x0d\x00\x01", b"\x01\x01\x00\x01")  # sRGB and BT.709, full range

Pixels = NDArray[Any]


class PNG(Format):
    """Portable Network Graphics; Pillow reads the pixels of up to 8 bits."""

    name = "PNG"
    suffixes = (".png",)
    signature = rb"\x89PNG\r\n\x1a\n"
    mime = "image/png"
    shown_by_browsers = True
    modes = ALPHA
    dtypes = ("uint8", "uint16")
    longest_side = 1_000_000  # of libpng, which reads those of 16 bits; the format's is 2^31 - 1

    def read(self, file: IO[bytes], name: str, max_pixels: int) -> Picture:
        """Return the picture in a file, the first frame of an animated one."""
        check_size(*size_of(file.read(HEADER)), max_pixels, name)
        file.seek(0)
        data = file.read()
        with opened(BytesIO(bare(data)), self.name, name, max_pixels) as image:
            if is_cut_to_8_bits(image):
                if max(image.size) > self.longest_side:
                    longest = f"{self.longest_side:,} pixels a side"
                    raise InputError(
                        f"{name}: 16-bit PNG is read up to {longest}; convert it to TIFF"
                    )
                pixels = decode(data, image.info.get("transparency"))
            else:
                pixels = picture_of(image, name, may_be_grey=not has_profile(data)).pixels
        report_frames(count_of_frames(data), name)
        metadata = metadata_of(data, name)
        return Picture(pixels, metadata).upright(metadata.orientation(), name)

    def holds_palette(self, palette: NDArray[np.uint8]) -> bool:
        """Return that it does."""
        return True

    def write(
        self,
        file: IO[bytes],
        info: PictureInfo,
        strips: Iterable[Pixels],
        threads: int,
        quality: int | None = None,
    ) -> None:
        """Write 8- or 16-bit pixels, grey or colour, with or without alpha, a strip at a time.

        Or numbers of a palette's colours, of 1, 2, 4 or 8 bits.

        Each row less the one above it, deflated by so many threads in blocks that do not refer to
        each other: how fine the strips are and how many threads there are does not change a byte.
        """
        height, width, *channels = info.shape
        colour, depth = COLOURS[math.prod(channels)], 8 * info.dtype.itemsize
        colours: dict[bytes, bytes] = {}
        if info.palette is not None:
            depth = depth_of(info.palette)
            strips = (packed(strip, depth) for strip in strips)
            if not is_black_and_white(info.palette):
                colour, colours = PALETTE, _colours(info.palette)
        header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
        file.write(SIGNATURE)
        file.write(_chunk(b"IHDR", header))
        for kind, content in (*_written(info.metadata), *colours.items()):
            file.write(_chunk(kind, content))
        length = -(-width * math.prod(channels) * depth // 8)
        blocks = _filtered(regrouped(strips, max(1, BLOCK // length)), length)
        adler, start = 1, ZLIB
        for block, deflated in in_order(_deflated, blocks, threads):
            adler = zlib.adler32(block.data, adler)
            file.write(_chunk(b"IDAT", start + deflated))
            start = b""
        file.write(_chunk(b"IDAT", start + END_OF_DEFLATED + struct.pack(">I", adler)))
        file.write(_chunk(b"IEND", b""))


def size_of(head: bytes) -> tuple[int, int]:
    """Return width and height, of the first bytes of a file."""
    width, height = struct.unpack_from(">II", head, HEADER - 17)
    return width, height


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview, memoryview]]:
    """Yield kind, content and all bytes of each chunk; the last may be cut off."""
    place, view = len(SIGNATURE), memoryview(data)
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length
        yield kind, view[place + 8 : end - 4], view[place:end]
        place = end


def bare(data: bytes, kinds: tuple[bytes, ...] = PIXELS) -> bytes:
    """Return a PNG file of its pixels alone.

    Nothing else can then stop a reader, or make it print to stderr.
    """
    return SIGNATURE + b"".join(chunk for kind, _, chunk in _chunks(data) if kind in kinds)


def count_of_frames(data: bytes) -> int:
    """Return how many frames there are, above 1 in an animated file."""
    for kind, content, _ in _chunks(data):
        if kind == b"acTL" and len(content) == 8:
            return int(struct.unpack_from(">I", content)[0])
    return 1


def has_profile(data: bytes) -> bool:
    """Return whether there is an ICC profile."""
    as_text = RAW_PROFILE + b"ic"  # icc or icm
    return any(k == b"iCCP" or c[: len(as_text)] == as_text for k, c, _ in _chunks(data))


def decode(data: bytes, key: int | tuple[int, int, int] | None) -> Pixels:
    """Return the pixels of a file with 16 bits per channel; those of the key's colour clear."""
    pixels = _decode_interlaced(data) if data[INTERLACING] else _decode_plain(data)
    if key is None:
        return pixels
    channels = np.atleast_3d(pixels)
    is_key = (channels == np.asarray(key)).all(axis=-1, keepdims=True)
    return np.concatenate([channels, np.where(is_key, 0, 65535).astype(pixels.dtype)], axis=-1)


def _decode_plain(data: bytes) -> Pixels:
    import imagecodecs

    return imagecodecs.png_decode(bare(data, (b"IHDR", b"IDAT", b"IEND")))


def _decode_interlaced(data: bytes) -> Pixels:
    """Return the pixels of the seven pictures that Adam7 makes of one, put together.

    libpng could, but imagecodecs does not ask it to, of which it warns on stderr.
    """
    width, height, depth, colour = struct.unpack_from(">IIBB", data, HEADER - 17)
    length = CHANNELS[colour] * depth // 8
    pieces = zlib.decompressobj()
    rows = b"".join(content for kind, content, _ in _chunks(data) if kind == b"IDAT")
    pixels = np.zeros((height, width, CHANNELS[colour]), np.uint16)
    for x, y, dx, dy in ADAM7:
        part = pixels[y::dy, x::dx]
        size = part.shape[0] * (1 + part.shape[1] * length)
        if part.size:
            piece, rows = pieces.decompress(rows, size), pieces.unconsumed_tail
            if len(piece) != size:
                raise ValueError("ends too early")
            header = struct.pack(">IIBBBBB", part.shape[1], part.shape[0], depth, colour, 0, 0, 0)
            chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(piece, 1)), (b"IEND", b""))
            plain = SIGNATURE + b"".join(_chunk(*chunk) for chunk in chunks)
            part[:] = _decode_plain(plain).reshape(part.shape)
    return pixels[..., 0] if pixels.shape[2] == 1 else pixels


def _colours(palette: NDArray[np.uint8]) -> dict[bytes, bytes]:
    """Return the chunks of a palette [n, c]."""
    has_alpha = palette.shape[1] in (2, 4)
    rgb = np.broadcast_to(palette[:, :-1] if has_alpha else palette, (len(palette), 3))
    alpha = {b"tRNS": palette[:, -1].tobytes()} if has_alpha else {}
    return {b"PLTE": rgb.tobytes()} | alpha


def _chunk(kind: bytes, content: bytes) -> bytes:
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def _filtered(blocks: Iterable[Pixels], length: int) -> Iterator[NDArray[np.uint8]]:
    """Yield rows of `length` bytes less the ones above, each after the filter's number."""
    above = np.zeros((1, length), np.uint8)
    for block in blocks:
        pixels = np.ascontiguousarray(block, block.dtype.newbyteorder(">"))
        rows = pixels.view(np.uint8).reshape(len(block), length)
        filtered = np.empty((len(rows), 1 + length), np.uint8)
        filtered[:, 0] = UP
        np.subtract(rows[0], above[0], out=filtered[0, 1:])
        np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
        above = rows[-1:].copy()
        yield filtered


def _deflated(block: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], bytes]:
    """Return the block and, deflated, what can stand between others."""
    deflater = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return block, deflater.compress(block.data) + deflater.flush(zlib.Z_FULL_FLUSH)


def _written(metadata: Metadata) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and content of the chunks that hold the metadata."""
    if metadata.icc_profile:
        yield b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc_profile)
    if metadata.dpi:
        x, y = (max(1, round(dots / METRES_PER_INCH)) for dots in metadata.dpi)
        yield b"pHYs", struct.pack(">IIB", x, y, 1)
    if metadata.exif:
        yield b"eXIf", metadata.exif
    if metadata.xmp:
        yield b"iTXt", XMP_KEYWORD + b"\0\0\0\0\0" + metadata.xmp


def metadata_of(data: bytes, name: str) -> Metadata:
    """Return the metadata of a PNG file; damaged parts are left out with a warning."""
    found: dict[str, Any] = {}
    as_text: dict[str, Any] = {}
    kinds: dict[bytes, bytes] = {}
    inflate = _Inflater(LARGEST)
    for kind, view, _ in _chunks(data):
        if kind not in TOLD:
            continue
        kinds[kind] = content = bytes(view)
        try:
            (as_text if kind in TEXTS else found).update(_read(kind, content, inflate))
        except (ValueError, struct.error, zlib.error):
            what = kind.decode("latin-1")
            logger.warning("%s: its %s chunk is damaged and left out", name, what)
    found = as_text | found
    if "icc_profile" not in found and b"sRGB" not in kinds and _looks_different(kinds):
        logger.warning("%s: left out its gAMA, cHRM or cICP: it may look different", name)
    metadata = Metadata(**found)
    return metadata if metadata.dpi else replace(metadata, dpi=exif_dpi(metadata.exif))


def _looks_different(kinds: dict[bytes, bytes]) -> bool:
    """Return whether the chunks describe other colours than sRGB's."""
    gamma = int.from_bytes(kinds.get(b"gAMA", b""), "big")
    primaries = kinds.get(b"cHRM", b"")
    if len(primaries) == len(CHRM_OF_SRGB) * 4:
        pairs = zip(struct.unpack(">8I", primaries), CHRM_OF_SRGB, strict=True)
        if any(abs(number - of_srgb) > 1000 for number, of_srgb in pairs):
            return True
    is_other = kinds.get(b"cICP", CICP_OF_SRGB[0]) not in CICP_OF_SRGB
    return is_other or (gamma != 0 and gamma not in GAMMA_OF_SRGB)


def _read(kind: bytes, content: bytes, inflate: "_Inflater") -> dict[str, Any]:
    """Return what one chunk adds to the metadata."""
    if kind == b"iCCP":
        return {"icc_profile": inflate(content.partition(b"\0")[2][1:])}
    if kind == b"eXIf":
        return {"exif": content.removeprefix(EXIF_PREFIX)}
    if kind == b"pHYs":
        x, y, unit = struct.unpack(">IIB", content)
        return {"dpi": sane_dpi((x * METRES_PER_INCH, y * METRES_PER_INCH))} if unit == 1 else {}
    if kind not in TEXTS:
        return {}
    keyword, _, text = content.partition(b"\0")
    if keyword != XMP_KEYWORD and not keyword.startswith(RAW_PROFILE):
        return {}
    if kind == b"zTXt":
        text = inflate(text[1:])
    elif kind == b"iTXt":
        is_compressed, text = text[:1] == b"\1", text[2:].split(b"\0", 2)[-1]
        text = inflate(text) if is_compressed else text
    if keyword == XMP_KEYWORD:
        return {"xmp": text}
    return _profile(keyword.removeprefix(RAW_PROFILE), unhexed(text.decode("latin-1")))


def _profile(kind: bytes, profile: bytes) -> dict[str, Any]:
    """Return what a profile written as text adds."""
    if profile.startswith(XMP_PREFIX) or kind == b"xmp":
        return {"xmp": profile.removeprefix(XMP_PREFIX)}
    if kind in (b"exif", b"APP1"):
        return {"exif": profile.removeprefix(EXIF_PREFIX)}
    return {"icc_profile": profile} if kind in (b"icc", b"icm") else {}


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
