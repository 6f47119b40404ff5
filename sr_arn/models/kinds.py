"""The kinds of models that files hold: what is kept of each, and how it is put together again."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError, display
from sr_arn.models.conv import ConvModel
from sr_arn.models.features import NEIGHBOURHOOD, WINDOW, GradientFeatures
from sr_arn.models.patch import PatchModel
from sr_arn.regressors import REGRESSORS, regressor_class

__all__ = ["KINDS", "Arrays", "Axes", "Header", "Kind", "check_fields"]

Header = dict[str, Any]
Arrays = dict[str, NDArray[np.float32]]
Axes = dict[str, tuple[str | int, ...]]

RESTORING = "restore."  # begins the names of the arrays for pictures that are not clean


def check_fields(header: Header, is_sound: dict[str, bool], where: str) -> None:
    """Raise `InputError` for the first field that is not."""
    for field, sound in is_sound.items():
        if not sound:
            raise InputError(f"{where}: header field {field!r} is {display(header.get(field))}")


class Kind(NamedTuple):
    """How a kind of model is kept."""

    model: type
    take_apart: Callable[[Any], tuple[Header, dict[str, NDArray[Any]]]]
    """Return header fields and arrays of a model."""
    check: Callable[[Header, str], None]
    """Raise `InputError` unless those fields are sound."""
    axes: Callable[[Header], Axes]
    """Return each array's axes: a length, or a letter that stands for one."""
    put_together: Callable[[Header, Arrays], Any]
    """Return the model."""
    float16_from: int
    """Entries of an array that is kept in float16."""
    most: dict[str, int]
    """The largest lengths of axes, by their letters, where there are such."""


def _take_apart_patch(model: PatchModel) -> tuple[Header, dict[str, NDArray[Any]]]:
    regressor = model.regressor
    fields: Header = {"regressor": regressor.name, "features": {"energy": model.features.energy}}
    if regressor.settings:
        settings = {name: getattr(regressor, name) for name in regressor.settings}
        fields["settings"] = {name: _plain(value) for name, value in settings.items()}
    arrays = {"features.projection": model.features.projection_}
    arrays |= {f"regressor.{name}": array for name, array in regressor.arrays().items()}
    return fields, arrays


def _check_patch(header: Header, where: str) -> None:
    features = header.get("features")
    energy = features.get("energy") if isinstance(features, dict) else None
    is_sound = {
        "regressor": header.get("regressor") in list(REGRESSORS),  # it may be unhashable
        "features": isinstance(energy, int | float) and 0 < energy <= 1,
    }
    check_fields(header, is_sound, where)
    kind, settings = regressor_class(header["regressor"]), header.setdefault("settings", {})
    if not isinstance(settings, dict) or set(settings) != set(kind.settings):
        raise InputError(
            f"{where}: header field 'settings' is {display(settings)}, expected "
            f"{', '.join(kind.settings) or 'none'}; train it again"
        )
    try:
        kind(**settings).check_settings()
    except InputError as error:
        raise InputError(f"{where}: header field 'settings': {error}") from error


def _patch_axes(header: Header) -> Axes:
    lengths: dict[str, str | int] = {"t": (WINDOW * header["scale"]) ** 2}
    axes: Axes = {"features.projection": ("d", NEIGHBOURHOOD**2)}
    regressor = regressor_class(header["regressor"])(**header["settings"])
    lengths |= regressor.axis_lengths
    for name, letters in regressor.array_axes.items():
        axes[f"regressor.{name}"] = tuple(lengths.get(letter, letter) for letter in letters)
    return axes


def _put_patch_together(header: Header, arrays: Arrays) -> PatchModel:
    features = GradientFeatures(header["scale"], header["features"]["energy"])
    features.projection_ = arrays["features.projection"]
    own = {
        name.removeprefix("regressor."): array
        for name, array in arrays.items()
        if name.startswith("regressor.")
    }
    regressor = regressor_class(header["regressor"]).from_arrays(own, **header["settings"])
    return PatchModel(features, regressor)


def _take_apart_conv(model: ConvModel) -> tuple[Header, dict[str, NDArray[Any]]]:
    restoring = {f"{RESTORING}{name}": array for name, array in (model.restoring or {}).items()}
    return {"regressor": model.name, "restores": model.restores}, {**model.arrays, **restoring}


def _check_conv(header: Header, where: str) -> None:
    is_sound = {
        "regressor": header.get("regressor") == ConvModel.name,
        "restores": type(header.setdefault("restores", False)) is bool,  # older files have none
    }
    check_fields(header, is_sound, where)


def _conv_axes(header: Header) -> Axes:
    lengths: dict[str, int] = {"t": header["scale"] ** 2, "z": 2, "2": 2, "3": 3}
    letters = dict(ConvModel.array_axes)
    if header["restores"]:
        letters |= {f"{RESTORING}{name}": axes for name, axes in ConvModel.restoring_axes.items()}
    return {name: tuple(lengths.get(axis, axis) for axis in axes) for name, axes in letters.items()}


def _put_conv_together(header: Header, arrays: Arrays) -> ConvModel:
    own = {name: arrays[name] for name in ConvModel.array_axes}
    if not header["restores"]:
        return ConvModel(header["scale"], own)
    restoring = {name: arrays[f"{RESTORING}{name}"] for name in ConvModel.restoring_axes}
    return ConvModel(header["scale"], own, restoring)


KINDS = {
    "patch": Kind(
        PatchModel,
        _take_apart_patch,
        _check_patch,
        _patch_axes,
        _put_patch_together,
        float16_from=1_000_000,  # smaller ones decide the anchor
        most={},
    ),
    "conv": Kind(
        ConvModel,
        _take_apart_conv,
        _check_conv,
        _conv_axes,
        _put_conv_together,
        float16_from=1000,
        most={"p": 64, "c": 512, "m": 256, "k": 256},
    ),
}


def _plain(value: Any) -> Any:
    """Return a NumPy scalar as what JSON can hold."""
    return value.item() if isinstance(value, np.generic) else value
