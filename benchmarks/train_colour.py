"""Train the networks for Cb and Cr of the bundled convolutional ARNs, on a processor.

    python benchmarks/train_colour.py train DATA_DIR -o OUT [--scales 2,3,4] [--steps N]
    python benchmarks/train_colour.py install OUT

DATA_DIR holds open_photos, T91 and BSD200, parts of which are held out (`gpu_planes.splits`).
`train` writes a file for each scale, in some 40 minutes of one core that multiplies bfloat16. The
networks for x3 and x4 start from that for x2; those that are bundled, from its first round.
`install` puts them into the bundled models, the
small ones too.
"""

import argparse
import json
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from shutil import copyfileobj
from typing import Any, NamedTuple

import numpy as np
import torch
from colour_batches import BATCH, CROP, DegradedColour, Pixels, after_jpeg, pyramid, ycbcr
from gpu_network import Restoring
from gpu_planes import SMALLEST, splits
from gpu_training import fit
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file, save

from sr_arn import imresize
from sr_arn.datasets.folders import digest
from sr_arn.models.chroma import ChromaModel
from sr_arn.models.conv import ConvModel
from sr_arn.models.conv_network import ConvAnchoredNetwork
from sr_arn.models.files import BUNDLED, SUFFIX
from sr_arn.models.restoration import CLEAN, Strengths
from sr_arn.pictures.io import read_image
from sr_arn.system.files import write_whole
from sr_arn.upscaling.loading import load_model, save_model
from sr_arn.upscaling.upscaler import Upscaler

SIZES = {"channels": 32, "layers": 4, "anchors": 4}
VERSIONS = (1.0, 0.7, 0.5)  # sizes of the pictures that are learned from
ENTRY = "training"  # of the metadata of files in OUT
SIDE = 240  # HR pixels at most, of a held-out picture
NOISE = 0.574  # how much of the noise of RGB is in Y, studio range
CONDITIONS = {"clean": CLEAN, **{f"jpeg {q}": Strengths(jpeg=q) for q in (90, 75, 50)}}
CONDITIONS |= {f"noise {sigma}": Strengths(noise=NOISE * sigma) for sigma in (5, 15)}

Arrays = dict[str, NDArray[np.float32]]


class Round(NamedTuple):
    """A part of a training, in which the rate rises to its highest and falls to 0."""

    steps: int
    rate: float


ROUNDS = {
    2: (Round(9000, 0.002), Round(9000, 0.0015)),
    3: (Round(5000, 0.0015),),
    4: (Round(5000, 0.0015),),
}


def train(data: Path, out: Path, scales: list[int], steps: int | None = None) -> None:
    """Train the networks of some scales, and write each to a file in a folder.

    Parameters
    ----------
    data, out : path
        Folders.
    scales : list of int
    steps : int, optional
        Instead of those of `ROUNDS`, for a trial.
    """
    out.mkdir(parents=True, exist_ok=True)
    sets = splits(data)
    paths = [path for split in sets.values() for path in split.training]
    training = pyramid(list(in_colour(paths)), VERSIONS, SMALLEST)
    pictures = list(in_colour([path for split in sets.values() for path in split.held_out[::3]]))
    for scale in scales:
        rounds = [part._replace(steps=steps or part.steps) for part in ROUNDS[scale]]
        print(f"x{scale}, {' + '.join(str(part.steps) for part in rounds)} steps", flush=True)
        torch.manual_seed(0)
        network = start_network(scale, path_of(out, 2))
        for seed, part in enumerate(rounds, 1):
            crops = DegradedColour(training, scale, seed=seed)
            fit(network, crops, *part, lambda line: print(line, flush=True))
        entry = {
            "images": len(paths),
            "digest": digest(paths),
            "batch": BATCH,
            "crop": CROP,
            "rounds": [part._asdict() for part in rounds],
            "scores": scores(ChromaModel(scale, network.folded()), pictures),
        }
        content = BytesIO(save(network.folded(), {ENTRY: json.dumps(entry)}))
        write_whole(path_of(out, scale), partial(copyfileobj, content))


def in_colour(paths: list[Path]) -> Iterator[Pixels]:
    """Yield the RGB pixels of the pictures that are not grey."""
    for path in paths:
        pixels = read_image(path).pixels
        if pixels.ndim == 3 and pixels.shape[2] >= 3:
            yield np.ascontiguousarray(pixels[..., :3])


def start_network(scale: int, path: Path) -> Restoring:
    """Return a network before training: for x3 and x4, all but the last layer of that for x2."""
    plain = ConvAnchoredNetwork(scale, **SIZES, equivariant=False, inputs=3, outputs=2)
    network = Restoring(plain)
    if scale == 2:
        return network
    given = {name: torch.from_numpy(array) for name, array in load_file(path).items()}
    plain.start_from({name: given[name] for name in plain.folded()})
    with torch.no_grad():
        network.hidden.weight.copy_(given["hidden_weight"])
        network.hidden.bias.copy_(given["hidden_bias"])
        for name, parameter in network.modifiers.items():
            if parameter.shape == given[name].shape:
                parameter.copy_(given[name])
    return network


def scores(chroma: ChromaModel, pictures: list[Pixels]) -> dict[str, dict[str, float]]:
    """Return, and print, the mean PSNR of Cb and Cr in dB, by condition: bicubic's and its own."""
    found = {}
    for name, strengths in CONDITIONS.items():
        values = [_psnr_of(chroma, picture, strengths) for picture in pictures]
        row = dict(
            zip(("bicubic", "after"), np.mean(values, axis=0).round(3).tolist(), strict=True)
        )
        found[name] = row
        print(f"  {name}: bicubic {row['bicubic']:.3f}, after {row['after']:.3f} dB", flush=True)
    return found


def _psnr_of(chroma: ChromaModel, picture: Pixels, strengths: Strengths) -> list[float]:
    """Return the PSNR of bicubic up-scaling and of a network, on Cb and Cr together."""
    s = chroma.scale
    height, width = (min(n, SIDE) // s * s for n in picture.shape[:2])
    hr = picture[:height, :width]
    lr = imresize(hr, 1 / s)
    if strengths.noise:
        noise = np.random.default_rng(0).normal(0, strengths.noise / NOISE, lr.shape)
        lr = np.clip(np.floor(lr + noise + 0.5), 0, 255).astype(np.uint8)
    if strengths.jpeg is not None:
        lr = after_jpeg(lr, int(strengths.jpeg), 2)
    seen, wanted = (_ycbcr(pixels) for pixels in (lr, hr))
    results = imresize(seen[..., 1:], s), chroma.restored(strengths)(seen)
    inner = np.s_[s:-s, s:-s]
    errors = [np.mean((result - wanted[..., 1:])[inner] ** 2) for result in results]
    return [float(-10 * np.log10(max(error, 1e-7))) for error in errors]


def _ycbcr(pixels: Pixels) -> NDArray[np.float32]:
    planes = ycbcr(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[:, None].float() / 255)
    return np.ascontiguousarray(planes[0].permute(1, 2, 0).numpy())


def path_of(out: Path, scale: int) -> Path:
    """Return the file of a scale's network."""
    return out / f"chroma-x{scale}{SUFFIX}"


def install(out: Path, folder: Path = BUNDLED) -> list[str]:
    """Put the networks in a folder into the bundled models; return the models' names."""
    written = []
    for scale in ROUNDS:
        if not path_of(out, scale).exists():
            continue
        chroma = ChromaModel(scale, load_file(path_of(out, scale)))
        with safe_open(path_of(out, scale), "numpy") as file:
            entry = json.loads(file.metadata()[ENTRY])
        for name in (f"conv-arn-x{scale}", f"conv-arn-x{scale}-tiny"):
            path = folder / f"{name}{SUFFIX}"
            upscaler = load_model(path)
            old: Any = upscaler.model
            model = ConvModel(scale, old.arrays, old.restoring, chroma)
            header = upscaler.header
            training = header["training"] | {"chroma": entry}
            kept = {key: header[key] for key in ("licence", "scores", "time")}
            save_model(path, Upscaler(model, {"training": training}), **kept)
            written.append(name)
    return written


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    commands = parser.add_subparsers(dest="command", required=True)
    own = commands.add_parser("train", help="train networks")
    own.add_argument("data", type=Path, help="folder of the sets")
    own.add_argument("-o", "--output", type=Path, required=True, help="a folder")
    own.add_argument("--scales", default="2,3,4")
    own.add_argument("--steps", type=int, help="for a trial")
    commands.add_parser("install", help="bundle networks").add_argument("output", type=Path)
    args = parser.parse_args()
    if args.command == "train":
        train(args.data, args.output, [int(scale) for scale in args.scales.split(",")], args.steps)
    else:
        print(*install(args.output), sep="\n")


if __name__ == "__main__":
    main()
