"""Which picture formats there are, and what each holds."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sr_arn.errors import InputError, display

__all__ = ["FORMATS", "MODES", "SUFFIXES", "Format", "check_format", "detect", "format_of"]

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
"""Mode by number of channels: grey or colour, with A for alpha. CMYK has four as well."""

OPAQUE = ("L", "RGB")
ALPHA = ("L", "LA", "RGB", "RGBA")
NAMES_OF_DTYPES = {"uint8": "8 bits", "uint16": "16 bits", "float32": "floats", "float64": "floats"}


class Format(NamedTuple):
    """A format, and what it holds as far as it is written here."""

    name: str
    suffixes: tuple[str, ...]
    signature: bytes
    """How its files begin, a regular expression."""
    modes: tuple[str, ...] = ()
    """None: it is only read."""
    dtypes: tuple[str, ...] = ("uint8",)
    longest_side: int = 1 << 31
    most_pixels: int = 1 << 62
    metadata: bool = True
    """Whether it holds ICC, EXIF and XMP."""
    quality: int | None = None
    """By default, of 1 to 100; None where nothing is lost."""

    def lacks(self, shape: tuple[int, ...], dtype: np.dtype[Any], mode: str) -> str | None:
        """Return what keeps it from holding such a picture, if anything does."""
        if not self.modes:
            return f"{self.name} is only read, not written"
        if mode not in self.modes:
            what = "ink colours (CMYK)" if mode == "CMYK" else "transparency"
            return f"{self.name} holds no {what}"
        if dtype.name not in self.dtypes:
            holds, has = (NAMES_OF_DTYPES.get(d, d) for d in (self.dtypes[-1], dtype.name))
            return f"{self.name} holds {holds}, the picture has {has}"
        if max(shape[:2]) > self.longest_side:
            sides = f"{self.longest_side:,} pixels a side, the result has {max(shape[:2]):,}"
            return f"{self.name} holds {sides}"
        if shape[0] * shape[1] > self.most_pixels:
            return f"{self.name} holds {self.most_pixels:,} pixels, the result has more"
        return None


FORMATS = (
    Format(
        "PNG",
        (".png",),
        rb"\x89PNG\r\n\x1a\n",
        ALPHA,
        ("uint8", "uint16"),
        longest_side=1_000_000,  # libpng's own; the format's is 2^31 - 1
    ),
    Format(
        "TIFF",
        (".tif", ".tiff"),
        rb"II[*+]\0|MM\0[*+]",
        (*ALPHA, "CMYK"),
        ("uint8", "uint16", "float32", "float64"),
    ),
    # 65,500 is libjpeg's own limit; the format's is 65,535
    Format(
        "JPEG",
        (".jpg", ".jpeg", ".jfif", ".jpe"),
        rb"\xff\xd8\xff",
        (*OPAQUE, "CMYK"),
        longest_side=65_500,
        quality=95,
    ),
    Format("WebP", (".webp",), rb"RIFF....WEBP", ALPHA, longest_side=16_383, quality=95),
    # what libavif reads with its defaults
    Format(
        "AVIF",
        (".avif",),
        rb"....ftyp(avif|avis|(mif1|msf1).{4}(.{4})*?avif)",
        ALPHA,
        longest_side=32_768,
        most_pixels=1 << 28,
        quality=90,
    ),
    Format("BMP", (".bmp", ".dib"), rb"BM", OPAQUE, most_pixels=1 << 30, metadata=False),
    Format("GIF", (".gif",), rb"GIF8[79]a"),
)
"""In the order of preference that messages give."""

SUFFIXES = {suffix: kind for kind in FORMATS for suffix in kind.suffixes}
"""Format by file name suffix."""


def detect(head: bytes) -> Format | None:
    """Return the format of a file that begins with these bytes, 12 or more."""
    for kind in FORMATS:
        if re.match(kind.signature, head, re.DOTALL):
            return kind
    return None


def format_of(path: Path) -> Format:
    """Return the format that a file name's suffix names, else raise `InputError`."""
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        written = ", ".join(suffix for suffix, kind in SUFFIXES.items() if kind.modes)
        raise InputError(
            f"output: expected a name ending in {written}, received {display(path.name)}"
        )
    return kind


def check_format(kind: Format, shape: tuple[int, ...], dtype: np.dtype[Any], mode: str) -> None:
    """Raise `InputError`, with the remedy, unless the format holds such a picture."""
    lack = kind.lacks(shape, dtype, mode)
    if lack is not None:
        others = [f.suffixes[0] for f in FORMATS if f.lacks(shape, dtype, mode) is None]
        remedy = " or ".join(filter(None, (", ".join(others[:-1]), *others[-1:])))
        raise InputError(f"output: {lack}; use {remedy}")
