"""`sr-arn completion`."""

import argparse

SUMMARY = "Print a script that lets a shell complete sr-arn's options."
EXAMPLE = 'eval "$(sr-arn completion bash)"'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"))


def run(args: argparse.Namespace) -> None:
    """Print it."""
    import shtab

    print(shtab.complete(args.parser, args.shell))
