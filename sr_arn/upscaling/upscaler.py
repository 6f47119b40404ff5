"""The main idea: how a picture becomes a larger one.

`Upscaler` handles pictures: it enlarges them tile by tile, luminance, colour and alpha each
in its way (`sr_arn.upscaling.channels`), and puts the result together. What it knows about
sharpness is in the luminance model it holds, a function from an LR plane to an HR plane: see
`sr_arn.models.base.LuminanceModel`.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import copy
from functools import partial
from importlib.util import find_spec
from itertools import tee
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sr_arn.checks import check_integer, check_luminance, check_range
from sr_arn.errors import InputError
from sr_arn.models.base import (
    LuminanceModel,
    TrainedModel,
    check_restores,
    restored,
    restores,
)
from sr_arn.models.refine import BackProjection, SelfEnsemble
from sr_arn.models.restoration import OFF, Restore, Strengths
from sr_arn.pictures.formats import MODES
from sr_arn.pictures.tensors import as_array, as_tensor, is_tensor
from sr_arn.planes import Rim
from sr_arn.system.cluster import Cluster
from sr_arn.system.devices import find_device
from sr_arn.system.memory import memory_left
from sr_arn.system.threads import available_cores, in_order
from sr_arn.upscaling.channels import enlarge, reach_of
from sr_arn.upscaling.detection import found_in
from sr_arn.upscaling.sizes import resized
from sr_arn.upscaling.tiles import SMALLEST, Border, Grid, Tile

if TYPE_CHECKING:
    from sr_arn.pictures.picture import Picture

__all__ = ["Upscaler"]

logger = logging.getLogger(__name__)

PEAKS = {"uint8": 255, "uint16": 65535, "float32": 1, "float64": 1}
"""White, by the dtype of a picture's pixels."""

MEMORY = 300
MEMORY_PER_WORKER = 75
"""Megabytes that all tiles in work may take, or a worker's if there are many."""

SHARE_OF_LEFT = 0.4  # of what a container leaves: results wait to be written

MEGABYTE = 1_000_000

Plane = NDArray[np.float32]
Pixels = NDArray[Any]
HowToRestore = str | float | Strengths | Restore
Work = Callable[[Pixels, Rim], Pixels]
"""From LR pixels to HR pixels, without the rim."""

Watch = Callable[[float], object]
"""Is told what share is done, 0 to 1."""


class Upscaler:
    """Up-scales pictures with a luminance model.

    Parameters
    ----------
    model : LuminanceModel
    header : dict, optional
        What the model file says about it: see `sr_arn.models.files`.
    threads : int, optional
        How many share the tiles; by default as many as the process may use.
    tile : int, optional
        LR pixels a side of a tile at most, 16 or more; by default as `memory` allows.
    memory : int, optional
        Megabytes that the work on tiles may take, beside the pictures; by default 300, or 75
        for each of more than four threads.
    name : str, optional
        What to call it: its name in the box or its file's, as `load_model` gives it.
    cluster : Cluster, optional
        Whose workers enlarge the tiles, instead of threads here.

    Notes
    -----
    None of these changes the result, to the last bit. Where memory is short, the tile is cut in
    two, and the work goes on.

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
        threads: int | None = None,
        tile: int | None = None,
        memory: int | None = None,
        name: str | None = None,
        cluster: Cluster | None = None,
    ) -> None:
        self.model = model
        self.header = header or {}
        self.name = name or model.name
        self.threads = threads
        self.tile = tile
        self.memory = memory
        self.cluster = cluster
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
        by_torch = isinstance(self.model, TrainedModel) and self.model.runs_by_torch
        if not by_torch or find_spec("torch") is None:
            return False
        from torch.cuda import is_available

        return is_available()

    def refined(self, ensemble: bool = False, back_project: int = 0) -> "Upscaler":
        """Return an up-scaler that takes more time for a better result.

        Parameters
        ----------
        ensemble : bool, default False
            Whether it takes the mean over 8 flips and rotations: `SelfEnsemble`.
        back_project : int, default 0
            Steps of `BackProjection`, which come last.
        """
        other = self
        if ensemble:
            other = other._with(SelfEnsemble(self.model), "ensemble")
        if check_integer(back_project, "back-project", 0):
            other = other._with(BackProjection(other.model, back_project), "back-projection")
        return other

    def on(self, device: str) -> "Upscaler":
        """Return an up-scaler whose model torch runs.

        Parameters
        ----------
        device : {"auto", "cpu", "cuda"}
            See `sr_arn.models.base.TrainedModel.to`.

        Raises
        ------
        InputError
            If torch or the device is missing, or the model is refined or of another kind.
        """
        model = self.model
        if not (isinstance(model, TrainedModel) and model.runs_by_torch):
            raise InputError(
                f"device: {model.name} runs on the CPU only; take a model of the box, not "
                "refined, or one like those"
            )
        find_device(device)
        return self._with(model.to(device), "by torch")

    @property
    def restores(self) -> bool:
        """Whether it knows what to do with JPEG, noise and aliasing."""
        return restores(self.model)

    def restored(self, strengths: Strengths) -> "Upscaler":
        """Return an up-scaler for pictures of these strengths; itself for those that are clean.

        Raises
        ------
        InputError
            If the model does not restore.
        """
        if strengths.is_clean:
            return self
        other = copy(self)
        other.model = restored(self.model, strengths)
        return other

    def strengths_of(self, picture: "Picture", restore: HowToRestore = "auto") -> Strengths:
        """Return what `upscale_picture` would restore: see `upscale` on `restore`.

        Raises
        ------
        InputError
            If `restore` is none of its values, or more than "auto" of a model that does not
            restore.
        """

        def find() -> Strengths:
            return found_in(picture.pixels, picture.is_cmyk, picture.jpeg)

        return self._strengths(find, restore)

    def _strengths(self, find: Callable[[], Strengths], restore: HowToRestore) -> Strengths:
        """Return what is to be restored; the log warns once if the model cannot."""
        restore = Restore.of(restore)
        if self.restores:
            return restore.strengths(find)
        if restore.is_asked:
            check_restores(self.model)
        if restore.is_off or self._has_warned:
            return OFF
        found = find()
        if found.is_degraded:
            self._has_warned = True
            reason = f"{self.name} knows clean pictures only"
            logger.warning("%s: is not restored; %s", found.degradation, reason)
        return OFF

    def _with(self, model: LuminanceModel, how: str) -> "Upscaler":
        """Return the same up-scaler with a model made of its own."""
        other = copy(self)
        other.model, other.name = model, f"{self.name}, {how}"
        return other

    def upscale(
        self,
        image: Any,
        size: tuple[int, int] | None = None,
        restore: HowToRestore = "auto",
    ) -> Any:
        """Return the picture `scale` times as wide and as high, or as large as is wanted.

        Parameters
        ----------
        image : ndarray, torch.Tensor, PIL.Image.Image, path, bytes or binary file
            An array is grey [h, w], grey and alpha [h, w, 2], RGB [h, w, 3] or RGBA
            [h, w, 4]: uint8 (0..255), uint16 (0..65535) or float in [0, 1]. Grey is up-scaled
            as luminance; alpha is straight. Of a tensor, [c, h, w] or [h, w], channels come first.
        size : (int, int), optional
            Rows and columns wanted: see `upscale_strips`.
        restore : {"auto", "off"}, float or Strengths, default "auto"
            How much is restored of what JPEG, noise and aliasing did to the picture: all that is
            found, nothing, so many per cent of it, 0 to 100, or what `Strengths` say. The quality
            of a JPEG file is known; the rest is found in the pixels. Models that do not restore
            leave "auto" at a warning.

        Returns
        -------
        ndarray, torch.Tensor or PIL.Image.Image
            An array or tensor for one, of its dtype, clipped to its range; else a picture.

        Raises
        ------
        InputError
            If the image cannot be read, is of no kind named above, or if a PIL image cannot
            hold the result (16-bit colour: see `upscale_picture`); if the model cannot restore
            as is wanted.
        """
        if isinstance(image, np.ndarray):
            return self._restored_array(image, size, restore)
        if is_tensor(image):
            return as_tensor(self._restored_array(as_array(image), size, restore), like=image)
        from sr_arn.pictures.formats.pillow import from_pil, to_pil
        from sr_arn.pictures.io import read_image

        picture = from_pil(image) if hasattr(image, "getbands") else read_image(image)
        return to_pil(self.upscale_picture(picture, size, restore))

    def upscale_picture(
        self,
        picture: "Picture",
        size: tuple[int, int] | None = None,
        restore: HowToRestore = "auto",
    ) -> "Picture":
        """Return the larger picture, with what its file says.

        See `upscale_strips` on `size`, `upscale` on `restore`.
        """
        ready = self.restored(self.strengths_of(picture, restore))
        return picture.with_pixels(ready._upscale_array(picture.pixels, picture.mode, size))

    def upscale_luminance(self, lr: NDArray[np.floating[Any]], border: Border = "full") -> Plane:
        """Return the HR luminance [h * scale, w * scale], float32, not clipped.

        Parameters
        ----------
        lr : ndarray of float [h, w] in [0, 1]
        border : {"full", "paper"}, default "full"
            "full" continues the plane beyond its border by reflection, so that its
            outermost pixels are predicted like those in the middle; with "paper" nothing is
            there, as in the published tables: patch models leave the outermost LR pixel to bicubic.
        """
        lr = check_luminance(lr)
        return self._whole(self.model, Grid(lr.shape, self.scale, self.model.reach, border), lr)

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
            Rows and columns wanted; by default `scale` times those of the picture. The result of
            the model is brought to them by bicubic, as `imresize` does, before it is rounded.
        watch : callable, optional
            Is told what share of the picture is done, after every tile. If it raises an exception,
            the work ends with that.
        restore : {"auto", "off"}, float or Strengths, default "auto"
            See `upscale`.
        """
        ready = self.restored(self.strengths_of(picture, restore))
        pixels, mode = picture.pixels, picture.mode
        if size is None or size == self._shape_of(pixels):
            yield from ready._strips(pixels, mode, pixels.dtype, watch)
        else:
            yield from ready._resized_strips(pixels, mode, size, watch)

    def _shape_of(self, image: Pixels) -> tuple[int, ...]:
        """Return rows and columns of what the model makes of pixels."""
        return tuple(side * self.scale for side in image.shape[:2])

    def _resized_strips(
        self,
        image: Pixels,
        mode: str | None,
        size: tuple[int, int],
        watch: Watch = lambda share: None,
    ) -> Iterator[Pixels]:
        has_alpha = mode in ("LA", "RGBA") if mode else image.shape[2:] in ((2,), (4,))
        strips = self._strips(image, mode, np.dtype(np.float32), watch)
        for strip in resized(strips, self._shape_of(image), size, has_alpha):
            yield _to_levels(strip, PEAKS[image.dtype.name], image.dtype)

    def _strips(
        self, image: Pixels, mode: str | None, dtype: np.dtype[Any], watch: Watch
    ) -> Iterator[Pixels]:
        """Yield the result of a whole row of tiles after another."""
        work, grid = self._work(image, mode, dtype)
        height, width = self._shape_of(image)
        strip, top = np.empty(0, dtype), 0
        for tile, result in self._done(work, image, grid):
            if tile.columns.place.start == 0:
                top = tile.rows.place.start
                strip = np.empty((len(result), width, *image.shape[2:]), dtype)
            tile.paste(result, strip, top)
            watch((top + len(strip) * tile.columns.place.stop / width) / height)
            if tile.columns.place.stop == width:
                yield strip

    def _restored_array(
        self, image: NDArray[Any], size: tuple[int, int] | None, restore: HowToRestore
    ) -> NDArray[Any]:
        """Up-scale an array whose mode its channels tell."""
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
        """Return what is to be done with each tile, from levels to levels, and the tiles."""
        _check_array(image)
        mode = mode or MODES[image.shape[2] if image.ndim == 3 else 1]
        work = partial(_upscale_levels, self.model, mode, dtype)
        return work, Grid(image.shape, self.scale, reach_of(self.model, mode))

    def _whole(self, work: Work, grid: Grid, image: Pixels) -> Pixels:
        """Return the results of all tiles, put together."""
        height, width = (n * self.scale for n in image.shape[:2])
        out = np.empty((height, width, *image.shape[2:]), image.dtype)
        for tile, result in self._done(work, image, grid):
            tile.paste(result, out)
        return out

    def _done(self, work: Work, image: Pixels, grid: Grid) -> Iterator[tuple[Tile, Pixels]]:
        """Yield each tile and its result, row by row."""
        workers, side = self._plan(grid)

        def result_of(tile: Tile) -> Pixels:
            with suppress(MemoryError):
                return work(tile.cut(image), tile.rim)
            halves, axis = grid.halves(tile)  # what the whole tile took is free again
            return np.concatenate([result_of(half) for half in halves], axis)

        if self.cluster is None:
            tiles = grid.tiles(workers, side)
            return in_order(lambda tile: (tile, result_of(tile)), tiles, workers)
        todo, sent = tee(grid.tiles(workers, side))
        kept = self.cluster.keep(partial, work)  # the model travels once
        cuts = ((kept, tile.cut(image), tile.rim) for tile in sent)
        return zip(todo, self.cluster.in_order(_call, cuts), strict=True)

    def _plan(self, grid: Grid) -> tuple[int, int]:
        """Return how many workers take tiles of how many LR pixels a side."""
        workers = available_cores()
        if self.cluster is not None:
            workers = self.cluster.threads
        elif self.threads is not None:
            workers = check_integer(self.threads, "threads", 1)
        memory, limit, whose = max(MEMORY, MEMORY_PER_WORKER * workers), self.memory, "received"
        is_here = self.cluster is None
        if (
            limit is None
            and is_here
            and (left := SHARE_OF_LEFT * memory_left() / MEGABYTE) < memory
        ):
            limit, whose = int(left), "the container leaves"
        if limit is not None:
            memory = limit if self.memory is None else check_integer(limit, "memory", 1)
            least = -(-grid.bytes_of(SMALLEST) // MEGABYTE)
            if memory < least:
                raise InputError(f"memory: expected at least {least} MB, {whose} {memory}")
            workers = min(workers, memory // least)
        side = max(SMALLEST, min(grid.usual_side, grid.side_within(memory * MEGABYTE / workers)))
        return workers, side if self.tile is None else check_integer(self.tile, "tile", SMALLEST)


def _check_array(image: Pixels) -> None:
    """Raise `InputError` unless these are pixels of a picture."""
    channels = image.shape[2] if image.ndim == 3 else 1
    is_picture = image.ndim in (2, 3) and channels in MODES and (image.ndim, channels) != (3, 1)
    if not is_picture or image.size == 0 or image.dtype.name not in PEAKS:
        raise InputError(
            f"image: expected [h, w] or [h, w, 2 to 4] of {', '.join(PEAKS)}, "
            f"received {image.dtype} of shape {image.shape}"
        )
    if image.dtype.kind == "f":
        check_range(image, "image")


def _upscale_levels(
    model: LuminanceModel, mode: str, dtype: np.dtype[Any], levels: Pixels, rim: Rim
) -> Pixels:
    """Return HR levels of a dtype without the rim, of LR levels with it."""
    pixels = levels.astype(np.float32) / np.float32(PEAKS[levels.dtype.name])
    return _to_levels(enlarge(model, pixels, mode, rim), PEAKS[dtype.name], dtype)


def _call(work: Work, levels: Pixels, rim: Rim) -> Pixels:
    return work(levels, rim)


def _to_levels(values: Plane, peak: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Clip to [0, 1] and, for integers, round half up to 0..peak."""
    values = np.clip(values, 0, 1)
    return (values if peak == 1 else np.floor(values * peak + 0.5)).astype(dtype)
