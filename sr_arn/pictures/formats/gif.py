"""GIF files."""

from sr_arn.pictures.formats.pillow import PillowFormat

__all__ = ["GIF"]


class GIF(PillowFormat):
    """GIF, which is only read: its 256 colours are too few for a result."""

    name = "GIF"
    suffixes = (".gif",)
    signature = rb"GIF8[79]a"
    mime = "image/gif"
    shown_by_browsers = True
