"""`sr-arn completion`."""

import argparse
from collections.abc import Iterator
from typing import Any

SUMMARY = "Print a script that lets a shell complete sr-arn's options."
EXAMPLE = 'eval "$(sr-arn completion bash)"'
FILES = ("inputs", "output", "model", "resume", "start", "teacher", "reference", "result", "json")
FOLDERS = ("images", "data")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"))


def run(args: argparse.Namespace) -> None:
    """Print it."""
    import shtab

    for action in _actions(args.parser):
        if action.dest in FILES:
            action.complete = shtab.FILE
        elif action.dest in FOLDERS:
            action.complete = shtab.DIRECTORY
    print(shtab.complete(args.parser, args.shell))


def _actions(parser: argparse.ArgumentParser) -> Iterator[Any]:
    """Yield the arguments of a parser and of its commands."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)
