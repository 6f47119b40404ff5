"""Many pictures: which are enlarged, and where the results go."""

import glob
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from sr_arn.errors import InputError, SrArnError, display
from sr_arn.models.restoration import Strengths
from sr_arn.pictures.formats import SUFFIXES
from sr_arn.pictures.formats.unread import unread_named
from sr_arn.pictures.io import TooManyPixels
from sr_arn.registry import load_plugins
from sr_arn.system.cluster import Cluster, ClusterLost, asks_if_wanted
from sr_arn.system.locations import identity, is_local, is_pattern, location
from sr_arn.system.threads import hush_readers, in_order
from sr_arn.upscaling.file_upscaler import PREVIEW, Enlarged, FileUpscaler, Stopped, preview_of
from sr_arn.upscaling.naming import Naming

__all__ = [
    "OUTDATED",
    "Job",
    "Outcome",
    "Skip",
    "find_jobs",
    "run",
    "skip_existing",
    "skip_none",
    "skip_up_to_date",
]

HUGE = 16_000_000  # pixels of a picture that all workers of a cluster enlarge together


@dataclass(frozen=True)
class Job:
    """A picture and where its result goes."""

    source: Path
    target: Path

    @property
    def is_outdated(self) -> bool:
        """Whether the source was changed since the result was written."""
        return 0 < self.target.stat().st_mtime < self.source.stat().st_mtime  # 0: not known

    def absolute(self) -> "Job":
        """Return it for processes in another working directory."""
        return Job(self.source.absolute(), self.target.absolute())


@dataclass(frozen=True)
class Outcome:
    """What became of a job."""

    source: str
    target: str
    status: Literal["done", "skipped", "failed"]
    reason: str | None = None
    width: int | None = None
    height: int | None = None
    model: str | None = None
    seconds: float | None = None
    restored: Strengths | None = None
    left_out: tuple[str, ...] = ()
    """What the source holds and the result does not."""

    @classmethod
    def of(cls, job: Job, enlarged: Enlarged, seconds: float) -> "Outcome":
        """Return the outcome of a finished job."""
        (info, model, restored, left_out), spent = enlarged, round(seconds, 3)
        height, width = info.shape[:2]
        source, target = str(job.source), str(job.target)
        return cls(source, target, "done", None, width, height, model, spent, restored, left_out)

    @property
    def how(self) -> str:
        """What made it, such as "conv-arn-x3; JPEG of quality 75: restored"."""
        return "; ".join(filter(None, (self.model, str(self.restored or ""))))

    def report(self) -> dict[str, Any]:
        """Return what is known, for JSON."""
        known = {name: value for name, value in asdict(self).items() if value is not None}
        if self.restored is not None:
            del known["restored"]
            known["restore"] = self.restored.report()
        return known


Skip = Callable[[Job], str | None]
"""Returns why a job is skipped, or None if it is not."""

OUTDATED = "is there already, older than its source"


def skip_none(job: Job) -> None:
    """Skip no job."""


def skip_existing(job: Job) -> str | None:
    """Skip a job whose result exists."""
    if not job.target.exists():
        return None
    return OUTDATED if job.is_outdated else "is there already"


def skip_up_to_date(job: Job) -> str | None:
    """Skip a job whose result exists and is not older than its source."""
    reason = skip_existing(job)
    return None if reason == OUTDATED else reason


def find_jobs(
    inputs: Iterable[str],
    folder: Path,
    naming: Naming,
    recursive: bool = False,
    skip_existing: bool = False,
    previews: bool = False,
) -> tuple[list[Job], list[Path]]:
    """Return the jobs, and what is left out: files that are not pictures, and folders.

    Parameters
    ----------
    inputs : iterable of str
        Files, folders and patterns such as photos/*.jpg.
    folder : path
        Of the results.
    naming : Naming
    recursive : bool, default False
        Whether sub-folders are read; their names are kept in `folder`.
    skip_existing : bool, default False
        Whether pictures that are results of other inputs are left out.
    previews : bool, default False
        Whether previews will be written beside the results. Existing previews are left out.

    Raises
    ------
    InputError
        If an input is missing, no picture is found, a result would overwrite a source, or two
        results have the same name.
    """
    jobs: list[Job] = []
    others: list[Path] = []
    for text in inputs:
        for source, below in _files(text, recursive, identity(folder)):
            is_preview = source.name.endswith(PREVIEW) and source != location(text)
            is_picture = _is_named_as_one(source) and not source.is_dir()
            if is_picture and not is_preview:
                jobs.append(Job(source, folder.joinpath(*below.parts, naming.name_of(source))))
            else:
                others.append(source)
    jobs = list(dict.fromkeys(jobs))  # what is given twice is enlarged once
    if skip_existing:
        results = {identity(job.target) for job in jobs}
        jobs = [job for job in jobs if identity(job.source) not in results]
    _check(jobs, previews)
    if not jobs:
        raise InputError(f"input: no picture found ({', '.join(SUFFIXES)})")
    return jobs, others


def _is_named_as_one(source: Path) -> bool:
    """Return whether a file's name is that of a picture, even of one that is not read."""
    suffix = source.suffix.lower()
    return suffix in SUFFIXES or unread_named(suffix) is not None


def _files(text: str, recursive: bool, but: str) -> Iterator[tuple[Path, Path]]:
    """Yield the files that an argument means, and the sub-folder that each is in.

    Sub-folders that are not read are yielded themselves. The folder `but`, where results go, is
    skipped.
    """
    path = location(text)
    if path.is_dir():
        yield from _files_of(path, Path(), recursive, but)
    elif path.exists():
        yield path, Path()
    elif is_pattern(text):
        found = _matches(path, text)
        if not found:
            raise InputError(f"{display(text)}: no file is called so")
        yield from ((name, Path()) for name in found if name.is_file())
    else:
        raise InputError(f"{display(text)}: no such file or folder")


def _matches(path: Any, text: str) -> list[Path]:
    """Return the files that match a pattern, sorted; folders that exist are no pattern."""
    if is_local(path):
        known = next((folder for folder in path.parents if folder.exists()), Path())
        pattern = Path(glob.escape(str(known))) / path.relative_to(known)
        return [Path(name) for name in sorted(glob.glob(str(pattern), recursive=True))]
    return [*path.matches()]


def _files_of(folder: Path, below: Path, recursive: bool, but: str) -> Iterator[tuple[Path, Path]]:
    """Yield the files of a folder that are not hidden, and the sub-folder that each is in."""
    folders = []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            folders.append(entry)
        elif entry.is_file():
            yield entry, below
    for entry in folders:
        if identity(entry) == but:
            continue
        if recursive and not entry.is_symlink():  # a link may lead back
            yield from _files_of(entry, below / entry.name, recursive, but)
        else:
            yield entry, below


def _check(jobs: list[Job], previews: bool) -> None:
    """Raise `InputError` if results would overwrite each other or a source."""
    sources = {identity(job.source) for job in jobs}
    taken: dict[str, Job] = {}
    for job in jobs:
        leads = identity(job.target)
        if previews and identity(preview_of(job.target)) in sources:
            raise InputError(
                f"preview: {display(preview_of(job.target))} is an input; take another folder"
            )
        if leads in sources:
            raise InputError(
                f"output: {display(job.target)} is an input; take another folder, or "
                "--skip-existing to leave it as it is"
            )
        other = taken.setdefault(leads, job)
        if other is not job:
            is_alike = other.source.name == job.source.name
            remedy = "another folder for one" if is_alike else "--name with {source}"
            raise InputError(
                f"output: {display(other.source)} and {display(job.source)} would both become "
                f"{display(job.target)}; give {remedy}"
            )


def run(
    jobs: list[Job],
    enlarge: FileUpscaler,
    at_a_time: int = 1,
    skip: Skip = skip_none,
    watch: Callable[[Job, float], object] = lambda job, share: None,
) -> Iterator[Outcome]:
    """Yield the outcome of each job, in their order; create the folders of the results.

    A picture that cannot be read, enlarged or written does not stop the others. Any of the threads
    calls `watch` with a job and its completed fraction. `skip` is asked before each.
    With a cluster, its workers take the pictures and `at_a_time` has no effect; pictures of more
    than 16 million pixels are read and written here, and all workers enlarge each of them together.
    """
    stopped = threading.Event()

    def work(job: Job) -> Outcome:
        def watch_one(share: float) -> None:
            if stopped.is_set():
                raise Stopped
            watch(job, share)

        try:
            return _outcome(enlarge, job, skip, watch_one)
        except TooManyPixels as error:
            return _failed(job, error)

    if (cluster := enlarge.schedule.cluster) is not None:
        return _spread(jobs, enlarge, cluster, skip, work)
    if at_a_time == 1:  # here, so that Ctrl-C ends it at once
        return map(work, jobs)
    return in_order(work, jobs, at_a_time, stopped)


def _spread(
    jobs: list[Job],
    enlarge: FileUpscaler,
    cluster: Cluster,
    skip: Skip,
    otherwise: Callable[[Job], Outcome],
) -> Iterator[Outcome]:
    """Yield the outcome of each job by a worker; `otherwise` does the huge ones."""
    own = cluster.keep(copy, enlarge.for_a_worker(HUGE))
    tasks = ((own, job.absolute(), skip) for job in jobs)
    found = cluster.in_order(_unless_huge, tasks, lambda task, error: _failed(task[1], error))
    for job, outcome in zip(jobs, found, strict=True):
        if outcome is None:
            yield otherwise(job)
        else:
            reason = outcome.reason
            for given, sent in ((job.source, outcome.source), (job.target, outcome.target)):
                reason = reason and reason.replace(display(sent), display(given))
            yield replace(outcome, source=str(job.source), target=str(job.target), reason=reason)


def _unless_huge(enlarge: FileUpscaler, job: Job, skip: Skip) -> Outcome | None:
    """Return the outcome of a job, or None if the picture is too large for one worker."""
    hush_readers()
    load_plugins()
    is_wanted = asks_if_wanted()

    def watch(share: float) -> None:
        if not is_wanted():  # after Ctrl-C, for example
            raise Stopped

    try:
        return _outcome(enlarge, job, skip, watch)
    except TooManyPixels:
        return None


def _outcome(
    enlarge: FileUpscaler,
    job: Job,
    skip: Skip,
    watch: Callable[[float], object] = lambda share: None,
) -> Outcome:
    """Enlarge a picture; report every error but the two that end the whole run."""
    start = time.perf_counter()
    try:
        if (why := skip(job)) is not None:
            return Outcome(str(job.source), str(job.target), "skipped", why)
        job.target.parent.mkdir(parents=True, exist_ok=True)
        enlarged = enlarge(job.source, job.target, watch=watch)
    except (TooManyPixels, ClusterLost):
        raise
    except (SrArnError, OSError, MemoryError, Stopped) as error:
        return _failed(job, error)
    return Outcome.of(job, enlarged, time.perf_counter() - start)


def _failed(job: Job, error: Exception) -> Outcome:
    return Outcome(str(job.source), str(job.target), "failed", _reason(error))


def _reason(error: Exception) -> str:
    if isinstance(error, SrArnError):
        return str(error)
    if isinstance(error, OSError):
        where = f"{display(error.filename)}: " if error.filename else ""
        return f"{where}{display(error.strerror or error)}"
    return "out of memory" if isinstance(error, MemoryError) else "stopped"
