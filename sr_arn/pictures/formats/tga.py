"""TGA files."""

from typing import IO

from sr_arn.pictures.formats.pillow import PillowFormat
from sr_arn.pictures.picture import Picture

__all__ = ["TGA"]

DESCRIPTOR, ALPHA_BITS = 17, 0x0F  # of the header


class TGA(PillowFormat):
    """Truevision's Targa, which is only read.

    It has no signature: a header that makes sense is taken for one, after all other formats.
    """

    name = "TGA"
    suffixes = (".tga",)
    signature = (
        rb".(?:\x01[\x01\x09].{5}|\0[\x02\x03\x0a\x0b].{5}).{4}(?:[^\0].|.[^\0])(?:[^\0].|.[^\0])"
        rb"[\x08\x0f\x10\x18\x20][\0-\x3f]"
    )
    mime = "image/x-tga"

    def read(self, file: IO[bytes], name: str, max_pixels: int) -> Picture:
        """Return the picture in a file, without an alpha that its header does not declare."""
        picture = super().read(file, name, max_pixels)
        file.seek(DESCRIPTOR)
        has_alpha = bool(file.read(1)[0] & ALPHA_BITS)
        return picture if has_alpha else picture.without_alpha()
