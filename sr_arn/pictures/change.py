"""How the pixels of a picture moved, for the numbers in its metadata that count them."""

from dataclasses import dataclass

__all__ = ["Change"]

UPSIDE_DOWN, MIRRORED, SIDEWAYS = (3, 4, 6, 7), (2, 3, 7, 8), (5, 6, 7, 8)  # orientations
UNIT = (1.0, 1.0)  # sides of a picture whose coordinates are shares


@dataclass(frozen=True)
class Change:
    """Pixels that were turned upright, then scaled. [EXIF 2.32: Orientation]."""

    before: tuple[int, int]
    """Width and height of the stored pixels."""
    after: tuple[int, int]
    orientation: int = 1
    """Of the stored pixels, 1 to 8."""

    @property
    def is_turned(self) -> bool:
        """Whether the stored pixels were not upright."""
        return self.orientation != 1

    @property
    def is_sideways(self) -> bool:
        """Whether width became height."""
        return self.orientation in SIDEWAYS

    @property
    def scale(self) -> tuple[float, float]:
        """Factors along x and y of the upright picture."""
        width, height = self.before[::-1] if self.is_sideways else self.before
        return self.after[0] / width, self.after[1] / height

    def sides(self, width: float, height: float) -> tuple[float, float]:
        """Return the sides, in pixels, of what was `width` wide and `height` high."""
        width, height = (height, width) if self.is_sideways else (width, height)
        return width * self.scale[0], height * self.scale[1]

    def turned(self, x: float, y: float, within: tuple[float, float] = UNIT) -> tuple[float, float]:
        """Return where a point of the stored picture, of these sides, is when that is upright."""
        width, height = within
        if self.orientation in UPSIDE_DOWN:
            y = height - y
        if self.orientation in MIRRORED:
            x = width - x
        return (y, x) if self.is_sideways else (x, y)

    def point(
        self, x: float, y: float, within: tuple[float, float] | None = None
    ) -> tuple[float, float]:
        """Return where a point is now, in pixels; by default of the picture itself."""
        x, y = self.turned(x, y, within or self.before)
        return x * self.scale[0], y * self.scale[1]
