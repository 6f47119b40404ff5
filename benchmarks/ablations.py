"""Where does anchored regression beat a plain network at equal time? Train both and look.

    python benchmarks/ablations.py --data DATA_DIR --json docs/ablations.json

Every variant is trained at x3 on the 91 images by the same recipe: as `conv-arn`, but 4000 steps
on crops of 24 pixels; with three seeds. Scored is the mean PSNR on every fourth image of BSD200, in
none of the tables. Then all are timed in turns on one core. Runs that the JSON file holds already
are not repeated.
"""

import argparse
import json
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from sr_arn.datasets.folders import find_set, read_luminances
from sr_arn.evaluation.held_out import Validation
from sr_arn.models.base import BicubicModel
from sr_arn.models.conv_network import SHARPNESS, ConvAnchoredNetwork
from sr_arn.nn.training import train
from sr_arn.planes import NO_RIM, Rim
from sr_arn.training import conv_arn
from sr_arn.training.crops import Crops
from sr_arn.upscaling.schedule import Schedule
from sr_arn.upscaling.upscaler import Upscaler

SCALE, CROP, EPOCHS = 3, 24, 8
SEEDS = 3
REPEATS = 7


@dataclass(frozen=True)
class Variant:
    """A network: with one anchor, a plain one."""

    channels: int
    layers: int
    anchors: int
    sharpness: float = SHARPNESS
    top_k: int | None = None
    equivariant: bool = True

    def network(self) -> ConvAnchoredNetwork:
        """Return it, untrained."""
        sizes = self.channels, self.layers, self.anchors
        network = ConvAnchoredNetwork(SCALE, *sizes, equivariant=self.equivariant)
        network.last.sharpness, network.last.top_k = self.sharpness, self.top_k
        return network

    def __str__(self) -> str:
        """Return it in a few words."""
        last = "plain" if self.anchors == 1 else f"ARN, {self.anchors} anchors"
        if self.top_k is not None:
            last += f", the {self.top_k} most similar"
        if self.sharpness != SHARPNESS:
            last += f", K = {self.sharpness:g}"
        if not self.equivariant:
            last += ", not equivariant"
        return f"{self.channels} channels, {self.layers} layers; {last}"


VARIANTS = [
    Variant(32, 8, 1),
    Variant(32, 8, 8),
    Variant(32, 8, 16),
    Variant(32, 8, 32),
    Variant(32, 10, 1),
    Variant(32, 12, 1),
    Variant(40, 8, 1),
    Variant(32, 8, 1, equivariant=False),
    Variant(32, 8, 16, equivariant=False),
    Variant(32, 8, 32, top_k=2),
    Variant(32, 8, 16, sharpness=1),
    Variant(32, 8, 16, sharpness=10),
    Variant(48, 18, 16),
    Variant(48, 20, 1),
]


def score(variant: Variant, seed: int, planes: list[np.ndarray], held_out: Validation) -> float:
    """Train a variant and return its PSNR, in dB, by torch: not all can be `ConvModel`s."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = variant.network()
    recipe = conv_arn.recipe(
        EPOCHS, conv_arn.ConvARN().learning_rate, "bfloat16", seed, variant.equivariant
    )
    train(network, Crops(planes, SCALE, CROP, 16, conv_arn.BATCHES, seed), recipe, conv_arn.loss)

    class Torch(BicubicModel):
        reach = network.reach

        def __call__(self, lr: np.ndarray, rim: Rim = NO_RIM) -> np.ndarray:
            with torch.no_grad():
                details = network(torch.from_numpy(lr)[None, None])[0, 0].numpy()
            return super().__call__(lr, rim) + rim.cut(details, SCALE)

    return held_out.psnr(Upscaler(Torch(SCALE), schedule=Schedule(threads=1)))


def times(variants: list[Variant]) -> dict[str, float]:
    """Return microseconds per LR pixel of each variant, all of them in turns on one core."""
    lr = np.random.default_rng(0).uniform(size=(256, 256)).astype(np.float32)
    models = {str(v): conv_arn.plain(v.network()) for v in variants if v.top_k is None}
    for model in models.values():
        model(lr[:9, :9])  # compiles
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(REPEATS):
        for name, model in models.items():
            start = time.perf_counter()
            model(lr)
            seconds[name].append(time.perf_counter() - start)
    return {name: 1e6 * statistics.median(s) / lr.size for name, s in seconds.items()}


def main() -> None:
    """Train what is missing, time all, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of T91 and BSD200")
    parser.add_argument("--json", type=Path, required=True, help="results; those there are kept")
    args = parser.parse_args()
    planes = list(read_luminances(find_set(args.data, "T91")))
    held_out = Validation(read_luminances(find_set(args.data, "BSD200")[2::4]), SCALE)
    found = json.loads(args.json.read_text()) if args.json.exists() else {"runs": []}
    done = {(run["name"], run["seed"]) for run in found["runs"]}
    for seed in range(SEEDS):
        for variant in VARIANTS:
            if (str(variant), seed) in done:
                continue
            psnr = score(variant, seed, planes, held_out)
            found["runs"].append(
                {"name": str(variant), "seed": seed, "psnr": psnr, **asdict(variant)}
            )
            print(f"{variant}, seed {seed}: {psnr:.3f} dB", flush=True)
            args.json.write_text(json.dumps(found, indent=1) + "\n")
    found["us_per_lr_pixel"] = times(VARIANTS)
    args.json.write_text(json.dumps(found, indent=1) + "\n")
    print("| network | microseconds per LR pixel | PSNR, dB: mean and seeds |\n|---|---|---|")
    for variant in VARIANTS:
        own = [run["psnr"] for run in found["runs"] if run["name"] == str(variant)]
        spent = found["us_per_lr_pixel"].get(str(variant))
        shown = "-" if spent is None else f"{spent:.2f}"
        each = ", ".join(f"{psnr:.3f}" for psnr in own)
        print(f"| {variant} | {shown} | **{statistics.fmean(own):.3f}**: {each} |")


if __name__ == "__main__":
    main()
