"""The options of enlarging files, declared once: the command line and the local page read them.

An option is an entry here and a field of `FileUpscaler`, or of the part of it that it belongs to.
Nothing beyond the standard library is imported, so that `sr-arn --help` answers at once.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from sr_arn.system.devices import DEVICES

__all__ = ["LARGEST_SCALE", "OPTIONS", "RESTORE", "SCHEDULE", "SIZE", "Option"]

LARGEST_SCALE = 16
"""Of two models, one after another; trained are smaller scales."""

SIZE, RESTORE, SCHEDULE = "size", "restore", "schedule"
"""Fields of `FileUpscaler` that hold several options: `Size`, `Restore` and `Schedule`."""


class Option(NamedTuple):
    """How an option is given on the command line.

    Attributes
    ----------
    help : str
    type : callable, default str
        Makes its value of text; `bool` is a flag.
    metavar : str, optional
        What help calls its value.
    default : optional
    choices : tuple of str
        Its values, if only some are possible.
    part : str, optional
        The field of `FileUpscaler` that it belongs to; by default it is a field itself.
    values : int, optional
        How many values it takes, of which the metavar has the names; by default one alone.
    """

    help: str
    type: Callable[[str], Any] = str
    metavar: str | None = None
    default: Any = None
    choices: tuple[str, ...] = ()
    part: str | None = None
    values: int | None = None


OPTIONS = {
    "model": Option(
        "see sr-arn models (default: the best for the size); A+B: one after another",
        metavar="NAME|FILE",
    ),
    "scale": Option("factor, up to 16 (default: the model's, 3)", float, "F", part=SIZE),
    "width": Option("pixels", int, "N", part=SIZE),
    "height": Option("pixels; with --width: fits into both", int, "N", part=SIZE),
    "max_side": Option("pixels of the longer side", int, "N", part=SIZE),
    "megapixels": Option("millions of pixels", float, "F", part=SIZE),
    "wrap": Option(
        "pictures that repeat, as textures and panoramas do: beyond an edge lies the other side",
        choices=("x", "y", "both"),
    ),
    "restore": Option(
        "how much of what is found is restored, in per cent (default: auto, all)",
        metavar="auto|off|0..100",
        default="auto",
        part=RESTORE,
    ),
    "jpeg": Option(
        "quality of the JPEG, 1 to 100, instead of what is found", float, "Q", part=RESTORE
    ),
    "noise": Option(
        "standard deviation of the luminance's noise in levels of 255, 0.57 of that of RGB, "
        "instead of what is found",
        float,
        "SIGMA",
        part=RESTORE,
    ),
    "background": Option(
        "of transparent pictures where the format has no transparency, such as white or #ffcc00",
        metavar="COLOUR",
    ),
    "to_srgb": Option("CMYK becomes sRGB by its ICC profile", bool),
    "keep_palette": Option(
        "pictures of up to 256 colours keep them, as PNG with a palette: the nearest of each", bool
    ),
    "keep_bilevel": Option(
        "pictures of black and white alone stay so, in PNG and TIFF: 1 bit, fax compression", bool
    ),
    "quality": Option("of $qualities", int, "Q"),
    "preview": Option(
        "beside each result, in photo_x3.preview.png: its most detailed part, and by bicubic", bool
    ),
    "ensemble": Option("mean over 8 flips and rotations: a little better, 8 times the time", bool),
    "back_project": Option(
        "correct the result N times so that it shrinks to the input (default: 0)", int, "N", 0
    ),
    "device": Option(
        "cuda: a GPU, by torch; auto: a GPU if there is one (default: cpu)",
        default="cpu",
        choices=DEVICES,
    ),
    "threads": Option("default: as many as the process may use", int, "N", part=SCHEDULE),
    "tile": Option("pixels a side at a time (default: as memory allows)", int, "N", part=SCHEDULE),
    "memory": Option(
        "megabytes for the work, beside the pictures (default: 300; 75 per thread if many)",
        int,
        "MB",
        part=SCHEDULE,
    ),
    "max_pixels": Option("refuse larger pictures by their header (default: 100 million)", int, "N"),
    "range": Option(
        "what is black and white in floats and signed integers (default: if any lie beyond 0 and "
        "1, the least and the largest)",
        float,
        "LOW HIGH",
        values=2,
    ),
    "strip": Option("leave out all metadata: ICC profile, EXIF, XMP, IPTC, text, resolution", bool),
}
"""By name; on the command line `-` stands for `_`."""
