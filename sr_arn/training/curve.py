"""The course of a training: loss and held-out score of every epoch, as a table and a drawing."""

import csv
import io
import logging
from importlib.util import find_spec
from pathlib import Path

from sr_arn.system.files import write_whole

__all__ = ["Curve"]

logger = logging.getLogger(__name__)

LOSS, SCORE = "C0", "C1"  # colours


class Curve:
    """Keeps a CSV file and a PNG drawing up to date.

    Parameters
    ----------
    path : path
        Of the drawing; the table lies beside it, as .csv.
    resumed : bool, default False
        Whether the table of an interrupted training goes on.
    score : (str, str), default ("psnr", "held-out PSNR, dB")
        The name of the held-out score: of its column and its axis.
    """

    def __init__(
        self,
        path: Path,
        resumed: bool = False,
        score: tuple[str, str] = ("psnr", "held-out PSNR, dB"),
    ) -> None:
        self.path = path
        self.score, self.label = score
        self.table = path.with_suffix(".csv")
        self.rows: dict[int, tuple[float, float | None]] = {}
        if resumed and self.table.is_file():
            self._read()
        if find_spec("matplotlib") is None:
            logger.info('to see the training\'s course drawn: pip install "sr-arn[torch]"')

    def add(self, epoch: int, loss: float, score: float | None) -> None:
        """Take note of an epoch, counted from 1; later ones, of a former run, are forgotten."""
        self.rows = {e: row for e, row in self.rows.items() if e < epoch} | {epoch: (loss, score)}
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(("epoch", "loss", self.score))
        for number, (value, measured) in sorted(self.rows.items()):
            writer.writerow((number, value, "" if measured is None else measured))
        write_whole(self.table, lambda file: file.write(text.getvalue().encode()))
        if find_spec("matplotlib") is not None:
            write_whole(self.path, lambda file: file.write(self._drawn()))

    def _read(self) -> None:
        with self.table.open(newline="", errors="replace") as file:
            for row in csv.DictReader(file):
                try:
                    number, loss = int(row["epoch"]), float(row["loss"])
                    score = float(row[self.score]) if row[self.score] else None
                    self.rows[number] = loss, score
                except (KeyError, TypeError, ValueError):
                    continue  # somebody else's line

    def _drawn(self) -> bytes:
        """Return the drawing as a PNG file."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator

        figure = Figure(figsize=(7, 4), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot(xlabel="epoch", ylabel="loss", yscale="log")
        numbers = sorted(self.rows)
        axes.plot(numbers, [self.rows[n][0] for n in numbers], color=LOSS, marker=".")
        axes.yaxis.label.set_color(LOSS)
        measured = [(n, self.rows[n][1]) for n in numbers if self.rows[n][1] is not None]
        if measured:
            right = axes.twinx()
            right.set_ylabel(self.label)
            right.plot(*zip(*measured, strict=True), color=SCORE, marker=".")
            right.yaxis.label.set_color(SCORE)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        whole = io.BytesIO()
        figure.savefig(whole, format="png", metadata={"Software": None})
        return whole.getvalue()
