"""From picture file to larger picture file: choose the model and the size, read, write."""

import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sr_arn.checks import check_integer
from sr_arn.errors import InputError, display
from sr_arn.models.base import PLAIN, BicubicModel, check_restores
from sr_arn.models.restoration import OFF, Restore, Strengths
from sr_arn.pictures.conversion import colour_of, flattened, in_srgb
from sr_arn.pictures.formats import Format, format_of
from sr_arn.pictures.io import MAX_PIXELS, as_it_fits, encode_strips, read_image, write_image
from sr_arn.pictures.left_out import noted
from sr_arn.pictures.metadata import Metadata
from sr_arn.pictures.palette import BILEVEL, is_bilevel, nearest_in, palette_of
from sr_arn.pictures.picture import Picture, PictureInfo
from sr_arn.pictures.scaling import Scaling
from sr_arn.system.cluster import Cluster
from sr_arn.system.files import write_whole
from sr_arn.system.locations import is_local
from sr_arn.upscaling.drawing import preview
from sr_arn.upscaling.loading import load_model, passes
from sr_arn.upscaling.options import OPTIONS, RESTORE, SCHEDULE, SIZE
from sr_arn.upscaling.pixel_art import HINT, may_be_pixel_art
from sr_arn.upscaling.schedule import Schedule
from sr_arn.upscaling.sizes import Size
from sr_arn.upscaling.upscaler import Upscaler

__all__ = ["PIPE", "PREVIEW", "FileUpscaler", "Stopped", "preview_of"]

logger = logging.getLogger(__name__)

PIPE = Path("-")
"""Standard input or output."""

PREVIEW = ".preview.png"
"""The end of the names of previews."""

LEAST = {"max_pixels": 1, "back_project": 0}
QUALITIES = (1, 100)
LOADING = Lock()  # of models, once for all threads


class Stopped(Exception):
    """Work that was cancelled."""


class Enlarged(NamedTuple):
    """The result of enlarging a file."""

    info: PictureInfo
    """Of the result."""
    model: str
    """The name of the model."""
    restored: Strengths
    left_out: tuple[str, ...] = ()
    """What the file holds and the result does not; the caller reports it."""


@dataclass(frozen=True)
class FileUpscaler:
    """Enlarges picture files with the same options; loads each model once.

    Attributes
    ----------
    model : str, optional
        See `load_model`; by default the best for the size.
    size : Size
        By default that of the model's result; three times without a model.
    device : {"cpu", "cuda", "auto"}, default "cpu"
    ensemble, back_project
        See `Upscaler.refined`.
    schedule : Schedule
        Who computes the tiles, and with how much memory; by default all cores of the process.
    max_pixels : int
        Largest picture that is read.
    strip : bool, default False
        Whether metadata are not written.
    wrap : {"x", "y", "both"}, optional
        See `Upscaler.wrapping`.
    background : str, optional
        The colour behind transparent pictures where the format has no transparency; without one
        they are refused. See `sr_arn.pictures.conversion.colour_of`.
    to_srgb : bool, default False
        Whether CMYK becomes sRGB: `sr_arn.pictures.conversion.in_srgb`.
    keep_palette : bool, default False
        Whether results in a format with palettes are of the colours of a picture that has up to
        256.
    keep_bilevel : bool, default False
        Whether pictures of black and white alone become such, where the format holds 1 bit.
    range : (float, float), optional
        What becomes 0 and 1 within, of floats and signed integers; by default, where they lie
        beyond 0 and 1, the least and the largest of each picture.
    quality : int, optional
        Of JPEG, WebP and AVIF.
    preview : bool, default False
        Whether a picture `preview_of` the target compares a part of the result with bicubic.
    restore : Restore
        By default all that is detected.

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
    schedule: Schedule = field(default_factory=Schedule)
    max_pixels: int = MAX_PIXELS
    strip: bool = False
    wrap: str | None = None
    background: str | None = None
    to_srgb: bool = False
    keep_palette: bool = False
    keep_bilevel: bool = False
    range: tuple[float, float] | None = None
    quality: int | None = None
    preview: bool = False
    restore: Restore = field(default_factory=Restore)
    _upscalers: dict[int | None, Upscaler] = field(default_factory=dict, init=False, repr=False)
    _hints: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name, least in LEAST.items():
            check_integer(getattr(self, name), name.replace("_", "-"), least)
        if self.background is not None:
            colour_of(self.background)
        if self.range is not None:
            Scaling(0, 1).within(*self.range)
        if self.quality is not None and not QUALITIES[0] <= self.quality <= QUALITIES[1]:
            raise InputError(f"quality: expected 1 to 100, received {self.quality}")
        if self.back_project and self.restore.is_asked:
            raise InputError(
                "restore: is not possible with back-project, which brings back what was taken "
                "off; leave out one of them"
            )

    @classmethod
    def of(cls, options: Mapping[str, Any], cluster: Cluster | None = None) -> "FileUpscaler":
        """Return one by the values of `OPTIONS`, of which None is the default.

        Raises
        ------
        InputError
            If one is out of range, or two contradict each other.
        """
        parts: dict[str | None, dict[str, Any]] = {SIZE: {}, RESTORE: {}, SCHEDULE: {}, None: {}}
        for name, value in options.items():
            if value is not None:
                parts[OPTIONS[name].part][name] = value
        restore = parts[RESTORE].pop("restore", "auto")
        return cls(
            size=Size(**parts[SIZE]),
            restore=Restore.of(restore, **parts[RESTORE]),
            schedule=Schedule(**parts[SCHEDULE], cluster=cluster),
            **parts[None],
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
            Of the result; by default that of the target's suffix.
        watch : callable, optional
            Called with the completed fraction, 0 to 1. An exception that it raises, `Stopped` for
            example, ends the work, and no half-written file stays.

        Returns
        -------
        Enlarged

        Raises
        ------
        InputError
            If the picture cannot be read, enlarged or written with these options.
        """
        with noted() as left_out:
            enlarged = self._enlarged(source, target, kind, watch)
        return enlarged._replace(left_out=tuple(dict.fromkeys(left_out)))

    def _enlarged(
        self, source: Path, target: Path, kind: Format | None, watch: Callable[[float], object]
    ) -> Enlarged:
        kind = kind or format_of(target)
        picture = self._read(source)
        if self.range is not None:
            picture = picture.of_range(*self.range, display(source))
        picture = self._converted(picture, kind, display(source))
        if self.strip:
            picture = replace(picture, metadata=Metadata())
        height, width = picture.pixels.shape[:2]
        upscaler, strengths = self._chosen_for(picture)
        size = height * upscaler.scale, width * upscaler.scale
        if self.size.given:
            size = self.size.of(height, width)
        self._hint(picture, size, source)
        original, picture = picture, as_it_fits(kind, picture, size)
        info, threads = picture.info.of_size(*size), self.schedule.threads
        strips = upscaler.upscale_strips(picture, size, watch, strengths)
        palette = self._palette_for(kind, picture)
        if palette is not None:
            info = replace(info, shape=size, palette=palette)
            strips = (nearest_in(palette, strip) for strip in strips)
        if target == PIPE:
            if sys.stdout is None:
                raise InputError("stdout: is closed")
            whole = BytesIO()
            encode_strips(whole, kind, info, strips, threads, self.quality)
            try:
                sys.stdout.buffer.write(whole.getbuffer())
                sys.stdout.buffer.flush()
            except BrokenPipeError:
                raise InputError("stdout: was closed before the picture was written") from None
        else:
            write_whole(
                target,
                lambda file: encode_strips(file, kind, info, strips, threads, self.quality),
            )
        if self.preview and target != PIPE:
            shown = preview(original, upscaler.restored(strengths).wrapping(None))
            colours = Metadata() if picture.is_cmyk else original.metadata.of_colours()
            seen = replace(colours.for_mode("RGB"), left_out=())  # of the preview alone
            write_image(preview_of(target), Picture(shown, seen))
        return Enlarged(info, upscaler.name, strengths)

    def _converted(self, picture: Picture, kind: Format, name: str) -> Picture:
        """Return the picture in colours that the format holds, as far as the options allow."""
        if self.to_srgb:
            picture = in_srgb(picture, name)
        if self.background is not None and picture.mode not in kind.modes:
            picture = flattened(picture, colour_of(self.background))
        return picture

    def _palette_for(self, kind: Format, picture: Picture) -> NDArray[np.uint8] | None:
        """Return the colours that the result is to have alone, if any."""
        palette = None
        if self.keep_bilevel and is_bilevel(picture):
            palette = BILEVEL
        elif self.keep_palette:
            palette = palette_of(picture)
        return palette if palette is not None and kind.holds_palette(palette) else None

    def _hint(self, picture: Picture, size: tuple[int, int], source: Path) -> None:
        """Log once that the model for photos may be the wrong one."""
        enlarges = size > picture.pixels.shape[:2] and self.model is None
        if enlarges and not self._hints and may_be_pixel_art(picture.pixels):
            self._hints.append(HINT)
            logger.info("%s: %s", display(source), HINT)

    def _chosen_for(self, picture: Picture) -> tuple[Upscaler, Strengths]:
        """Return the up-scaler for a picture, and the strengths to restore.

        A picture that keeps its size is restored by the model of the smallest scale, then shrunk
        by bicubic; a picture that is shrunk is restored only on request.
        """
        shape = picture.pixels.shape[:2]
        upscaler = self.upscaler_for(*shape)
        if upscaler.scale > 1 or self.model is not None:
            return upscaler, upscaler.strengths_of(picture, self.restore)
        if self.restore.is_asked or self.size.of(*shape) == shape:
            restoring = self._upscaler(min(passes()))
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
        """Load the model; return its scale, or 1 if the scale depends on the picture.

        Errors are raised here before any picture is read.

        Raises
        ------
        InputError
            If there is no such model, or it cannot restore as requested.
        UnavailableError
            If torch or the device is missing.
        """
        if self.restore.is_asked and self.model in PLAIN:
            check_restores(PLAIN[self.model](1))
        if self.size.given and (self.model is None or self.model in PLAIN):
            return 1
        upscaler = self._upscaler(None)
        if self.restore.is_asked:
            check_restores(upscaler.model)
        return upscaler.scale

    def restoring(self, restore: Restore) -> "FileUpscaler":
        """Return one with other restoring and the same models."""
        other = replace(self, restore=restore)
        object.__setattr__(other, "_upscalers", self._upscalers)
        return other

    def for_a_worker(self, most_pixels: int) -> "FileUpscaler":
        """Return one for a worker of a cluster, with the models that are loaded.

        Parameters
        ----------
        most_pixels : int
            Largest picture that it reads: all workers share larger ones.
        """
        schedule = replace(self.schedule, cluster=None, threads=self.schedule.threads or 1)
        most = min(self.max_pixels, most_pixels)
        other = replace(self, schedule=schedule, max_pixels=most)
        for scale, upscaler in self._upscalers.items():
            other._upscalers[scale] = upscaler.scheduled(schedule)
        return other

    def upscaler_for(self, height: int, width: int) -> Upscaler:
        """Return the up-scaler whose scale reaches the size for a picture of such sides.

        Raises
        ------
        InputError
            If no model reaches the size.
        """
        upscaler = self._upscaler(self._scale_for(height, width))
        if self.size.given and self.model is not None and self.model not in PLAIN:
            self._check(upscaler.scale, height, width)
        return upscaler

    def _upscaler(self, scale: int | None) -> Upscaler:
        with LOADING:
            if scale not in self._upscalers:
                self._upscalers[scale] = self._load(scale)
            return self._upscalers[scale]

    def _scale_for(self, height: int, width: int) -> int | None:
        """Return the scale of the model to load; None is the model's own."""
        is_plain = self.model in PLAIN
        if not self.size.given or (self.model is not None and not is_plain):
            return None
        wanted, exact = self.size.of(height, width), self.size.scale
        if is_plain:  # it makes any size by itself
            return int(exact) if exact is not None and exact == int(exact) else 1
        return next(s for s in (1, *passes()) if _reaches(s, height, width, wanted))

    def _check(self, scale: int, height: int, width: int) -> None:
        """Raise `InputError` if the scale of the given model does not reach the size."""
        wanted = self.size.of(height, width)
        if not _reaches(scale, height, width, wanted):
            given = ", ".join(f"{k.replace('_', '-')} {v:g}" for k, v in self.size.given.items())
            raise InputError(
                f"size: {given} makes {wanted[1]} x {wanted[0]} pixels of {width} x {height}, more "
                f"than {scale} times ({display(self.model)}); name several models, one after "
                "another: --model A+B"
            )

    def _load(self, scale: int | None) -> Upscaler:
        if scale == 1:  # no trained model is asked for a smaller picture
            plain = PLAIN[self.model or BicubicModel.name]
            return Upscaler(plain(1), schedule=self.schedule, wrap=self.wrap)
        upscaler = load_model(self.model, scale=scale, schedule=self.schedule)
        if self.device == "cuda" or (self.device == "auto" and upscaler.can_run_on_cuda):
            upscaler = upscaler.to("cuda")
        return upscaler.refined(self.ensemble, self.back_project).wrapping(self.wrap)


def _reaches(scale: int, height: int, width: int, wanted: tuple[int, int]) -> bool:
    return scale * height >= wanted[0] and scale * width >= wanted[1]


def preview_of(target: Path) -> Path:
    """Return the path of the preview of a result."""
    return target.with_name(f"{target.stem}{PREVIEW}")
