"""Train the bundled convolutional ARNs on a GPU: for clean pictures, then for others.

    python benchmarks/train_gpu.py pack --data DATA_DIR -o planes.npz
    python benchmarks/train_gpu.py train planes.npz -o OUT [NAME ...] [--steps N]
    python benchmarks/train_gpu.py install OUT

`pack` runs where the pictures are: DATA_DIR holds open_photos, T91 and BSD200, parts of which are
held out (`gpu_planes.splits`). `train` runs where a GPU is; it needs one file beside the package,
and runs on a processor too, slowly. All six networks take about 25 minutes on an NVIDIA H100.
`install` bundles what was trained, without scores and time on the test sets, which
`train_models.py --measure` adds.

A network has two sets of weights. The clean set of x3 starts from a model that was trained on the
91 images alone: `conv-arn-x3-91`, bundled, and `teacher-x3-tiny` in `checkpoints/`, where
`train_models.py` leaves it. Those of x2 and x4 start from the clean set of x3, and every restoring
set from the clean set of its network. OUT has a file for each set, in float32. A set that another
starts from is read from there, so the networks can be trained one by one.

The rounds are those that the bundled networks were trained with, but x2 and x4 started when x3
had one round behind it; and the restoring sets learned from soft pictures (`gpu_batches.SOFT`) in
their last round alone, of smaller batches, which took an hour of one core. Sums on a GPU are not
in order: what is trained again is not the same to the last bit. `train_colour.py install` adds the
networks for Cb and Cr, which `install` leaves out.
"""

import argparse
import json
from functools import partial
from io import BytesIO
from pathlib import Path
from shutil import copyfileobj
from typing import Any, NamedTuple

import numpy as np
import torch
from gpu_batches import BATCH, CROP, Clean, Degraded
from gpu_network import Restoring
from gpu_planes import Planes, pack, pyramid, read_planes
from gpu_scores import compared, scores
from gpu_training import fit
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file, save

from sr_arn.errors import InputError
from sr_arn.models.conv import ConvModel
from sr_arn.models.conv_network import ConvAnchoredNetwork
from sr_arn.models.files import BUNDLED, SUFFIX
from sr_arn.system.devices import find_device
from sr_arn.system.files import write_whole
from sr_arn.training.conv_arn import plain
from sr_arn.upscaling.loading import load_model, save_model
from sr_arn.upscaling.upscaler import Upscaler

CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"
LICENCE = "BSD-3-Clause"
ENTRY = "training"  # of the metadata of files in OUT
SEEN = ("images", "digest", "held_out", "sets")  # entries that both sets of weights share

Arrays = dict[str, NDArray[np.float32]]


class Round(NamedTuple):
    """A part of a training, in which the rate rises to its highest and falls to 0."""

    steps: int
    rate: float
    crop: int = CROP
    batch: int = BATCH


class Recipe(NamedTuple):
    """How a network is trained.

    Attributes
    ----------
    start : str
        Whose clean set it starts from: one of `RECIPES`, a bundled model, or one in `checkpoints/`.
    clean, restoring : tuple of Round
        How each set of weights is trained, one round after another.
    """

    sizes: dict[str, int]
    scale: int
    start: str
    clean: tuple[Round, ...]
    restoring: tuple[Round, ...]


BASE = {"channels": 48, "layers": 18, "anchors": 16}
TINY = {"channels": 32, "layers": 8, "anchors": 8}
RECIPES = {
    "conv-arn-x3": Recipe(
        BASE,
        3,
        "conv-arn-x3-91",
        clean=(Round(13037, 0.0015), Round(26000, 0.0012)),
        restoring=(Round(2966, 0.001), Round(9000, 0.0012), Round(4500, 0.0004, 32, 16)),
    ),
    "conv-arn-x2": Recipe(
        BASE,
        2,
        "conv-arn-x3",
        clean=(Round(8981, 0.0015), Round(18500, 0.0012)),
        restoring=(Round(3859, 0.001), Round(15000, 0.0012), Round(9000, 0.0004, 32, 16)),
    ),
    "conv-arn-x4": Recipe(
        BASE,
        4,
        "conv-arn-x3",
        clean=(Round(6308, 0.0015), Round(7500, 0.0012)),
        restoring=(Round(4354, 0.001), Round(7500, 0.0012), Round(2600, 0.0004, 32, 16)),
    ),
    "conv-arn-x3-tiny": Recipe(
        TINY,
        3,
        "teacher-x3-tiny",
        clean=(Round(14225, 0.0015),),
        restoring=(Round(7309, 0.001),),
    ),
    "conv-arn-x2-tiny": Recipe(
        TINY,
        2,
        "conv-arn-x3-tiny",
        clean=(Round(9488, 0.0015),),
        restoring=(Round(7616, 0.001),),
    ),
    "conv-arn-x4-tiny": Recipe(
        TINY,
        4,
        "conv-arn-x3-tiny",
        clean=(Round(6944, 0.0015),),
        restoring=(Round(7204, 0.001),),
    ),
}


# --- training ----------------------------------------------------------------------


def train(
    names: list[str],
    planes: Planes,
    out: Path,
    device: torch.device,
    steps: int | None = None,
    crop: int | None = None,
    batch: int | None = None,
) -> None:
    """Train both sets of weights of networks, and write each to a file in a folder.

    Parameters
    ----------
    names : list of str
        Of `RECIPES`.
    planes : Planes
    out : path
        The folder.
    device : device
    steps, crop, batch : int, optional
        Of each round, instead of those of the recipes, for a trial.
    """
    out.mkdir(parents=True, exist_ok=True)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True  # all batches are of one shape
        torch.backends.cudnn.allow_tf32 = True  # where products are not of bfloat16
    hrs = pyramid((p for group in planes.training.values() for p in group), device)
    about = {
        "images": sum(map(len, planes.training.values())),
        "digest": planes.digest,
        "held_out": sum(map(len, planes.held_out.values())),
        "sets": {name: len(group) for name, group in planes.training.items()},
    }
    given = {"steps": steps, "crop": crop, "batch": batch}
    trial = {name: value for name, value in given.items() if value is not None}
    for name in names:
        recipe = RECIPES[name]
        for kind, start, rounds in (
            ("clean", recipe.start, recipe.clean),
            ("restoring", name, recipe.restoring),
        ):
            rounds = tuple(part._replace(**trial) for part in rounds)
            counts = " + ".join(str(part.steps) for part in rounds)
            print(f"{name}, {kind} set: from {start}, {counts} steps", flush=True)
            # 1. the network, as it starts
            torch.manual_seed(0)
            network = start_network(recipe, kind, start_arrays(start, out)).to(device)
            before = scores(network, planes.held_out, recipe.scale, device)
            # 2. training
            batches = Clean if kind == "clean" else Degraded
            for seed, part in enumerate(rounds, 1):
                crops = batches(hrs, recipe.scale, part.crop, part.batch, seed)
                fit(network, crops, part.steps, part.rate, lambda line: print(line, flush=True))
            # 3. what it has learned, and how well
            after = scores(network, planes.held_out, recipe.scale, device)
            entry = about | {
                "rounds": [part._asdict() for part in rounds],
                "start": start,
                "scores": compared(before, after),
            }
            arrays = network.folded() if isinstance(network, Restoring) else plain(network).arrays
            data = BytesIO(save(arrays, {ENTRY: json.dumps(entry)}))
            write_whole(set_path(out, name, kind), partial(copyfileobj, data))


def start_network(recipe: Recipe, kind: str, arrays: Arrays) -> ConvAnchoredNetwork | Restoring:
    """Return a network for a set of weights, "clean" or "restoring", before training."""
    network = ConvAnchoredNetwork(recipe.scale, **recipe.sizes, equivariant=False)
    network.start_from({name: torch.from_numpy(array) for name, array in arrays.items()})
    return network if kind == "clean" else Restoring(network)


def start_arrays(name: str, out: Path) -> Arrays:
    """Return the clean set of a network that was trained before, or of a model that is there."""
    if name in RECIPES:
        path = set_path(out, name, "clean")
        if not path.exists():
            raise InputError(f"start: {path} is missing; train {name} first")
        return load_file(path)
    path = BUNDLED / f"{name}{SUFFIX}"
    model = load_model(path if path.exists() else CHECKPOINTS / path.name).model
    if not isinstance(model, ConvModel):
        raise InputError(f"start: expected a convolutional ARN, received {name}")
    return model.arrays


def set_path(out: Path, name: str, kind: str) -> Path:
    """Return the file of a set of weights, "clean" or "restoring"."""
    return out / f"{name}.{kind}{SUFFIX}"


# --- model files -------------------------------------------------------------------


def install(out: Path, folder: Path = BUNDLED) -> list[str]:
    """Write every network that has both sets in a folder to a model file; return their names."""
    kinds = "clean", "restoring"
    paths = {name: [set_path(out, name, kind) for kind in kinds] for name in RECIPES}
    whole = [name for name, files in paths.items() if all(file.exists() for file in files)]
    if not whole:
        raise InputError(f"install: {out} has no network with both sets of weights; train one")
    for name in whole:
        clean, restoring = (load_file(file) for file in paths[name])
        entries = dict(zip(kinds, map(_entry, paths[name]), strict=True))
        training = {key: entries["clean"][key] for key in SEEN}
        for kind, entry in entries.items():
            training[kind] = {key: value for key, value in entry.items() if key not in SEEN}
        model = ConvModel(RECIPES[name].scale, clean, restoring)
        upscaler = Upscaler(model, {"training": training})
        save_model(folder / f"{name}{SUFFIX}", upscaler, licence=LICENCE)
    return whole


def _entry(path: Path) -> Any:
    """Return what a file in OUT says about its training."""
    with safe_open(path, "numpy") as file:
        return json.loads(file.metadata()[ENTRY])


# --- commands ----------------------------------------------------------------------


def pack_command(parser: argparse.ArgumentParser, arguments: list[str]) -> None:
    """Write the luminance of all pictures to one file."""
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets")
    parser.add_argument("-o", "--output", type=Path, required=True, help="an .npz file")
    args = parser.parse_args(arguments)
    pack(args.data, args.output)


def train_command(parser: argparse.ArgumentParser, arguments: list[str]) -> None:
    """Train networks."""
    parser.add_argument("planes", type=Path, help="what pack wrote")
    parser.add_argument("names", nargs="*", choices=[*RECIPES, []], help="networks (default: all)")
    parser.add_argument("-o", "--output", type=Path, required=True, help="a folder")
    parser.add_argument("--steps", type=int, help="of each round, for a trial")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    args = parser.parse_intermixed_args(arguments)
    planes, device = read_planes(args.planes), find_device(args.device)
    train(args.names or list(RECIPES), planes, args.output, device, args.steps)


def install_command(parser: argparse.ArgumentParser, arguments: list[str]) -> None:
    """Bundle trained networks."""
    parser.add_argument("output", type=Path, help="the folder that train wrote")
    print(*install(parser.parse_args(arguments).output), sep="\n")


def main() -> None:
    """Do what the command line says."""
    commands = {"pack": pack_command, "train": train_command, "install": install_command}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("command", choices=commands)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="of the command; -h tells them")
    args = parser.parse_args()
    command = commands[args.command]
    own = argparse.ArgumentParser(f"{parser.prog} {args.command}", description=command.__doc__)
    command(own, args.arguments)


if __name__ == "__main__":
    main()
