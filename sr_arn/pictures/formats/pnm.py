"""PNM files: PBM, PGM, PPM and PAM of up to 16 bits, and PFM of floats. [Netpbm's formats]."""

import re
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError, display
from sr_arn.pictures.formats.base import Format, check_size
from sr_arn.pictures.levels import stretched_from
from sr_arn.pictures.picture import MODES, Picture
from sr_arn.pictures.scaling import scaling_of

__all__ = ["PNM"]

HEAD = 4096  # bytes that hold the header
FIELD = rb"(?:\s|#[^\n]*\n)+(-?[\d.eE+-]+)"  # after comments
TEXT = {b"P1": b"P4", b"P2": b"P5", b"P3": b"P6"}  # numbers written out, and in binary
COLOURS = {b"P4": 1, b"P5": 1, b"P6": 3, b"Pf": 1, b"PF": 3}
MOST = 65_535  # as white
PAM_FIELD = rb"^(WIDTH|HEIGHT|DEPTH|MAXVAL)[ \t]+(\d+)[ \t]*$"

Pixels = NDArray[Any]


class PNM(Format):
    """Netpbm's formats, which are only read."""

    name = "PNM"
    suffixes = (".ppm", ".pgm", ".pbm", ".pnm", ".pam", ".pfm")
    signature = rb"P[1-6Ff][\s#]|P7\n"
    mime = "image/x-portable-anymap"

    def read(self, file: IO[bytes], name: str, max_pixels: int) -> Picture:
        """Return the picture in a file, the first of several."""
        head = file.read(HEAD)
        kind = head[:2]
        if kind == b"P7":
            (width, height, channels, white), start = _pam(head)
        else:
            (width, height, white), start = _numbers(head, 2 if kind in (b"P1", b"P4") else 3)
            channels = COLOURS[TEXT.get(kind, kind)]
        is_float = kind in (b"Pf", b"PF")
        check_size(int(width), int(height), max_pixels, name)
        if channels not in MODES or not (is_float or 1 <= white <= MOST):
            raise InputError(
                f"{name}: expected 1 to 4 channels of up to {MOST}, this has {channels} of "
                f"{display(f'{white:g}')}; convert it first"
            )
        file.seek(start)
        shape = int(height), int(width), channels
        if is_float:
            pixels = _floats(file, shape, white)
        elif kind in TEXT:
            pixels = _text(file, shape, is_bits=kind == b"P1")
        elif kind == b"P4":
            pixels = _packed(file, shape)
        else:
            pixels = _binary(file, shape, ">u2" if white > 255 else "u1")
        if not is_float:
            if pixels.max() > white:
                raise ValueError(f"a pixel is more than {white:g}")
            pixels = stretched_from(pixels, int(white))
        pixels = pixels[..., 0] if channels == 1 else pixels
        return Picture(pixels, scaling=scaling_of(pixels, MODES[channels]))


def _numbers(head: bytes, count: int) -> tuple[list[float], int]:
    """Return the numbers of a header and its length; white of bits is 1."""
    found = re.match(rb"P." + FIELD * count + rb"\s", head)
    if found is None:
        raise ValueError("the header is none")
    numbers = [float(text) for text in found.groups()]
    return [*numbers, 1.0][:3], found.end()


def _pam(head: bytes) -> tuple[tuple[float, float, int, float], int]:
    """Return width, height, channels and white of a PAM's header, and its length."""
    before, end, _ = head.partition(b"\nENDHDR\n")
    fields = {key: int(number) for key, number in re.findall(PAM_FIELD, before, re.MULTILINE)}
    numbers = (fields[b"WIDTH"], fields[b"HEIGHT"], fields[b"DEPTH"], fields[b"MAXVAL"])
    return numbers, len(before + end)


def _binary(file: IO[bytes], shape: tuple[int, int, int], dtype: str) -> Pixels:
    count = shape[0] * shape[1] * shape[2]
    content = file.read(count * np.dtype(dtype).itemsize)
    pixels = np.frombuffer(content, dtype, count).reshape(shape)
    return pixels.astype(pixels.dtype.newbyteorder("="))


def _packed(file: IO[bytes], shape: tuple[int, int, int]) -> Pixels:
    """Return bits, eight a byte, of which 1 is black."""
    height, width, _ = shape
    rows = _binary(file, (height, (width + 7) // 8, 1), "u1")[..., 0]
    return 1 - np.unpackbits(rows, axis=1, count=width)[..., None]


def _text(file: IO[bytes], shape: tuple[int, int, int], is_bits: bool) -> Pixels:
    content = re.sub(rb"#[^\n]*", b"", file.read())
    if is_bits:  # which may stand without spaces between
        bits = np.frombuffer(re.sub(rb"\s+", b"", content), np.uint8)
        return 49 - bits[: np.prod(shape)].reshape(shape)  # 0 for the digit 1, which is black
    if re.fullmatch(rb"[\d\s]*", content) is None:
        raise ValueError("a number is none")
    numbers = np.fromstring(content, np.float32, sep=" ")[: np.prod(shape)]
    if numbers.max(initial=0) > MOST:
        raise ValueError("a number is too large")
    return numbers.reshape(shape).astype(np.uint16)


def _floats(file: IO[bytes], shape: tuple[int, int, int], scale: float) -> Pixels:
    """Return floats, which are stored from the bottom; the scale's sign is the byte order."""
    return _binary(file, shape, "<f4" if scale < 0 else ">f4")[::-1]
