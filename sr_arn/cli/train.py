"""`sr-arn train`."""

import argparse
from typing import TYPE_CHECKING, Any

from sr_arn.cli.learners import add_parameters, set_parameters
from sr_arn.cli.options import add_cluster, add_scale
from sr_arn.cli.terminal import show_training, shows_progress
from sr_arn.cli.torchrun import is_first, processes, together

if TYPE_CHECKING:
    from sr_arn.datasets.degradation import Degradation
    from sr_arn.training.train import TrainedUpscaler

SUMMARY = "Train an up-scaler on folders of images."
EXAMPLE = "sr-arn train IMAGES_DIR -o my.safetensors --regressor deep-arn --scale 3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGES_DIR",
        help="folders of HR images, or one with folders HR and LR of both versions of each",
    )
    parser.add_argument("-o", "--output", required=True, metavar="MODEL")
    add_scale(parser, default=3)
    parser.add_argument(
        "--resume", metavar="CKPT", help="go on from a checkpoint of the same training"
    )
    parser.add_argument(
        "--degradation",
        default="bicubic",
        metavar="HOW",
        help="how LR images come about: bicubic (default), or $degradations; of a range, such as "
        "jpeg=30-95,blur=0-2, each image draws a strength",
    )
    parser.add_argument(
        "--validation",
        type=int,
        metavar="N",
        help="images held out to measure PSNR on; 0 keeps all (default: one in ten, at least one "
        "and at most ten; none of three or less)",
    )
    add_cluster(parser)
    parser.add_argument("--quiet", action="store_true", help="print nothing but warnings")


def add_late_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that regressors and trainers describe."""
    from sr_arn.regressors.in_epochs import TrainedInEpochs
    from sr_arn.training.trainers import learner_class, learner_names

    names = learner_names()
    by_torch = [name for name in names if issubclass(learner_class(name), TrainedInEpochs)]
    others = [name for name in names if name not in by_torch]
    parser.add_argument(
        "--regressor",
        default="aplus",
        metavar="NAME",
        help=f"{', '.join(others)} (default: aplus); {', '.join(by_torch)}, which need torch",
    )
    add_parameters(parser)


def run(args: argparse.Namespace) -> None:
    """Train and save."""
    from sr_arn.datasets.degradation import Degradation
    from sr_arn.errors import InputError, display
    from sr_arn.models.files import SUFFIX
    from sr_arn.regressors.in_epochs import TrainedInEpochs
    from sr_arn.system.cluster import open_cluster
    from sr_arn.system.files import check_output
    from sr_arn.system.locations import location
    from sr_arn.training.curve import Curve
    from sr_arn.training.train import check_learns_from_parts, train_upscaler
    from sr_arn.training.trainers import learner_class
    from sr_arn.upscaling.loading import save_model

    args.images, args.output = [location(folder) for folder in args.images], location(args.output)
    args.resume = args.resume and location(args.resume)
    if check_output(args.output).suffix != SUFFIX:
        raise InputError(
            f"output: expected a name ending in {SUFFIX}, received {display(args.output.name)}"
        )
    regressor = learner_class(args.regressor)()
    set_parameters(regressor, args)
    if args.workers is not None or args.scheduler is not None:
        check_learns_from_parts(regressor)  # before workers are started
    checkpoint = args.output.with_suffix(f".checkpoint{SUFFIX}")
    options: dict[str, Any] = {}
    degrade = Degradation.parse(args.degradation)
    if isinstance(regressor, TrainedInEpochs):
        if check_output(checkpoint).exists() and args.resume is None:
            raise InputError(
                f"output: {display(checkpoint)} is of a training that was interrupted; go on with "
                "--resume, or remove it"
            )
        options = {"checkpoint": checkpoint, "resume": args.resume}
        curve = Curve(args.output.with_suffix(".curve.png"), resumed=args.resume is not None)
        options["curve"] = curve
        if shows_progress(args.quiet):
            options["observe"] = show_training
    elif args.resume is not None:
        raise InputError(f"resume: the regressor {regressor.name} makes no checkpoints")
    elif processes() > 1:
        raise InputError(
            f"regressor: {regressor.name} is trained by one process; leave out torchrun"
        )
    with (
        together(getattr(regressor, "device", "auto"), checkpoint),
        open_cluster(args.workers, args.scheduler) as cluster,
    ):
        upscaler = train_upscaler(
            args.images,
            regressor,
            scale=args.scale,
            validation=args.validation,
            degrade=degrade,
            cluster=cluster,
            **options,
        )
    if not is_first():
        return
    save_model(args.output, upscaler)
    if options:
        checkpoint.unlink(missing_ok=True)
    if not args.quiet:
        print(f"{display(args.output)}: {regressor.name} x{args.scale}")
        _compare(args, upscaler, degrade)


def _compare(args: argparse.Namespace, upscaler: "TrainedUpscaler", degrade: "Degradation") -> None:
    """Print how bicubic, the bundled models and the new one do on the images held out."""
    from sr_arn.evaluation.evaluate import evaluate, table
    from sr_arn.models.features import SMALLEST
    from sr_arn.models.files import list_models
    from sr_arn.pictures.io import read_image
    from sr_arn.upscaling.loading import load_model

    side = SMALLEST * args.scale
    held_out = upscaler.held_out
    large = [files for files in held_out if min(read_image(files.hr).pixels.shape[:2]) >= side]
    if large:
        names = list_models(scale=args.scale)
        models = {name: load_model(name, scale=args.scale) for name in names}
        new = args.output.stem if args.output.stem not in models else args.output.name
        name = f"{len(large)} held out" if len(large) > 1 else "the one held out"
        print(table(evaluate({**models, new: upscaler}, {name: large}, degrade=degrade)))
