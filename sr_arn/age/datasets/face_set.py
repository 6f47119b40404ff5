"""What a data set of faces declares of itself, for the command line."""

from collections.abc import Callable
from dataclasses import dataclass

from sr_arn.age.datasets.faces import Faces
from sr_arn.age.faces import MARGIN

__all__ = ["HELD_OUT", "FaceSet"]

HELD_OUT = 0.1  # a share of training faces for validation, where the papers drew none


@dataclass(frozen=True, kw_only=True)
class FaceSet:
    """A data set of faces.

    Attributes
    ----------
    name : str
        In `sr-arn age train --data NAME:FOLDER`.
    load : callable
        Returns the `Faces` of a folder and a split; by keyword it takes `protocol`, `fold` and
        `validation`, as far as the set has them.
    protocols : tuple of str, default ()
        Ways to split it that were published.
    has_folds : bool, default False
    validation : float, optional
        The share of training faces that the command line holds out; by default what `load` does.
    with_validation : tuple of str, default ()
        Protocols that have a part for validation of their own.
    margin : float, default 0.4
        Around the faces on its pictures, on each side: a share of a face's width and height.
    """

    name: str
    load: Callable[..., Faces]
    protocols: tuple[str, ...] = ()
    has_folds: bool = False
    validation: float | None = None
    with_validation: tuple[str, ...] = ()
    margin: float = MARGIN
