"""BMP files."""

from sr_arn.pictures.formats.base import OPAQUE
from sr_arn.pictures.formats.pillow import PillowFormat

__all__ = ["BMP"]


class BMP(PillowFormat):
    """Windows' bitmap."""

    name = "BMP"
    suffixes = (".bmp", ".dib")
    signature = rb"BM"
    mime = "image/bmp"
    modes = OPAQUE
    most_pixels = 1 << 30
    holds = frozenset()
