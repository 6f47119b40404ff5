"""WebP files."""

from sr_arn.pictures.formats.base import ALPHA
from sr_arn.pictures.formats.pillow import PillowFormat

__all__ = ["WebP"]


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
