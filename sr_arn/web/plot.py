"""A plot of named points, for an SVG template."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

__all__ = ["Plot", "Point", "scatter"]

WIDTH, HEIGHT = 720, 380
LEFT, RIGHT, TOP, BOTTOM = 60, 150, 15, 45  # margins, which hold axes and names
LINE, LETTER = 15, 7  # height of a name, and approximate width of a letter
BESIDE = 9  # distance of a name from its point
DOT = 5  # a point's radius
MOST_TICKS = 8

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Point:
    """A point, in the units of the data."""

    name: str
    x: float
    y: float


@dataclass(frozen=True)
class Mark:
    """A label at a position in the drawing."""

    text: str
    x: float
    y: float
    text_x: float
    text_y: float

    @property
    def box(self) -> Box:
        """The box of the name: left, right, top, bottom."""
        half = LINE / 2
        right = self.text_x + LETTER * len(self.text)
        return self.text_x, right, self.text_y - half, self.text_y + half


@dataclass(frozen=True)
class Plot:
    """Points and ticks with their positions, in the drawing's units."""

    points: tuple[Mark, ...]
    x_ticks: tuple[Mark, ...]
    y_ticks: tuple[Mark, ...]
    x_label: str
    y_label: str
    width: int = WIDTH
    height: int = HEIGHT
    bottom: int = HEIGHT - BOTTOM
    left: int = LEFT
    right: int = WIDTH - RIGHT


def scatter(points: Sequence[Point], x_label: str, y_label: str) -> Plot:
    """Return a plot with a logarithmic x axis; overlapping names are moved apart."""
    low, high = min(p.x for p in points), max(p.x for p in points)
    x_from, x_to = math.log10(low) - 0.1, math.log10(high) + 0.1
    bottom, top = min(p.y for p in points), max(p.y for p in points)
    margin = 0.08 * (top - bottom) or 0.5
    bottom, top = bottom - margin, top + margin

    def x_of(value: float) -> float:
        share = (math.log10(value) - x_from) / (x_to - x_from)
        return round(LEFT + share * (WIDTH - RIGHT - LEFT), 1)

    def y_of(value: float) -> float:
        share = (value - bottom) / (top - bottom)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP), 1)

    marks = []
    for p in points:
        x, y, width = x_of(p.x), y_of(p.y), LETTER * len(p.name)
        text_x = x + BESIDE if x + BESIDE + width < WIDTH else x - BESIDE - width
        marks.append(Mark(p.name, x, y, max(0, text_x), y))
    return Plot(
        tuple(_apart(marks)),
        tuple(Mark(f"{v:g}", x_of(v), 0, 0, 0) for v in _decades(10**x_from, 10**x_to)),
        tuple(Mark(f"{v:g}", 0, y_of(v), 0, 0) for v in _round_numbers(bottom, top)),
        x_label,
        y_label,
    )


def _apart(marks: list[Mark]) -> list[Mark]:
    """Return the marks, with names moved up or down that would touch a point or a name."""
    placed: list[Mark] = []
    for mark in sorted(marks, key=lambda m: (m.y, m.x)):
        dots = [(m.x - DOT, m.x + DOT, m.y - DOT, m.y + DOT) for m in marks if m is not mark]
        taken = dots + [m.box for m in placed]
        heights = (mark.y + sign * LINE * k for k in range(len(marks) + 1) for sign in (1, -1))
        moved = (replace(mark, text_y=y) for y in heights if TOP < y < HEIGHT - BOTTOM)
        free = (m for m in moved if not any(_touch(m.box, box) for box in taken))
        placed.append(next(free, mark))
    return placed


def _touch(a: Box, b: Box) -> bool:
    return a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]


def _decades(low: float, high: float) -> list[float]:
    """Return the numbers 1, 2 and 5 times a power of ten in between."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [
        float(f"{m}e{e}") for e in exponents for m in (1, 2, 5) if low <= float(f"{m}e{e}") <= high
    ]


def _round_numbers(low: float, high: float) -> list[float]:
    """Return a few evenly spaced round numbers in between."""
    step = 10 ** math.floor(math.log10(high - low))
    for part in (0.1, 0.2, 0.5, 1, 2):
        if (high - low) / (part * step) <= MOST_TICKS:
            step *= part
            break
    first = math.ceil(low / step)
    return [round(k * step, 6) for k in range(first, math.floor(high / step) + 1)]
