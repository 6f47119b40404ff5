"""Small trainings, for one process or many: `torchrun ranks_cases.py FOLDER` writes what comes out.

Each rank writes RANK.npz with the losses that its observer was told and the numbers learned.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import torch

from sr_arn import InputError
from sr_arn.age.heads import HEADS
from sr_arn.age.model import AgeModel
from sr_arn.age.training import train_ages
from sr_arn.nn import ranks
from sr_arn.nn.training import Recipe, Shuffled, train
from sr_arn.regressors import ARNRegressor, DeepARNRegressor
from sr_arn.training import conv_arn
from sr_arn.training.conv_arn import ConvARN

STOPPED = "stopped.safetensors"  # a checkpoint of "deep" after its first epoch
EPOCHS = 2
CONV = {"channels": 4, "layers": 2, "anchors": 2, "crop": 8, "epochs": EPOCHS, "device": "cpu"}
SMALL_HEADS = {"energy": {"samples": 16, "hidden": (8,)}, "pml": {"values": torch.arange(9.0)}}


def deep():
    return DeepARNRegressor(
        anchors=3, layers=2, epochs=EPOCHS, batch_size=50, random_state=1, device="cpu"
    )


def rows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 6)).astype(np.float32)
    return x, np.sin(x[:, :3]) * x[:, 3:]


def planes():
    rng = np.random.default_rng(1)
    return [rng.uniform(size=(48, 40)).astype(np.float32) for _ in range(3)]


def of_rows(regressor, losses, **options):
    """Train on rows; return what is learned."""
    regressor.fit(*rows(), observe=lambda p: losses.append(p.loss), **options)
    return regressor.arrays()


def of_crops(losses, **options):
    network = ConvARN(**CONV | options)
    network.fit(planes(), 2, observe=lambda p: losses.append(p.loss))
    return network.model_.arrays


def of_faces(head, losses, batch_size=7, norm=False):
    """Train a head on features without a norm, which would see its own share alone.

    By plain steps: Adam makes large ones of gradients that are 0 but for rounding.
    """
    torch.manual_seed(0)
    parts = [torch.nn.Flatten(), torch.nn.Linear(48, 8)] + [torch.nn.BatchNorm1d(8)] * norm
    small = SMALL_HEADS.get(head, {})
    model = AgeModel(torch.nn.Sequential(*parts), HEADS[head](features=8, **small))
    faces = torch.randint(256, (22, 3, 4, 4), dtype=torch.uint8)
    recipe = Recipe(EPOCHS, 0.01, "sgd", largest_gradient=1.0, seed=3)
    ages = torch.arange(22) % 8
    observe = lambda p: losses.append(p.loss)  # noqa: E731 - shorter so
    train_ages(model, faces, ages, recipe, batch_size=batch_size, observe=observe, device="cpu")
    return {name: value.detach().numpy() for name, value in model.named_parameters()}


def refusal(train, *arguments, **options):
    """Return what a training says that must fail in all processes."""
    try:
        train(*arguments, **options)
    except InputError as error:
        return str(error)
    return ""


def one_by_one():
    """Train a linear layer on batches of one row: the others have none."""
    torch.manual_seed(0)
    layer, x = torch.nn.Linear(6, 3), rows()
    pairs = [torch.from_numpy(side) for side in x]
    train(layer, Shuffled(*pairs, 1, 0), Recipe(1, 0.01, optimiser="sgd"), device="cpu")
    return {"weight": layer.weight.detach().numpy()}


def results(folder, rank=0):
    """Return losses and numbers of each case, by names."""
    found, checkpoint = {}, folder / "c.safetensors"

    def keep(name, train, *arguments, **options):
        losses = []
        arrays = train(*arguments, losses=losses, **options)
        found[f"{name} losses"] = np.array(losses)
        found.update({f"{name} {key}": value for key, value in arrays.items()})

    keep("arn", of_rows, ARNRegressor(anchors=4, rank=3, epochs=EPOCHS, batch_size=64))
    keep("conv", of_crops, batch_size=5)
    keep("conv of one crop", of_crops, batch_size=1)
    for head in HEADS:
        keep(f"age {head}", of_faces, head)
    keep("norm", of_faces, "arn", norm=True)
    found.update({f"one by one {key}": value for key, value in one_by_one().items()})
    if (folder / STOPPED).exists():
        keep("resumed", of_rows, deep(), resume=folder / STOPPED)
    losses, regressor = [], deep()

    def watch(progress):
        losses.append(progress.loss)
        if progress.epoch == 1:
            shutil.copy(checkpoint, folder / f"kept.{STOPPED}")

    regressor.fit(*rows(), observe=watch, checkpoint=checkpoint)
    found |= {f"deep {key}": value for key, value in regressor.arrays().items()}
    found["deep losses"] = np.array(losses)
    found["refused: wild"] = refusal(deep().set_params(learning_rate=1e30).fit, *rows())
    found["refused: differing"] = refusal(deep().set_params(random_state=rank).fit, *rows())
    found["refused: few"] = refusal(of_faces, "arn", [], batch_size=3)
    return found


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    conv_arn.BATCHES = 8
    ranks.join(on_gpus=False)
    rank = ranks.Ranks.present().rank
    np.savez(folder / f"{rank}.npz", **results(folder, rank))
    ranks.leave()
