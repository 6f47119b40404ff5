"""What a picture format is: what it holds, and how its files are read and written."""

import struct
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import IO, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError
from sr_arn.pictures import exif
from sr_arn.pictures.left_out import leave_out
from sr_arn.pictures.metadata import ICC_SPACE, ICC_SPACES, KINDS, Metadata, exif_dpi
from sr_arn.pictures.picture import Picture, PictureInfo
from sr_arn.system.memory import check_memory

__all__ = [
    "ALLOW_MORE",
    "ALPHA",
    "DAMAGE",
    "OPAQUE",
    "Format",
    "TooManyPixels",
    "check_size",
    "report_frames",
]

OPAQUE = ("L", "RGB")
ALPHA = ("L", "LA", "RGB", "RGBA")
NAMES_OF_DTYPES = {"uint8": "8 bits", "uint16": "16 bits", "float32": "floats", "float64": "floats"}
NAMES_OF_DTYPES |= {"int8": "signed integers", "int16": "signed integers"}
NAMES_OF_MODES = {"CMYK": "ink colours (CMYK)", "BANDS": "other channels than colours"}

BYTES_TO_READ = 12  # of a pixel: in the file, decoded, and as an array
ALLOW_MORE = "allow more with --max-pixels of sr-arn upscale, or cut it into parts"

DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    RuntimeError,
    OverflowError,
    ZeroDivisionError,
    struct.error,
    zlib.error,
)
"""What readers raise on damaged files, by format and by place."""


class TooManyPixels(InputError):
    """A picture is larger than was allowed; its header alone was read."""


class Format(ABC):
    """A format: what its files hold, as far as they are read and written here.

    A subclass declares the attributes below and reads; where `modes` are declared, it writes.
    """

    name: ClassVar[str]
    """As messages name it; in lower case, as `--format` does."""
    suffixes: ClassVar[tuple[str, ...]]
    """Of file names, in lower case with the dot; results get the first."""
    signature: ClassVar[bytes]
    """How its files begin, a regular expression."""
    mime: ClassVar[str]
    shown_by_browsers: ClassVar[bool] = False
    """Whether the page gives such files to a browser as they are; others are shown as PNG."""
    modes: ClassVar[tuple[str, ...]] = ()
    """What its channels may be, of L, LA, RGB, RGBA, CMYK and BANDS. None: it is only read."""
    dtypes: ClassVar[tuple[str, ...]] = ("uint8",)
    longest_side: ClassVar[int] = 1 << 31
    most_pixels: ClassVar[int] = 1 << 62
    quality: ClassVar[int | None] = None
    """By default, of 1 to 100; None where nothing is lost."""
    holds: ClassVar[frozenset[str]] = frozenset({"icc_profile", "exif", "xmp"})
    """Which kinds of metadata it holds: fields of `Metadata`."""
    most_metadata: ClassVar[Mapping[str, int]] = {}
    """Bytes that it holds at most of a field of `Metadata`."""
    holds_resolution: ClassVar[bool] = True
    """Whether it has a place for the resolution beside EXIF."""
    holds_grey: ClassVar[bool] = True
    """Whether grey stays grey; otherwise it becomes RGB."""

    @abstractmethod
    def read(self, file: IO[bytes], name: str, max_pixels: int) -> Picture:
        """Return the upright picture in a file, which is at its beginning.

        Parameters
        ----------
        file : binary file
        name : str
            What messages call the file.
        max_pixels : int
            See `check_size`, which is to be called as soon as the header is read.

        Raises
        ------
        InputError
            If the pixels are of another kind than a `Picture` holds. Any of `DAMAGE` means that
            the file is damaged.
        """

    def write(
        self,
        file: IO[bytes],
        info: PictureInfo,
        strips: Iterable[NDArray[Any]],
        threads: int,
        quality: int | None = None,
    ) -> None:
        """Write a picture that the format holds, as its pixels come.

        Parameters
        ----------
        file : binary file
            Open for reading as well.
        info : PictureInfo
            With metadata that `fit`.
        strips : iterable of ndarray
            Rows [h, w, ...] from the top.
        threads : int
        quality : int, optional
            1 to 100; by default that of the format.
        """
        raise NotImplementedError(f"{self.name} is only read")

    @property
    def is_written(self) -> bool:
        """Whether files of the format are written here."""
        return bool(self.modes)

    def lacks(self, shape: tuple[int, ...], dtype: np.dtype[Any], mode: str) -> str | None:
        """Return what keeps it from holding such a picture, if anything does."""
        if not self.is_written:
            return f"{self.name} is only read, not written"
        if mode not in self.modes:
            what = NAMES_OF_MODES.get(mode, "transparency")
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

    def holds_palette(self, palette: NDArray[np.uint8]) -> bool:
        """Return whether it holds numbers of the colours [n, c] of a palette."""
        return False

    def fit(self, metadata: Metadata) -> Metadata:
        """Return the metadata that its files hold, which name those that are left out."""
        kept = metadata.held(self.holds, self.name)
        if kept.exif is not None and not exif.is_readable(kept.exif):
            kept = self._without(kept, "exif", "damaged")
        for field, most in self.most_metadata.items():
            if len(getattr(kept, field) or b"") > most:
                kept = self._without(kept, field, f"{self.name} holds {most:,} bytes")
        if not self.holds_grey and (kept.icc_profile or b"")[ICC_SPACE] == ICC_SPACES["L"]:
            kept = self._without(kept, "icc_profile", f"{self.name} holds grey as RGB")
        if not self.holds_resolution and kept.dpi:
            block = exif.block_with_resolution(kept.exif, kept.dpi)
            if block == kept.exif and exif_dpi(block) != kept.dpi:
                kept = kept.without("resolution (no room for it in the EXIF data)")
            kept = replace(kept, exif=block)
        return kept

    def _without(self, metadata: Metadata, field: str, why: str) -> Metadata:
        """Return metadata without a field, which they name if it was there."""
        value = getattr(metadata, field)
        names = [f"{KINDS[field].named(value)} ({why})"] if value else []
        return metadata.without(*names, **{field: None})


def check_size(width: int, height: int, most: int, name: str) -> None:
    """Raise `InputError` if a picture has no pixels, or more than are allowed or fit in memory."""
    if min(width, height) < 1:
        raise InputError(f"{name}: damaged: it has {width} x {height} pixels")
    if width * height > most:
        raise TooManyPixels(
            f"{name}: has {width:,} x {height:,} pixels, more than {most:,}; {ALLOW_MORE}"
        )
    check_memory(BYTES_TO_READ * width * height, f"{name}: has {width:,} x {height:,} pixels")


def report_frames(count: int, name: str) -> None:
    """Name the frames or pages after the first, which are not read."""
    if count > 1:
        further = "frame or page" if count == 2 else "frames or pages"
        leave_out(name, f"{count - 1} further {further}")
