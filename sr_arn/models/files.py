"""Models on disk: safetensors with a JSON header, checked on loading; nothing is executed.

The metadata of the file has one entry, "sr_arn", a JSON object:

==============  ==========================================================================
format_version  1
kind            a name of `sr_arn.models.kinds`
regressor       the name of what was trained, as on the command line
scale           HR pixels per LR pixel
training        what it was trained on: images, their digest, samples, settings
scores          {set: {"psnr": dB, "ssim": ...}} with the papers' border; may be empty
time            {"seconds": per megapixel made, "cores": how many}; only of bundled models
licence         SPDX identifier of the weights' licence
==============  ==========================================================================

Each kind adds fields of its own and states the arrays: `sr_arn.models.base.TrainedModel`. A patch
model has "features" ({"energy": share of the energy that PCA kept}), "settings" ({parameter:
value} of the regressor, if its predictions depend on any), the array `features.projection` and
those of the regressor, `regressor.*`. A convolutional ARN has "restores" (whether there are arrays
for pictures that are not clean) and "chroma" (whether there is a network for Cb and Cr), the arrays
of a `ConvModel`, and if so, those of its second set, `restore.*`, and those of a `ChromaModel`,
`chroma.*`. Large arrays are kept in float16.
"""

import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sr_arn.errors import InputError, display
from sr_arn.models.base import (
    PLAIN,
    Arrays,
    Axes,
    Header,
    LuminanceModel,
    TrainedModel,
    check_fields,
)
from sr_arn.models.features import SCALES
from sr_arn.models.kinds import KINDS
from sr_arn.system.files import local_copy, write_whole
from sr_arn.system.locations import location
from sr_arn.system.safetensors_header import read_entry

__all__ = [
    "BUNDLED",
    "CREDITS",
    "SUFFIX",
    "bundled_listing",
    "bundled_models",
    "find_model",
    "list_models",
    "name_of",
    "read_header",
    "read_model",
    "write_model",
]

FORMAT_VERSION = 1
KEY = "sr_arn"
SUFFIX = ".safetensors"
BUNDLED = Path(__file__).parents[1] / "weights"
CREDITS = BUNDLED / "CREDITS.md"
LARGEST_ENTRY = 1e6  # products of such stay finite in float32; ours are below 1000


def list_models(*, scale: int | None = None) -> list[str]:
    """Return the names that `sr_arn.load_model` takes, those that are not trained first.

    Parameters
    ----------
    scale : int, optional
        Only models for this scale.

    Examples
    --------
    >>> list_models(scale=4)[:3]
    ['bicubic', 'nearest', 'aplus-x4']
    """
    return [*PLAIN, *bundled_models(scale)]


def bundled_models(scale: int | None = None) -> list[str]:
    """Return the names of the trained models that came with the package, for a scale or all."""
    paths = sorted(BUNDLED.glob(f"*{SUFFIX}"))
    return [p.stem for p in paths if scale is None or read_header(p)["scale"] == scale]


def find_model(name_or_path: str | os.PathLike[str]) -> Path:
    """Return the file of a model given by name, if it is bundled, or path."""
    if str(name_or_path) in bundled_models():
        return BUNDLED / f"{name_or_path}{SUFFIX}"
    path = location(name_or_path)
    if not path.exists():
        raise InputError(
            f"model: {display(name_or_path)} is neither a file nor bundled; {bundled_listing()}"
        )
    return path


def bundled_listing() -> str:
    """Return in words which models are bundled."""
    return f"bundled are {', '.join(list_models())}"


def name_of(path: Path) -> str:
    """Return what to call the model of a file: its own name if it is bundled, else the file's."""
    return path.stem if path.parent == BUNDLED else display(path.name)


def read_header(path: str | os.PathLike[str]) -> Header:
    """Return the JSON header of a model file, checked; the arrays stay on disk."""
    path = location(path)
    try:
        with path.open("rb") as file:
            return _read_header(file, display(path))
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"model {display(path)}: cannot be read: {reason}") from error


def read_model(path: Path) -> tuple[TrainedModel, Header]:
    """Return the model of a file and its header, both checked."""
    header = read_header(path)
    kind = KINDS[header["kind"]]
    where = f"model {display(path)}"
    with local_copy(path) as file:
        arrays = _read_arrays(file, kind.axes(header), kind.most, where)
    with _errors_say(where):
        return kind.from_file(header, arrays), header


def write_model(path: str | os.PathLike[str], model: LuminanceModel, about: Header) -> None:
    """Write a trained model, with the last four fields of its header."""
    from safetensors.numpy import save

    if not isinstance(model, TrainedModel):
        raise InputError(f"model: expected a trained one, received {model.name}")
    fields, arrays = model.to_file()
    header: Header = {
        "format_version": FORMAT_VERSION,
        "kind": model.kind,
        "regressor": model.name,
        **fields,
        "scale": model.scale,
        **about,
    }
    stored = {name: _compact(array, model.float16_from) for name, array in arrays.items()}
    data = save(stored, metadata={KEY: json.dumps(header)})
    write_whole(path, lambda file: file.write(data))


def _read_header(file: IO[bytes], name: str) -> Header:
    """Read and check the header before anything else is read."""
    where = f"model {name}"
    header = read_entry(file, KEY, where)
    if not isinstance(header, dict) or header.get("format_version") != FORMAT_VERSION:
        version = header.get("format_version") if isinstance(header, dict) else None
        raise InputError(
            f"{where}: expected format version {FORMAT_VERSION}, received {display(version)}; "
            "train it again or use the version of sr-arn that wrote it"
        )
    with _errors_say(where):
        _check_header(header)
    return header


@contextmanager
def _errors_say(where: str) -> Iterator[None]:
    """Prefix the message of an `InputError` with the file."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _check_header(header: Header) -> None:
    """Raise `InputError` unless every field has the type and range that the rest relies on."""
    scale = header.get("scale")
    is_sound = {
        "kind": header.get("kind") in KINDS,
        "scale": type(scale) is int and scale in SCALES,
        "training": isinstance(header.get("training"), dict),
        "scores": _are_by_name(header.get("scores"), _are_numbers),
        "time": _are_numbers(header.get("time", {})),
        "licence": isinstance(header.get("licence"), str),
        "regressor": isinstance(header.get("regressor"), str),
    }
    check_fields(header, is_sound)
    KINDS[header["kind"]].check_header(header)


def _are_numbers(entries: Any) -> bool:
    """Whether these are numbers by their names."""
    return _are_by_name(entries, lambda entry: type(entry) in (int, float))


def _are_by_name(entries: Any, is_sound: Callable[[Any], bool]) -> bool:
    """Whether this is a dict of sound entries, or an empty one."""
    return isinstance(entries, dict) and all(is_sound(entry) for entry in entries.values())


# --- arrays ------------------------------------------------------------------------


def _read_arrays(path: Path, expected: Axes, most: dict[str, int], where: str) -> Arrays:
    """Read the expected arrays as float32; shapes are checked before memory is taken."""
    from safetensors import SafetensorError, safe_open

    arrays = {}
    lengths: dict[str | int, int] = {}
    try:
        with safe_open(path, framework="numpy") as file:
            names = set(file.keys())
            for name, axes in expected.items():
                if name not in names:
                    raise InputError(f"{where}: the array {name!r} is missing")
                view = file.get_slice(name)
                _check_shape(view.get_shape(), axes, lengths, most, f"{where}: array {name!r}")
                if view.get_dtype() not in ("F16", "F32"):
                    raise InputError(f"{where}: array {name!r} is of dtype {view.get_dtype()}")
                arrays[name] = file.get_tensor(name).astype(np.float32)
                if not np.abs(arrays[name]).max() <= LARGEST_ENTRY:  # nor is NaN
                    raise InputError(f"{where}: array {name!r} has entries above {LARGEST_ENTRY:g}")
    except (SafetensorError, OSError) as error:
        raise InputError(f"{where}: is damaged or cut off ({display(error)})") from error
    return arrays


def _check_shape(
    shape: list[int],
    axes: tuple[str | int, ...],
    lengths: dict[str | int, int],
    most: dict[str, int],
    where: str,
) -> None:
    """Raise `InputError` unless the shape has these axes, equal letters meaning equal lengths."""
    fits = len(shape) == len(axes) and math.prod(shape) > 0
    if fits:
        for length, axis in zip(shape, axes, strict=True):
            expected = axis if isinstance(axis, int) else lengths.setdefault(axis, length)
            fits = fits and length == expected <= most.get(str(axis), length)
    if not fits:
        wanted = ", ".join(str(lengths.get(axis, axis)) for axis in axes)
        raise InputError(f"{where}: expected shape [{wanted}], received {shape}")


def _compact(array: NDArray[Any], float16_from: int) -> NDArray[np.floating[Any]]:
    """Return the array as it is stored."""
    fits = array.size >= float16_from and np.abs(array).max() <= np.finfo(np.float16).max
    dtype = np.float16 if fits else np.float32
    return np.ascontiguousarray(array, dtype=dtype)
