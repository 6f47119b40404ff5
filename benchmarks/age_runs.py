"""Trainings of age models that `age_heads.py` compares: each is done once and its ages are kept."""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sr_arn.age.datasets import DATASETS, read_faces
from sr_arn.age.heads import HEADS, EnergyDensity, Head, ProgressiveMargin
from sr_arn.age.heads.margin import curricula
from sr_arn.age.model import AgeModel, Plan
from sr_arn.age.training import VariedFaces, predict_ages, to_tensor, train_ages
from sr_arn.age.transfer import parameter_groups
from sr_arn.nn.training import Recipe, Shuffled, train
from sr_arn.system.files import write_whole

SPLITS = ("train", "validation", "test")
SIDE = 64
BATCH = 64
FEATURE_BATCH = 256
VIEWS = 4  # of each training face, varied, whose features heads are trained on


class Part(NamedTuple):
    """Faces or their features, and ages."""

    inputs: Tensor
    ages: NDArray[np.float64]


class Runs:
    """Results by name, each in a file: what is there is not made again.

    Parameters
    ----------
    folder : path
        Holds a folder for each state of what the runs depend on.
    depends_on : anything with a repr
    """

    def __init__(self, folder: Path, depends_on: object) -> None:
        self.folder = folder / hashlib.sha256(repr(depends_on).encode()).hexdigest()[:8]
        self.folder.mkdir(parents=True, exist_ok=True)

    def result(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return a result, made now if there is none."""
        path = self.folder / f"{name}.json"
        if not path.is_file():
            start = time.perf_counter()
            result = make()
            result["seconds"] = round(time.perf_counter() - start, 1)
            text = json.dumps(result).encode()
            write_whole(path, lambda file: file.write(text))
            print(f"{name}: {result['seconds']:.0f} s", flush=True)
        found: dict[str, Any] = json.loads(path.read_text())
        return found


def error(ages: NDArray[np.float64], estimates: Any) -> float:
    """Return the mean absolute error in years."""
    return float(np.abs(np.asarray(estimates) - ages).mean())


def read_parts(data: str) -> dict[str, Part]:
    """Return the faces of each split, of "name:folder"."""
    name, _, folder = data.partition(":")
    parts = {}
    for split in SPLITS:
        faces = DATASETS[name].load(folder, split)
        parts[split] = Part(to_tensor(read_faces(faces.paths, SIDE)), faces.ages)
    return parts


def end_to_end(
    plan: Plan, parts: dict[str, Part], epochs: int, rate: float, seed: int, precision: str
) -> dict[str, Any]:
    """Train a model on faces; return its ages of validation and test faces."""
    model = train_on_faces(plan, parts, epochs, rate, seed, precision)
    count = sum(parameter.numel() for parameter in model.parameters())
    return {"parameters": count} | {
        split: predict_ages(model, parts[split].inputs).round(3).tolist() for split in SPLITS[1:]
    }


def train_on_faces(
    plan: Plan, parts: dict[str, Part], epochs: int, rate: float, seed: int, precision: Any
) -> AgeModel:
    """Train a model on the faces of training."""
    model = plan.build(seed)
    recipe = Recipe(epochs, rate, precision=precision, seed=seed)
    train_ages(model, *parts["train"], recipe, batch_size=BATCH)
    return model


@torch.no_grad()
def features_of(backbone: nn.Module, parts: dict[str, Part]) -> dict[str, Part]:
    """Return the features of all faces, of mean 0 and variance 1 over those of training."""
    faces, ages = parts["train"]
    varied = VariedFaces(faces, torch.from_numpy(ages), FEATURE_BATCH, seed=0)
    views = [
        batch for number in range(VIEWS) for batch in varied.epoch(number, torch.device("cpu"))
    ]
    seen = torch.cat([backbone(x) for x, _ in views])
    mean, spread = seen.mean(dim=0), seen.std(dim=0).clamp_min(1e-6)
    own = np.concatenate([y.double().numpy() for _, y in views])
    found = {"train": Part((seen - mean) / spread, own)}
    for split in SPLITS[1:]:
        features = [backbone(x.float() / 255) for x in torch.split(parts[split].inputs, 256)]
        found[split] = Part((torch.cat(features) - mean) / spread, parts[split].ages)
    return found


def train_head(
    name: str,
    options: dict[str, Any],
    parts: dict[str, Part],
    rate: float,
    decay: float,
    epochs: int,
    seed: int,
) -> Head:
    """Train a head on features."""
    features, ages = parts["train"]
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        options = {n: torch.tensor(v) if n == "values" else v for n, v in options.items()}
        head = HEADS[name](features.shape[1], **options)
    years = torch.from_numpy(ages).float()
    head.prepare(years)
    recipe = Recipe(epochs, rate, weight_decay=decay, seed=seed)
    if isinstance(head, ProgressiveMargin):
        _by_curricula(head, features, years, recipe)
    else:
        _fit(head, features, years, recipe)
    return head


def _fit(head: Head, features: Tensor, years: Tensor, recipe: Recipe) -> None:
    batches = Shuffled(features, years, FEATURE_BATCH, recipe.seed)
    model = AgeModel(nn.Identity(), head)
    rate, decay = recipe.learning_rate, recipe.weight_decay
    groups = parameter_groups(
        model.backbone, head, rate, head_multiplier=1.0, weight_decay=decay
    )  # ages' biases do not decay

    def loss(x: Tensor, y: Tensor, share: float) -> Tensor:
        if round(share * recipe.epochs * len(batches)) % len(batches) == 0:
            head.begin_epoch()
        return head.loss(x, y)

    train(model, batches, recipe, loss, groups=groups)


def _by_curricula(head: ProgressiveMargin, features: Tensor, years: Tensor, recipe: Recipe) -> None:
    """Train by PML's curricula, from few samples of common ages to all; in about as many steps."""
    *stages, everything = curricula(years.long(), seed=recipe.seed)
    for stage in stages:
        _fit(head, features[stage], years[stage], replace(recipe, epochs=1))
        head.end_curriculum()
    spent = sum(len(stage) for stage in stages) / len(everything)
    _fit(head, features, years, replace(recipe, epochs=max(1, round(recipe.epochs - spent))))


def ages_by(head: Head, features: Tensor) -> NDArray[np.float64]:
    """Return a head's estimates [n]."""
    return head.eval().predict(features).detach()[:, 0].double().numpy()


def refine_by(
    energy: EnergyDensity, features: Tensor, initial: NDArray[np.float64], step: float
) -> NDArray[np.float64]:
    """Return estimates [n] refined by DCTD's algorithm S1."""
    from sr_arn.age import refine

    start = torch.from_numpy(initial).float()[:, None]
    return refine(energy, features, start, step=step).detach()[:, 0].double().numpy()
