"""Faces: their files, the ages on them, and the pixels in them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError, SrArnError, display

__all__ = ["Faces", "read_faces"]

LARGEST = 4096  # pixels of a side that is made to fit


class Faces(NamedTuple):
    """Files of faces, and the ages on them."""

    paths: tuple[Path, ...]
    ages: NDArray[np.float64]
    """[n], in years."""
    sigmas: NDArray[np.float64] | None = None
    """[n], standard deviation of what annotators said, where they were asked."""
    subjects: NDArray[np.int64] | None = None
    """[n], the number of the person, where it is known."""

    def take(self, indices: NDArray[np.integer[Any]]) -> Self:
        """Return those faces alone.

        Parameters
        ----------
        indices : integer array [m]

        Raises
        ------
        InputError
            If there is none.
        """
        if not len(indices):
            raise InputError("faces: expected at least one in each part, received none")
        return type(self)(
            tuple(self.paths[i] for i in indices),
            self.ages[indices],
            None if self.sigmas is None else self.sigmas[indices],
            None if self.subjects is None else self.subjects[indices],
        )


def read_faces(paths: Sequence[Path], side: int = 64, resize: bool = False) -> NDArray[np.uint8]:
    """Return pictures as RGB levels [n, side, side, 3].

    Parameters
    ----------
    paths : sequence of path
        Of RGB pictures; grey ones become RGB.
    side : int, default 64
        Pixels that each must have, a side.
    resize : bool, default False
        Whether square ones of another size are made to fit.

    Raises
    ------
    InputError
        If one is damaged, of another size or shape, or transparent.
    """
    from PIL import Image

    faces = np.empty((len(paths), side, side, 3), np.uint8)
    for face, path in zip(faces, paths, strict=True):
        try:
            with path.open("rb") as file, Image.open(file) as image:
                width, height = image.size
                could_fit = width == height <= LARGEST
                if (width, height) != (side, side) and not (could_fit and resize):
                    raise InputError(
                        f"faces: {display(path)}: expected {side} x {side} pixels, "
                        f"received {width} x {height}" + "; give --resize" * could_fit
                    )
                if image.mode not in ("RGB", "L"):
                    raise InputError(
                        f"faces: {display(path)}: expected RGB or grey, received {image.mode}"
                    )
                fitting = image.convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
                face[...] = np.asarray(fitting)  # of its own size it is what it was
        except SrArnError:
            raise
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise InputError(f"faces: {display(path)}: damaged or missing") from error
    return faces
