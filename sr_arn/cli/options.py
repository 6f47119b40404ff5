"""Options that several commands share."""

import argparse
import json
import math
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from sr_arn.upscaling.options import LARGEST_SCALE, OPTIONS

__all__ = [
    "STDOUT",
    "LateParser",
    "add_cluster",
    "add_commands",
    "add_json",
    "add_options",
    "add_scale",
    "check_json",
    "check_page",
    "emit_json",
    "emit_page",
    "face_sets",
    "fill_in",
    "names",
    "options_of",
    "path_or_url",
]

STDOUT = Path("-")


class LateParser(argparse.ArgumentParser):
    """A parser that reads the registries, which import much, only when it parses or shows help."""

    late: Callable[[argparse.ArgumentParser], object] | None = None
    """Adds arguments, of which `sr-arn --help` need not know."""

    def fill(self) -> None:
        """Add the late arguments."""
        if self.late is not None:
            self.late(self)
            self.late = None

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse."""
        self.fill()
        return super().parse_known_args(args, namespace)

    def format_help(self) -> str:
        """Return the help, with what the registries hold."""
        fill_in(self)
        return super().format_help()


def add_commands(parser: argparse.ArgumentParser, commands: Sequence[ModuleType]) -> None:
    """Add commands: modules with a summary, an example, arguments and what to run.

    A module's `add_late_arguments` is called when its command is parsed.
    """
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in commands:
        sub = subparsers.add_parser(
            command.__name__.rpartition(".")[2],
            help=command.SUMMARY,
            description=command.SUMMARY,
            epilog=f"example: {command.EXAMPLE}",
        )
        sub.set_defaults(run=command.run)
        command.add_arguments(sub)
        if isinstance(sub, LateParser):
            sub.late = getattr(command, "add_late_arguments", None)


def fill_in(parser: argparse.ArgumentParser) -> None:
    """Replace the marks in help texts by what the registries hold.

    Only help that is shown needs it: the registries import much.
    """
    for action in parser._actions:
        for mark, text in FROM_REGISTRIES.items():
            if action.help and mark in action.help:
                action.help = action.help.replace(mark, text())


def _formats() -> str:
    from sr_arn.pictures.formats import FORMATS, any_of

    return any_of([known.name for known in FORMATS])


WITHOUT_TORCH = "listed once torch is installed"


def _qualities() -> str:
    from sr_arn.pictures.formats import FORMATS

    return ", ".join(f"{known.name} ({known.quality})" for known in FORMATS if known.quality)


def face_sets(is_meant: Callable[[Any], object] = bool) -> str:
    """Return the names of the data sets of faces that are meant, which need torch."""
    if find_spec("torch") is None:
        return WITHOUT_TORCH
    from sr_arn.age.datasets import DATASETS

    return ", ".join(name for name, known in DATASETS.items() if is_meant(known))


def _degradations() -> str:
    from sr_arn.datasets.degradation import known_components

    return known_components()


def _protocols() -> str:
    if find_spec("torch") is None:
        return WITHOUT_TORCH
    from sr_arn.age.datasets import DATASETS

    ways = {name: ", ".join(known.protocols) for name, known in DATASETS.items()}
    return "; ".join(f"of {name}: {text}" for name, text in ways.items() if text)


FROM_REGISTRIES: dict[str, Callable[[], str]] = {
    "$formats": _formats,
    "$qualities": _qualities,
    "$face_sets": face_sets,
    "$protocols": _protocols,
    "$degradations": _degradations,
    "$folded": lambda: face_sets(lambda known: known.has_folds),
}
"""Marks that stand in help texts for what a registry holds."""


def add_scale(parser: argparse.ArgumentParser, default: int | None) -> None:
    """Add `--scale`, a whole number from 1 to 16."""
    shown = "the model's" if default is None else default
    parser.add_argument(
        "--scale", type=_scale, default=default, metavar="N", help=f"factor (default: {shown})"
    )


def add_cluster(parser: argparse.ArgumentParser) -> None:
    """Add `--workers` and `--scheduler`."""
    group = parser.add_argument_group(
        'many processes or machines, by Dask: pip install "sr-arn[distributed]"'
    )
    group.add_argument("--workers", type=int, metavar="N", help="processes on this machine")
    group.add_argument(
        "--scheduler", metavar="URL", help="join its workers, such as tcp://10.0.0.1:8786"
    )


def add_options(parser: "argparse._ActionsContainer", names: Iterable[str]) -> None:
    """Add options of enlarging, by their names in `sr_arn.upscaling.options.OPTIONS`."""
    for name in names:
        option, flag = OPTIONS[name], f"--{name.replace('_', '-')}"
        if option.type is bool:
            parser.add_argument(flag, action="store_true", help=option.help)
        else:
            parser.add_argument(
                flag,
                type=option.type,
                nargs=option.values,
                metavar=tuple((option.metavar or "").split()) if option.values else option.metavar,
                default=option.default,
                choices=option.choices or None,
                help=option.help,
            )


def options_of(part: str | None) -> list[str]:
    """Return the names of the options of a part of `FileUpscaler`, or of itself."""
    return [name for name, option in OPTIONS.items() if option.part == part]


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json [PATH]`."""
    parser.add_argument(
        "--json",
        nargs="?",
        type=path_or_url,
        const=STDOUT,
        metavar="PATH",
        help="write the result as JSON, to stdout or to a file",
    )


def check_json(path: Path | None) -> None:
    """Raise `InputError` if the file that `--json` named is no report's, or cannot be written."""
    if path != STDOUT:
        _check_suffix(path, "json", (".json",))


def check_page(path: Path | None, option: str) -> None:
    """Raise `InputError` if the file is no page's, or cannot be written."""
    _check_suffix(path, option, (".html", ".htm"))


def _check_suffix(path: Path | None, option: str, suffixes: tuple[str, ...]) -> None:
    from sr_arn.errors import InputError, display
    from sr_arn.system.files import check_output

    if path is None:
        return
    if path.suffix.lower() not in suffixes:  # a picture, for example, meant for the next argument
        raise InputError(
            f"{option}: expected a name ending in {suffixes[0]}, received {display(path)}"
        )
    check_output(path, option)


def emit_json(path: Path, data: dict[str, Any]) -> None:
    """Print the data, or write them to a file."""
    from sr_arn.system.files import write_whole

    text = json.dumps(_finite(data), indent=2, allow_nan=False) + "\n"
    if path == STDOUT:
        print(text, end="")
    else:
        write_whole(path, lambda file: file.write(text.encode()))


def emit_page(path: Path, text: str) -> None:
    """Write a page to a file."""
    from sr_arn.system.files import write_whole

    write_whole(path, lambda file: file.write(text.encode()))


def path_or_url(text: str) -> Path:
    """Return the file or folder that an argument names: the type of arguments that do."""
    from sr_arn.errors import SrArnError
    from sr_arn.system.locations import location

    try:
        return location(text)
    except SrArnError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def names(text: str) -> list[str]:
    """Return the names of a list such as "Set5, Set14"."""
    return [name.strip() for name in text.split(",") if name.strip()]


def _scale(text: str) -> int:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (1 <= value <= LARGEST_SCALE and value == int(value)):
        raise argparse.ArgumentTypeError(
            f"expected a whole number from 1 to {LARGEST_SCALE}, received {text!r}"
        )
    return int(value)


def _finite(data: Any) -> Any:
    """Replace an infinite PSNR (equal images), which JSON cannot hold, by null."""
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
