"""`sr-arn models`."""

import argparse

SUMMARY = "List the models in the box."
EXAMPLE = "sr-arn models"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments: none."""


def run(args: argparse.Namespace) -> None:
    """Print name, scale, regressor, size, time and the measured PSNR of each model."""
    from sr_arn.model_file import (
        BOX,
        SUFFIX,
        best_models,
        models_in_the_box,
        read_header,
        trained_scales,
    )

    row = "{:<20} {:>5}  {:<10} {:>7}  {:>11}  {}".format
    print(row("name", "scale", "regressor", "size", "s/megapixel", "PSNR on Y, dB"))
    print(row("bicubic", "any", "-", "-", "-", "-"))
    defaults = {best_models(scale)[0] for scale in trained_scales()}
    cores: set[int] = set()
    for name in models_in_the_box():
        path = BOX / f"{name}{SUFFIX}"
        header = read_header(path)
        size = f"{path.stat().st_size / 1e6:.1f} MB"
        scores = ", ".join(f"{s} {score['psnr']:.2f}" for s, score in header["scores"].items())
        spent = header.get("time", {})
        cores |= {spent["cores"]} if spent else set()
        seconds = f"{spent['seconds']:.2f}" if spent else "-"
        shown = f"{name} *" if name in defaults else name
        print(row(shown, header["scale"], header["regressor"], size, seconds, scores))
    print("*: the default at its scale")
    if cores:
        used = " or ".join(str(count) for count in sorted(cores))
        print(f"time: per megapixel made, grey, measured on {used} cores of a server CPU")
