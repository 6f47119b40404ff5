"""What JPEG, noise and aliasing did to a picture, found in its pixels.

A bounded sample of the picture is looked at, the same one whatever is done with it later.

References
----------
D. L. Donoho, I. M. Johnstone, "Ideal spatial adaptation by wavelet shrinkage", Biometrika 81(3),
1994: noise by the median of the finest details.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sr_arn.models.restoration import CLEAN, LARGEST_NOISE, Strengths
from sr_arn.pictures.jpeg import SIDE, quality_of_blocks
from sr_arn.planes import WHITE

__all__ = ["found_in"]

WHOLE = 1024  # pixels a side up to which all of a picture is looked at,
PATCH, PATCHES = 128, 8  # or so many patches of so many pixels
SMALLEST = 32  # pixels a side that tell anything
CELL = 16  # pixels a side of the cells that are compared
BLOCKS = 1024  # of JPEG, at most

FULL_RANGE = np.array([0.299, 0.587, 0.114], np.float32)  # luminance of JFIF [ITU-T T.871]
STUDIO = 219 / 255  # the range of the luminance that models know, of colour

GAUSSIAN = 0.6745  # the median absolute deviation of unit variance
FLATTEST = 0.1  # share of the cells that noise is looked for in
NEXT, SAME = 4.0, 3.0  # how much more energy detail has than noise: a scale above, along an axis
LEAST_NOISE = 1.0  # levels of the full range: below, it may be detail
MOST_SPREAD = 0.45  # of the cells' energies, standard deviation by mean: of noise about 0.2
STRONG_NOISE, MOST_BETWEEN = 3.0, 0.6  # levels from which the quartiles, by the median, decide

LEAST_DETAIL = 0.25  # energy, in levels squared, below which there is nothing to be aliased
SAFETY, LEAST_ABOVE_NOISE = 1.3, 1.0  # of the energy of noise: taken off; of detail, at least
SHAPE = 0.75
ALIASED = -0.72, 0.15  # from which steepness on details mislead, and within how much more wholly
DRAWN, STEEPER = (0.5, 0.7), 0.8  # flat and common enough to be drawn; how much steeper that may be
EVEN, TONES = 8, 16  # levels of a flat cell, at most; tones of a histogram
COARSE_JPEG, EARLIER, SLOWER = 80, 0.014, 0.006  # per unit of quality below: it takes the finest

Array = NDArray[np.floating[Any]]
Pixels = NDArray[Any]


def found_in(pixels: Pixels, is_cmyk: bool = False, jpeg: float | None = None) -> Strengths:
    """Return how strongly a picture was compressed, how noisy it is, and how much aliased.

    Noise below a JPEG is not looked for: what the JPEG has left of it does not look like noise.

    Parameters
    ----------
    pixels : ndarray [h, w] or [h, w, 2 to 4] of uint8, uint16 or float in [0, 1]
        Grey or RGB, and alpha: what is not opaque is not looked at.
    is_cmyk : bool, default False
        Whether the four channels are inks, of whose pixels nothing is found.
    jpeg : float, optional
        The quality that the file itself states.
    """
    known = CLEAN if jpeg is None else Strengths(jpeg)
    if is_cmyk or min(pixels.shape[:2]) < SMALLEST:
        return known
    sample = _luminance(_sample(pixels))
    if jpeg is None:
        jpeg = _jpeg(sample)
    scale = STUDIO if pixels.ndim == 3 and pixels.shape[2] >= 3 else 1.0
    details = _Details.of(sample)
    noise = 0.0 if jpeg is not None else _noise(details)
    return Strengths(jpeg, round(scale * noise, 2), round(_aliasing(details, noise, jpeg), 2))


def _sample(pixels: Pixels) -> Pixels:
    """Return patches [n, h, w, ...] whose corners lie at multiples of 8 pixels."""
    (rows, height), (columns, width) = (_cuts(length) for length in pixels.shape[:2])
    patches = [pixels[i : i + height, j : j + width] for i in rows for j in columns]
    return np.stack(patches)


def _cuts(length: int) -> tuple[NDArray[np.int_], int]:
    """Return where the patches along an axis begin, and how long they are."""
    if length <= WHOLE:
        return np.zeros(1, np.int_), length
    return np.arange(PATCHES) * (length - PATCH) // (PATCHES - 1) // SIDE * SIDE, PATCH


def _luminance(sample: Pixels) -> Array:
    """Return luminance [n, h, w] in levels of 255, full range; NaN where it is not opaque."""
    white = WHITE[sample.dtype.name]
    levels = sample.astype(np.float32) * np.float32(255 / white)
    if sample.ndim == 3:
        return levels
    colours = sample.shape[3] - (sample.shape[3] in (2, 4))
    grey = levels[..., :3] @ FULL_RANGE if colours == 3 else levels[..., 0]
    if colours < sample.shape[3]:
        grey[sample[..., -1] != white] = np.nan
    return grey


def _jpeg(sample: Array) -> float | None:
    """Return the quality of JPEG, None where it is uncertain."""
    top, left = _phase(sample.swapaxes(1, 2)), _phase(sample)
    for row, column in dict.fromkeys([(top, left), (0, 0)]):
        blocks = _cells(sample[:, row:, column:], SIDE).reshape(-1, SIDE, SIDE)
        is_whole = (blocks.min(axis=(1, 2)) > 1) & (blocks.max(axis=(1, 2)) < 254)  # nor clipped
        blocks = blocks[is_whole]
        quality = quality_of_blocks(blocks[:: max(1, len(blocks) // BLOCKS)])
        if quality is not None:
            return quality
    return None


def _phase(sample: Array) -> int:
    """Return at which column, of 8, blocks begin, if there are such."""
    steps = np.diff(sample, axis=2)
    bend = np.abs(steps[..., 1:-1] - (steps[..., :-2] + steps[..., 2:]) / 2)
    totals = np.nansum(bend, axis=(0, 1))
    totals = totals[: len(totals) - len(totals) % SIDE].reshape(-1, SIDE).sum(axis=0)
    return (int(np.argmax(totals)) + 2) % SIDE  # bend k is of the step from pixel k + 1 to k + 2


def _cells(planes: Array, side: int) -> Array:
    """Return planes [n, h, w] cut into [cells, side * side]."""
    count, height, width = planes.shape
    planes = planes[:, : height - height % side, : width - width % side]
    shape = count, height // side, side, width // side, side
    return planes.reshape(shape).swapaxes(2, 3).reshape(-1, side * side)


class _Details(NamedTuple):
    """Haar's details of opaque cells, at the two finest scales: [cells, 8, 8] and [cells, 4, 4]."""

    along: tuple[Array, Array]
    """Along either axis, one below the other: [cells, 16, 8] and [cells, 8, 4]."""
    diagonal: tuple[Array, Array]
    is_clipped: NDArray[np.bool_]
    """Whether cells reach black or white, where noise is cut off: [cells]."""
    drawn: float
    """How likely it was drawn or typed, 0 to 1: much is flat, or in two tones of 16."""

    @classmethod
    def of(cls, sample: Array) -> "_Details":
        """Return those of luminance [n, h, w]."""
        cells = _cells(sample, CELL)
        cells = cells[~np.isnan(cells).any(axis=1)].reshape(-1, CELL, CELL)
        least, most = cells.min(axis=(1, 2)), cells.max(axis=(1, 2))
        is_clipped = (least < 1) | (most > 254)
        drawn = 0.0
        if len(cells):
            tones = np.bincount((cells * (TONES / 256)).astype(np.int8).ravel(), minlength=2)
            evidence = np.mean(most - least < EVEN) + np.sort(tones)[-2:].sum() / cells.size
            drawn = float(np.interp(evidence, DRAWN, (0, 1)))
        along: list[Array] = []
        diagonal: list[Array] = []
        for _ in range(2):
            a, b = cells[:, ::2, ::2], cells[:, ::2, 1::2]
            c, d = cells[:, 1::2, ::2], cells[:, 1::2, 1::2]
            along.append(np.concatenate([a + b - c - d, a - b + c - d], axis=1) / 2)
            diagonal.append((a - b - c + d) / 2)
            cells = (a + b + c + d) / 2
        return cls((along[0], along[1]), (diagonal[0], diagonal[1]), is_clipped, drawn)


def _noise(details: _Details) -> float:
    """Return the standard deviation of white noise, in levels of the full range.

    It is looked for in the flattest cells, as details of the second scale tell. There it has as
    much energy at both scales and in all directions; detail has less at the finest scale, and
    less along its diagonals, and in some cells much more than in others. So what could be detail
    is taken off, or all is taken for it.
    """
    coarse = np.where(details.is_clipped, np.inf, np.square(details.along[1]).mean(axis=(1, 2)))
    whole = np.count_nonzero(~details.is_clipped)
    count = min(whole, max(4, int(FLATTEST * whole)))
    if not count:
        return 0.0
    flat = np.argsort(coarse, kind="stable")[:count]
    finest, along, next_ = (
        float(np.median(np.abs(part[flat])) / GAUSSIAN) ** 2
        for part in (details.diagonal[0], details.along[0], details.diagonal[1])
    )
    by_scale = (NEXT * finest - next_) / (NEXT - 1)
    by_direction = (SAME * finest - along) / (SAME - 1)
    energies = np.square(details.diagonal[0][flat]).mean(axis=(1, 2))
    noise = float(np.sqrt(max(0.0, min(finest, (by_scale + by_direction) / 2))))
    is_even = energies.std() <= MOST_SPREAD * energies.mean()
    if not is_even and noise >= STRONG_NOISE:  # a cell or two may have detail
        low, middle, high = np.percentile(energies, [25, 50, 75])
        is_even = high - low <= MOST_BETWEEN * middle
    return min(noise, LARGEST_NOISE) if noise >= LEAST_NOISE and is_even else 0.0


def _aliasing(details: _Details, noise: float, jpeg: float | None) -> float:
    """Return how far the finest details mislead, 0 to 1.

    A picture that was shrunk through a filter has much less of the finest diagonal details than
    of the next; one that was not has about as much, and networks make jagged edges of it. Thin
    lines have more of them than what cameras see, so of what was drawn or typed more is expected.
    """
    if not len(details.diagonal[0]):
        return 0.0
    diagonal, along = (
        [float(np.square(part).mean()) - SAFETY * noise**2 for part in parts]
        for parts in (details.diagonal, details.along)
    )
    if min(*diagonal, *along) < max(LEAST_DETAIL, LEAST_ABOVE_NOISE * noise**2):
        return 0.0
    steepness = 0.5 * np.log(diagonal[0] / diagonal[1])
    shape = 0.5 * np.log(diagonal[0] / along[0] / (diagonal[1] / along[1]))
    start, width = ALIASED
    coarse = 0 if jpeg is None else max(0, COARSE_JPEG - jpeg)
    beyond = steepness + SHAPE * shape - start + EARLIER * coarse - STEEPER * details.drawn
    return float(np.clip(beyond / (width + SLOWER * coarse), 0, 1))
