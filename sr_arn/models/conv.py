"""The convolutional ARN as a luminance model, in plain arrays: trained by torch, run without it."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError
from sr_arn.kernels.conv_ends import first_features, mix
from sr_arn.kernels.convolution import Filters, convolve, padded
from sr_arn.models.base import Arrays, Axes, Header, LuminanceModel, TrainedModel, check_fields
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

ROWS = 16  # that a layer does at a time: an even number
LARGEST_RESULT = 1e6  # of noise; larger results may overflow in float32
OF_RESTORING = "restore."  # begins the names of the arrays for pictures that are not clean
KEPT = 5  # rows before them: two for the next layer, two for a shortcut over it, and its frame

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

    Attributes
    ----------
    reach : int
        How far away, in LR pixels along either axis, a pixel still matters.
    """

    kind: ClassVar[str] = "conv"
    title: ClassVar[str] = "convolutional ARN"
    float16_from: ClassVar[int] = 1000
    most: ClassVar[dict[str, int]] = {"p": 64, "c": 512, "m": 256, "k": 256}
    runs_by_torch = True
    name = "conv-arn"
    array_axes = {  # noqa: RUF012 - it is not changed
        "first_weight": "c33",  # of the window's pixels, less that in its middle
        "first_bias": "c",
        "pair_weight": "pzcc33",  # z = 2 convolutions each
        "pair_bias": "pzc",
        "anchors": "mc33",
        "anchor_bias": "m",
        "last_weight": "mtc33",  # t = s^2 HR pixels
        "last_bias": "mt",
    }
    restoring_axes = array_axes | RESTORING_AXES

    def __init__(
        self, scale: int, arrays: dict[str, Array], restoring: dict[str, Array] | None = None
    ) -> None:
        self.scale = scale
        self.arrays = arrays
        self.restoring = restoring
        self.reach = 2 * len(arrays["pair_weight"]) + 2
        channels = len(arrays["first_bias"])
        missing = padded(channels) - channels
        first = np.pad(arrays["first_weight"].reshape(-1, 9), [(0, missing), (0, 0)])
        self._first = np.ascontiguousarray(first.T)
        self._first_bias = np.pad(arrays["first_bias"], (0, missing))
        self._pairs = [
            tuple(Filters.of(w, b) for w, b in zip(weights, biases, strict=True))
            for weights, biases in zip(arrays["pair_weight"], arrays["pair_bias"], strict=True)
        ]
        self._last = Filters.of(
            np.concatenate([arrays["anchors"], arrays["last_weight"].reshape(-1, channels, 3, 3)]),
            np.concatenate([arrays["anchor_bias"], arrays["last_bias"].ravel()]),
        )

    def __call__(self, lr: Array, rim: Rim = NO_RIM) -> Array:
        """Return the HR plane without the rim.

        The last bits depend on whether the rows and columns of a pixel in `lr` are even.
        """
        hr = np.ascontiguousarray(rim.cut(imresize(lr, self.scale), self.scale))
        self._add_details(lr, rim, self._details_of_flat_areas, hr)
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
        return ConvModel(self.scale, damped(arrays, strengths.trust))

    def to(self, device: str) -> LuminanceModel:
        """Return a `TorchConvModel`."""
        from sr_arn.models.conv_torch import TorchConvModel

        return TorchConvModel(self, device)

    # --- model files ---------------------------------------------------------------

    def to_file(self) -> tuple[Header, dict[str, NDArray[Any]]]:
        """Return whether it restores, and the arrays of both sets."""
        restoring = {f"{OF_RESTORING}{name}": a for name, a in (self.restoring or {}).items()}
        return {"restores": self.restores}, {**self.arrays, **restoring}

    @classmethod
    def check_header(cls, header: Header) -> None:
        """Raise `InputError` unless the name is its own and `restores` says yes or no."""
        is_sound = {
            "regressor": header.get("regressor") == cls.name,
            "restores": type(header.setdefault("restores", False)) is bool,  # old files lack it
        }
        check_fields(header, is_sound)

    @classmethod
    def axes(cls, header: Header) -> Axes:
        """Return `array_axes`, and if it restores, `restoring_axes`."""
        lengths: dict[str, int] = {"t": header["scale"] ** 2, "z": 2, "2": 2, "3": 3}
        letters = dict(cls.array_axes)
        if header["restores"]:
            letters |= {f"{OF_RESTORING}{name}": axes for name, axes in cls.restoring_axes.items()}
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
        own, restoring = {name: arrays[name] for name in cls.array_axes}, None
        if header["restores"]:
            restoring = {name: arrays[f"{OF_RESTORING}{name}"] for name in cls.restoring_axes}
        model = cls(header["scale"], own, restoring)
        noise = np.random.default_rng(0).uniform(size=(9, 9)).astype(np.float32)
        with np.errstate(all="ignore"):
            for strengths in (CLEAN, STRONGEST) if model.restores else (CLEAN,):
                result = model.restored(strengths)(noise)
                if not np.abs(result).max() <= LARGEST_RESULT:  # nor is NaN
                    raise InputError("output is not finite: weights are too large")
        return model

    # --- the network ---------------------------------------------------------------

    @cached_property
    def _details_of_flat_areas(self) -> Array:
        """What must be nothing, so that flat areas keep their level: [2, 2, s^2]."""
        side, edge, s = 2 * self.reach + 2, self.reach, self.scale  # the reach is even
        hr = np.zeros((2 * s, 2 * s), np.float32)
        rim, nothing = Rim(edge, edge, edge, edge), np.zeros((2, 2, s * s), np.float32)
        self._add_details(np.zeros((side, side), np.float32), rim, nothing, hr)
        return np.ascontiguousarray(hr.reshape(2, s, 2, s).transpose(0, 2, 1, 3).reshape(2, 2, -1))

    def _add_details(self, lr: Array, rim: Rim, flat: Array, hr: Array) -> None:
        """Add to `hr` [h s, w s], without the rim, what the network gives, less `flat`.

        All layers go down the plane together, some rows at a time, each some rows ahead of the
        next. So little memory is needed; and of the rim, a layer is computed only as far as the
        layers after it see.
        """
        around = np.pad(lr, [(1, 2), (1, 2)], mode="edge")
        channels = self._first.shape[1]
        maps = [_Map(lr.shape, channels, rim, later) for later in range(self.reach - 1, 0, -1)]
        last = _Map(lr.shape, len(self._last.bias), rim, 0)
        (height, width), anchors = lr.shape, len(self.arrays["anchors"])
        row = maps[0].done - maps[0].lead  # so that no layer has more to do at first than later
        while last.done < last.end:
            row += ROWS
            start, stop = maps[0].go_on(row)
            rows, features = around[start : stop + 2], maps[0].framed(start, stop)
            # rows (n + 2, w + 3), weight (9, c), bias (c,) -> features (n + 2, w + 2 or 3, c)
            first_features(rows, self._first, self._first_bias, features)
            maps[0].close()
            for pair, (now, between, after) in zip(self._pairs, _triples(maps), strict=True):
                now.convolved(pair[0], between, row, relu=True)
                between.convolved(pair[1], after, row, add=now)
            start, stop = maps[-1].convolved(self._last, last, row)
            start, stop = max(start, rim.top), min(stop, height - rim.bottom)
            if start < stop:
                parts = last.framed(start, stop)[1:-1, 1 + rim.left : 1 + width - rim.right]
                # parts (n, w, m + m s^2 or more), flat (2, 2, s^2) -> rows of hr (h s, w s)
                mix(parts, anchors, flat, self.scale, start, rim, hr)


class _Map:
    """A map of features [h, w, c], of which the rows that are still needed are kept.

    Parameters
    ----------
    shape : tuple of int
        [h, w].
    channels : int
    rim : Rim
        What the last layer leaves out.
    later : int
        How many layers follow.

    Attributes
    ----------
    done, end : int
        The rows before `done` are computed; `end` is where there are no more to compute. Both are
        even: `convolve` does two at a time.
    lead : int
        How many rows it is ahead of the last layer.
    """

    def __init__(self, shape: tuple[int, ...], channels: int, rim: Rim, later: int) -> None:
        self._height, self._width = shape
        own = rim.narrowed(later)
        self._sides = own.left, own.right
        self.lead = 2 * later
        self.done = own.top - own.top % 2
        self.end = _even(self._height - own.bottom)
        self._rows = np.zeros((KEPT + ROWS + 1, _even(self._width) + 2, channels), np.float32)
        self._top = self.done - KEPT  # the row of the map that comes first in _rows

    def go_on(self, row: int) -> tuple[int, int]:
        """Make room for the rows up to what the last layer needs for those before `row`.

        Return the first of them and that after the last: at most ROWS. KEPT rows before stay.
        """
        start = self.done
        self.done = max(start, min(row + self.lead, self.end))
        if self.done > start:
            moved = start - KEPT - self._top
            self._rows[:KEPT] = self._rows[moved : moved + KEPT]
            self._top = start - KEPT
        return start, self.done

    def framed(self, start: int, stop: int) -> Array:
        """Return rows with a pixel more at each edge: [stop - start + 2, w + 2, c], w even."""
        return self._rows[start - 1 - self._top : stop + 1 - self._top]

    def close(self) -> None:
        """Put zeros beyond the plane, once rows are computed."""
        self._rows[:, self._width + 1 :] = 0
        if self.done >= self._height:
            self._rows[self._height - self._top :] = 0

    def convolved(
        self, filters: Filters, out: "_Map", row: int, add: "_Map | None" = None, relu: bool = False
    ) -> tuple[int, int]:
        """Let `out` go on, computed from this map; return which rows it has done."""
        start, stop = out.go_on(row)
        shortcut = None if add is None else add.framed(start, stop)
        features, place = self.framed(start, stop), out.framed(start, stop)
        convolve(features, filters, place, *out._sides, shortcut, relu)
        out.close()
        return start, stop


def _even(number: int) -> int:
    """Return the number or, if it is odd, the next."""
    return number + number % 2


def _triples(maps: list[_Map]) -> Iterator[tuple[_Map, _Map, _Map]]:
    """Yield what each pair of convolutions leads from, through and to."""
    for k in range(0, len(maps) - 2, 2):
        yield maps[k], maps[k + 1], maps[k + 2]
