"""File names of results in a folder."""

import string
from dataclasses import dataclass
from pathlib import Path

from sr_arn.errors import InputError, display
from sr_arn.pictures.formats import SUFFIXES, Format
from sr_arn.upscaling.sizes import Size

__all__ = ["Naming", "naming"]

FIELDS = ("stem", "source", "scale", "ext")
OTHERWISE = ".png"  # for formats that cannot be written
SIZES = {"width": "w", "height": "h", "max_side": "max", "megapixels": "mp"}


@dataclass(frozen=True)
class Naming:
    """The pattern of the names of results.

    Attributes
    ----------
    template : str
        With {stem}, {source}, {scale} and {ext}: the source's name without and with its suffix,
        "3" or "w1920", ".png".
    size : str
        The text for {scale}.
    kind : Format, optional
        Of all results; by default that of the source, or PNG if it cannot be written.

    Raises
    ------
    InputError
        If the template names another field, a folder, or another format.
    """

    template: str
    size: str
    kind: Format | None = None

    def __post_init__(self) -> None:
        """Check the template."""
        try:
            parts = [part[1:] for part in string.Formatter().parse(self.template)]
        except ValueError as error:
            raise InputError(f"name: {display(self.template)} is no template: {error}") from None
        if not {*parts} <= {(None, None, None), *((field, "", None) for field in FIELDS)}:
            known = ", ".join(f"{{{field}}}" for field in FIELDS)
            raise InputError(f"name: expected {known}, received {display(self.template)}")
        name = self.name_of(Path("name.png"))
        if (
            not name
            or Path(name).name != name
            or name in (".", "..")
            or "\0" in name
            or "\\" in name
        ):
            raise InputError(f"name: expected a file name, received {display(self.template)}")
        kind = SUFFIXES.get(Path(name).suffix.lower())
        wanted = self.kind or kind
        if wanted is None or not wanted.modes or kind is not wanted:
            raise InputError(
                f"name: expected one that ends in {{ext}} or in a suffix of its format, received "
                f"{display(self.template)}"
            )

    def name_of(self, source: Path) -> str:
        """Return the name of the result of a picture file."""
        suffix, known = source.suffix, SUFFIXES.get(source.suffix.lower())
        if self.kind is not None:
            suffix = self.kind.suffixes[0]
        elif known is None or not known.is_written:
            suffix = OTHERWISE
        # A file that is not read beside a picture of the same name must not take its place.
        return self.template.format(
            stem=source.name if known is None else source.stem,
            source=source.name,
            scale=self.size,
            ext=suffix,
        )


def naming(template: str | None, size: Size, scale: int, kind: Format | None) -> Naming:
    """Return the names of results of a size; `scale` is the model's.

    By default photo_x3.png, or photo_w1920.png if the size is not a factor.
    """
    if not size.given or size.scale is not None:
        shown, default = f"{size.scale or scale:g}", "{stem}_x{scale}{ext}"
    else:
        shown = "_".join(f"{SIZES[name]}{value:g}" for name, value in size.given.items())
        default = "{stem}_{scale}{ext}"
    return Naming(default if template is None else template, shown, kind)
