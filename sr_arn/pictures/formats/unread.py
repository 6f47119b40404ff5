"""Files that are known but not read: they are called by their name, with what to do."""

import re
from typing import NamedTuple

from sr_arn.errors import InputError

__all__ = ["CAMERA_RAW", "UNREAD", "Unread", "unread", "unread_named"]


class Unread(NamedTuple):
    """A kind of file that is known but not read.

    Attributes
    ----------
    what : str
        What a sentence calls one.
    remedy : str
        What to do with it.
    suffixes : tuple of str
        Of file names, as `Format` has them; in a folder such files count as pictures that fail.
    signature : bytes
        How its files begin, a regular expression.
    named : bytes, optional
        How they begin if the name has one of the suffixes; by default as nothing that is read.
    """

    what: str
    remedy: str
    suffixes: tuple[str, ...]
    signature: bytes
    named: bytes | None = None

    def refusal(self, name: str) -> InputError:
        """Return the error about such a file."""
        return InputError(f"{name}: is {self.what}, which is not read; {self.remedy}")


def _suffixes(names: str) -> tuple[str, ...]:
    return tuple(f".{name}" for name in names.split())


CAMERA_RAW = Unread(
    "a camera raw",
    "develop it first, to TIFF or PNG",
    _suffixes(
        "dng cr2 cr3 crw nef nrw arw srf sr2 orf rw2 rwl raf pef srw x3f 3fr fff iiq erf kdc dcr "
        "mrw mos mef gpr"
    ),
    rb"II\*\0.{4}CR|II.{4}HEAPCCDR|.{4}ftypcrx |IIR[OS]|MMOR|IIU\0|FUJIFILMCCD-RAW|FOVb|\0MRM",
    named=rb"II\*\0|MM\0\*",  # as TIFF does
)
"""What cameras record before it is a picture; see also `sr_arn.pictures.formats.tiff`."""

CONVERT = "convert it first, to TIFF or PNG"
EXPORT = "export it first, to TIFF or PNG"

UNREAD = (
    CAMERA_RAW,
    Unread("a Photoshop file", EXPORT, (".psd", ".psb"), rb"8BPS"),
    Unread("a GIMP file", EXPORT, (".xcf",), rb"gimp xcf"),
    Unread(
        "an SVG drawing",
        "render it first, at any size",
        (".svg", ".svgz"),
        rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*)*<(?:svg|!DOCTYPE svg)\b",
        named=rb"(?:\xef\xbb\xbf)?\s*<|\x1f\x8b",
    ),
    Unread("a PDF file", "extract its pictures or render its pages first", (".pdf",), rb"%PDF-"),
    Unread("a PostScript file", "render it first", (".ps", ".eps", ".ai"), rb"%!|\xc5\xd0\xd3\xc6"),
    Unread(
        "a video",
        "extract its frames first, with ffmpeg for example",
        _suffixes("mp4 m4v mov avi mkv webm mpg mpeg mts m2ts 3gp wmv flv ogv"),
        rb".{4}ftyp(?:isom|iso\d|mp4\d|M4V|qt  |3g|avc1|dash|MSNV|XAVC)|.{4}(?:moov|mdat|wide)"
        rb"|RIFF.{4}AVI |\x1aE\xdf\xa3|FLV\x01|\0\0\x01[\xba\xb3]|OggS|0&\xb2u",
    ),
    Unread("an OpenEXR picture", "convert it first, to TIFF of floats", (".exr",), rb"v/1\x01"),
    Unread(
        "a Radiance picture", "convert it first, to TIFF of floats", (".hdr",), rb"#\?R(?:AD|GB)"
    ),
    Unread("a DICOM file", CONVERT, (".dcm",), rb".{128}DICM"),
    Unread("a FITS file", CONVERT, (".fits",), rb"SIMPLE  ="),
    Unread("a DjVu file", CONVERT, (".djvu",), rb"AT&TFORM"),
    Unread("a DirectDraw texture", CONVERT, (".dds",), rb"DDS "),
    Unread("a JPEG XR picture", CONVERT, (".jxr", ".wdp"), rb"II\xbc"),
    Unread("an archive", "unpack it first", (), rb"PK\x03\x04|Rar!|7z\xbc\xaf|\x1f\x8b"),
    Unread("a web page", "save the picture itself", (), rb"(?i:\s*<(?:!doctype html|html|head)\b)"),
)


def unread(head: bytes, suffix: str = "", *, is_read: bool = False) -> Unread | None:
    """Return what a file is that is known but not read.

    Parameters
    ----------
    head : bytes
        How it begins.
    suffix : str, optional
        Of its name, in lower case.
    is_read : bool, default False
        Whether a format that is read has such files, too.
    """
    for kind in UNREAD:
        if re.match(kind.signature, head, re.DOTALL):
            return kind
    kind_named = unread_named(suffix)
    if kind_named is None or not head:
        return None
    begins = kind_named.named is not None and re.match(kind_named.named, head, re.DOTALL)
    return kind_named if begins or not is_read else None


def unread_named(suffix: str) -> Unread | None:
    """Return the kind that is not read of files with this suffix, in lower case."""
    return next((kind for kind in UNREAD if suffix in kind.suffixes), None)
