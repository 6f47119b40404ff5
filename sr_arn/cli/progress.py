"""What is shown of a long run over many pictures: one line on a terminal, several in a log."""

import io
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from sr_arn.errors import display
from sr_arn.upscaling.batch import OUTDATED, Job, Outcome
from sr_arn.upscaling.file_upscaler import PREVIEW

__all__ = ["Progress"]

WIDTH = 24  # characters of the bar
BETWEEN = 0.1  # seconds between two drawings of it


class Progress:
    """Tells of each picture as it is done, and of all in the end.

    Parameters
    ----------
    jobs : sequence of Job
    quiet : bool
        Whether only failures are told.
    also_stdout : bool
        Whether the summary may go to stdout; it is for JSON otherwise.
    """

    def __init__(self, jobs: Sequence[Job], quiet: bool, also_stdout: bool) -> None:
        self.jobs = jobs
        self.sizes = [_size(job.source) for job in jobs]
        self.start = time.perf_counter()
        self.told = 0
        self.worked, self.to_work = 0, sum(self.sizes)  # bytes of what is not skipped
        self.quiet = quiet
        self.also_stdout = also_stdout
        self.err = sys.stderr if sys.stderr is not None else io.StringIO()  # it may be closed
        self.has_bar = not quiet and self.err.isatty()
        self.in_work: dict[Job, float] = {}  # shares that are done
        self.drawn = 0.0  # when
        self.lock = threading.Lock()

    def tell_of_others(self, others: Sequence[Path]) -> None:
        """Tell what is left out: files that are no pictures, and folders within folders."""
        folders = [path.name for path in others if path.is_dir()]
        files = [path.name for path in others if not path.is_dir()]
        previews = [name for name in files if name.endswith(PREVIEW)]
        files = [name for name in files if not name.endswith(PREVIEW)]
        for names, what in (
            (files, "no pictures"),
            (previews, "previews"),
            (folders, "folders, see --recursive"),
        ):
            if names and not self.quiet:
                self._print(f"left out ({what}): {display(', '.join(names))}")

    def watch(self, job: Job, share: float) -> None:
        """Move the bar while a picture is in work; any thread may tell."""
        with self.lock:
            self.in_work[job] = share
            if self.has_bar and time.perf_counter() - self.drawn > BETWEEN:
                self._draw()

    def tell(self, outcome: Outcome) -> None:
        """Tell what became of the next picture."""
        with self.lock:
            self._tell(outcome)

    def clear(self) -> None:
        """Take the bar away."""
        if self.has_bar:
            self._print("", end="")

    def _tell(self, outcome: Outcome) -> None:
        job = self.jobs[self.told]
        size = self.sizes[self.told]
        self.told += 1
        self.in_work.pop(job, None)
        if outcome.status == "skipped":
            self.to_work -= size
        else:
            self.worked += size
        number = f"{self.told}/{len(self.sizes)}"
        if outcome.status == "failed":
            self._print(f"{number} {_failure(outcome)}")
        elif not self.quiet and not self.has_bar:
            what = outcome.reason or (
                f"{outcome.width} x {outcome.height} pixels, {outcome.how}, {outcome.seconds} s"
            )
            self._print(f"{number} {display(outcome.target)}: {what}")
        if self.has_bar:
            self._draw()

    def interrupted(self, done: int) -> None:
        """Tell how to go on."""
        self._print(f"{done} of {len(self.sizes)} done; go on with --skip-existing")

    def finish(self, outcomes: Sequence[Outcome]) -> None:
        """Sum up."""
        if self.quiet:
            return
        failed = [outcome for outcome in outcomes if outcome.status == "failed"]
        counts = [
            f"{sum(outcome.status == status for outcome in outcomes)} {status}"
            for status in ("done", "skipped", "failed")
        ]
        self.clear()
        out = sys.stdout if self.also_stdout else self.err
        print(", ".join(counts), file=out)
        for outcome in failed:
            print(f"  {_failure(outcome)}", file=out)
        if outdated := sum(outcome.reason == OUTDATED for outcome in outcomes):
            print(f"{outdated} skipped are older than their source; see --newer", file=out)

    def _draw(self) -> None:
        """Draw the bar anew."""
        sizes = dict(zip(self.jobs, self.sizes, strict=True))
        now = self.worked + sum(share * sizes[job] for job, share in self.in_work.items())
        share = min(1, now / max(self.to_work, 1))
        self.drawn = time.perf_counter()
        spent = self.drawn - self.start
        minutes, seconds = divmod(round(spent / share - spent) if share else 0, 60)
        bar = "#" * round(WIDTH * share)
        print(
            f"\r[{bar:<{WIDTH}}] {self.told}/{len(self.sizes)}, {minutes} min {seconds:02d} s left",
            end="\x1b[K",
            file=self.err,
            flush=True,
        )

    def _print(self, line: str, end: str = "\n") -> None:
        """Print to stderr, in place of the bar."""
        print("\r\x1b[K" * self.has_bar + line, end=end, file=self.err, flush=True)


def _failure(outcome: Outcome) -> str:
    """Return what failed and why; some reasons begin with the name."""
    reason, name = outcome.reason or "", display(outcome.source)
    return reason if reason.startswith(name) else f"{name}: {reason}"


def _size(path: Path) -> int:
    """Return the size of a file, 1 for standard input."""
    return path.stat().st_size if path.is_file() else 1
