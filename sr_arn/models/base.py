"""What a luminance model is, what a trained one adds, and the simplest: bicubic and nearest."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError, display
from sr_arn.models.restoration import Strengths
from sr_arn.pictures.resize import imresize
from sr_arn.planes import NO_RIM, Rim

__all__ = [
    "PLAIN",
    "Arrays",
    "Axes",
    "BicubicModel",
    "Chroma",
    "Header",
    "LuminanceModel",
    "NearestModel",
    "TrainedModel",
    "check_fields",
    "check_restores",
    "chroma_of",
    "copies",
    "restored",
    "restores",
    "runs_by_torch",
]

Plane = NDArray[np.float32]
Header = dict[str, Any]
Arrays = dict[str, NDArray[np.float32]]
Axes = dict[str, tuple[str | int, ...]]


class LuminanceModel(Protocol):
    """A function from LR to HR luminance, both float32 [h, w] in [0, 1], not clipped."""

    name: str
    scale: int
    reach: int
    """How far away, in LR pixels along either axis, a pixel still matters to the result: at
    least 2, what bicubic up-scaling reads."""

    def __call__(self, lr: Plane, rim: Rim = NO_RIM) -> Plane:
        """Return the HR plane of all LR pixels but those of the rim, which are only seen."""
        ...


class Chroma(Protocol):
    """A function from Y, Cb and Cr of an LR picture, float32 [h, w, 3], to Cb and Cr of the HR one.

    Its result [h s, w s, 2] is not clipped.
    """

    reach: int

    def __call__(self, ycbcr: Plane, rim: Rim = NO_RIM) -> Plane:
        """Return Cb and Cr of all LR pixels but those of the rim, which are only seen."""
        ...


class TrainedModel(ABC):
    """Base class of the kinds of luminance models that files hold: see `LuminanceModel`.

    A subclass states `kind`, `axes`, `to_file` and `from_file`. Registered in
    `sr_arn.models.kinds`, it is then known to model files and to all that loads them.
    """

    kind: ClassVar[str]
    """The name in model files."""

    title: ClassVar[str]
    """What users call such a model."""

    float16_from: ClassVar[int] = 1_000_000
    """Entries of an array that a file keeps in float16."""

    most: ClassVar[dict[str, int]] = {}
    """The largest lengths of axes, by their letters, where there are such."""

    name: str
    scale: int
    reach: int

    @abstractmethod
    def __call__(self, lr: Plane, rim: Rim = NO_RIM) -> Plane:
        """Return the HR plane of all LR pixels but those of the rim, which are only seen."""

    @property
    def runs_by_torch(self) -> bool:
        """Whether it has a `to`."""
        return False

    def to(self, device: str) -> LuminanceModel:
        """Return a model that torch runs on a device; a kind that `runs_by_torch` defines it."""
        raise NotImplementedError

    def gallery(self) -> Iterable[tuple[Plane, Plane]]:
        """Return what it knows as pairs of square planes: what it looks for, what it adds.

        It is empty for kinds that cannot be drawn so.
        """
        return ()

    # --- model files ---------------------------------------------------------------

    @abstractmethod
    def to_file(self) -> tuple[Header, dict[str, NDArray[Any]]]:
        """Return the header fields of its kind, and its arrays by name.

        The fields `kind`, `regressor` (its name) and `scale` are of every kind.
        """

    @classmethod  # noqa: B027 - a kind may have no fields of its own
    def check_header(cls, header: Header) -> None:
        """Raise `InputError` unless the fields of its kind are sound: see `check_fields`.

        Fields that older files lack are added.
        """

    @classmethod
    @abstractmethod
    def axes(cls, header: Header) -> Axes:
        """Return each array's axes: a length, or a letter that stands for one.

        The header is checked. Equal letters are equal lengths.
        """

    @classmethod
    @abstractmethod
    def from_file(cls, header: Header, arrays: Arrays) -> Self:
        """Return the model of a checked header and of arrays of these `axes`.

        Raises
        ------
        InputError
            If they make no sound model.
        """


def check_fields(header: Header, is_sound: dict[str, bool]) -> None:
    """Raise `InputError` for the first header field that is not sound."""
    for field, sound in is_sound.items():
        if not sound:
            raise InputError(f"header field {field!r} is {display(header.get(field))}")


class BicubicModel:
    """Bicubic up-scaling alone: the baseline of every table."""

    name = "bicubic"
    reach = 2

    def __init__(self, scale: int) -> None:
        self.scale = scale

    def __call__(self, lr: Plane, rim: Rim = NO_RIM) -> Plane:
        """Return the HR plane without the rim."""
        return rim.cut(imresize(lr, self.scale), self.scale)


class NearestModel:
    """Every pixel repeated, for pixel art: no colour is new."""

    name = "nearest"
    reach = 2
    copies = True

    def __init__(self, scale: int) -> None:
        self.scale = scale

    def __call__(self, lr: Plane, rim: Rim = NO_RIM) -> Plane:
        """Return the HR plane without the rim."""
        return rim.cut(lr).repeat(self.scale, axis=0).repeat(self.scale, axis=1)


PLAIN = {model.name: model for model in (BicubicModel, NearestModel)}
"""By name, the models that are not trained: they take any scale."""


def copies(model: LuminanceModel) -> bool:
    """Return whether a model only copies pixels: channels are not mixed, nor neighbours."""
    return getattr(model, "copies", False)


def restores(model: LuminanceModel) -> bool:
    """Return whether a model knows what to do with pictures that are not clean."""
    return getattr(model, "restores", False)


def runs_by_torch(model: LuminanceModel) -> bool:
    """Return whether torch can run a model: whether it has a method `to`."""
    return getattr(model, "runs_by_torch", False)


def restored(model: Any, strengths: Strengths) -> Any:
    """Return a model for pictures of these strengths; itself for those that are clean.

    Raises
    ------
    InputError
        If it does not restore.
    """
    if strengths.is_clean:
        return model
    check_restores(model)
    return model.restored(strengths)


def chroma_of(model: LuminanceModel) -> Chroma | None:
    """Return what enlarges Cb and Cr beside a luminance model; bicubic does where it is None."""
    return getattr(model, "chroma", None)


def check_restores(model: LuminanceModel) -> None:
    """Raise `InputError` if a model does not restore."""
    if not restores(model):
        raise InputError(
            f"restore: {model.name} knows clean pictures only; take a conv-arn model or leave "
            "restore out"
        )
