"""A plot of points with names, as what an SVG template draws."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Plot", "Point", "scatter"]

WIDTH, HEIGHT = 720, 380
LEFT, RIGHT, TOP, BOTTOM = 60, 150, 15, 45  # what stands beside the points, their names included
LINE, NAME = 15, 130  # of a name: its height and about its width
MOST_TICKS = 8


@dataclass(frozen=True)
class Point:
    """A point, in the units of the data."""

    name: str
    x: float
    y: float


@dataclass(frozen=True)
class Mark:
    """Something at a place of the drawing."""

    text: str
    x: float
    y: float
    text_y: float


@dataclass(frozen=True)
class Plot:
    """Points and ticks at their places, in the drawing's units."""

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
    """Return a plot with a logarithmic x axis; names that would touch are moved apart."""
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

    marks = [Mark(p.name, x_of(p.x), y_of(p.y), y_of(p.y)) for p in points]
    return Plot(
        tuple(_apart(marks)),
        tuple(Mark(f"{v:g}", x_of(v), 0, 0) for v in _decades(10**x_from, 10**x_to)),
        tuple(Mark(f"{v:g}", 0, y_of(v), y_of(v)) for v in _round_numbers(bottom, top)),
        x_label,
        y_label,
    )


def _apart(marks: list[Mark]) -> list[Mark]:
    """Return the marks from the top, names moved down where they would touch one above."""
    placed: list[Mark] = []
    for mark in sorted(marks, key=lambda m: (m.y, m.x)):
        text_y = mark.y
        for above in sorted(placed, key=lambda m: m.text_y):
            if abs(above.x - mark.x) < NAME and abs(above.text_y - text_y) < LINE:
                text_y = above.text_y + LINE
        placed.append(Mark(mark.text, mark.x, mark.y, text_y))
    return placed


def _decades(low: float, high: float) -> list[float]:
    """Return the numbers 1, 2 and 5 times a power of ten in between."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [
        float(f"{m}e{e}") for e in exponents for m in (1, 2, 5) if low <= float(f"{m}e{e}") <= high
    ]


def _round_numbers(low: float, high: float) -> list[float]:
    """Return evenly spaced round numbers in between, few enough to be read."""
    step = 10 ** math.floor(math.log10(high - low))
    for part in (0.1, 0.2, 0.5, 1, 2):
        if (high - low) / (part * step) <= MOST_TICKS:
            step *= part
            break
    first = math.ceil(low / step)
    return [round(k * step, 6) for k in range(first, math.floor(high / step) + 1)]
