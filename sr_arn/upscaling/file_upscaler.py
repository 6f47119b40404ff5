"""From picture file to larger picture file: which model, which size, what is written."""

import sys
from collections.abc import Callable
from copy import copy
from dataclasses import KW_ONLY, dataclass, field, replace
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from sr_arn.checks import check_integer
from sr_arn.errors import InputError, display
from sr_arn.models.base import BicubicModel, check_restores
from sr_arn.models.restoration import OFF, Restore, Strengths
from sr_arn.pictures.formats import FORMATS, Format, format_of
from sr_arn.pictures.io import MAX_PIXELS, as_it_fits, encode_strips, read_image, write_image
from sr_arn.pictures.metadata import Metadata
from sr_arn.pictures.picture import Frame, Picture
from sr_arn.system.cluster import Cluster
from sr_arn.system.files import write_whole
from sr_arn.system.locations import is_local
from sr_arn.upscaling.drawing import preview
from sr_arn.upscaling.loading import load_model, trained_scales
from sr_arn.upscaling.sizes import LARGEST_SCALE, Size
from sr_arn.upscaling.tiles import SMALLEST
from sr_arn.upscaling.upscaler import Upscaler

__all__ = ["PIPE", "PREVIEW", "FileUpscaler", "Stopped", "format_named", "preview_of"]

PIPE = Path("-")
"""Stands for standard input or output."""

PREVIEW = ".preview.png"
"""How names of previews end."""

LEAST = {"threads": 1, "tile": SMALLEST, "memory": 1, "max_pixels": 1, "back_project": 0}
QUALITIES = (1, 100)
LOADING = Lock()  # of models, once for all threads


class Stopped(Exception):
    """Work that was asked to end before its time."""


class Enlarged(NamedTuple):
    """What became of a picture."""

    frame: Frame
    """Of the result."""
    model: str
    """Its name in the box, or its file's."""
    restored: Strengths


@dataclass(frozen=True)
class FileUpscaler:
    """Enlarges picture files, all in the same way; its models are loaded once.

    Attributes
    ----------
    model : str, optional
        A name in the box or a file; by default the best for the size.
    size : Size
        By default as large as the model makes it, or three times.
    device : {"cpu", "cuda", "auto"}, default "cpu"
    ensemble, back_project
        See `Upscaler.refined`.
    threads, tile, memory : int, optional
        See `Upscaler`.
    max_pixels : int
        Of what is read.
    strip : bool, default False
        Whether metadata are left out.
    quality : int, optional
        Of JPEG, WebP and AVIF.
    preview : bool, default False
        Whether a picture `preview_of` the target shows a part beside what bicubic makes of it.
    cluster : Cluster, optional
        Whose workers enlarge the tiles of a picture, instead of threads here.
    restore : Restore
        By default all that is found.

    Raises
    ------
    InputError
        If a number is out of range.
    """

    model: str | None = None
    _: KW_ONLY
    size: Size = field(default_factory=Size)
    device: str = "cpu"
    ensemble: bool = False
    back_project: int = 0
    threads: int | None = None
    tile: int | None = None
    memory: int | None = None
    max_pixels: int = MAX_PIXELS
    strip: bool = False
    quality: int | None = None
    preview: bool = False
    cluster: Cluster | None = None
    restore: Restore = field(default_factory=Restore)
    _upscalers: dict[int | None, Upscaler] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name, least in LEAST.items():
            value = getattr(self, name)
            if value is not None:
                check_integer(value, name.replace("_", "-"), least)
        if self.quality is not None and not QUALITIES[0] <= self.quality <= QUALITIES[1]:
            raise InputError(f"quality: expected 1 to 100, received {self.quality}")
        if self.back_project and self.restore.is_asked:
            raise InputError(
                "restore: is not possible with back-project, which brings back what was taken "
                "off; leave out one of them"
            )

    def __call__(
        self,
        source: Path,
        target: Path,
        kind: Format | None = None,
        watch: Callable[[float], object] = lambda share: None,
    ) -> Enlarged:
        """Read, enlarge and write one picture.

        Parameters
        ----------
        source, target : path
            `PIPE` stands for standard input or output.
        kind : Format, optional
            Of what is written; by default what the target's name says.
        watch : callable, optional
            Is told what share is done, up to 1. If it raises an exception, `Stopped` say, the
            work ends with that, and nothing half-written stays.

        Returns
        -------
        Enlarged

        Raises
        ------
        InputError
            If the picture cannot be read, enlarged so or written so.
        """
        kind = kind or format_of(target)
        picture = self._read(source)
        if self.strip:
            picture = replace(picture, metadata=Metadata())
        height, width = picture.pixels.shape[:2]
        upscaler, strengths = self._chosen_for(picture)
        size = height * upscaler.scale, width * upscaler.scale
        if self.size.given:
            size = self.size.of(height, width)
        original, picture = picture, as_it_fits(kind, picture, size)
        frame = picture.frame.of_size(*size)
        strips = upscaler.upscale_strips(picture, size, watch, strengths)
        if target == PIPE:
            if sys.stdout is None:
                raise InputError("stdout: is closed")
            whole = BytesIO()
            encode_strips(whole, kind, frame, strips, self.threads, self.quality)
            try:
                sys.stdout.buffer.write(whole.getbuffer())
                sys.stdout.buffer.flush()
            except BrokenPipeError:
                raise InputError("stdout: was closed before the picture was written") from None
        else:
            write_whole(
                target,
                lambda file: encode_strips(file, kind, frame, strips, self.threads, self.quality),
            )
        if self.preview and target != PIPE:
            shown = preview(original, upscaler.restored(strengths))
            write_image(preview_of(target), Picture(shown))
        return Enlarged(frame, upscaler.name, strengths)

    def _chosen_for(self, picture: Picture) -> tuple[Upscaler, Strengths]:
        """Return what enlarges a picture, and what of it is restored.

        A picture that is not enlarged is restored by the smallest model, then shrunk by bicubic;
        one that is shrunk, only if that is asked for.
        """
        shape = picture.pixels.shape[:2]
        upscaler = self.upscaler_for(*shape)
        if upscaler.scale > 1 or self.model is not None:
            return upscaler, upscaler.strengths_of(picture, self.restore)
        if self.restore.is_asked or self.size.of(*shape) == shape:
            restoring = self._upscaler(min(trained_scales()))
            strengths = restoring.strengths_of(picture, self.restore)
            if strengths.is_degraded:
                return restoring, strengths
        return upscaler, OFF

    def _read(self, source: Path) -> Picture:
        """Read a file, standard input, or another pipe."""
        if source == PIPE:
            whole = b"" if sys.stdin is None else sys.stdin.buffer.read()
            if not whole:
                raise InputError("stdin: is empty or closed; expected a picture")
            return read_image(whole, max_pixels=self.max_pixels)
        is_pipe = (
            is_local(source) and source.exists() and not source.is_file() and not source.is_dir()
        )
        return read_image(source.read_bytes() if is_pipe else source, max_pixels=self.max_pixels)

    def prepare(self) -> int:
        """Load what is sure to be needed; return the model's scale, or 1 where that will depend.

        So a mistake is told before pictures are read.

        Raises
        ------
        InputError
            If there is no such model or device, or the model does not restore as is wanted.
        """
        if self.restore.is_asked and self.model == BicubicModel.name:
            check_restores(BicubicModel(1))
        if self.size.given and self.model in (None, BicubicModel.name):
            return 1
        upscaler = self._upscaler(None)
        if self.restore.is_asked:
            check_restores(upscaler.model)
        return upscaler.scale

    def restoring(self, restore: Restore) -> "FileUpscaler":
        """Return one that restores so, with the same models."""
        other = replace(self, restore=restore)
        object.__setattr__(other, "_upscalers", self._upscalers)
        return other

    def for_a_worker(self, most_pixels: int) -> "FileUpscaler":
        """Return one that a worker of a cluster uses, with the models that are loaded.

        Parameters
        ----------
        most_pixels : int
            Of what it reads: larger pictures are for all workers together.
        """
        most = min(self.max_pixels, most_pixels)
        threads = self.threads or 1
        other = replace(self, cluster=None, threads=threads, max_pixels=most)
        for scale, upscaler in self._upscalers.items():
            own = other._upscalers[scale] = copy(upscaler)
            own.cluster, own.threads = None, threads
        return other

    def upscaler_for(self, height: int, width: int) -> Upscaler:
        """Return what enlarges a picture of so many pixels, to the size or beyond.

        Raises
        ------
        InputError
            If no model enlarges so much.
        """
        upscaler = self._upscaler(self._scale_for(height, width))
        if self.size.given and self.model not in (None, BicubicModel.name):
            self._check(upscaler.scale, height, width)
        return upscaler

    def _upscaler(self, scale: int | None) -> Upscaler:
        with LOADING:
            if scale not in self._upscalers:
                self._upscalers[scale] = self._load(scale)
            return self._upscalers[scale]

    def _scale_for(self, height: int, width: int) -> int | None:
        """Return the scale of the model to be taken; None is what it has."""
        is_bicubic = self.model == BicubicModel.name
        if not self.size.given or (self.model is not None and not is_bicubic):
            return None
        wanted, exact = self.size.of(height, width), self.size.scale
        if is_bicubic:  # it makes any size by itself
            return int(exact) if exact is not None and exact == int(exact) else 1
        enough = [s for s in (1, *trained_scales()) if _reaches(s, height, width, wanted)]
        if not enough:
            self._check(max(trained_scales()), height, width)
        return min(enough)

    def _check(self, scale: int, height: int, width: int) -> None:
        """Raise `InputError` if a scale does not reach the size."""
        wanted = self.size.of(height, width)
        if not _reaches(scale, height, width, wanted):
            what = "the largest trained scale" if self.model is None else display(self.model)
            given = ", ".join(f"{k.replace('_', '-')} {v:g}" for k, v in self.size.given.items())
            remedy = (
                f"--model bicubic takes up to {LARGEST_SCALE}"
                if self.model is None
                else "take another model"
            )
            raise InputError(
                f"size: {given} makes {wanted[1]} x {wanted[0]} pixels of {width} x {height}, more "
                f"than {scale} times ({what}); {remedy}"
            )

    def _load(self, scale: int | None) -> Upscaler:
        if scale == 1:  # no model is asked for a smaller picture
            upscaler = Upscaler(BicubicModel(1))
        else:
            upscaler = load_model(self.model, scale=scale)
            if self.device == "cuda" or (self.device == "auto" and upscaler.can_run_on_cuda):
                upscaler = upscaler.on("cuda")
            upscaler = upscaler.refined(self.ensemble, self.back_project)
        upscaler.threads, upscaler.tile, upscaler.memory = self.threads, self.tile, self.memory
        upscaler.cluster = self.cluster
        return upscaler


def _reaches(scale: int, height: int, width: int, wanted: tuple[int, int]) -> bool:
    return scale * height >= wanted[0] and scale * width >= wanted[1]


def preview_of(target: Path) -> Path:
    """Return where the preview of a result goes."""
    return target.with_name(f"{target.stem}{PREVIEW}")


def format_named(name: str) -> Format:
    """Return the format of a name such as png or jpeg, else raise `InputError`."""
    for kind in FORMATS:
        if kind.modes and (
            name.lower() == kind.name.lower() or f".{name.lower()}" in kind.suffixes
        ):
            return kind
    known = ", ".join(kind.name.lower() for kind in FORMATS if kind.modes)
    raise InputError(f"format: expected one of {known}, received {display(name)}")
