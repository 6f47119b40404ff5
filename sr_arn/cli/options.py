"""Options that several commands share."""

import argparse
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = [
    "STDOUT",
    "LateParser",
    "add_cluster",
    "add_commands",
    "add_json",
    "add_refinement",
    "add_restore",
    "add_scale",
    "check_json",
    "check_page",
    "emit_json",
    "emit_page",
    "names",
]

STDOUT = Path("-")
LARGEST_SCALE = 16


class LateParser(argparse.ArgumentParser):
    """A parser that adds some arguments when it parses, for they take imports."""

    late: Callable[[argparse.ArgumentParser], object] | None = None

    def fill(self) -> None:
        """Add the late arguments."""
        if self.late is not None:
            self.late(self)
            self.late = None

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse."""
        self.fill()
        return super().parse_known_args(args, namespace)


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


def add_scale(parser: argparse.ArgumentParser, default: int | None) -> None:
    """Add `--scale`, a whole number from 1 to 16."""
    shown = "the model's" if default is None else default
    parser.add_argument(
        "--scale", type=_scale, default=default, metavar="N", help=f"factor (default: {shown})"
    )


def add_cluster(parser: argparse.ArgumentParser) -> None:
    """Add `--workers` and `--scheduler`."""
    group = parser.add_argument_group('many processes or machines, by Dask: ".[distributed]"')
    group.add_argument("--workers", type=int, metavar="N", help="processes on this machine")
    group.add_argument(
        "--scheduler", metavar="URL", help="join its workers, such as tcp://10.0.0.1:8786"
    )


def add_refinement(parser: argparse.ArgumentParser) -> None:
    """Add `--ensemble` and `--back-project`."""
    parser.add_argument(
        "--ensemble",
        action="store_true",
        help="mean over 8 flips and rotations: a little better, 8 times the time",
    )
    parser.add_argument(
        "--back-project",
        type=int,
        default=0,
        metavar="N",
        help="correct the result N times so that it shrinks to the input (default: 0)",
    )


def add_restore(parser: argparse.ArgumentParser) -> None:
    """Add `--restore`, `--jpeg` and `--noise`."""
    group = parser.add_argument_group("what JPEG, noise and aliasing did to the picture")
    group.add_argument(
        "--restore",
        default="auto",
        metavar="auto|off|0..100",
        help="how much of what is found is restored, in per cent (default: auto, all)",
    )
    group.add_argument(
        "--jpeg", type=float, metavar="Q", help="its quality, 1 to 100, instead of what is found"
    )
    group.add_argument(
        "--noise",
        type=float,
        metavar="SIGMA",
        help="standard deviation of the luminance's noise in levels of 255, 0.57 of that of RGB, "
        "instead of what is found",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json [PATH]`."""
    parser.add_argument(
        "--json",
        nargs="?",
        type=Path,
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
    if path.suffix.lower() not in suffixes:  # a picture, say, meant for the next argument
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
