"""The convolutional ARN as a luminance model, in plain arrays: trained by torch, run without it."""

from collections.abc import Iterable
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError
from sr_arn.models.base import Arrays, Axes, Header, LuminanceModel, TrainedModel, check_fields
from sr_arn.models.chroma import ChromaModel
from sr_arn.models.conv_details import ARRAY_AXES, ConvDetails
from sr_arn.models.restoration import (
    CLEAN,
    RESTORING_AXES,
    STRONGEST,
    Strengths,
    damped,
    folded,
)
from sr_arn.pictures.resize import imresize
from sr_arn.planes import NO_RIM, Rim

__all__ = ["ConvModel"]

LARGEST_RESULT = 1e6  # of noise; larger results may overflow in float32
OF_RESTORING = "restore."  # begins the names of the arrays for pictures that are not clean
OF_CHROMA = "chroma."  # and of those for Cb and Cr

Array = NDArray[np.float32]


class ConvModel(TrainedModel):
    """Bicubic up-scaling plus the details that a `ConvAnchoredNetwork` predicts.

    Parameters
    ----------
    scale : int
        s, HR pixels per LR pixel.
    arrays : dict of ndarray of float32
        By the names of `array_axes`. Gains and sharpness of the network are factors of them.
    restoring : dict of ndarray of float32, optional
        A second set of them, by the names of `restoring_axes`, for pictures that are not clean.
    chroma : ChromaModel, optional
        Enlarges Cb and Cr of the same pictures; otherwise bicubic does.

    Attributes
    ----------
    reach : int
        How far away, in LR pixels along either axis, a pixel still matters.
    """

    kind: ClassVar[str] = "conv"
    title: ClassVar[str] = "convolutional ARN"
    float16_from: ClassVar[int] = 1000
    most: ClassVar[dict[str, int]] = {
        **{"p": 64, "c": 512, "m": 256, "k": 256},
        **{"P": 64, "C": 512, "M": 256, "K": 256},  # of the network for chroma
    }
    runs_by_torch = True
    name = "conv-arn"
    array_axes = ARRAY_AXES | {"first_weight": "c33"}
    restoring_axes = array_axes | RESTORING_AXES

    def __init__(
        self,
        scale: int,
        arrays: dict[str, Array],
        restoring: dict[str, Array] | None = None,
        chroma: ChromaModel | None = None,
    ) -> None:
        self.scale = scale
        self.arrays = arrays
        self.restoring = restoring
        self.chroma = chroma
        self._details = ConvDetails(scale, arrays)
        self.reach = self._details.reach

    def __call__(self, lr: Array, rim: Rim = NO_RIM) -> Array:
        """Return the HR plane without the rim.

        The last bits depend on whether the rows and columns of a pixel in `lr` are even.
        """
        hr = np.ascontiguousarray(rim.cut(imresize(lr, self.scale), self.scale))
        self._details.add(lr[..., None], rim, hr[..., None])
        return hr

    @property
    def sizes(self) -> dict[str, int]:
        """Channels, layers and anchors of the network."""
        pairs, both, channels = self.arrays["pair_weight"].shape[:3]
        anchors = len(self.arrays["anchors"])
        return {"channels": channels, "layers": both * pairs, "anchors": anchors}

    @property
    def restores(self) -> bool:
        """Whether it knows what to do with pictures that are not clean."""
        return self.restoring is not None

    def restored(self, strengths: Strengths) -> "ConvModel":
        """Return the model for pictures of these strengths; itself for those that are clean.

        Raises
        ------
        InputError
            If it does not restore.
        """
        if strengths.is_clean:
            return self
        if self.restoring is None:
            raise InputError("restore: the model knows clean pictures only")
        arrays = folded(self.restoring, strengths) if strengths.is_degraded else self.arrays
        chroma = self.chroma and self.chroma.restored(strengths)
        return ConvModel(self.scale, damped(arrays, strengths.trust), chroma=chroma)

    def to(self, device: str) -> LuminanceModel:
        """Return a `TorchConvModel`."""
        from sr_arn.models.conv_torch import TorchConvModel

        return TorchConvModel(self, device)

    # --- model files ---------------------------------------------------------------

    def to_file(self) -> tuple[Header, dict[str, NDArray[Any]]]:
        """Return what it has beside the weights for luminance, and the arrays of all."""
        parts = {"": self.arrays, OF_RESTORING: self.restoring or {}}
        parts[OF_CHROMA] = self.chroma.arrays if self.chroma else {}
        fields = {"restores": self.restores, "chroma": self.chroma is not None}
        return fields, {f"{of}{name}": a for of, part in parts.items() for name, a in part.items()}

    @classmethod
    def check_header(cls, header: Header) -> None:
        """Raise `InputError` unless the name is its own, and `restores` and `chroma` are bool."""
        is_sound = {"regressor": header.get("regressor") == cls.name}
        for field in ("restores", "chroma"):
            is_sound[field] = type(header.setdefault(field, False)) is bool  # old files lack it
        check_fields(header, is_sound)

    @classmethod
    def axes(cls, header: Header) -> Axes:
        """Return the axes of all arrays; those of the network for chroma have capital letters."""
        pixels = header["scale"] ** 2
        lengths: dict[str, int] = {"t": pixels, "z": 2, "Z": 2, "2": 2, "3": 3}
        lengths |= {"I": ChromaModel.inputs, "T": ChromaModel.outputs * pixels}
        letters = dict(cls.array_axes)
        if header["restores"]:
            letters |= {f"{OF_RESTORING}{name}": axes for name, axes in cls.restoring_axes.items()}
        if header["chroma"]:
            of_chroma = ChromaModel.array_axes.items()
            letters |= {f"{OF_CHROMA}{name}": axes.upper() for name, axes in of_chroma}
        return {
            name: tuple(lengths.get(axis, axis) for axis in axes) for name, axes in letters.items()
        }

    @classmethod
    def from_file(cls, header: Header, arrays: Arrays) -> Self:
        """Return the model.

        Raises
        ------
        InputError
            If what it multiplies in a row is too much for float32.
        """

        def part(of: str, names: Iterable[str]) -> dict[str, Array]:
            return {name: arrays[f"{of}{name}"] for name in names}

        scale, chroma = header["scale"], None
        restoring = part(OF_RESTORING, cls.restoring_axes) if header["restores"] else None
        if header["chroma"]:
            chroma = ChromaModel(scale, part(OF_CHROMA, ChromaModel.array_axes))
        model = cls(scale, part("", cls.array_axes), restoring, chroma)
        with np.errstate(all="ignore"):
            model._check_size()
        return model

    def _check_size(self) -> None:
        """Raise `InputError` unless what it makes of noise is finite, and small enough."""
        noise = np.random.default_rng(0).uniform(size=(9, 9, 3)).astype(np.float32)
        for strengths in (CLEAN, STRONGEST) if self.restores else (CLEAN,):
            model = self.restored(strengths)
            results = [model(np.ascontiguousarray(noise[..., 0]))]
            if model.chroma:
                results.append(model.chroma(noise))
            if not all(np.abs(result).max() <= LARGEST_RESULT for result in results):  # nor NaN
                raise InputError("output is not finite: weights are too large")
