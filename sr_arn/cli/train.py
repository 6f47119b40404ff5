"""`sr-arn train`."""

import argparse
from typing import TYPE_CHECKING, Any

from sr_arn.cli.options import add_cluster, add_device, add_precision, add_scale
from sr_arn.cli.terminal import show_training, shows_progress
from sr_arn.cli.torchrun import is_first, processes, together

if TYPE_CHECKING:
    from sr_arn.datasets.degradation import Degradation
    from sr_arn.models.conv import ConvModel
    from sr_arn.regressors import Regressor
    from sr_arn.training.conv_arn import ConvARN
    from sr_arn.upscaling.upscaler import Upscaler

SUMMARY = "Train an up-scaler on folders of images."
EXAMPLE = "sr-arn train IMAGES_DIR -o my.safetensors --regressor deep-arn --scale 3"
OPTIONS = {  # the regressor's parameter of an option, and its least value
    "anchors": ("anchors", 1),
    "layers": ("layers", 1),
    "channels": ("channels", 1),
    "learning_rate": ("learning_rate", None),
    "start": ("start", None),
    "teacher": ("teacher", None),
    "epochs": ("epochs", 1),
    "seed": ("random_state", 0),
    "device": ("device", None),
    "precision": ("precision", None),
    "compile": ("compiled", None),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGES_DIR",
        help="folders of HR images, or one with folders HR and LR of both versions of each",
    )
    parser.add_argument("-o", "--output", required=True, metavar="MODEL")
    parser.add_argument(
        "--regressor",
        default="aplus",
        metavar="NAME",
        help="aplus (default), global-arn; arn, deep-arn and conv-arn, which need torch",
    )
    add_scale(parser, default=3)
    parser.add_argument(
        "--anchors",
        type=int,
        metavar="M",
        help="default: 1024 (deep-arn and conv-arn: 16), or less for few images",
    )
    parser.add_argument(
        "--layers", type=int, metavar="L", help="of deep-arn (default: 7), conv-arn (18)"
    )
    parser.add_argument(
        "--start", metavar="NAME|FILE", help="of conv-arn: a model to begin with, of any scale"
    )
    parser.add_argument(
        "--teacher", metavar="NAME|FILE", help="of conv-arn: a model to imitate, of the same scale"
    )
    parser.add_argument("--channels", type=int, metavar="C", help="of conv-arn (default: 48)")
    parser.add_argument(
        "--learning-rate", type=float, metavar="R", help="the highest, of what torch trains"
    )
    parser.add_argument(
        "--epochs", type=int, metavar="N", help="of arn, deep-arn (default: 10), conv-arn (40)"
    )
    add_device(parser, None)
    add_precision(parser, None)
    parser.add_argument(
        "--compile",
        action="store_true",
        default=None,
        help="let torch compile the network: faster, most of all in bfloat16; needs a C++ compiler",
    )
    parser.add_argument(
        "--resume", metavar="CKPT", help="go on from a checkpoint of the same training"
    )
    parser.add_argument(
        "--validation",
        type=int,
        metavar="N",
        help="images held out to measure PSNR on; 0 keeps all (default: one in ten, at least one "
        "and at most ten; none of three or less)",
    )
    parser.add_argument(
        "--degradation",
        default="bicubic",
        metavar="HOW",
        help="how LR images come about: bicubic (default), or with it blur=SIGMA (in HR pixels) "
        "and noise=SIGMA (in levels), such as blur=1.2,noise=3",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="default: 0")
    add_cluster(parser)
    parser.add_argument("--quiet", action="store_true", help="print nothing but warnings")


def run(args: argparse.Namespace) -> None:
    """Train and save."""
    from sr_arn.datasets.degradation import Degradation
    from sr_arn.errors import InputError, display
    from sr_arn.models.files import SUFFIX
    from sr_arn.regressors.in_epochs import TrainedInEpochs
    from sr_arn.system.cluster import open_cluster
    from sr_arn.system.files import check_output
    from sr_arn.system.locations import place
    from sr_arn.training.curve import Curve
    from sr_arn.training.train import check_learns_from_parts, train_upscaler
    from sr_arn.upscaling.loading import save_model

    args.images, args.output = [place(folder) for folder in args.images], place(args.output)
    args.resume = args.resume and place(args.resume)
    if check_output(args.output).suffix != SUFFIX:
        raise InputError(
            f"output: expected a name ending in {SUFFIX}, received {display(args.output.name)}"
        )
    regressor = _regressor(args.regressor)
    _set_parameters(regressor, args)
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
        together(args.device or "auto", checkpoint),
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


def _compare(args: argparse.Namespace, upscaler: "Upscaler", degrade: "Degradation") -> None:
    """Print how bicubic, the models in the box and the new one do on the images held out."""
    from sr_arn.evaluation.evaluate import evaluate, table
    from sr_arn.evaluation.held_out import hold_out
    from sr_arn.models.features import SMALLEST
    from sr_arn.models.files import list_models
    from sr_arn.pictures.io import read_image
    from sr_arn.training.train import training_images
    from sr_arn.upscaling.loading import load_model

    every_path, how = training_images(args.images, args.scale, degrade)
    _, held_out = hold_out(every_path, args.validation)
    side = SMALLEST * args.scale
    large = [path for path in held_out if min(read_image(path).pixels.shape[:2]) >= side]
    if large:
        names = list_models(scale=args.scale)
        models = {name: load_model(name, scale=args.scale) for name in names}
        new = args.output.stem if args.output.stem not in models else args.output.name
        name = f"{len(large)} held out" if len(large) > 1 else "the one held out"
        print(table(evaluate({**models, new: upscaler}, {name: large}, degrade=how)))


def _regressor(name: str) -> "Regressor | ConvARN":
    """Return what a name stands for, with its defaults."""
    from sr_arn.errors import InputError, display
    from sr_arn.regressors import REGRESSORS, regressor_class
    from sr_arn.training.conv_arn import ConvARN

    if name == ConvARN.name:
        return ConvARN()
    if name not in REGRESSORS:
        known = ", ".join([*REGRESSORS, ConvARN.name])
        raise InputError(f"regressor: expected one of {known}, received {display(name)}")
    return regressor_class(name)()


def _set_parameters(regressor: "Regressor | ConvARN", args: argparse.Namespace) -> None:
    """Give the regressor what the command line says of it."""
    from sr_arn.checks import check_integer
    from sr_arn.errors import InputError
    from sr_arn.system.devices import find_gpu

    for option, (parameter, minimum) in OPTIONS.items():
        value = getattr(args, option)
        if value is None:
            continue
        if parameter not in regressor.get_params():
            raise InputError(
                f"{option.replace('_', '-')}: the regressor {regressor.name} takes none"
            )
        if minimum is not None:
            check_integer(value, option, minimum)
        if option == "device":
            find_gpu(value)  # tells at once if it is none
        if option in ("start", "teacher"):
            value = _conv_model(option, value)
        if option == "start":
            for name, size in value.sizes.items():  # what is not given is the model's
                regressor.set_params(**{name: getattr(args, name) or size})
        regressor.set_params(**{parameter: value})


def _conv_model(option: str, name_or_path: str) -> "ConvModel":
    """Load the model that an option names."""
    from sr_arn.errors import InputError, display
    from sr_arn.models.conv import ConvModel
    from sr_arn.upscaling.loading import load_model

    model = load_model(name_or_path).model
    if not isinstance(model, ConvModel):
        raise InputError(f"{option}: {display(name_or_path)} is no convolutional ARN")
    return model
