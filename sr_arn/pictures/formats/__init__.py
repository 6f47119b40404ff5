"""The registry of picture formats, and the questions that names and contents answer."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sr_arn.errors import InputError, display
from sr_arn.pictures.formats.avif import AVIF
from sr_arn.pictures.formats.base import Format
from sr_arn.pictures.formats.bmp import BMP
from sr_arn.pictures.formats.gif import GIF
from sr_arn.pictures.formats.heif import HEIF
from sr_arn.pictures.formats.ico import ICO
from sr_arn.pictures.formats.jp2 import JPEG2000
from sr_arn.pictures.formats.jpeg import JPEG
from sr_arn.pictures.formats.jxl import JXL
from sr_arn.pictures.formats.png import PNG
from sr_arn.pictures.formats.pnm import PNM
from sr_arn.pictures.formats.tga import TGA
from sr_arn.pictures.formats.tiff import TIFF
from sr_arn.pictures.formats.webp import WebP

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "Format",
    "any_of",
    "check_format",
    "detect",
    "format_named",
    "format_of",
    "option_names",
    "register",
    "unregister",
]

FORMATS: list[Format] = []
"""In the order of preference that messages give."""

SUFFIXES: dict[str, Format] = {}
"""Format by file name suffix."""


def register(new: Format) -> None:
    """Let pictures be read, and written if it is, in one more format.

    Raises
    ------
    ValueError
        If another format has its name or one of its suffixes.
    """
    known = {*SUFFIXES, *(form.name.lower() for form in FORMATS)}
    taken = [text for text in (new.name.lower(), *new.suffixes) if text in known]
    if taken:
        raise ValueError(f"formats: another format has {', '.join(taken)}")
    FORMATS.append(new)
    SUFFIXES.update(dict.fromkeys(new.suffixes, new))


def unregister(known: Format) -> None:
    """Forget a format that was registered."""
    FORMATS.remove(known)
    for suffix in known.suffixes:
        del SUFFIXES[suffix]


for _one in (
    *(PNG(), TIFF(), JPEG(), WebP(), AVIF(), JXL(), BMP(), GIF(), HEIF(), JPEG2000(), PNM(), ICO()),
    TGA(),  # which has no signature
):
    register(_one)


def detect(head: bytes) -> Format | None:
    """Return the format of a file that begins with these bytes, 12 or more."""
    for known in FORMATS:
        if re.match(known.signature, head, re.DOTALL):
            return known
    return None


def format_of(path: Path) -> Format:
    """Return the format that a file name's suffix names, else raise `InputError`."""
    found = SUFFIXES.get(path.suffix.lower())
    if found is None:
        written = ", ".join(suffix for suffix, known in SUFFIXES.items() if known.is_written)
        raise InputError(
            f"output: expected a name ending in {written}, received {display(path.name)}"
        )
    return found


def format_named(name: str) -> Format:
    """Return the written format of a name such as png or jpg, else raise `InputError`."""
    for known in FORMATS:
        names = known.name.lower(), *(suffix.removeprefix(".") for suffix in known.suffixes)
        if known.is_written and name.lower() in names:
            return known
    raise InputError(
        f"format: expected one of {', '.join(option_names())}, received {display(name)}"
    )


def option_names() -> list[str]:
    """Return the names that `--format` lists, of the formats that are written."""
    return [known.name.lower() for known in FORMATS if known.is_written]


REMEDIES = dict.fromkeys(("LA", "RGBA"), ", or --background COLOUR")
REMEDIES["CMYK"] = ", or --to-srgb"
"""What `sr-arn upscale` can do about a mode that a format does not hold."""


def check_format(target: Format, shape: tuple[int, ...], dtype: np.dtype[Any], mode: str) -> None:
    """Raise `InputError`, with the remedy, unless the format holds such a picture."""
    lack = target.lacks(shape, dtype, mode)
    if lack is not None:
        others = [f.suffixes[0] for f in FORMATS if f.lacks(shape, dtype, mode) is None]
        option = REMEDIES.get(mode, "") if mode not in target.modes else ""
        raise InputError(f"output: {lack}; use {any_of(others)}{option}")


def any_of(words: Sequence[str]) -> str:
    """Return words as a sentence lists alternatives: "a, b or c"."""
    return " or ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
