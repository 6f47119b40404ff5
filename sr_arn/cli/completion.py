"""`sr-arn completion`."""

import argparse
from collections.abc import Iterator
from typing import Any

from sr_arn.cli.learners import LITERALS, MODEL
from sr_arn.cli.options import LateParser

SUMMARY = "Print a script that lets a shell complete sr-arn's options."
EXAMPLE = 'eval "$(sr-arn completion bash)"'
FILES = (
    *("inputs", "output", "resume", "reference", "result", "left", "right", "json", "report"),
    "model",
)
FOLDERS = ("images", "data")
PREAMBLE = {
    "bash": """_sr_arn_models() {{
    compgen -W "{names}" -- "$1"; compgen -f -- "$1"
}}""",
    "zsh": """_sr_arn_models() {{
    _alternative "models:model:({names})" "files:file:_files"
}}""",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"))


def run(args: argparse.Namespace) -> None:
    """Print it."""
    import shtab

    from sr_arn.models.files import models_in_the_box
    from sr_arn.pictures.formats import FORMATS
    from sr_arn.training.trainers import learner_names

    choices = {
        "regressor": learner_names(),
        "format": [kind.name.lower() for kind in FORMATS if kind.modes],
        "restore": ["auto", "off"],
    }
    for action in _actions(args.parser):
        if action.metavar == MODEL:
            action.complete = dict.fromkeys(PREAMBLE, "_sr_arn_models") | {"tcsh": "f"}
        elif action.dest in FILES:
            action.complete = shtab.FILE
        elif action.dest in FOLDERS:
            action.complete = shtab.DIRECTORY
        elif action.dest in choices:
            action.choices = choices[action.dest]
        elif getattr(action, LITERALS, None):
            action.choices = getattr(action, LITERALS)
    names = " ".join(["bicubic", *models_in_the_box()])
    preamble = PREAMBLE.get(args.shell, "").format(names=names)
    print(shtab.complete(args.parser, args.shell, preamble=preamble))


def _actions(parser: argparse.ArgumentParser) -> Iterator[Any]:
    """Yield the arguments of a parser and of its commands, late ones too."""
    if isinstance(parser, LateParser):
        parser.fill()
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)
