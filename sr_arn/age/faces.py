"""Faces in photos: found by a cascade, cut out with DEX's margin.

References
----------
R. Rothe, R. Timofte, L. Van Gool, "DEX: Deep EXpectation of apparent age from a single image",
ICCV workshops 2015: a margin of 40 % on each side, beyond the border its pixels go on.

S. Liao et al., "Learning multi-scale block local binary patterns for face recognition", ICB 2007:
the features of the cascade that comes with scikit-image.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sr_arn.checks import check_integer

__all__ = ["MARGIN", "Box", "crop_face", "find_faces"]

MARGIN = 0.4  # of a face's width and height, on each side
SMALLEST = 40  # pixels of a face that is looked for
LARGEST_SEARCHED = 800  # pixels of the longer side of a photo; larger ones are searched in small
OVERLAP = 0.4  # of the smaller of two boxes, from which they are of one face


class Box(NamedTuple):
    """A face's place in a photo, in pixels."""

    left: int
    top: int
    width: int
    height: int


def find_faces(photo: NDArray[np.uint8], smallest: int = SMALLEST) -> list[Box]:
    """Return the places of faces that look ahead, the largest first.

    Parameters
    ----------
    photo : ndarray of uint8 [h, w, 3]
    smallest : int, default 40
        Pixels of the smallest face looked for, in a photo of at most 800 pixels; in larger ones
        the same share.
    """
    from PIL import Image
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade

    check_integer(smallest, "smallest", 1)
    height, width = photo.shape[:2]
    shrunk = max(1.0, max(height, width) / LARGEST_SEARCHED)
    size = max(1, round(width / shrunk)), max(1, round(height / shrunk))
    if min(size) < smallest:
        return []
    searched = np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.BOX))
    found = Cascade(lbp_frontal_face_cascade_filename()).detect_multi_scale(
        img=searched,
        scale_factor=1.1,
        step_ratio=1.3,
        min_size=(smallest, smallest),
        max_size=(min(size), min(size)),
    )
    boxes = [Box(f["c"], f["r"], f["width"], f["height"]) for f in found]
    boxes.sort(key=lambda box: -box.width)
    apart: list[Box] = []
    for box in boxes:
        if all(_overlap(box, other) < OVERLAP for other in apart):
            apart.append(box)
    return [Box(*(round(shrunk * value) for value in box)) for box in apart]


def _overlap(a: Box, b: Box) -> float:
    """Return the share of the smaller of two boxes that lies in the other."""
    width = min(a.left + a.width, b.left + b.width) - max(a.left, b.left)
    height = min(a.top + a.height, b.top + b.height) - max(a.top, b.top)
    smaller = min(a.width * a.height, b.width * b.height)
    return max(width, 0) * max(height, 0) / smaller


def crop_face(
    photo: NDArray[np.uint8], box: Box, side: int, margin: float = MARGIN
) -> NDArray[np.uint8]:
    """Return a face with its margin as [side, side, 3]; beyond the border its pixels go on.

    Parameters
    ----------
    photo : ndarray of uint8 [h, w, 3]
    box : Box
    side : int
        Pixels.
    margin : float, default 0.4
        Of the box's width and height, on each side.
    """
    from PIL import Image

    beside, above = round(margin * box.width), round(margin * box.height)
    rows = np.arange(box.top - above, box.top + box.height + above)
    columns = np.arange(box.left - beside, box.left + box.width + beside)
    inside = [np.clip(at, 0, n - 1) for at, n in zip((rows, columns), photo.shape, strict=False)]
    cut = Image.fromarray(photo[np.ix_(*inside)])
    return np.asarray(cut.resize((side, side), Image.Resampling.BICUBIC))
