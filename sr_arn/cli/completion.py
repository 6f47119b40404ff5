"""`sr-arn completion`."""

import argparse
from collections.abc import Iterator
from typing import Any

from sr_arn.cli.learners import LITERALS
from sr_arn.cli.options import LateParser, face_sets, fill_in, path_or_url

SUMMARY = "Print a script that lets a shell complete sr-arn's options."
EXAMPLE = 'eval "$(sr-arn completion bash)"'
FILES = ("inputs", "output", "resume")  # beside the arguments of the type `path_or_url`
FOLDERS = ("DIR", "DATA_DIR", "IMAGES_DIR")  # and others by what the help calls them
FUNCTIONS = {"NAME|FILE": "_sr_arn_models", "NAME:FOLDER": "_sr_arn_faces"}
PREAMBLE = {
    "bash": """_sr_arn_models() {{
    compgen -W "{models}" -- "$1"; compgen -f -- "$1"
}}
_sr_arn_faces() {{
    case $1 in
    *:*) compgen -d -P "${{1%%:*}}:" -- "${{1#*:}}" ;;
    *) compgen -S : -W "{faces}" -- "$1" ;;
    esac
}}""",
    "zsh": """_sr_arn_models() {{
    _alternative "models:model:({models})" "files:file:_files"
}}
_sr_arn_faces() {{
    if compset -P "*:"; then _files -/; else compadd -S : -- {faces}; fi
}}""",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"))


def run(args: argparse.Namespace) -> None:
    """Print it."""
    import shtab

    from sr_arn.models.files import list_models
    from sr_arn.pictures.formats import option_names
    from sr_arn.training.trainers import learner_names

    choices = {
        "regressor": learner_names(),
        "format": option_names(),
        "restore": ["auto", "off"],
    }
    for action in _actions(args.parser):
        if action.metavar in FUNCTIONS:
            action.complete = dict.fromkeys(PREAMBLE, FUNCTIONS[action.metavar]) | {"tcsh": "f"}
        elif action.metavar in FOLDERS:
            action.complete = shtab.DIRECTORY
        elif action.type is path_or_url or action.dest in FILES:
            action.complete = shtab.FILE
        elif action.dest in choices:
            action.choices = choices[action.dest]
        elif getattr(action, LITERALS, None):
            action.choices = getattr(action, LITERALS)
    words = {"models": " ".join(list_models()), "faces": face_sets().replace(",", "")}
    preamble = PREAMBLE.get(args.shell, "").format(**words)
    print(shtab.complete(args.parser, args.shell, preamble=preamble))


def _actions(parser: argparse.ArgumentParser) -> Iterator[Any]:
    """Yield the arguments of a parser and of its commands, late ones too, with their whole help."""
    if isinstance(parser, LateParser):
        parser.fill()
    fill_in(parser)
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)
