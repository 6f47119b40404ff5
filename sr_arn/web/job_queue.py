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
from sr_arn.pictures.formats.unread import unread_named
from sr_arn.pictures.io import MAX_PIXELS, read_image, write_image
from sr_arn.pictures.metadata import Metadata
from sr_arn.pictures.picture import Picture
from sr_arn.upscaling.drawing import visible
from sr_arn.upscaling.file_upscaler import FileUpscaler, Stopped
from sr_arn.upscaling.naming import naming
from sr_arn.upscaling.schedule import Schedule
from sr_arn.upscaling.sizes import Size
from sr_arn.upscaling.upscaler import Upscaler
from sr_arn.web.jobs import Job, Order, Unknown, plain_name

__all__ = ["JobQueue"]

logger = logging.getLogger(__name__)

MOST_WAITING = 200  # pictures
MOST_BYTES = 4_000_000_000  # of all pictures; beyond, the oldest results go, or uploads fail


class JobQueue:
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
        If a number is out of range.
    UnavailableError
        If torch or the device is missing.
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
        self._jobs: dict[str, Job] = {}
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
        other = unread_named(Path(name).suffix.lower())
        if other is not None:
            raise other.refusal(display(name))
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
        job = Job(replace(order, name=name), enlarge, folder, names.name_of(Path(name)))
        if self._make_room() > MOST_BYTES:
            raise InputError("too much is waiting; try again when some are done")
        with self._lock:
            waiting = sum(i.status in ("waiting", "working") for i in self._jobs.values())
            if waiting >= MOST_WAITING:
                raise InputError(f"{waiting} pictures are waiting; try again when some are done")
            folder.mkdir()
            self._jobs[key] = job
        return key

    def place_of(self, key: str) -> Path:
        """Return the file that an upload is written to."""
        return self._job(key).source

    def start(self, key: str) -> None:
        """Queue a picture."""
        self._worker.submit(self._work, self._job(key))

    def state(self, key: str) -> dict[str, Any]:
        """Return the state of a picture, for JSON; an unknown one is "gone"."""
        job = self._jobs.get(key)
        if job is None:
            return {"key": key, "status": "gone"}
        return {
            "key": key,
            "name": job.order.name,
            "status": job.status,
            "share": round(job.share, 3),
            "result": job.called,
            "shown": job.is_shown,
            **job.outcome,
        }

    def result(self, key: str) -> tuple[Path, str]:
        """Return the file and the name of a result, or raise `Unknown`."""
        job = self._job(key)
        if job.status != "done":
            raise Unknown(f"{display(job.order.name)}: is not done")
        return job.result, job.called

    def shown(self, key: str, which: str) -> Path:
        """Return a file that browsers show: the result, or the picture by bicubic.

        Raises
        ------
        Unknown
            If it is not done, or too large for a browser.
        """
        job = self._job(key)
        if not job.is_shown:
            raise Unknown(f"{display(job.order.name)}: is not done, or too large to be shown")
        is_result = which == "after"
        if is_result and format_of(job.result).shown_by_browsers:
            return job.result
        path = job.folder / f"{which}.png"
        with job.lock:
            if not path.exists():
                whole = 1 << 62  # pixels: the file is ours
                result = read_image(job.result, max_pixels=whole) if is_result else None
                picture = result or self._by_bicubic(job)
                write_image(path, Picture(visible(picture), _colours_of(picture)))
        return path

    def _by_bicubic(self, job: Job) -> Picture:
        """Return an uploaded picture, enlarged to the size of its result."""
        picture = read_image(job.source, max_pixels=self.max_pixels)
        height, width = picture.pixels.shape[:2]
        size = job.outcome["height"], job.outcome["width"]
        whole = size[0] % height == size[1] % width == 0
        scale = size[0] // height if whole and size[0] // height == size[1] // width else 1
        return Upscaler(BicubicModel(scale)).upscale_picture(picture, size, restore="off")

    def remove(self, key: str) -> None:
        """Remove a picture and stop the work on it."""
        with self._lock:
            job = self._jobs.pop(key, None)
        if job is not None:
            job.gone.set()
            if job.status != "working":  # else the worker removes it
                shutil.rmtree(job.folder, ignore_errors=True)

    def zip(self, keys: Iterable[str], target: Path) -> None:
        """Write results into a zip file; equal names get numbers.

        Raises
        ------
        Unknown
            If none of them is done.
        """
        jobs = [self._jobs.get(key) for key in dict.fromkeys(keys)]
        done = [job for job in jobs if job is not None and job.status == "done"]
        if not done:
            raise Unknown("none of these is done")
        taken: set[str] = set()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            for job in done:
                called, number = Path(job.called), 1
                name = called.name
                while name.casefold() in taken:
                    number += 1
                    name = f"{called.stem} ({number}){called.suffix}"
                taken.add(name.casefold())
                with suppress(FileNotFoundError):  # it was removed meanwhile
                    archive.write(job.result, name)

    def close(self) -> None:
        """End all work."""
        for key in list(self._jobs):
            self.remove(key)
        self._worker.shutdown(cancel_futures=True)

    def _job(self, key: str) -> Job:
        try:
            return self._jobs[key]
        except KeyError:
            raise Unknown("no such picture: it was removed, or was never here") from None

    def _work(self, job: Job) -> None:
        """Enlarge a picture; an error becomes its outcome and does not stop the others."""

        def watch(share: float) -> None:
            job.share = share
            if job.gone.is_set():
                raise Stopped

        if job.gone.is_set():
            return
        job.status, start = "working", time.perf_counter()
        try:
            info, model, restored, left_out = job.enlarge(job.source, job.result, watch=watch)
            height, width = info.shape[:2]
            job.outcome = {
                "width": width,
                "height": height,
                "model": model,
                "restored": str(restored),
                "left_out": list(left_out),
                "seconds": round(time.perf_counter() - start, 2),
                "bytes": job.result.stat().st_size,
            }
            job.status = "done"
        except Stopped:
            pass
        except (SrArnError, OSError, MemoryError) as error:
            job.outcome = {"reason": _reason(error, job)}
            job.status = "failed"
        except Exception:  # a bug must not stop the others
            logger.exception("enlarging a picture")
            job.outcome = {"reason": "an error of sr_arn's; the terminal tells more"}
            job.status = "failed"
        if job.gone.is_set():
            shutil.rmtree(job.folder, ignore_errors=True)

    def _make_room(self) -> int:
        """Remove the oldest results while all take too many bytes; return how many are left."""
        with self._lock:
            jobs = list(self._jobs.items())
        sizes = {key: _bytes_in(job.folder) for key, job in jobs}
        total = sum(sizes.values())
        for key, size in sizes.items():
            if total <= MOST_BYTES:
                break
            job = self._jobs.get(key)
            if job is not None and job.status in ("done", "failed"):
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
    return Metadata() if picture.is_cmyk else picture.metadata.of_colours()


def _reason(error: Exception, job: Job) -> str:
    """Return the error of a picture, with the name that its owner gave it."""
    if isinstance(error, MemoryError):
        return "out of memory; take a smaller size"
    reason = display(error, 1000)
    for path in (job.source, job.result):
        reason = reason.replace(display(path), display(job.order.name))
    return reason
