"""Measure up-scalers on sets of HR images: see `sr_arn.evaluation.protocol`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sr_arn.datasets.degradation import BICUBIC, Degradation
from sr_arn.datasets.images import ImageFiles
from sr_arn.errors import InputError, display
from sr_arn.evaluation.protocol import enlarge
from sr_arn.models.restoration import Restore
from sr_arn.upscaling.tiles import Border
from sr_arn.upscaling.upscaler import HowToRestore, Upscaler

__all__ = ["ImageScore", "Keep", "SetScore", "evaluate", "report", "table"]

Keep = Callable[[str, str, Path, int, NDArray[np.float32]], object]
"""Called with model, title of the score, HR picture file, scale and HR luminance of the result."""


@dataclass(frozen=True)
class ImageScore:
    """How one up-scaler did on one image."""

    image: str
    psnr: float
    """dB, on Y."""
    ssim: float
    seconds: float
    """From LR to HR luminance."""
    lr_pixels: int


@dataclass(frozen=True)
class SetScore:
    """How one up-scaler did on one set."""

    model: str
    set: str
    images: tuple[ImageScore, ...]
    degradation: str = str(BICUBIC)
    """How the LR images came about."""

    @property
    def title(self) -> str:
        """The set, and the degradation if there is one."""
        return self.set if self.degradation == str(BICUBIC) else f"{self.set}, {self.degradation}"

    @property
    def psnr(self) -> float:
        """Mean of the images' PSNR, dB."""
        return fmean(image.psnr for image in self.images)

    @property
    def ssim(self) -> float:
        """Mean of the images' SSIM."""
        return fmean(image.ssim for image in self.images)

    @property
    def microseconds_per_pixel(self) -> float:
        """Time per LR pixel over the whole set."""
        seconds = sum(image.seconds for image in self.images)
        return 1e6 * seconds / sum(image.lr_pixels for image in self.images)


def evaluate(
    models: Mapping[str, Upscaler],
    sets: Mapping[str, Sequence[Path] | Sequence[ImageFiles]],
    *,
    border: Border = "paper",
    progress: Callable[[str], object] = lambda line: None,
    degrade: Degradation = BICUBIC,
    restore: HowToRestore = "off",
    keep: Keep = lambda model, name, path, scale, result: None,
) -> list[SetScore]:
    """Score every model on every set.

    Parameters
    ----------
    models : dict of Upscaler by name
    sets : dict of lists of HR picture files by name
        Or of `ImageFiles`, which may have LR versions of their own.
    border : {"paper", "full"}, default "paper"
    progress : callable, optional
        Called with a line on each set's score.
    degrade : Degradation, default bicubic
        What makes LR images of HR ones, in colour if it acts on that: see
        `sr_arn.evaluation.protocol`.
    restore : {"off", "auto"}, float or Strengths, default "off"
        See `Upscaler.upscale`.
    keep : callable, optional
        Called with each result: see `Keep`.
    """
    in_colour = degrade.in_colour or not Restore.of(restore).is_off
    how = {"border": border, "degrade": degrade, "restore": restore}
    scores = []
    for name, upscaler in models.items():
        upscaler.upscale_luminance(np.zeros((9, 9)))  # compiles, so that no image is timed with it
        for set_name, paths in sets.items():
            images = []
            title = SetScore(name, set_name, (), str(degrade)).title
            for files in map(ImageFiles.of, paths):
                score, result = _named_score(upscaler, files, in_colour, how)
                images.append(score)
                keep(name, title, files.hr, upscaler.scale, result)
            scores.append(SetScore(name, set_name, tuple(images), str(degrade)))
            told = f"{display(name)} on {display(title)}"
            progress(f"{told}: {scores[-1].psnr:.2f} dB")
    return scores


def _named_score(
    upscaler: Upscaler, files: ImageFiles, in_colour: bool, how: dict[str, Any]
) -> tuple[ImageScore, NDArray[np.float32]]:
    """Score an image; errors name it."""
    try:
        return _score_image(upscaler, files, in_colour, how)
    except InputError as error:
        path = files.hr
        where = "" if display(path) in str(error) else f"{display(path.name)}: "
        raise InputError(f"{where}{error}") from error


def _score_image(
    upscaler: Upscaler, files: ImageFiles, in_colour: bool, how: dict[str, Any]
) -> tuple[ImageScore, NDArray[np.float32]]:
    """Return the score, and the HR luminance that was scored."""
    made = enlarge(upscaler, files.read(upscaler.scale, in_colour), **how)
    score = ImageScore(files.hr.name, made.psnr, made.ssim, made.seconds, made.lr.size)
    return score, made.result


def table(scores: Sequence[SetScore]) -> str:
    """Return the scores as a Markdown table: a row for each model, PSNR / SSIM for each set."""
    sets = list(dict.fromkeys(score.set for score in scores))
    rows = [["model", *map(display, sets), "microseconds per LR pixel"]]
    for model in dict.fromkeys(score.model for score in scores):
        own = [score for score in scores if score.model == model]
        cells = [f"{score.psnr:.2f} / {score.ssim:.4f}" for score in own]
        rows.append([display(model), *cells, f"{fmean(s.microseconds_per_pixel for s in own):.2f}"])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    rows.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |"
        for row in rows
    )


def report(scores: Sequence[SetScore], scale: int, border: Border) -> dict[str, Any]:
    """Return the scores as JSON-ready data, with every image."""
    return {
        "scale": scale,
        "border": border,
        "scores": [
            {
                "model": score.model,
                "set": score.set,
                "degradation": score.degradation,
                "psnr": score.psnr,
                "ssim": score.ssim,
                "microseconds_per_lr_pixel": score.microseconds_per_pixel,
                "images": [vars(image) for image in score.images],
            }
            for score in scores
        ],
    }
