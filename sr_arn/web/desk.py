"""Uploaded pictures, enlarged one after another."""

import logging
import secrets
import shutil
import threading
import time
import zipfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from sr_arn.errors import InputError, SrArnError, display
from sr_arn.models.base import BicubicModel
from sr_arn.pictures.formats import SUFFIXES, format_of
from sr_arn.pictures.io import MAX_PIXELS, read_image, write_image
from sr_arn.pictures.metadata import Metadata
from sr_arn.pictures.picture import Picture
from sr_arn.upscaling.drawing import visible
from sr_arn.upscaling.file_upscaler import FileUpscaler, Stopped
from sr_arn.upscaling.naming import naming
from sr_arn.upscaling.schedule import Schedule
from sr_arn.upscaling.sizes import Size
from sr_arn.upscaling.upscaler import Upscaler
from sr_arn.web.items import Item, Order, Unknown, plain_name

__all__ = ["Desk"]

logger = logging.getLogger(__name__)

MOST_WAITING = 200  # pictures
MOST_BYTES = 4_000_000_000  # of all pictures; beyond, the oldest results go, or uploads fail


class Desk:
    """Enlarges uploaded pictures one after another, in its own folder.

    Parameters
    ----------
    folder : path
        Holds the pictures; the caller removes it.
    models : dict
        The models to choose from, by name: a bundled model or a file.
    best : bool, default True
        Whether the default is the best bundled model for the size; otherwise it is the first.
    max_pixels : int
        Of an upload.
    device : {"cpu", "cuda", "auto"}, default "cpu"
        See `FileUpscaler`.
    schedule : Schedule, optional
        See `FileUpscaler`.

    Raises
    ------
    InputError
        If a number is out of range, or there is no such device.
    """

    def __init__(
        self,
        folder: Path,
        models: Mapping[str, str],
        best: bool = True,
        max_pixels: int = MAX_PIXELS,
        device: str = "cpu",
        schedule: Schedule | None = None,
    ) -> None:
        self.folder = folder
        self.models = models
        self.best = best
        self.max_pixels = max_pixels
        self._items: dict[str, Item] = {}
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(1)

        schedule = schedule or Schedule()

        @lru_cache(16)
        def file_upscaler(model: str | None, size: Size) -> FileUpscaler:
            name = None if model is None else models.get(model, model)
            return FileUpscaler(
                name, size=size, device=device, schedule=schedule, max_pixels=max_pixels
            )

        self._file_upscaler = file_upscaler
        file_upscaler(None, Size()).prepare()

    def open(self, order: Order) -> str:
        """Return the key of a new picture, whose file can now be written: see `place_of`.

        Raises
        ------
        InputError
            If the picture, model or size is not available, or too many are waiting.
        """
        name = plain_name(order.name)
        if Path(name).suffix.lower() not in SUFFIXES:
            raise InputError(f"{display(name)}: no picture ({', '.join(SUFFIXES)})")
        model = order.model
        if model is None and not self.best:
            model = next(iter(self.models))
        if model is not None and model not in self.models:
            raise InputError(f"model: there is no {display(model)}")
        enlarge = self._file_upscaler(model, order.size).restoring(order.restore)
        names = naming(None, order.size, enlarge.prepare(), order.kind)
        key = secrets.token_urlsafe(16)
        folder = self.folder / key
        item = Item(replace(order, name=name), enlarge, folder, names.name_of(Path(name)))
        if self._make_room() > MOST_BYTES:
            raise InputError("too much is waiting; try again when some are done")
        with self._lock:
            waiting = sum(i.status in ("waiting", "working") for i in self._items.values())
            if waiting >= MOST_WAITING:
                raise InputError(f"{waiting} pictures are waiting; try again when some are done")
            folder.mkdir()
            self._items[key] = item
        return key

    def place_of(self, key: str) -> Path:
        """Return the file that an upload is written to."""
        return self._item(key).source

    def start(self, key: str) -> None:
        """Queue a picture."""
        self._worker.submit(self._work, self._item(key))

    def state(self, key: str) -> dict[str, Any]:
        """Return the state of a picture, for JSON; an unknown one is "gone"."""
        item = self._items.get(key)
        if item is None:
            return {"key": key, "status": "gone"}
        return {
            "key": key,
            "name": item.order.name,
            "status": item.status,
            "share": round(item.share, 3),
            "result": item.called,
            "shown": item.is_shown,
            **item.outcome,
        }

    def result(self, key: str) -> tuple[Path, str]:
        """Return the file and the name of a result, or raise `Unknown`."""
        item = self._item(key)
        if item.status != "done":
            raise Unknown(f"{display(item.order.name)}: is not done")
        return item.result, item.called

    def shown(self, key: str, which: str) -> Path:
        """Return a file that browsers show: the result, or the picture by bicubic.

        Raises
        ------
        Unknown
            If it is not done, or too large for a browser.
        """
        item = self._item(key)
        if not item.is_shown:
            raise Unknown(f"{display(item.order.name)}: is not done, or too large to be shown")
        is_result = which == "after"
        if is_result and format_of(item.result).shown_by_browsers:
            return item.result
        path = item.folder / f"{which}.png"
        with item.lock:
            if not path.exists():
                whole = 1 << 62  # pixels: the file is ours
                result = read_image(item.result, max_pixels=whole) if is_result else None
                picture = result or self._by_bicubic(item)
                write_image(path, Picture(visible(picture), _colours_of(picture)))
        return path

    def _by_bicubic(self, item: Item) -> Picture:
        """Return an uploaded picture, enlarged to the size of its result."""
        picture = read_image(item.source, max_pixels=self.max_pixels)
        height, width = picture.pixels.shape[:2]
        size = item.outcome["height"], item.outcome["width"]
        whole = size[0] % height == size[1] % width == 0
        scale = size[0] // height if whole and size[0] // height == size[1] // width else 1
        return Upscaler(BicubicModel(scale)).upscale_picture(picture, size, restore="off")

    def remove(self, key: str) -> None:
        """Remove a picture and stop the work on it."""
        with self._lock:
            item = self._items.pop(key, None)
        if item is not None:
            item.gone.set()
            if item.status != "working":  # else the worker removes it
                shutil.rmtree(item.folder, ignore_errors=True)

    def zip(self, keys: Iterable[str], target: Path) -> None:
        """Write results into a zip file; equal names get numbers.

        Raises
        ------
        Unknown
            If none of them is done.
        """
        items = [self._items.get(key) for key in dict.fromkeys(keys)]
        done = [item for item in items if item is not None and item.status == "done"]
        if not done:
            raise Unknown("none of these is done")
        taken: set[str] = set()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            for item in done:
                called, number = Path(item.called), 1
                name = called.name
                while name.casefold() in taken:
                    number += 1
                    name = f"{called.stem} ({number}){called.suffix}"
                taken.add(name.casefold())
                with suppress(FileNotFoundError):  # it was removed meanwhile
                    archive.write(item.result, name)

    def close(self) -> None:
        """End all work."""
        for key in list(self._items):
            self.remove(key)
        self._worker.shutdown(cancel_futures=True)

    def _item(self, key: str) -> Item:
        try:
            return self._items[key]
        except KeyError:
            raise Unknown("no such picture: it was removed, or was never here") from None

    def _work(self, item: Item) -> None:
        """Enlarge a picture; an error becomes its outcome and does not stop the others."""

        def watch(share: float) -> None:
            item.share = share
            if item.gone.is_set():
                raise Stopped

        if item.gone.is_set():
            return
        item.status, start = "working", time.perf_counter()
        try:
            info, model, restored = item.enlarge(item.source, item.result, watch=watch)
            height, width = info.shape[:2]
            item.outcome = {
                "width": width,
                "height": height,
                "model": model,
                "restored": str(restored),
                "seconds": round(time.perf_counter() - start, 2),
                "bytes": item.result.stat().st_size,
            }
            item.status = "done"
        except Stopped:
            pass
        except (SrArnError, OSError, MemoryError) as error:
            item.outcome = {"reason": _reason(error, item)}
            item.status = "failed"
        except Exception:  # a bug must not stop the others
            logger.exception("enlarging a picture")
            item.outcome = {"reason": "an error of sr_arn's; the terminal tells more"}
            item.status = "failed"
        if item.gone.is_set():
            shutil.rmtree(item.folder, ignore_errors=True)

    def _make_room(self) -> int:
        """Remove the oldest results while all take too many bytes; return how many are left."""
        with self._lock:
            items = list(self._items.items())
        sizes = {key: _bytes_in(item.folder) for key, item in items}
        total = sum(sizes.values())
        for key, size in sizes.items():
            if total <= MOST_BYTES:
                break
            item = self._items.get(key)
            if item is not None and item.status in ("done", "failed"):
                self.remove(key)
                total -= size
        return total


def _bytes_in(folder: Path) -> int:
    """Return the bytes of the files in a folder, which may change meanwhile."""
    total = 0
    with suppress(OSError):
        for path in folder.iterdir():
            with suppress(OSError):
                total += path.stat().st_size
    return total


def _colours_of(picture: Picture) -> Metadata:
    """Return only the colour profile, if it fits the shown picture."""
    return Metadata(icc_profile=None if picture.is_cmyk else picture.metadata.icc_profile)


def _reason(error: Exception, item: Item) -> str:
    """Return the error of a picture, with the name that its owner gave it."""
    if isinstance(error, MemoryError):
        return "out of memory; take a smaller size"
    reason = display(error, 1000)
    for path in (item.source, item.result):
        reason = reason.replace(display(path), display(item.order.name))
    return reason
