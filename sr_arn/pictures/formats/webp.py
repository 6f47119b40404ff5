"""WebP files."""

from typing import IO

from sr_arn.errors import display
from sr_arn.pictures.formats.base import ALPHA
from sr_arn.pictures.formats.pillow import PillowFormat
from sr_arn.pictures.metadata import Metadata

__all__ = ["WebP"]

HEADER = 12  # bytes before the first chunk [RFC 9649]
MOST = 10_000  # chunks
KNOWN = {
    *(b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"),
    *(b"ICCP", b"EXIF", b"XMP "),
}


class WebP(PillowFormat):
    """WebP, lossy as written."""

    name = "WebP"
    suffixes = (".webp",)
    signature = rb"RIFF....WEBP"
    mime = "image/webp"
    shown_by_browsers = True
    modes = ALPHA
    longest_side = 16_383
    quality = 95
    holds_grey = holds_resolution = False

    def attached(self, file: IO[bytes], metadata: Metadata) -> Metadata:
        """Return the metadata, which name chunks that are not known."""
        place, names = HEADER, []
        for _ in range(MOST):
            file.seek(place)
            head = file.read(8)
            if len(head) < 8:
                break
            if head[:4] not in KNOWN:
                names.append(f"chunk {display(head[:4].decode('latin-1'))}")
            size = int.from_bytes(head[4:], "little")
            place += 8 + size + size % 2
        return metadata.without(*names)
