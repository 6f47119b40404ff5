"""PNG files, whose pixels of 16 bits Pillow would cut to 8.

[PNG specification, third edition, chapters 5 and 11]
"""

import math
import struct
import zlib
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError
from sr_arn.pictures.formats.base import ALPHA, Format, check_size, report_frames
from sr_arn.pictures.formats.pillow import is_cut_to_8_bits, opened, picture_of
from sr_arn.pictures.formats.png_chunks import (
    PIXELS,
    RAW_PROFILE,
    SIGNATURE,
    chunk,
    chunks,
    metadata_of,
    written,
)
from sr_arn.pictures.palette import depth_of, is_black_and_white, packed
from sr_arn.pictures.picture import Picture, PictureInfo
from sr_arn.pictures.strips import regrouped
from sr_arn.system.threads import in_order

__all__ = ["PNG", "bare", "count_of_frames", "decode", "has_profile", "size_of"]

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
APPLES_OWN = b"CgBI"  # the first chunk of such files

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
    holds = Format.holds | {"photoshop", "comments", "chunks", "cicp"}
    longest_side = 1_000_000  # of libpng, which reads those of 16 bits; the format's is 2^31 - 1

    def read(self, file: IO[bytes], name: str, max_pixels: int) -> Picture:
        """Return the picture in a file, the first frame of an animated one."""
        head = file.read(HEADER)
        if head[12:16] == APPLES_OWN:
            raise InputError(
                f"{name}: is a PNG of Apple's own kind (CgBI), which is none for other programs; "
                "convert it first, by pngcrush -revert-iphone-optimizations"
            )
        check_size(*size_of(head), max_pixels, name)
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
        metadata = metadata_of(data)
        return Picture(pixels, metadata).upright(metadata.orientation())

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
        file.write(chunk(b"IHDR", header))
        for kind, content in (*written(info.metadata), *colours.items()):
            file.write(chunk(kind, content))
        length = -(-width * math.prod(channels) * depth // 8)
        blocks = _filtered(regrouped(strips, max(1, BLOCK // length)), length)
        adler, start = 1, ZLIB
        for block, deflated in in_order(_deflated, blocks, threads):
            adler = zlib.adler32(block.data, adler)
            file.write(chunk(b"IDAT", start + deflated))
            start = b""
        file.write(chunk(b"IDAT", start + END_OF_DEFLATED + struct.pack(">I", adler)))
        file.write(chunk(b"IEND", b""))


def size_of(head: bytes) -> tuple[int, int]:
    """Return width and height, of the first bytes of a file."""
    width, height = struct.unpack_from(">II", head, HEADER - 17)
    return width, height


def bare(data: bytes, kinds: tuple[bytes, ...] = PIXELS) -> bytes:
    """Return a PNG file of its pixels alone.

    Nothing else can then stop a reader, or make it print to stderr.
    """
    return SIGNATURE + b"".join(whole for kind, _, whole in chunks(data) if kind in kinds)


def count_of_frames(data: bytes) -> int:
    """Return how many frames there are, above 1 in an animated file."""
    for kind, content, _ in chunks(data):
        if kind == b"acTL" and len(content) == 8:
            return int(struct.unpack_from(">I", content)[0])
    return 1


def has_profile(data: bytes) -> bool:
    """Return whether there is an ICC profile."""
    as_text = RAW_PROFILE + b"ic"  # icc or icm
    return any(k == b"iCCP" or c[: len(as_text)] == as_text for k, c, _ in chunks(data))


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
    rows = b"".join(content for kind, content, _ in chunks(data) if kind == b"IDAT")
    pixels = np.zeros((height, width, CHANNELS[colour]), np.uint16)
    for x, y, dx, dy in ADAM7:
        part = pixels[y::dy, x::dx]
        size = part.shape[0] * (1 + part.shape[1] * length)
        if part.size:
            piece, rows = pieces.decompress(rows, size), pieces.unconsumed_tail
            if len(piece) != size:
                raise ValueError("ends too early")
            header = struct.pack(">IIBBBBB", part.shape[1], part.shape[0], depth, colour, 0, 0, 0)
            parts = ((b"IHDR", header), (b"IDAT", zlib.compress(piece, 1)), (b"IEND", b""))
            plain = SIGNATURE + b"".join(chunk(*one) for one in parts)
            part[:] = _decode_plain(plain).reshape(part.shape)
    return pixels[..., 0] if pixels.shape[2] == 1 else pixels


def _colours(palette: NDArray[np.uint8]) -> dict[bytes, bytes]:
    """Return the chunks of a palette [n, c]."""
    has_alpha = palette.shape[1] in (2, 4)
    rgb = np.broadcast_to(palette[:, :-1] if has_alpha else palette, (len(palette), 3))
    alpha = {b"tRNS": palette[:, -1].tobytes()} if has_alpha else {}
    return {b"PLTE": rgb.tobytes()} | alpha


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
