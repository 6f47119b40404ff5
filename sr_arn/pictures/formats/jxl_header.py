"""What the first bits of a JPEG XL codestream say. [ISO/IEC 18181-1, annex D]."""

from typing import NamedTuple

__all__ = ["HEAD", "Header", "called_srgb", "header_of"]

HEAD = 4096  # bytes that hold the header
SIGNATURE = 16  # bits before it
CURVE = 0b111111  # bits of a transfer function
RATIOS = (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1)
RGB, GREY = 0, 1  # ColourSpace
D65, SRGB, SRGB_CURVE = 1, 1, 13  # WhitePoint, Primaries, TransferFunction
GAMMAS = range(4_300_000, 4_800_001)  # about 10,000,000 / 2.2, as sRGB's
ALPHA, SPOT, FILTER = 0, 2, 5  # ExtraChannelType
# distributions of numbers, each an offset and the bits that are added to it
SIDES = (1, 9), (1, 13), (1, 18), (1, 30)
ENUM = (0, 0), (1, 0), (2, 4), (18, 6)
DEPTHS = (8, 0), (10, 0), (12, 0), (1, 6)
FLOAT_DEPTHS = (32, 0), (16, 0), (24, 0), (1, 6)


class Header(NamedTuple):
    """What is needed before, and beside, the pixels."""

    width: int
    height: int
    bits: int = 8
    is_float: bool = False
    is_animated: bool = False
    extra: tuple[int, ...] = ()
    """Types of the channels beside the colours."""
    is_premultiplied: bool = False
    has_profile: bool = False
    is_srgb: bool = True
    """Or grey of the same curve; False if a profile says what the colours are."""
    curve_at: int | None = None
    """The bit of the codestream from which on it has the transfer function."""


class _Bits:
    """Reads numbers from the lowest bit on."""

    def __init__(self, content: bytes) -> None:
        self._number = int.from_bytes(content, "little")
        self._length = 8 * len(content)
        self.place = 0

    def __call__(self, count: int = 1) -> int:
        if self.place + count > self._length:
            raise ValueError("the header is cut off")
        value = (self._number >> self.place) & ((1 << count) - 1)
        self.place += count
        return value

    def of(self, *choices: tuple[int, int]) -> int:
        """Return a number of one of four distributions: U32."""
        offset, bits = choices[self(2)]
        return offset + self(bits)


def header_of(codestream: bytes) -> Header:
    """Return what the header of a codestream says, of which some hundred bytes are enough.

    Raises
    ------
    ValueError
        If it is cut off, or none.
    """
    if codestream[:2] != b"\xff\x0a":
        raise ValueError("no codestream")
    bits = _Bits(codestream[2:])
    width, height = _size(bits)
    header = Header(width, height)
    if bits():  # all as usual: 8 bits of sRGB
        return header
    if bits():
        header = header._replace(is_animated=_extra_fields(bits))
    depth, is_float = _depth(bits)
    bits()  # whether 16 bits are enough to decode
    extra, premultiplied = [], False
    for _ in range(bits.of((0, 0), (1, 0), (2, 4), (1, 12))):
        kind, is_associated = _extra_channel(bits)
        extra.append(kind)
        premultiplied |= is_associated
    bits()  # whether colours are XYB within
    has_profile, is_srgb, curve_at = _colours(bits)
    return Header(
        width, height, depth, is_float, header.is_animated, tuple(extra), premultiplied,
        has_profile, is_srgb, curve_at,
    )  # fmt: skip


def called_srgb(codestream: bytes) -> bytes:
    """Return a codestream without loss whose numbers are called sRGB, not linear light."""
    at = header_of(codestream[:HEAD]).curve_at
    if at is None:
        return codestream
    head = int.from_bytes(codestream[:HEAD], "little")
    head = head & ~(CURVE << at) | (SRGB_CURVE - ENUM[2][0]) << at + 2 | 2 << at
    return head.to_bytes(min(HEAD, len(codestream)), "little") + codestream[HEAD:]


def _size(bits: _Bits, sides: tuple[tuple[int, int], ...] = SIDES) -> tuple[int, int]:
    """Return width and height."""
    is_small = bits()

    def side() -> int:
        return 8 * (1 + bits(5)) if is_small else bits.of(*sides)

    height = side()
    ratio = bits(3)
    if not ratio:
        return side(), height
    across, down = RATIOS[ratio - 1]
    return height * across // down, height


def _extra_fields(bits: _Bits) -> bool:
    """Skip orientation, own size and preview; return whether it is animated."""
    bits(3)  # the orientation, which the decoder applies
    if bits():
        _size(bits)
    if bits():
        is_small = bits()
        sides = ((16, 0), (32, 0), (1, 5), (33, 9)) if is_small else (
            (1, 6), (65, 8), (321, 10), (1345, 12))  # fmt: skip
        bits.of(*sides)
        if not bits(3):
            bits.of(*sides)
    if not bits():
        return False
    bits.of((100, 0), (1000, 0), (1, 10), (1, 30))  # ticks per second
    bits.of((1, 0), (1001, 0), (1, 8), (1, 10))
    bits.of((0, 0), (0, 3), (0, 16), (0, 32))  # loops
    bits()
    return True


def _depth(bits: _Bits) -> tuple[int, bool]:
    if not bits():
        return bits.of(*DEPTHS), False
    depth = bits.of(*FLOAT_DEPTHS)
    bits(4)
    return depth, True


def _extra_channel(bits: _Bits) -> tuple[int, bool]:
    """Return the type of a channel, and whether colours are multiplied by it."""
    if bits():
        return ALPHA, False
    kind = bits.of(*ENUM)
    _depth(bits)
    bits.of((0, 0), (3, 0), (4, 0), (1, 3))  # how much smaller it is
    bits(8 * bits.of((0, 0), (0, 4), (16, 5), (48, 10)))  # its name
    if kind == ALPHA:
        return kind, bool(bits())
    if kind == SPOT:
        bits(64)
    elif kind == FILTER:
        bits.of((1, 0), (0, 2), (3, 4), (19, 8))
    return kind, False


def _colours(bits: _Bits) -> tuple[bool, bool, int | None]:
    """Return whether a profile follows, whether colours are sRGB, and where their curve is."""
    if bits():
        return False, True, None
    if bits():
        return True, False, None
    space = bits.of(*ENUM)
    if space not in (RGB, GREY) or bits.of(*ENUM) != D65:
        return False, False, None
    if space == RGB and bits.of(*ENUM) != SRGB:
        return False, False, None
    if bits():  # a gamma
        return False, bits(24) in GAMMAS, None
    at = SIGNATURE + bits.place
    return False, bits.of(*ENUM) == SRGB_CURVE, at
