"""`sr-arn age predict`."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sr_arn.cli.age.options import check_torch
from sr_arn.cli.options import add_json, check_json, emit_json, path_or_url

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sr_arn.age.prediction import Estimate

SUMMARY = "Estimate the ages of faces in photos."
EXAMPLE = "sr-arn age predict photo.jpg --model age.safetensors --plot ages.png"
SOME_FAILED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("inputs", type=path_or_url, nargs="+", metavar="PHOTO")
    parser.add_argument(
        "--model", type=path_or_url, required=True, metavar="FILE", help="of `sr-arn age train`"
    )
    parser.add_argument(
        "--cropped", action="store_true", help="the photos are nothing but faces; look for none"
    )
    parser.add_argument(
        "--plot",
        type=path_or_url,
        metavar="PNG",
        help="draw the photo with faces, ages and densities; of several photos, a folder",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Estimate the ages on each photo; return 1 if one cannot be read or shows no face."""
    from sr_arn.errors import InputError, display

    check_json(args.json)
    check_torch()
    from sr_arn.age.model_file import load_age_model
    from sr_arn.age.prediction import estimate_ages

    plots = _plots(args)
    saved = load_age_model(args.model)
    results: list[dict[str, Any]] = []
    for path, plot in zip(args.inputs, plots, strict=True):
        try:
            photo = _read(path)
            found = estimate_ages(saved, photo, cropped=args.cropped)
        except InputError as error:
            if len(args.inputs) == 1:
                raise
            results.append({"photo": str(path), "error": str(error)})
        else:
            results.append({"photo": str(path), "faces": [_told(e, saved.error) for e in found]})
            if plot is not None:
                _draw(plot, photo, found)
        if not args.json:
            for line in _lines(results[-1], display(path)):
                print(line)
    if args.json:
        emit_json(args.json, {"photos": results})
    return 0 if all(result.get("faces") for result in results) else SOME_FAILED


def _plots(args: argparse.Namespace) -> Sequence[Path | None]:
    """Return where each photo's drawing goes."""
    from sr_arn.errors import InputError, display
    from sr_arn.system.files import check_folder, check_output
    from sr_arn.system.locations import is_same

    if args.plot is None:
        return [None] * len(args.inputs)
    if len(args.inputs) == 1:
        if args.plot.suffix.lower() != ".png":
            raise InputError(f"plot: expected a name ending in .png, received {display(args.plot)}")
        plots = [check_output(args.plot, "plot")]
    else:
        folder = check_folder(args.plot, "plot")
        plots = [folder / f"{path.stem}.png" for path in args.inputs]
        if len(set(plots)) < len(plots):
            raise InputError("plot: two photos have the same name; draw them one after another")
        folder.mkdir(parents=True, exist_ok=True)
    for plot in plots:
        if any(is_same(plot, photo) for photo in args.inputs):
            raise InputError(f"plot: {display(plot)} is one of the photos; give another location")
    return plots


def _read(path: Path) -> "NDArray[np.uint8]":
    """Return a photo as RGB levels."""
    import numpy as np
    from PIL import Image

    from sr_arn.pictures.io import read_image
    from sr_arn.upscaling.drawing import visible

    return np.asarray(Image.fromarray(visible(read_image(path))).convert("RGB"))


def _told(estimate: "Estimate", error: float | None) -> dict[str, Any]:
    """Return the text for a face: an age, and its uncertainty."""
    return {
        "box": estimate.box._asdict(),
        "age": estimate.age,
        "standard_deviation": estimate.spread,
        "mean_absolute_error": error,
    }


def _lines(result: dict[str, Any], name: str) -> list[str]:
    """Return a photo's result as it is printed."""
    if "error" in result:
        return [result["error"]]
    if not result["faces"]:
        return [f"{name}: no face found"]
    lines = []
    for face in result["faces"]:
        box, sure = face["box"], ""
        if face["standard_deviation"] is not None:
            sure = f" +- {face['standard_deviation']:.1f}"
        elif face["mean_absolute_error"] is not None:
            sure = f" +- {face['mean_absolute_error']:.1f} (mean error of the model)"
        where = f"face at {box['left']}, {box['top']}, {box['width']} x {box['height']}"
        lines.append(f"{name}: {where}: {face['age']:.1f}{sure} years")
    return lines


def _draw(path: Path, photo: "NDArray[np.uint8]", estimates: "list[Estimate]") -> None:
    """Draw a photo with its faces, and the densities of their ages."""
    from io import BytesIO

    from sr_arn.age.prediction import GRID
    from sr_arn.errors import UnavailableError
    from sr_arn.system.files import write_whole

    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.patches import Rectangle
    except ModuleNotFoundError as error:
        raise UnavailableError('plot: needs matplotlib; pip install "sr-arn[torch]"') from error

    curves = [e for e in estimates if e.density is not None]
    figure = Figure(figsize=(6, 8 if curves else 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2 if curves else 1, squeeze=False)[:, 0]
    axes[0].imshow(photo)
    axes[0].set_axis_off()
    for number, (box, age, _, density) in enumerate(estimates):
        color = f"C{number % 10}"
        corner = box.left, box.top
        axes[0].add_patch(Rectangle(corner, box.width, box.height, fill=False, edgecolor=color))
        axes[0].annotate(f"{age:.0f}", corner, color="white", backgroundcolor=color)
        if density is not None:
            axes[1].plot(GRID, density, color=color)
            axes[1].axvline(age, color=color, linestyle=":")
    if curves:
        axes[1].set(xlabel="age, years", ylabel="density")
    whole = BytesIO()
    figure.savefig(whole, format="png", metadata={"Software": None})
    write_whole(path, lambda file: file.write(whole.getvalue()))
