"""`sr-arn score`."""

import argparse

from sr_arn.cli.options import add_json, add_scale, check_json, emit_json, path_or_url

SUMMARY = "Compare a result with its reference: PSNR and SSIM on Y, borders shaved."
EXAMPLE = "sr-arn score REFERENCE.png RESULT.png --scale 3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("reference", type=path_or_url, metavar="REFERENCE")
    parser.add_argument("result", type=path_or_url, metavar="RESULT")
    add_scale(parser, default=3)
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Read both, crop the reference to a multiple of the scale, score."""
    from sr_arn.errors import InputError, display
    from sr_arn.evaluation.metrics import psnr_y, ssim_y
    from sr_arn.pictures.io import read_image
    from sr_arn.pictures.resize import crop_to_multiple

    check_json(args.json)
    reference, result = (
        read_image(path).seen(display(path)) for path in (args.reference, args.result)
    )
    if result.shape == reference.shape:  # else the result is of the cropped reference's size
        result = crop_to_multiple(result, args.scale)
    reference = crop_to_multiple(reference, args.scale)
    if reference.ndim != result.ndim:
        raise InputError("images: one is grey, the other RGB: their luminance is not comparable")
    psnr = psnr_y(reference, result, args.scale)
    ssim = ssim_y(reference, result, args.scale)
    if args.json:
        emit_json(args.json, {"psnr": psnr, "ssim": ssim, "scale": args.scale})
    else:
        print(f"PSNR {psnr:.2f} dB, SSIM {ssim:.4f}")
