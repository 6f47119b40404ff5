"""How strongly JPEG compressed a picture: from its file's tables, or from its pixels.

References
----------
ITU-T T.81, "Digital compression and coding of continuous-tone still images", 1992, Annex K.1:
the table of luminance.

Z. Fan, R. L. de Queiroz, "Identification of bitmap compression history: JPEG detection and
quantizer estimation", IEEE Trans. Image Processing 12(2), 2003: the likelihood of a table.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SIDE", "quality_of_blocks", "quality_of_table"]

SIDE = 8
"""Pixels a side of JPEG's blocks."""

ANNEX_K = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
QUALITIES = np.arange(1, 101)
SCALES = np.where(QUALITIES < 50, 5000 // QUALITIES, 200 - 2 * QUALITIES)  # libjpeg's, per cent
TABLES = np.clip((ANNEX_K * SCALES[:, None, None] + 50) // 100, 1, 255)  # [quality, 8, 8]
ORDER = np.add.outer(np.arange(SIDE), np.arange(SIDE))
COUNTED = (ORDER > 0) & (ORDER <= 5)  # low and middle frequencies: higher ones are mostly 0
MEANS = TABLES[:, COUNTED].mean(axis=1)

ROUNDING = 0.35  # of a decoder's pixels: standard deviation of their coefficients, in levels
LEAST = 1.2  # levels: smaller coefficients were 0, which carries no information
STRAY = 0.02  # share of coefficients that agree with no table
ENOUGH, MOST = 200, 2000  # coefficients that are looked at
CERTAIN = 0.15  # of a table's log likelihood per coefficient, above that of a clean picture
HARDLY = 94  # the best quality whose steps are wide enough to be seen

Array = NDArray[np.floating[Any]]


def quality_of_table(table: Sequence[int]) -> float:
    """Return the quality, on libjpeg's scale, of the luminance table of a file.

    Parameters
    ----------
    table : sequence of 64 int
        Steps of quantisation, row by row.

    Returns
    -------
    float
        1 to 100: whose table has the nearest mean at low and middle frequencies. So libjpeg's own
        give the quality that was asked for, others that of about as strong a compression.
    """
    mean = np.reshape(table, (SIDE, SIDE))[COUNTED].mean()
    return float(QUALITIES[np.abs(MEANS - mean).argmin()])


def quality_of_blocks(blocks: Array) -> float | None:
    """Return the quality of a JPEG that pixels were decoded from, None where that is uncertain.

    The coefficients of a decoded JPEG lie at multiples of the steps, but for rounding.

    Parameters
    ----------
    blocks : ndarray of float32 [n, 8, 8]
        Luminance in levels of 255, full range, cut where the encoder's blocks would lie.
    """
    dct = _dct()
    coefficients = (dct @ blocks @ dct.T)[:, COUNTED]  # [n, frequencies]
    which, frequency = np.nonzero(np.abs(coefficients) > LEAST)
    if len(which) < ENOUGH:
        return None
    fewer = slice(None, None, max(1, len(which) // MOST))
    which, frequency = which[fewer], frequency[fewer]
    found = coefficients[which, frequency]
    qualities = QUALITIES[: HARDLY + 1]
    likelihoods = [_likelihood(found, TABLES[q - 1][COUNTED][frequency]) for q in qualities]
    best = int(np.argmax(likelihoods))
    if likelihoods[best] < CERTAIN or qualities[best] > HARDLY:
        return None
    return float(qualities[best])


def _likelihood(coefficients: Array, steps: NDArray[np.int_]) -> float:
    """Return the mean log likelihood of steps, compared with coefficients that lie anywhere."""
    ratios = coefficients / steps.astype(np.float32)
    off = (ratios - np.round(ratios)) * steps
    density = steps / (ROUNDING * np.sqrt(2 * np.pi)) * np.exp(-0.5 * (off / ROUNDING) ** 2)
    return float(np.log((1 - STRAY) * density + STRAY).mean())


def _dct() -> Array:
    """Return the orthonormal DCT-II of 8 samples, frequencies first."""
    k = np.arange(SIDE)
    matrix = np.sqrt(2 / SIDE) * np.cos(np.pi * np.outer(k, 2 * k + 1) / (2 * SIDE))
    matrix[0] /= np.sqrt(2)
    return matrix.astype(np.float32)
