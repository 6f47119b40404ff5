"""Which head estimates ages best? Train them all on the same faces, the same way, and look.

    python benchmarks/age_heads.py --data utkface:FOLDER --json docs/age_heads.json --plots docs

Learning rates and weight decays are those that do best on the validation faces, with one seed that
is not among those of the tables; so are the step of refinement, and the ridges. A run that
`checkpoints/age` holds already is not repeated, so that the command goes on where it was stopped;
two of them, with --only end-to-end and --only frozen, share the work. Each takes one core.
"""

import argparse
import itertools
import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from age_runs import (
    VIEWS,
    Part,
    Runs,
    ages_by,
    end_to_end,
    error,
    features_of,
    read_parts,
    refine_by,
    train_head,
    train_on_faces,
)
from age_tables import plot_all, print_all
from sklearn.base import RegressorMixin
from sklearn.linear_model import Ridge
from sklearn.svm import SVR

from sr_arn.age.model import Plan
from sr_arn.age.model_file import SavedModel, load_age_model, save_age_model
from sr_arn.age.training import VariedFaces, predict_ages
from sr_arn.errors import InputError
from sr_arn.regressors import GlobalARNRegressor

CHECKPOINTS = Path(__file__).parents[1] / "checkpoints" / "age"
TUNING_SEED = 1000
DIVERGED = 1e6  # years
ANCHORS = (2, 5, 10, 20, 50, 101)

PLANS = {
    "Direct-L2": Plan("ssrnet", "direct"),
    "DEX": Plan("ssrnet", "dex"),
    "ARN-10": Plan("ssrnet", "arn", head_options={"anchors": 10}),
    "ARN-101": Plan("ssrnet", "arn", head_options={"anchors": 101}),
    "SSR-Net": Plan("ssrnet", "ssr"),
}
ABLATED = {"SSR-Net without dynamic range": ("SSR-Net", {"dynamic": 0.0})}
RATES = (1e-3, 3e-3, 1e-2)
EPOCHS = 24
TUNING_SHARE = 5  # rates are compared by trainings of a fifth of the epochs
SEEDS = (0, 1, 2)

SHARED = Plan("residual", "ldl")  # the backbone whose features all heads of a table see
SHARED_EPOCHS, SHARED_RATE = 40, 2e-3

ENERGY = {"samples": 64, "embedding": [16, 32, 64], "hidden": [64]}
HEADS: dict[str, tuple[str, dict[str, Any]]] = {
    "Direct-L2": ("direct", {}),
    "Direct-Huber": ("direct", {"distance": "huber"}),
    "Gaussian": ("gaussian", {}),
    "Laplace": ("laplace", {}),
    "DEX": ("dex", {}),
    "Softmax CE+L2": ("softmax", {"variance_weight": 0.0}),
    "Softmax CE+L2+Var": ("softmax", {}),
    "Label distribution": ("ldl", {}),
    "ARN-10": ("arn", {"anchors": 10}),
    "ARN-101": ("arn", {"anchors": 101}),
    "SSR": ("ssr", {}),
    "PML": ("pml", {}),
    "Energy": ("energy", ENERGY),
}
HEAD_RATES, DECAYS = (1e-3, 3e-3, 1e-2, 3e-2), (0.0, 1e-3, 1e-2, 1e-1)
HEAD_EPOCHS = 6
HEAD_SEEDS = tuple(range(10))
STEPS = (0.1, 0.3, 1.0, 3.0, 10.0)
CLOSED: dict[str, tuple[Callable[[float], RegressorMixin], tuple[float, ...]]] = {
    "Ridge": (lambda a: Ridge(alpha=a), (1.0, 1e2, 1e3, 1e4, 1e5)),
    "SVR": (lambda c: SVR(C=c), (1.0, 3.0, 10.0, 30.0)),
    "ARN-10, closed form": (
        lambda r: GlobalARNRegressor(10, rank=None, regularisation=r, penalise_bias=False),
        (1e-6, 1e-4, 1e-3, 1e-2, 1e-1),
    ),
}

Rows = dict[str, dict[str, Any]]


def tuned(runs: Runs, name: str, grid: Iterable[Any], score: Callable[[Any], float]) -> Any:
    """Return the setting with the least validation error."""

    def scored(setting: Any) -> float:
        try:
            return score(setting)
        except InputError:  # the loss was no longer finite
            return DIVERGED

    scores = runs.result(name, lambda: {"scores": [[s, scored(s)] for s in grid]})["scores"]
    return min(scores, key=lambda pair: pair[1])[0]


def table_end_to_end(
    runs: Runs, parts: dict[str, Part], precision: str, seeds: list[int], epochs: int
) -> Rows:
    """Train every head with the streams of SSR-Net."""
    rows: Rows = {}
    ages = parts["validation"].ages

    def trained(plan: Plan, epochs: int, rate: float, seed: int) -> dict[str, Any]:
        return end_to_end(plan, parts, epochs, rate, seed, precision)

    def score(plan: Plan) -> Callable[[float], float]:
        few = max(1, epochs // TUNING_SHARE)
        return lambda r: error(ages, trained(plan, few, r, TUNING_SEED)["validation"])

    rates = {
        name: tuned(runs, f"rate {name} {epochs}", RATES, score(plan))
        for name, plan in PLANS.items()
    }
    for seed in seeds:  # so that what is stopped has whole seeds
        plans = dict(PLANS)
        for name, (whole, options) in ABLATED.items():
            plans[name] = Plan("ssrnet", "ssr", head_options=options)
            rates[name] = rates[whole]
        for name, plan in plans.items():
            rate = rates[name]
            run = partial(trained, plan, epochs, rate, seed)
            found = runs.result(f"end-to-end {name} {epochs} {seed}", run)
            row = rows.setdefault(name, {"runs": [], "rate": rate})
            row["parameters"] = found["parameters"]
            row["runs"].append(found["test"])
    return rows


def shared_features(
    runs: Runs, parts: dict[str, Part], precision: str
) -> tuple[dict[str, Any], dict[str, Part]]:
    """Return a network's own ages, and the features of its backbone; trained if it is not there."""
    path = runs.folder / "shared.safetensors"
    if not path.is_file():
        model = train_on_faces(SHARED, parts, SHARED_EPOCHS, SHARED_RATE, 0, precision)
        save_age_model(path, SavedModel(model, SHARED, 64, 0.0, {}, None))
    model = load_age_model(path).model

    def own() -> dict[str, Any]:
        return {
            f"{split}{' mirrored' * mirrored}": predict_ages(
                model, parts[split].inputs, mirrored=mirrored
            )
            .round(3)
            .tolist()
            for split in ("validation", "test")
            for mirrored in (False, True)
        }

    return runs.result("shared", own), features_of(model.backbone, parts)


def table_heads(runs: Runs, parts: dict[str, Part]) -> Rows:
    """Train every head on the same features."""
    rows: Rows = {}
    for name, (kind, options) in HEADS.items():
        settings = head_settings(runs, parts, name, kind, options)
        row = rows[name] = {"runs": [], "validation": [], "settings": settings}
        for seed in HEAD_SEEDS:
            run = partial(head_run, parts, kind, options, settings, seed)
            found = runs.result(f"head {name} {seed}", run)
            row["runs"].append(found["test"])
            row["validation"].append(found["validation"])
    train, held = parts["train"], parts["validation"]
    x = train.inputs.double().numpy()
    for name, (make, grid) in CLOSED.items():
        few = slice(None, len(x) // VIEWS) if name == "SVR" else slice(None)  # it is cubic

        def ages(split: str, value: float, make: Any = make, few: slice = few) -> Any:
            fitted = make(value).fit(x[few], train.ages[few])
            return fitted.predict(parts[split].inputs.double().numpy()).ravel()

        def score(value: float, ages: Any = ages) -> float:
            return error(held.ages, ages("validation", value))

        def tested(ages: Any = ages, value: float | None = None) -> dict[str, Any]:
            return {"test": ages("test", value).tolist()}

        best = tuned(runs, f"setting {name}", grid, score)
        found = runs.result(f"head {name}", partial(tested, ages, best))
        rows[name] = {"runs": [found["test"]], "settings": [best]}
    return rows


def head_settings(
    runs: Runs, parts: dict[str, Part], name: str, kind: str, options: dict[str, Any]
) -> list[float]:
    """Return the rate and decay that do best on the validation faces."""
    held = parts["validation"]

    def score(setting: tuple[float, float]) -> float:
        head = train_head(kind, options, parts, *setting, HEAD_EPOCHS, TUNING_SEED)
        return error(held.ages, ages_by(head, held.inputs))

    grid = itertools.product(HEAD_RATES, DECAYS)
    best: list[float] = tuned(runs, f"setting {name}", grid, score)
    return best


def head_run(
    parts: dict[str, Part], kind: str, options: dict[str, Any], settings: list[float], seed: int
) -> dict[str, Any]:
    """Train a head once; return its ages of validation and test faces."""
    rate, decay = settings
    head = train_head(kind, options, parts, rate, decay, HEAD_EPOCHS, seed)
    return {
        split: ages_by(head, parts[split].inputs).round(3).tolist()
        for split in ("validation", "test")
    }


def table_anchors(runs: Runs, parts: dict[str, Part], rows: Rows) -> Rows:
    """Train ARN and DEX with few and many anchors or classes (the ARN paper's figure 2)."""
    found: Rows = {}
    for kind, like in (("arn", "ARN-101"), ("dex", "DEX")):
        for m in ANCHORS:
            options = {"anchors": m} if kind == "arn" else {"values": values(parts, m)}
            settings = rows[like]["settings"]
            done = [
                runs.result(
                    f"anchors {kind} {m} {n}", partial(head_run, parts, kind, options, settings, n)
                )
                for n in SEEDS
            ]
            found[f"{kind} {m}"] = {"runs": [run["test"] for run in done]}
    return found


def values(parts: dict[str, Part], classes: int) -> list[float]:
    """Return what classes stand for: mean ages of as many ranges, or ages in even steps.

    A face is of the class whose value is nearest, so that ranges and means are found together.
    """
    if classes > len(np.unique(parts["train"].ages)) // 2:
        return [float(age) for age in np.linspace(0, 100, classes)]
    ages = parts["train"].ages
    means = np.array([group.mean() for group in np.array_split(np.unique(ages), classes)])
    for _ in range(100):
        nearest = np.abs(ages[:, None] - means).argmin(axis=1)
        means = np.array([ages[nearest == k].mean() for k in range(classes)])
    return [float(mean) for mean in means]


def table_refined(runs: Runs, parts: dict[str, Part], rows: Rows) -> Rows:
    """Refine every head's estimates by an energy (DCTD's table S1)."""
    rate, decay = rows["Energy"]["settings"]
    energies: list[Any] = []
    plain = {
        name: {"validation": row["validation"], "test": row["runs"]}
        for name, row in rows.items()
        if name in HEADS
    }
    found: Rows = {}
    for name in HEADS:
        if name == "Energy":
            continue

        def refined(name: str = name) -> dict[str, Any]:
            if not energies:  # trained when first needed
                energies.extend(
                    train_head("energy", ENERGY, parts, rate, decay, HEAD_EPOCHS, seed)
                    for seed in HEAD_SEEDS
                )

            def ages(split: str, step: float) -> list[Any]:
                starts = plain[name][split]
                return [
                    refine_by(energy, parts[split].inputs, np.array(start), step)
                    for energy, start in zip(energies, starts, strict=True)
                ]

            held = parts["validation"].ages
            scores = {s: np.median([error(held, a) for a in ages("validation", s)]) for s in STEPS}
            best = min(scores, key=lambda s: scores[s])
            return {"step": best, "test": [a.round(3).tolist() for a in ages("test", best)]}

        result = runs.result(f"refined {name}", refined)
        found[name] = {"runs": result["test"], "step": result["step"]}
    return found


def main() -> None:
    """Run all that is not there yet; print the tables, write numbers and plots."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", required=True, metavar="NAME:FOLDER")
    parser.add_argument("--only", choices=("end-to-end", "frozen"), help="a half of the work")
    parser.add_argument("--seeds", default="0,1,2", metavar="A,B", help="of the end-to-end table")
    parser.add_argument(
        "--epochs", type=int, default=EPOCHS, metavar="N", help=f"of that table (default: {EPOCHS})"
    )
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--json", type=Path, metavar="PATH")
    parser.add_argument("--plots", type=Path, metavar="FOLDER")
    args = parser.parse_args()
    torch.set_num_threads(1)
    parts = read_parts(args.data)
    digest = VariedFaces(parts["train"].inputs, torch.tensor(parts["train"].ages), 1, 0).identity()
    runs = Runs(CHECKPOINTS, (digest, args.precision))
    tables: dict[str, Rows] = {}
    if args.only != "frozen":
        seeds = [int(seed) for seed in args.seeds.split(",")]
        tables["end-to-end"] = table_end_to_end(runs, parts, args.precision, seeds, args.epochs)
    if args.only != "end-to-end":
        own, features = shared_features(runs, parts, args.precision)
        tables["shared"] = {"": own}
        tables["heads"] = table_heads(runs, features)
        tables["anchors"] = table_anchors(runs, features, tables["heads"])
        tables["refined"] = table_refined(runs, features, tables["heads"])
    summary = print_all(tables, parts["train"].ages, parts["test"].ages)
    if args.json:
        args.json.write_text(json.dumps(summary, indent=1) + "\n")
    if args.plots:
        plot_all(summary, args.plots)


if __name__ == "__main__":
    main()
