"""What several of the age commands take."""

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sr_arn.age.datasets import Faces

DATA_SETS = "fgnet, imdb-wiki, lap, megaage-asian, morph2, utkface"
HELD_OUT = 0.1  # of training faces, where a data set's papers drew none
DRAWS_NONE = ("fgnet", "megaage-asian", "morph2")
HAVE_THEIR_OWN = ("subjects", "coral")  # protocols


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add `--data NAME:FOLDER`, and which part of it."""
    parser.add_argument(
        "--data",
        required=True,
        metavar="NAME:FOLDER",
        help=f"a data set as it was published ({DATA_SETS}) and its folder",
    )
    parser.add_argument(
        "--protocol", metavar="P", help="of morph2: arn, setting-1, ssr-net, subjects, coral"
    )
    parser.add_argument("--fold", type=int, metavar="N", help="of morph2 and fgnet, from 0")
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
            f"data: expected NAME:FOLDER with a name of {DATA_SETS}, received {display(args.data)}"
        )
    options = {}
    for option, sets in {"protocol": ("morph2",), "fold": ("morph2", "fgnet")}.items():
        value = getattr(args, option)
        if value is not None and name not in sets:
            raise InputError(f"{option}: {name} has none")
        if value is not None:
            options[option] = value
    if name in DRAWS_NONE and args.protocol not in HAVE_THEIR_OWN:
        options["validation"] = HELD_OUT
    return DATASETS[name](folder, split, **options)


def chosen(args: argparse.Namespace) -> dict[str, Any]:
    """Return the data set, protocol and fold, as a model's file tells them."""
    name = args.data.partition(":")[0]
    return {"data": name, "protocol": args.protocol, "fold": args.fold}
