"""The command `sr-arn`: parse, delegate, print.

Nothing heavy is imported before a command runs, so that `--help` answers at once.
"""

import argparse
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from sr_arn import __version__
from sr_arn.cli import benchmark, models, score, train, upscale

__all__ = ["main"]

USER_ERROR = 2
INTERRUPTED = 130
COMMANDS = (upscale, train, benchmark, score, models)


class OneLineParser(argparse.ArgumentParser):
    """A parser that tells an error in one line."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and leave with exit code 2."""
        self.exit(USER_ERROR, f"sr-arn: error: {message} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code: 0 fine, 2 user error, 130 interrupted."""
    args = _parser().parse_args(argv)
    try:
        with _log_to_stderr(quiet=getattr(args, "quiet", False)):
            args.run(args)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output has gone, `| head` say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("sr-arn: interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        from sr_arn.checks import InputError

        if isinstance(error, MemoryError):
            error = InputError("out of memory; give a smaller picture or fewer samples")
        if not isinstance(error, InputError):
            raise  # a defect of ours: its traceback is wanted
        print(f"sr-arn: error: {error}", file=sys.stderr)
        return USER_ERROR
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="sr-arn",
        description="Enlarge pictures by anchored regression: faithful, offline, on a CPU.",
    )
    parser.add_argument("--version", action="version", version=f"sr-arn {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        name = command.__name__.rpartition(".")[2]
        sub = subparsers.add_parser(
            name,
            help=command.SUMMARY,
            description=command.SUMMARY,
            epilog=f"example: {command.EXAMPLE}",
        )
        command.add_arguments(sub)
        sub.set_defaults(run=command.run)
    return parser


@contextmanager
def _log_to_stderr(quiet: bool) -> Iterator[None]:
    """Show the package's log on stderr: progress, or with `quiet` only warnings."""
    logger, handler = logging.getLogger("sr_arn"), logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING if quiet else logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
