"""`sr-arn age train`."""

import argparse
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sr_arn.cli.age.options import add_data, check_torch, chosen, open_data
from sr_arn.cli.options import path_or_url
from sr_arn.cli.terminal import show_training, shows_progress
from sr_arn.cli.torchrun import is_first, together
from sr_arn.system.devices import DEVICES

if TYPE_CHECKING:
    from sr_arn.age.model import Plan
    from sr_arn.nn.training import Progress, Recipe

SUMMARY = "Train a model on faces with ages."
EXAMPLE = "sr-arn age train --data utkface:DIR --backbone ssrnet --head arn -o age.safetensors"
SIDE = 64  # pixels of a face, of backbones that take any
ENERGY = {"samples": 256, "hidden": [256]}  # less than DCTD's, which takes gigabytes
LARGEST_SEED = 2**32

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    add_data(parser)
    parser.add_argument("-o", "--output", type=path_or_url, required=True, metavar="MODEL")
    parser.add_argument(
        "--backbone",
        default="ssrnet",
        metavar="NAME",
        help="ssrnet (default), residual, vgg16, torchvision:NETWORK (mobilenet_v3_small ...)",
    )
    parser.add_argument(
        "--head",
        default="arn",
        metavar="NAME",
        help="direct, gaussian, laplace, dex, softmax, ldl, arn (default), ssr, pml, energy",
    )
    parser.add_argument("--anchors", type=int, metavar="M", help="of arn (default: 101)")
    parser.add_argument("--width", type=int, metavar="W", help="of residual (default: 32), vgg16")
    parser.add_argument("--epochs", type=int, default=40, metavar="N", help="default: 40")
    parser.add_argument("--batch-size", type=int, default=64, metavar="N", help="default: 64")
    parser.add_argument(
        "--learning-rate", type=float, default=2e-3, metavar="R", help="the highest; default: 0.002"
    )
    parser.add_argument(
        "--head-multiplier",
        type=float,
        default=1.0,
        metavar="F",
        help="how many times as fast the head learns (default: 1)",
    )
    parser.add_argument(
        "--device",
        choices=DEVICES,
        default="auto",
        help="cuda: a GPU, by torch; auto: a GPU if there is one (default: auto)",
    )
    parser.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        default="float32",
        help="of torch's products; bfloat16 is faster where the CPU has it (default: float32)",
    )
    parser.add_argument(
        "--resume",
        type=path_or_url,
        metavar="CKPT",
        help="go on from a checkpoint of the same training",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    parser.add_argument("--quiet", action="store_true", help="print nothing but warnings")


def run(args: argparse.Namespace) -> None:
    """Read the faces, train, save."""
    check_torch(args.device)
    from sr_arn.age.datasets import DATASETS, read_faces
    from sr_arn.age.metrics import mean_absolute_error
    from sr_arn.age.model_file import SavedModel, save_age_model
    from sr_arn.age.training import predict_ages, to_tensor, train_ages
    from sr_arn.errors import display

    recipe, plan, checkpoint = _recipe(args), _plan(args), _checkpoint(args)
    model = plan.build(args.seed)
    side = getattr(model.backbone, "side", SIDE)

    def error() -> float:
        return mean_absolute_error(held_ages, predict_ages(model, held))

    with together(args.device, checkpoint):
        parts = [open_data(args, split) for split in ("train", "validation")]
        (faces, ages), (held, held_ages) = (
            (to_tensor(read_faces(part.paths, side, args.resize)), part.ages) for part in parts
        )
        logger.info("faces: %d, %d held out", len(faces), len(held))
        train_ages(
            model,
            faces,
            ages,
            recipe,
            batch_size=args.batch_size,
            head_multiplier=args.head_multiplier,
            device=args.device,
            checkpoint=checkpoint,
            resume=args.resume,
            observe=_observer(args, error),
        )
    if not is_first():
        return
    last = error()
    told = chosen(args) | {"faces": len(faces), "epochs": args.epochs, "seed": args.seed}
    margin = DATASETS[told["data"]].margin
    save_age_model(args.output, SavedModel(model, plan, side, margin, told, last))
    checkpoint.unlink(missing_ok=True)
    if not args.quiet:
        print(
            f"{display(args.output)}: {plan.backbone} with {plan.head}, mean absolute error "
            f"{last:.2f} years on {len(held)} faces held out"
        )


def _recipe(args: argparse.Namespace) -> "Recipe":
    """Return how to train, checked."""
    from sr_arn.checks import check_integer, check_scale
    from sr_arn.errors import InputError
    from sr_arn.nn.training import Recipe

    check_integer(args.epochs, "epochs", 1)
    check_integer(args.batch_size, "batch-size", 2)  # of one, norms have no variance
    if check_integer(args.seed, "seed", 0) >= LARGEST_SEED:
        raise InputError(f"seed: expected less than 2^32, received {args.seed}")
    check_scale(args.learning_rate, "learning-rate")
    check_scale(args.head_multiplier, "head-multiplier")
    return Recipe(args.epochs, args.learning_rate, precision=args.precision, seed=args.seed)


def _plan(args: argparse.Namespace) -> "Plan":
    """Return what the model is to be made of."""
    from sr_arn.age.model import Plan
    from sr_arn.errors import InputError

    backbone: dict[str, Any] = {}
    head: dict[str, Any] = dict(ENERGY) if args.head == "energy" else {}
    if args.anchors is not None:
        if args.head != "arn":
            raise InputError(f"anchors: the head {args.head} takes none")
        head["anchors"] = args.anchors
    if args.width is not None:
        if args.backbone not in ("residual", "vgg16"):
            raise InputError(f"width: the backbone {args.backbone} takes none")
        backbone["width"] = args.width
    name, _, network = args.backbone.partition(":")
    if network:
        backbone["network"] = network
    return Plan(name, args.head, backbone, head)


def _checkpoint(args: argparse.Namespace) -> Path:
    """Return where the state of the training is kept, once it can be written to."""
    from sr_arn.errors import InputError, display
    from sr_arn.system.files import check_output

    output: Path = check_output(args.output)
    if output.suffix != ".safetensors":
        raise InputError(
            f"output: expected a name ending in .safetensors, received {display(output.name)}"
        )
    checkpoint = check_output(output.with_suffix(".checkpoint.safetensors"))
    if checkpoint.exists() and args.resume is None:
        raise InputError(
            f"output: {display(checkpoint)} is of a training that was interrupted; go on with "
            "--resume, or remove it"
        )
    return checkpoint


def _observer(args: argparse.Namespace, error: Callable[[], float]) -> Callable[["Progress"], None]:
    """Return what shows, draws and logs the training's course."""
    from sr_arn.training.curve import Curve

    label = "held-out mean absolute error, years"
    curve = Curve(args.output.with_suffix(".curve.png"), args.resume is not None, ("mae", label))

    def observe(progress: "Progress") -> None:
        if shows_progress(args.quiet):
            show_training(progress)
        if progress.epoch_ended:
            years = error()
            logger.info(progress.line(f"held out {years:.2f} years"))
            curve.add(progress.epoch, progress.loss, years)

    return observe
