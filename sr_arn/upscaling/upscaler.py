"""The main idea: how a picture becomes a larger one.

`Upscaler` handles pictures. It enlarges luminance, colour and alpha each in its own way
(`sr_arn.upscaling.channels`) and puts the result together; a `Schedule` computes the tiles. Its
luminance model makes an HR plane of an LR plane and alone decides how sharp the result is: see
`sr_arn.models.base.LuminanceModel`.
"""

import logging
import math
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sr_arn.checks import check_integer, check_luminance, check_range
from sr_arn.errors import InputError, display
from sr_arn.models.base import (
    LuminanceModel,
    check_restores,
    copies,
    restored,
    restores,
    runs_by_torch,
)
from sr_arn.models.chain import Chain
from sr_arn.models.refine import BackProjection, SelfEnsemble
from sr_arn.models.restoration import CLEAN, OFF, Restore, Strengths
from sr_arn.pictures.left_out import leave_out
from sr_arn.pictures.picture import MODES
from sr_arn.pictures.resize import KERNEL_WIDTH
from sr_arn.pictures.tensors import as_array, as_tensor, is_tensor
from sr_arn.planes import WHITE, Rim, to_levels
from sr_arn.system.devices import find_device
from sr_arn.system.locations import is_location
from sr_arn.upscaling.channels import WITH_ALPHA, reach_of, upscale_channels
from sr_arn.upscaling.detection import found_in
from sr_arn.upscaling.options import LARGEST_SCALE
from sr_arn.upscaling.scaled import Scaled
from sr_arn.upscaling.schedule import Pixels, Schedule, Work
from sr_arn.upscaling.sizes import resized
from sr_arn.upscaling.tiles import Border, Grid

if TYPE_CHECKING:
    from sr_arn.pictures.picture import Picture

__all__ = ["HowToRestore", "Upscaler"]

logger = logging.getLogger(__name__)

WRAPS = {None: "", "x": "x", "y": "y", "both": "xy"}
"""Axes along which pictures repeat, by the names of an up-scaler's `wrap`."""

Plane = NDArray[np.float32]
HowToRestore = str | float | Strengths | Restore
Watch = Callable[[float], object]
"""Called with the completed fraction, 0 to 1."""


class Upscaler:
    """Up-scales pictures with a luminance model.

    Parameters
    ----------
    model : LuminanceModel
    header : dict, optional
        The header of its model file: see `sr_arn.models.files`.
    name : str, optional
        Its name in messages: that of a bundled model or of a file, as `load_model` gives it.
    schedule : Schedule, optional
        Who computes the tiles, and with how much memory. It does not change the result.
    wrap : {None, "x", "y", "both"}
        See `wrapping`.

    Examples
    --------
    >>> import numpy as np
    >>> from sr_arn import load_model
    >>> load_model("aplus-x3").upscale(np.zeros((20, 30, 3), np.uint8)).shape
    (60, 90, 3)
    """

    def __init__(
        self,
        model: LuminanceModel,
        header: dict[str, Any] | None = None,
        *,
        name: str | None = None,
        schedule: Schedule | None = None,
        wrap: str | None = None,
    ) -> None:
        if wrap not in WRAPS:
            raise InputError(f"wrap: expected x, y or both, received {display(wrap)}")
        self.model = model
        self.header = header or {}
        self.name = name or model.name
        self.schedule = schedule or Schedule()
        self.wrap = wrap
        self._has_warned = False

    @property
    def scale(self) -> int:
        """HR pixels per LR pixel along each axis."""
        return self.model.scale

    def __repr__(self) -> str:
        """Show the model and its scale."""
        return f"Upscaler({self.name}, scale={self.scale})"

    @property
    def can_run_on_cuda(self) -> bool:
        """Whether torch can run the model on a GPU here."""
        if not runs_by_torch(self.model) or find_spec("torch") is None:
            return False
        from torch.cuda import is_available

        return is_available()

    def refined(self, ensemble: bool = False, back_project: int = 0) -> "Upscaler":
        """Return an up-scaler that is slower and better.

        Parameters
        ----------
        ensemble : bool, default False
            Whether the result is the mean over 8 flips and rotations: `SelfEnsemble`.
        back_project : int, default 0
            Steps of `BackProjection`, after the ensemble.
        """
        other = self
        if ensemble:
            other = other._with(SelfEnsemble(self.model), "ensemble")
        if check_integer(back_project, "back-project", 0):
            other = other._with(BackProjection(other.model, back_project), "back-projection")
        return other

    def then(self, other: "Upscaler") -> "Upscaler":
        """Return an up-scaler that enlarges the result of this one by another, unrounded.

        Only this one restores; its schedule holds.

        Raises
        ------
        InputError
            If the scales' product is above 16.
        """
        if self.scale * other.scale > LARGEST_SCALE:
            raise InputError(
                f"scale: expected up to {LARGEST_SCALE}, received {self.scale * other.scale} by "
                f"{self.name} and {other.name}"
            )
        model, name = Chain(self.model, other.model), f"{self.name}+{other.name}"
        return Upscaler(model, name=name, schedule=self.schedule, wrap=self.wrap)

    def to(self, device: str) -> "Upscaler":
        """Return an up-scaler whose model runs in torch, on a device.

        Parameters
        ----------
        device : {"auto", "cpu", "cuda"}
            See `sr_arn.models.base.TrainedModel.to`.

        Raises
        ------
        InputError
            If the model is refined or of another kind.
        UnavailableError
            If torch or the device is missing.
        """
        model: Any = self.model
        if not runs_by_torch(model):
            raise InputError(
                f"device: {model.name} runs on the CPU only; take a bundled model, not "
                "refined, or one like those"
            )
        find_device(device)
        return self._with(model.to(device), "by torch")

    @property
    def restores(self) -> bool:
        """Whether it removes JPEG artefacts, noise and aliasing."""
        return restores(self.model)

    def restored(self, strengths: Strengths) -> "Upscaler":
        """Return an up-scaler for pictures of these strengths, or itself for clean ones.

        Raises
        ------
        InputError
            If the model does not restore.
        """
        if strengths.is_clean:
            return self
        return self._with(restored(self.model, strengths))

    def strengths_of(self, picture: "Picture", restore: HowToRestore = "auto") -> Strengths:
        """Return what `upscale_picture` would restore: see `upscale` on `restore`.

        Raises
        ------
        InputError
            If `restore` is none of its values, or more than "auto" of a model that does not
            restore.
        """

        def find() -> Strengths:
            if picture.scaling is not None or picture.is_bands:  # what detection knows is levels
                return CLEAN
            return found_in(picture.pixels, picture.is_cmyk, picture.jpeg)

        return self._strengths(find, restore)

    def _strengths(self, find: Callable[[], Strengths], restore: HowToRestore) -> Strengths:
        """Return the strengths to restore; warn once if the model cannot restore."""
        restore = Restore.of(restore)
        if self.restores:
            return restore.strengths(find)
        if restore.is_asked:
            check_restores(self.model)
        is_trained_for_such = "degradation" in self.header.get("training", {})
        if restore.is_off or self._has_warned or is_trained_for_such:
            return OFF
        found = restore.strengths(find)
        if found.is_degraded:
            self._has_warned = True
            reason = f"{self.name} knows clean pictures only"
            logger.warning("%s: is not restored; %s", found.degradation, reason)
        return OFF

    def scheduled(self, schedule: Schedule) -> "Upscaler":
        """Return the same up-scaler with another schedule."""
        return self._changed(schedule=schedule)

    def wrapping(self, wrap: str | None) -> "Upscaler":
        """Return an up-scaler for pictures that repeat, such as textures and panoramas.

        Parameters
        ----------
        wrap : {None, "x", "y", "both"}
            The axes along which the neighbours beyond an edge are those of the other side: x from
            left to right, y from top to bottom.
        """
        return self._changed(wrap=wrap)

    def _with(self, model: LuminanceModel, how: str = "") -> "Upscaler":
        """Return the same up-scaler with a model that was made from its own."""
        name = f"{self.name}, {how}" if how else self.name
        return self._changed(model=model, name=name)

    def _changed(self, **changed: Any) -> "Upscaler":
        """Return one with other attributes."""
        names = "model", "header", "name", "schedule", "wrap"
        return Upscaler(**{name: getattr(self, name) for name in names} | changed)

    def upscale(
        self,
        image: Any,
        size: tuple[int, int] | None = None,
        restore: HowToRestore = "auto",
    ) -> Any:
        """Return the picture `scale` times as wide and as high, or of the given size.

        Parameters
        ----------
        image : ndarray, torch.Tensor, PIL.Image.Image, path, bytes or binary file
            An array is grey [h, w], grey and alpha [h, w, 2], RGB [h, w, 3] or RGBA
            [h, w, 4]: uint8 (0..255), uint16 (0..65535) or float in [0, 1]. Grey is up-scaled
            as luminance; alpha is straight. A tensor is [h, w] or [c, h, w], channels first.
        size : (int, int), optional
            Rows and columns of the result: see `upscale_strips`.
        restore : {"auto", "off"}, float or Strengths, default "auto"
            How much of the damage by JPEG, noise and aliasing is restored: all that is detected,
            nothing, a percentage of it (0 to 100), or the given `Strengths`. The quality of a JPEG
            file is known; the rest is detected in the pixels. With "auto", models that do not
            restore log a warning, unless they were trained on degraded pictures.

        Returns
        -------
        ndarray, torch.Tensor or PIL.Image.Image
            An array or tensor for an array or tensor, of the same dtype and clipped to its range;
            otherwise a PIL image.

        Raises
        ------
        InputError
            If the image cannot be read or is none of the above; if a PIL image cannot hold the
            result (16-bit colour: see `upscale_picture`); if the model cannot restore, and
            `restore` is not "auto" or "off".
        """
        if isinstance(image, np.ndarray):
            return self._restored_array(image, size, restore)
        if is_tensor(image):
            return as_tensor(self._restored_array(as_array(image), size, restore), like=image)
        from sr_arn.pictures.formats.pillow import HELD, from_pil, to_pil
        from sr_arn.pictures.io import read_image

        if hasattr(image, "getbands"):
            return to_pil(self.upscale_picture(from_pil(image), size, restore))
        picture = self.upscale_picture(read_image(image), size, restore)
        name = display(image) if is_location(image) else "image"
        leave_out(name, *picture.metadata.held(HELD, "a Pillow image").left_out)
        return to_pil(picture)

    def upscale_picture(
        self,
        picture: "Picture",
        size: tuple[int, int] | None = None,
        restore: HowToRestore = "auto",
    ) -> "Picture":
        """Return the larger picture, with the metadata of the smaller one.

        See `upscale_strips` on `size`, `upscale` on `restore`.
        """
        if picture.scaling is not None:
            strips = self.upscale_strips(picture, size, restore=restore)
            return picture.with_pixels(np.concatenate(list(strips)))
        ready = self.restored(self.strengths_of(picture, restore))
        return picture.with_pixels(ready._upscale_array(picture.pixels, picture.mode, size))

    def upscale_luminance(self, lr: NDArray[np.floating[Any]], border: Border = "full") -> Plane:
        """Return the HR luminance [h * scale, w * scale], float32, not clipped.

        Parameters
        ----------
        lr : ndarray of float [h, w] in [0, 1]
        border : {"full", "paper"}, default "full"
            "full" continues the plane beyond its border by reflection, so that the outermost
            pixels are predicted like those in the middle. "paper" has nothing there, as in the
            published tables: patch models leave the outermost LR pixel to bicubic.
        """
        lr = check_luminance(lr)
        grid = Grid(lr.shape, self.scale, self.model.reach, border, WRAPS[self.wrap])
        return self._whole(self.model, grid, lr)

    def upscale_strips(
        self,
        picture: "Picture",
        size: tuple[int, int] | None = None,
        watch: Watch = lambda share: None,
        restore: HowToRestore = "auto",
    ) -> Iterator[NDArray[Any]]:
        """Yield the pixels of the larger picture from the top, some rows [h, w, ...] at a time.

        Parameters
        ----------
        picture : Picture
        size : (int, int), optional
            Rows and columns of the result; by default `scale` times those of the picture. The
            result of the model is resized to them by bicubic, as `imresize` does, then rounded;
            that of nearest by nearest.
        watch : callable, optional
            Called after every tile with the completed fraction, 0 to 1. An exception that it
            raises ends the work.
        restore : {"auto", "off"}, float or Strengths, default "auto"
            See `upscale`.
        """
        ready = self.restored(self.strengths_of(picture, restore))
        pixels, mode = picture.pixels, picture.mode
        size = size or self._shape_of(pixels)
        if picture.scaling is None:
            yield from ready._strips_of(pixels, mode, size, watch)
        else:
            reach = None if copies(ready.model) else math.ceil(ready._reach_at(size, pixels, mode))
            scaled = Scaled.of(picture, picture.scaling, reach, WRAPS[self.wrap])
            strips = ready._strips_of(scaled.unit, scaled.mode_within, size, watch)
            yield from scaled.numbers_of(strips, size)

    def _reach_at(self, size: tuple[int, int], image: Pixels, mode: str | None) -> float:
        """Return how far away, in LR pixels, a pixel matters to a result of a size."""
        reach = reach_of(self.model, mode or MODES[image.shape[2] if image.ndim == 3 else 1])
        shape = self._shape_of(image)
        if shape == size:
            return reach
        shrinks = max(1.0, *(have / want for have, want in zip(shape, size, strict=True)))
        return reach + (KERNEL_WIDTH * shrinks + 2) / self.scale

    def _shape_of(self, image: Pixels) -> tuple[int, int]:
        """Return rows and columns of the model's result."""
        return image.shape[0] * self.scale, image.shape[1] * self.scale

    def _strips_of(
        self, image: Pixels, mode: str, size: tuple[int, int], watch: Watch
    ) -> Iterator[Pixels]:
        """Yield strips of a result of any size."""
        if size == self._shape_of(image):
            return self._strips(image, mode, image.dtype, watch)
        return self._resized_strips(image, mode, size, watch)

    def _resized_strips(
        self,
        image: Pixels,
        mode: str | None,
        size: tuple[int, int],
        watch: Watch = lambda share: None,
    ) -> Iterator[Pixels]:
        has_alpha = mode in WITH_ALPHA if mode else image.shape[2:] in ((2,), (4,))
        shape, wrap = self._shape_of(image), WRAPS[self.wrap]
        before = 0
        if "y" in wrap:  # strips come from the top, and the first needs the last
            before = 2 * math.ceil(self._reach_at(size, image, mode) / 2)  # even, as tiles begin
            image = image[np.arange(-before, len(image) + before) % len(image)]
        strips = self._strips(image, mode, np.dtype(np.float32), watch)
        is_copied = copies(self.model)
        offset = before * self.scale
        for strip in resized(strips, shape, size, has_alpha, is_copied, wrap, offset):
            yield to_levels(strip, image.dtype)

    def _strips(
        self, image: Pixels, mode: str | None, dtype: np.dtype[Any], watch: Watch
    ) -> Iterator[Pixels]:
        """Yield the results of the rows of tiles."""
        work, grid = self._work(image, mode, dtype)
        height, width = self._shape_of(image)
        strip, top = np.empty(0, dtype), 0
        for tile, result in self.schedule.run(work, image, grid):
            if tile.columns.hr.start == 0:
                top = tile.rows.hr.start
                strip = np.empty((len(result), width, *image.shape[2:]), dtype)
            tile.paste(result, strip, top)
            watch((top + len(strip) * tile.columns.hr.stop / width) / height)
            if tile.columns.hr.stop == width:
                yield strip

    def _restored_array(
        self, image: NDArray[Any], size: tuple[int, int] | None, restore: HowToRestore
    ) -> NDArray[Any]:
        """Up-scale an array; the number of its channels is its mode."""
        _check_array(image)
        ready = self.restored(self._strengths(lambda: found_in(image), restore))
        return ready._upscale_array(image, size=size)

    def _upscale_array(
        self, image: NDArray[Any], mode: str | None = None, size: tuple[int, int] | None = None
    ) -> NDArray[Any]:
        """Up-scale pixels of any kind."""
        if size is None or size == self._shape_of(image):
            return self._whole(*self._work(image, mode, image.dtype), image)
        for side, name in zip(size, ("rows", "columns"), strict=True):
            check_integer(side, name, 1)
        return np.concatenate(list(self._resized_strips(image, mode, size)))

    def _work(
        self, image: NDArray[Any], mode: str | None, dtype: np.dtype[Any]
    ) -> tuple[Work, Grid]:
        """Return the work on a tile, from levels to levels, and the grid of tiles."""
        _check_array(image, has_bands=mode is not None and mode.startswith("BANDS"))
        mode = mode or MODES[image.shape[2] if image.ndim == 3 else 1]
        work = partial(_upscale_levels, self.model, mode, dtype)
        reach, wrap = reach_of(self.model, mode), WRAPS[self.wrap]
        return work, Grid(image.shape, self.scale, reach, wrap=wrap)

    def _whole(self, work: Work, grid: Grid, image: Pixels) -> Pixels:
        """Return the results of all tiles, put together."""
        height, width = (n * self.scale for n in image.shape[:2])
        out = np.empty((height, width, *image.shape[2:]), image.dtype)
        for tile, result in self.schedule.run(work, image, grid):
            tile.paste(result, out)
        return out


def _check_array(image: Pixels, has_bands: bool = False) -> None:
    """Raise `InputError` unless these are pixels of a picture."""
    channels = image.shape[2] if image.ndim == 3 else 1
    is_picture = image.ndim in (2, 3) and channels in MODES and (image.ndim, channels) != (3, 1)
    is_picture |= has_bands
    if not is_picture or image.size == 0 or image.dtype.name not in WHITE:
        raise InputError(
            f"image: expected [h, w] or [h, w, 2 to 4] of {', '.join(WHITE)}, "
            f"received {image.dtype} of shape {image.shape}"
        )
    if image.dtype.kind == "f":
        check_range(image, "image")


def _upscale_levels(
    model: LuminanceModel, mode: str, dtype: np.dtype[Any], levels: Pixels, rim: Rim
) -> Pixels:
    """Return HR levels of a dtype without the rim, of LR levels with it."""
    pixels = levels.astype(np.float32) / np.float32(WHITE[levels.dtype.name])
    return to_levels(upscale_channels(model, pixels, mode, rim), dtype)
