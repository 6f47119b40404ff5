"""The report of a benchmark: one HTML file of tables, plots and pictures under sliders."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sr_arn._version import __version__
from sr_arn.evaluation.evaluate import SetScore
from sr_arn.pictures.color import luminance, rgb_to_ycbcr, ycbcr_to_rgb
from sr_arn.pictures.io import read_image
from sr_arn.pictures.picture import Picture
from sr_arn.pictures.resize import crop_to_multiple, imresize
from sr_arn.planes import WHITE, to_levels
from sr_arn.upscaling.drawing import visible
from sr_arn.web.pages import Version, View, page, picture_source
from sr_arn.web.plot import Plot, Point, scatter

__all__ = ["ShownPictures", "benchmark_page", "comparison_page"]

ORIGINAL = "original"
Plane = NDArray[np.float32]


class ShownPictures:
    """Results for the first pictures of each set, in colour, ready for a page.

    Parameters
    ----------
    most : int
        Pictures of each set.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.sources: dict[tuple[str, str], dict[str, str]] = {}
        """By set and file name: the source of each model's picture and of the original."""
        self._colours: dict[Path, Plane] = {}

    def add(self, model: str, set_name: str, path: Path, scale: int, hr: Plane) -> None:
        """Add a result's luminance [h, w], with the colour of bicubic."""
        place = set_name, path.name
        if place not in self.sources:
            if sum(name == set_name for name, _ in self.sources) >= self.most:
                return
            self.sources[place] = {}
            self._add_original(place, path, scale)
        if path in self._colours:
            pixels = ycbcr_to_rgb(np.concatenate([hr[..., None], self._colours[path]], axis=-1))
        else:
            pixels = hr
        self.sources[place][model] = picture_source(to_levels(pixels))

    def _add_original(self, place: tuple[str, str], path: Path, scale: int) -> None:
        pixels = crop_to_multiple(read_image(path).seen(path.name), scale)
        if pixels.ndim == 3:
            shown = to_levels(pixels / np.float32(WHITE[pixels.dtype.name]))
            ycbcr = rgb_to_ycbcr(shown / np.float32(255))
            self._colours[path] = imresize(imresize(ycbcr[..., 1:], 1 / scale), scale)
        else:
            shown = to_levels(luminance(pixels))
        self.sources[place][ORIGINAL] = picture_source(shown)


@dataclass(frozen=True)
class Cell:
    """A cell of a table, and whether it is marked as the best."""

    text: str
    best: bool = False


Row = tuple[str, list[Cell]]


def benchmark_page(
    scores: Sequence[SetScore], pictures: ShownPictures, scale: int, border: str
) -> str:
    """Return the page of the scores of `sr_arn.evaluation.evaluate.evaluate`."""
    sets = list(dict.fromkeys(score.title for score in scores))
    models = list(dict.fromkeys(score.model for score in scores))
    by_set = {name: [score for score in scores if score.title == name] for name in sets}
    return page(
        "report.html",
        f"Super-resolution x{scale}: {', '.join(sets)}",
        sets=sets,
        models=[_short(model) for model in models],
        rows=_summary(models, list(by_set.values())),
        images={name: _per_image(own) for name, own in by_set.items()},
        plots={name: _plot(own) for name, own in by_set.items()},
        views={name: _views(name, own, pictures) for name, own in by_set.items()},
        counts={name: len(own[0].images) for name, own in by_set.items()},
        scale=scale,
        border=border,
        version=__version__,
    )


def comparison_page(paths: tuple[Path, Path]) -> str:
    """Return a page with two pictures of any kind under a slider.

    Raises
    ------
    InputError
        If one cannot be read.
    """
    pictures = [read_image(path) for path in paths]
    versions = [
        Version(name, _source_of(picture), _size(picture))
        for name, picture in zip(_names(paths), pictures, strict=True)
    ]
    title = " and ".join(dict.fromkeys(version.name for version in versions))
    return page("compare.html", title, view=View("", tuple(versions), 0, 1))


def _names(paths: tuple[Path, Path]) -> tuple[str, str]:
    """Return names that distinguish the files, with their folders if necessary."""
    first, second = paths
    if first.name != second.name:
        return first.name, second.name
    return str(first), str(second)


def _size(picture: Picture) -> str:
    height, width = picture.pixels.shape[:2]
    return f"{width} x {height} pixels"


def _source_of(picture: Picture) -> str:
    """Return a picture of any kind as a browser shows it."""
    profile = None if picture.is_cmyk else picture.metadata.icc_profile
    return picture_source(visible(picture), profile)


def _cells(values: Sequence[tuple[float, float]]) -> list[Cell]:
    """Return PSNR and SSIM of some models; the best PSNR is marked."""
    best = max(psnr for psnr, _ in values)
    return [Cell(f"{psnr:.2f} / {ssim:.4f}", psnr == best) for psnr, ssim in values]


def _summary(models: list[str], sets: list[list[SetScore]]) -> list[Row]:
    columns = [_cells([(score.psnr, score.ssim) for score in own]) for own in sets]
    times = [
        np.mean([own[index].microseconds_per_pixel for own in sets]) for index in range(len(models))
    ]
    return [
        (_short(model), [*(column[index] for column in columns), Cell(f"{times[index]:.2f}")])
        for index, model in enumerate(models)
    ]


def _per_image(own: list[SetScore]) -> list[Row]:
    rows = zip(*(score.images for score in own), strict=True)
    return [(images[0].image, _cells([(i.psnr, i.ssim) for i in images])) for images in rows]


def _plot(own: list[SetScore]) -> Plot | None:
    """Return PSNR against time; PSNR is infinite for equal pictures, for example flat ones."""
    points = [Point(_short(s.model), s.microseconds_per_pixel, s.psnr) for s in own]
    points = [point for point in points if math.isfinite(point.y)]
    return scatter(points, "microseconds per LR pixel", "PSNR on Y, dB") if points else None


def _short(model: str) -> str:
    """Return the name of a model; that of a file is without its folders."""
    return Path(model).name


def _views(set_name: str, own: list[SetScore], pictures: ShownPictures) -> list[View]:
    """Return the pictures of each model, from bicubic to the best, and the original."""
    best = max(range(len(own)), key=lambda index: own[index].psnr)
    views = []
    for index, image in enumerate(own[0].images):
        sources = pictures.sources.get((set_name, image.image))
        if sources is None:
            continue
        versions = [
            Version(_short(score.model), sources[score.model], f"{score.images[index].psnr:.2f} dB")
            for score in own
        ]
        versions.append(Version(ORIGINAL, sources[ORIGINAL]))
        views.append(View(image.image, tuple(versions), 0, best if best else len(versions) - 1))
    return views
