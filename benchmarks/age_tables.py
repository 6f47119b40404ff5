"""Tables and plots of `age_heads.py`: errors over seeds, and differences face by face."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["plot_all", "print_all"]

DRAWS = 2000  # of the bootstrap
RARE = 0.2  # of the ages
AGAINST = {  # whose difference from the ARN of the paper is told
    "end-to-end": ("ARN-101", ("Direct-L2", "DEX", "SSR-Net")),
    "heads": ("ARN-101", ("Direct-L2", "DEX", "SVR", "Ridge", "ARN-10, closed form")),
}

Ages = NDArray[np.float64]
Rows = dict[str, dict[str, Any]]


def print_all(tables: dict[str, Rows], train_ages: Ages, ages: Ages) -> dict[str, Any]:
    """Print every table as Markdown; return their numbers."""
    summary: dict[str, Any] = {"faces": len(ages)}
    median = float(np.median(train_ages))
    floor = float(np.abs(ages - median).mean())
    print(f"\n{len(ages)} test faces; always {median:g} years: {floor:.2f}\n")
    rare = np.isin(ages, rarest(train_ages))
    for name, rows in tables.items():
        if name == "shared":
            found = {
                how: float(np.abs(np.array(rows[""][how]) - ages).mean())
                for how in ("test", "test mirrored")
            }
            print(
                f"the shared network itself: {found['test']:.2f}; mean of each face and its "
                f"mirror image: {found['test mirrored']:.2f}\n"
            )
            summary[name] = found
            continue
        summary[name] = {row: numbers(entry, ages, rare, floor) for row, entry in rows.items()}
        print_table(name, summary[name])
        if name in AGAINST:
            ours, others = AGAINST[name]
            differences = {
                other: difference(rows[ours]["runs"], rows[other]["runs"], ages) for other in others
            }
            summary[f"{name}: {ours} less others"] = differences
            for other, (mean, low, high) in differences.items():
                print(f"{ours} less {other}: {mean:+.3f} years, 95 % {low:+.3f} to {high:+.3f}")
            print()
    return summary


def rarest(ages: Ages) -> Ages:
    """Return the fifth of the ages that have the fewest training faces."""
    values, counts = np.unique(ages, return_counts=True)
    return values[np.argsort(counts, kind="stable")[: round(RARE * len(values))]]


def numbers(
    entry: dict[str, Any], ages: Ages, rare: NDArray[np.bool_], floor: float
) -> dict[str, Any]:
    """Return a row's error: mean and spread over its runs, and on rare ages.

    Runs that do worse than always saying the same have diverged: they are counted apart.
    """
    errors = np.abs(np.array(entry["runs"]) - ages)
    sound = errors.mean(axis=1) < floor
    errors = errors[sound]
    each, on_rare = errors.mean(axis=1), errors[:, rare].mean(axis=1)
    found = {
        "diverged": int((~sound).sum()),
        "mae": round(float(each.mean()), 4),
        "spread": round(float(each.std(ddof=1)), 4) if len(each) > 1 else None,
        "rare": round(float(on_rare.mean()), 4),
        "runs": len(each),
    }
    return found | {k: entry[k] for k in ("rate", "settings", "step", "parameters") if k in entry}


def difference(ours: list[Any], theirs: list[Any], ages: Ages) -> tuple[float, float, float]:
    """Return our error less theirs, and its 95 % interval over test faces and seeds.

    The interval is the bootstrap's: faces and seeds are drawn anew. Of few seeds it is too narrow.
    """
    generator = np.random.default_rng(0)
    a, b = (np.abs(np.array(runs) - ages) for runs in (ours, theirs))
    if len(b) == 1:
        b = np.repeat(b, len(a), axis=0)
    pairs = a[: len(b)] - b[: len(a)]
    means = []
    for _ in range(DRAWS):
        seeds = generator.integers(len(pairs), size=len(pairs))
        faces = generator.integers(pairs.shape[1], size=pairs.shape[1])
        means.append(pairs[seeds].mean(axis=0)[faces].mean())
    low, high = np.quantile(means, (0.025, 0.975))
    return round(float(pairs.mean()), 4), round(float(low), 4), round(float(high), 4)


def print_table(name: str, rows: Rows) -> None:
    """Print a table as Markdown."""
    print(f"| {name} | MAE, years | over seeds | rarest fifth of ages | |\n|---|---|---|---|---|")
    for row, found in rows.items():
        spread = "" if found["spread"] is None else f"+- {found['spread']:.2f} ({found['runs']})"
        spread += f", {found['diverged']} diverged" * bool(found["diverged"])
        more = ", ".join(
            f"{key} {found[key]:,}" if isinstance(found[key], int) else f"{key} {found[key]}"
            for key in ("parameters", "rate", "settings", "step")
            if key in found
        )
        print(f"| {row} | {found['mae']:.2f} | {spread} | {found['rare']:.2f} | {more} |")
    print()


def plot_all(summary: dict[str, Any], folder: Path) -> None:
    """Draw errors against anchors, and every head's before and after refinement."""
    from matplotlib.figure import Figure

    if "anchors" in summary:
        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.add_subplot(
            xlabel="anchors or classes", ylabel="test MAE, years", xscale="log"
        )
        for kind, label in (("arn", "ARN"), ("dex", "DEX")):
            rows = {
                int(key.split()[1]): row
                for key, row in summary["anchors"].items()
                if key.startswith(kind)
            }
            x = sorted(rows)
            y, spread = ([rows[m][k] for m in x] for k in ("mae", "spread"))
            axes.errorbar(x, y, spread, marker="o", capsize=3, label=label)
        axes.set_xticks(x, [str(m) for m in x])
        axes.legend()
        figure.savefig(folder / "age_anchors.png", metadata={"Software": None})
    if "heads" in summary:
        figure = Figure(figsize=(7, 5), layout="constrained")
        axes = figure.add_subplot(xlabel="test MAE, years")
        order = sorted(summary["heads"], key=lambda key: -summary["heads"][key]["mae"])
        for table, marker, label in (("heads", "o", "as trained"), ("refined", "x", "refined")):
            known = [(n, key) for n, key in enumerate(order) if key in summary.get(table, {})]
            x = [summary[table][key]["mae"] for _, key in known]
            spread = [summary[table][key]["spread"] or 0.0 for _, key in known]
            axes.errorbar(x, [n for n, _ in known], xerr=spread, fmt=marker, capsize=3, label=label)
        axes.set_yticks(range(len(order)), order)
        axes.legend()
        figure.savefig(folder / "age_heads.png", metadata={"Software": None})
