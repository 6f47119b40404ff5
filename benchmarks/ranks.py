"""Measure what training by several processes gains and costs: time of a step, bytes summed in it.

    OMP_NUM_THREADS=1 python benchmarks/ranks.py
    OMP_NUM_THREADS=1 torchrun --standalone --nproc-per-node 2 benchmarks/ranks.py

Deep ARN and the convolutional ARN x3 of the usual sizes, with their usual batches, on numbers
drawn at random and on the shipped pictures. Times are medians of the epochs after the first: by
the clock, and of the processor in one process, which a busy machine does not stretch.
"""

import os
import statistics
import time
from itertools import pairwise
from pathlib import Path

import torch
from torch import nn

from sr_arn.datasets.folders import find_images, read_luminances
from sr_arn.models.conv_network import ConvAnchoredNetwork
from sr_arn.nn import DeepAnchoredRegression
from sr_arn.nn.ranks import Ranks, join, leave
from sr_arn.nn.training import Batches, Loss, Progress, Recipe, Shuffled, mean_squares, train
from sr_arn.training.conv_arn import loss, recipe
from sr_arn.training.crops import Crops

PICTURES = Path(__file__).parents[1] / "data"
EPOCHS, STEPS = 4, 10
FEATURES, TARGETS = 30, 81  # of deep-arn, x3
ROWS, CROPS = 2048, 16  # of a batch


def report(
    name: str, module: nn.Module, batches: Batches, how: Recipe, of: Loss = mean_squares
) -> None:
    """Train; print in one line how long a step takes and how much of it is summed."""
    ends = []

    def look(progress: Progress) -> None:
        if progress.epoch_ended:
            ends.append((time.perf_counter(), time.process_time()))

    size = 4 * sum(parameter.numel() for parameter in module.parameters())
    train(module, batches, how, of, device="cpu", observe=look)
    if Ranks.present().is_first:
        clock, processor = (
            1000 * statistics.median(b - a for a, b in pairwise(times)) / STEPS
            for times in zip(*ends, strict=True)
        )
        print(
            f"{name}: {clock:.0f} ms a step, {processor:.0f} ms of the processor, "
            f"gradients of {size:,} bytes",
            flush=True,
        )


def main() -> None:
    """Time both networks, by this process or by all that torchrun started."""
    if "WORLD_SIZE" in os.environ:
        join(on_gpus=False)
    torch.manual_seed(0)
    rows = STEPS * ROWS
    x, y = torch.randn(rows, FEATURES), torch.randn(rows, TARGETS)
    deep = DeepAnchoredRegression(FEATURES, TARGETS, 16, 7, "abs_cosine", 8.0)
    report("deep-arn", deep, Shuffled(x, y, ROWS, 0), Recipe(EPOCHS, 0.008))
    planes = list(read_luminances(find_images(PICTURES)))
    crops = Crops(planes, 3, 32, CROPS, STEPS, 0)
    conv = ConvAnchoredNetwork(3, 48, 18, 16)
    report("conv-arn", conv, crops, recipe(EPOCHS, 0.003, "float32", 0), loss)
    if "WORLD_SIZE" in os.environ:
        leave()


if __name__ == "__main__":
    main()
