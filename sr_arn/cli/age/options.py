"""What several of the age commands take."""

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sr_arn.age.datasets import Faces


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add `--data NAME:FOLDER`, and which part of it."""
    parser.add_argument(
        "--data",
        required=True,
        metavar="NAME:FOLDER",
        help="a data set as it was published ($face_sets) and its folder",
    )
    parser.add_argument("--protocol", metavar="P", help="$protocols")
    parser.add_argument("--fold", type=int, metavar="N", help="of $folded, from 0")
    parser.add_argument(
        "--resize", action="store_true", help="make square faces of another size fit the model"
    )


def check_torch(device: str = "cpu") -> None:
    """Raise `InputError` unless torch is here and has the device."""
    from sr_arn.system.devices import find_device

    find_device(device)


def open_data(args: argparse.Namespace, split: str) -> "Faces":
    """Return a part of what `--data` names."""
    from sr_arn.age.datasets import DATASETS
    from sr_arn.errors import InputError, display

    name, colon, folder = args.data.partition(":")
    if name not in DATASETS or not colon or not folder:
        raise InputError(
            f"data: expected NAME:FOLDER with a name of {', '.join(DATASETS)}, "
            f"received {display(args.data)}"
        )
    known, options = DATASETS[name], {}
    for option, is_there in (("protocol", known.protocols), ("fold", known.has_folds)):
        value = getattr(args, option)
        if value is not None and not is_there:
            raise InputError(f"{option}: {name} has none")
        if value is not None:
            options[option] = value
    if known.validation is not None and args.protocol not in known.with_validation:
        options["validation"] = known.validation
    return known.load(folder, split, **options)


def chosen(args: argparse.Namespace) -> dict[str, Any]:
    """Return the data set, protocol and fold, as a model file records them."""
    name = args.data.partition(":")[0]
    return {"data": name, "protocol": args.protocol, "fold": args.fold}
