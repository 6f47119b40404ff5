"""`sr-arn models`."""

import argparse

SUMMARY = "List the models in the box."
EXAMPLE = "sr-arn models"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments: none."""


def run(args: argparse.Namespace) -> None:
    """Print name, scale, regressor, size and the measured PSNR of each model."""
    from sr_arn.model_file import BOX, SUFFIX, models_in_the_box, read_header

    row = "{:<13} {:>5}  {:<12} {:>8}  {}".format
    print(row("name", "scale", "regressor", "size", "PSNR on Y, dB"))
    print(row("bicubic", "any", "-", "-", "-"))
    for name in models_in_the_box():
        path = BOX / f"{name}{SUFFIX}"
        header = read_header(path)
        size = f"{path.stat().st_size / 1e6:.1f} MB"
        scores = ", ".join(f"{s} {score['psnr']:.2f}" for s, score in header["scores"].items())
        print(row(name, header["scale"], header["regressor"], size, scores))
