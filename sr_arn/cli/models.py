"""`sr-arn models`."""

import argparse

from sr_arn.cli.options import path_or_url

SUMMARY = "List the bundled models, describe one, or draw what it knows."
EXAMPLE = "sr-arn models; sr-arn models show conv-arn-x3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    commands = parser.add_subparsers(metavar="show")
    show = commands.add_parser(
        "show",
        help="describe a model, or draw the anchors and regressors of a patch model",
        epilog=f"example: {EXAMPLE}",
    )
    show.add_argument("model", metavar="NAME|FILE")
    show.add_argument(
        "-o", "--output", type=path_or_url, metavar="GALLERY.png", help="draw it there"
    )
    show.set_defaults(show=_show)
    parser.set_defaults(show=_list)


def run(args: argparse.Namespace) -> None:
    """List, or draw."""
    args.show(args)


def _show(args: argparse.Namespace) -> None:
    """Describe a model, or draw its gallery."""
    if args.output is None:
        _describe(args.model)
        return
    from sr_arn.errors import display
    from sr_arn.pictures.formats import format_of
    from sr_arn.pictures.io import write_image
    from sr_arn.pictures.picture import Picture
    from sr_arn.system.files import check_output
    from sr_arn.upscaling.drawing import gallery
    from sr_arn.upscaling.loading import load_model

    format_of(check_output(args.output))
    drawn = gallery(load_model(args.model))
    write_image(args.output, Picture(drawn))
    print(f"{display(args.output)}: {drawn.shape[1]} x {drawn.shape[0]} pixels")


def _describe(name: str) -> None:
    """Print the header of a model."""
    from sr_arn.datasets.degradation import text_of
    from sr_arn.errors import display
    from sr_arn.models.files import bundled_models
    from sr_arn.upscaling.loading import CREDITS, load_model

    upscaler = load_model(name)
    header, training = upscaler.header, upscaler.header.get("training", {})
    sets = training.get("sets", {})
    seen = ", ".join(f"{count} of {group}" for group, count in sets.items())
    images, degradation = training.get("images"), training.get("degradation")
    rows = {
        "scale": upscaler.scale,
        "regressor": header.get("regressor"),
        "restores": "JPEG and noise" if header.get("restores") else None,
        "colour": "a network for Cb and Cr" if header.get("chroma") else None,
        "trained on": f"{images} images{f': {seen}' if seen else ''}" if images else None,
        "degraded by": text_of(degradation) if isinstance(degradation, dict) else degradation,
        "settings": ", ".join(f"{k} {v}" for k, v in training.get("parameters", {}).items()),
        "PSNR on Y": ", ".join(
            f"{s} {score['psnr']:.2f} dB" for s, score in header.get("scores", {}).items()
        ),
        "licence": header.get("licence"),
        "credits": CREDITS if sets and name in bundled_models() else None,
    }
    print(upscaler.name)
    for label, text in rows.items():
        if text:
            print(f"  {label + ':':<12} {display(str(text), 400)}")


def _list(args: argparse.Namespace) -> None:
    """Print name, scale, regressor, size, time and the measured PSNR of each model."""
    from sr_arn.models.base import PLAIN
    from sr_arn.models.files import BUNDLED, SUFFIX, bundled_models, read_header
    from sr_arn.upscaling.loading import best_models, trained_scales

    row = "{:<22} {:>5}  {:<10} {:>7}  {:>11}  {}".format
    print(row("name", "scale", "regressor", "size", "s/megapixel", "PSNR on Y, dB"))
    for name in PLAIN:
        print(row(name, "any", "-", "-", "-", "-"))
    defaults = {best_models(scale)[0] for scale in trained_scales()}
    cores: set[int] = set()
    for name in bundled_models():
        path = BUNDLED / f"{name}{SUFFIX}"
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
