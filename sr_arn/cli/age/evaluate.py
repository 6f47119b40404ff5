"""`sr-arn age evaluate`."""

import argparse
import logging
from typing import TYPE_CHECKING, Any

from sr_arn.cli.age.options import add_data, check_torch, chosen, open_data
from sr_arn.cli.options import add_json, check_json, emit_json, path_or_url

if TYPE_CHECKING:
    from sr_arn.age.datasets import Faces

SUMMARY = "Measure a model on faces with ages."
EXAMPLE = "sr-arn age evaluate --data utkface:DIR --model age.safetensors"

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    add_data(parser)
    parser.add_argument("--model", type=path_or_url, required=True, metavar="FILE")
    parser.add_argument(
        "--split", default="test", choices=("train", "validation", "test"), help="default: test"
    )
    parser.add_argument(
        "--mirrored", action="store_true", help="mean of each face and its mirror image"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Estimate the ages of a split; print the errors beside those of always saying the same."""
    check_json(args.json)
    check_torch()
    import numpy as np

    from sr_arn.age.datasets import read_faces
    from sr_arn.age.metrics import cumulative_accuracy, epsilon_error, mean_absolute_error
    from sr_arn.age.model_file import load_age_model
    from sr_arn.age.training import predict_ages, to_tensor

    saved = load_age_model(args.model)
    _as_trained(args, saved.training)
    faces = open_data(args, args.split)
    images = to_tensor(read_faces(faces.paths, saved.side, args.resize))
    ages = predict_ages(saved.model, images, mirrored=args.mirrored)
    always = np.full_like(faces.ages, _median(args, faces))
    result = {
        "faces": len(ages),
        "mae": mean_absolute_error(faces.ages, ages),
        "ca3": cumulative_accuracy(faces.ages, ages, 3),
        "ca5": cumulative_accuracy(faces.ages, ages, 5),
        "mae_of_the_median": mean_absolute_error(faces.ages, always),
    }
    if faces.sigmas is not None:
        result["epsilon_error"] = epsilon_error(faces.ages, ages, faces.sigmas)
    if args.json:
        emit_json(args.json, result)
        return
    print(
        f"{result['faces']} faces: mean absolute error {result['mae']:.2f} years, "
        f"within 3 years {result['ca3']:.1%}, within 5 {result['ca5']:.1%}"
    )
    if faces.sigmas is not None:
        print(f"epsilon-error {result['epsilon_error']:.3f}")
    print(f"always saying {always[0]:g}: {result['mae_of_the_median']:.2f} years")


def _as_trained(args: argparse.Namespace, training: dict[str, Any]) -> None:
    """Take protocol and fold from the training on the same data set; warn where they differ."""
    from sr_arn.errors import display

    if training.get("data") != chosen(args)["data"]:
        return
    for name in ("protocol", "fold"):
        theirs, ours = training.get(name), getattr(args, name)
        if ours is None:
            setattr(args, name, theirs)
        elif ours != theirs:
            logger.warning(
                "%s: the model was trained with %s, not %s: it may have seen these faces",
                *(name, display(theirs), display(ours)),
            )


def _median(args: argparse.Namespace, faces: "Faces") -> float:
    """Return the median age of the training faces, or where they are not here, of these."""
    import numpy as np

    from sr_arn.errors import InputError

    try:
        ages = open_data(args, "train").ages
    except InputError:
        ages = faces.ages
    return float(np.median(ages))
