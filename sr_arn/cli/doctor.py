"""`sr-arn doctor`."""

import argparse
import os
import platform
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

SUMMARY = "Print what is installed, and what each feature still requires."
EXAMPLE = "sr-arn doctor"
NEEDED = (
    *("numpy", "scipy", "numba", "pillow", "imagecodecs", "tifffile", "safetensors", "jinja2"),
    "shtab",
)
TRAINING = ("scikit-learn", "scikit-image", "threadpoolctl")
EXTRAS = {  # what each installs, and what for
    "torch": {
        "torch": "training arn, deep-arn, conv-arn; sr-arn age; --device cuda",
        "matplotlib": "curves of trainings, sr-arn age predict --plot",
    },
    "distributed": {
        "cryptography": "--workers",
        "distributed": "--workers, --scheduler",
        "fsspec": "URLs instead of paths",
        "universal_pathlib": "URLs instead of paths",
    },
    "heif": {"pillow-heif": "HEIC pictures"},
    "web": {"starlette": "sr-arn serve", "uvicorn": "sr-arn serve"},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "--data", metavar="DATA_DIR", help="folder of the data sets (default: $SR_ARN_DATA)"
    )


def run(args: argparse.Namespace) -> int:
    """Print versions, processor, GPU, models, data and caches; return 1 if something is amiss."""
    from sr_arn._version import __version__
    from sr_arn.errors import display

    print(_row("sr-arn", __version__))
    print(_row("Python", f"{platform.python_version()}, {platform.system()} {platform.machine()}"))
    missing = [name for name in (*NEEDED, *TRAINING) if _version(name) is None]
    for name in (*NEEDED, *TRAINING):
        print(_row(name, _version(name) or "missing: install sr-arn anew"))
    for extra, packages in EXTRAS.items():
        for name, purpose in packages.items():
            hint = f'not installed, for {purpose}: pip install "sr-arn[{extra}]"'
            print(_row(name, _version(name) or hint))
    probes: dict[str, Callable[[], str]] = {
        "processor": _processor,
        "GPU": _gpu,
        "compiled code": _cache,
        "models": _models,
        "data sets": partial(_data, args.data),
    }
    is_well = not missing
    for what, probe in probes.items():
        try:
            state = probe()
        except Exception as error:  # whatever a broken installation raises
            state, is_well = f"amiss: {display(error)}", False
        print(_row(what, state))
    return 0 if is_well else 1


def _row(what: str, state: str) -> str:
    return f"{what:<17} {state}"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    from sr_arn.kernels.matmul import REGISTERS
    from sr_arn.system.threads import available_cores

    return f"{available_cores()} threads, vectors of {32 * REGISTERS.lanes} bits"


def _gpu() -> str:
    if find_spec("torch") is None:
        return "none used without torch"
    import torch

    if not torch.cuda.is_available():
        return f"none that torch {torch.__version__} can use"
    return torch.cuda.get_device_name()


def _cache() -> str:
    """Tell whether what numba compiles is kept."""
    from sr_arn.kernels.rows import _strongest

    folder = getattr(getattr(_strongest, "_cache", None), "cache_path", None)
    if folder is None:
        return "not kept, no folder can be written to: every run compiles anew, some seconds"
    return f"kept in {folder}"


def _models() -> str:
    """Count the bundled models; raise an error if one is damaged."""
    from sr_arn.models.files import bundled_models
    from sr_arn.upscaling.loading import load_model

    names = bundled_models()
    for name in names:
        load_model(name)
    return f"{len(names)} bundled, all sound"


def _data(given: str | None) -> str:
    from sr_arn.datasets.folders import DATA_VARIABLE, data_folder, find_set, known_sets
    from sr_arn.errors import InputError

    if not given and not os.environ.get(DATA_VARIABLE):
        return f"none; --data or {DATA_VARIABLE} may name their folder, for sr-arn benchmark"
    folder = data_folder(given)
    found = []
    for name in known_sets():
        with suppress(InputError):
            find_set(folder, name)
            found.append(name)
    if not found:
        raise InputError(f"{folder} has none of {', '.join(known_sets())}")
    return f"{', '.join(found)}; sr-arn data verifies them"
