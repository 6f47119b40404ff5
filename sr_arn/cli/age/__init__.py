"""`sr-arn age`."""

import argparse

from sr_arn.cli.age import evaluate, predict, train
from sr_arn.cli.options import add_commands

SUMMARY = "Estimate ages from faces: train a model, evaluate it, use it."
EXAMPLE = "sr-arn age predict photo.jpg --model age.safetensors"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands below this one."""
    add_commands(parser, (train, evaluate, predict))


def run(args: argparse.Namespace) -> None:
    """Is never called: each command below has its own."""
