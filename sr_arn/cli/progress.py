"""What is shown of a long run over many pictures: one line on a terminal, several in a log."""

import io
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from sr_arn.batch import Job, Outcome
from sr_arn.checks import display

__all__ = ["Progress"]

WIDTH = 24  # characters of the bar


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
        self.sizes = [job.source.stat().st_size for job in jobs]
        self.start = time.perf_counter()
        self.told = 0
        self.worked, self.to_work = 0, sum(self.sizes)  # bytes of what is not skipped
        self.quiet = quiet
        self.also_stdout = also_stdout
        self.err = sys.stderr if sys.stderr is not None else io.StringIO()  # it may be closed
        self.has_bar = not quiet and self.err.isatty()

    def tell_of_others(self, others: Sequence[Path]) -> None:
        """Tell which files are no pictures."""
        if others and not self.quiet:
            names = ", ".join(path.name for path in others)
            self._print(f"left out {len(others)} files that are no pictures: {display(names)}")

    def tell(self, outcome: Outcome) -> None:
        """Tell what became of the next picture."""
        size = self.sizes[self.told]
        self.told += 1
        if outcome.status == "skipped":
            self.to_work -= size
        else:
            self.worked += size
        number = f"{self.told}/{len(self.sizes)}"
        if outcome.status == "failed":
            self._print(f"{number} {_failure(outcome)}")
        elif not self.quiet and not self.has_bar:
            what = outcome.reason or (
                f"{outcome.width} x {outcome.height} pixels, {outcome.model}, {outcome.seconds} s"
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
        self._print("", end="")
        out = sys.stdout if self.also_stdout else self.err
        print(", ".join(counts), file=out)
        for outcome in failed:
            print(f"  {_failure(outcome)}", file=out)

    def _draw(self) -> None:
        """Draw the bar anew."""
        share = self.worked / max(self.to_work, 1)
        spent = time.perf_counter() - self.start
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
