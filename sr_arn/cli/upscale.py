"""`sr-arn upscale`."""

import argparse
import logging
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sr_arn.cli.options import (
    STDOUT,
    add_cluster,
    add_json,
    add_options,
    check_json,
    emit_json,
    options_of,
)
from sr_arn.upscaling.options import OPTIONS, RESTORE, SCHEDULE, SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sr_arn.pictures.formats import Format
    from sr_arn.system.cluster import Cluster
    from sr_arn.upscaling.batch import Outcome
    from sr_arn.upscaling.file_upscaler import FileUpscaler

SUMMARY = "Enlarge pictures."
EXAMPLE = (
    "sr-arn upscale photo.jpg -o photo_x3.png; "
    "sr-arn upscale photos/ -o large/ --max-side 3000 --skip-existing"
)
PARTLY_DONE = 1
MOST_LEFT_OUT = 1000  # characters
LEAST_MEMORY = 75  # megabytes of a picture in work

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="$formats, a folder of them, a URL, or - for stdin",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUT",
        help="a picture, a folder (with a / at its end if it is new), or - for stdout",
    )
    add_options(parser, ("model",))
    size = parser.add_argument_group("size, by the model at or above, then bicubic down")
    add_options(size, options_of(SIZE))
    many = parser.add_argument_group("many pictures")
    many.add_argument("--recursive", action="store_true", help="folders within folders, too")
    many.add_argument("--skip-existing", action="store_true", help="skip those that are done")
    many.add_argument(
        "--newer", action="store_true", help="skip those that are done since they were changed"
    )
    many.add_argument("--jobs", type=int, default=1, metavar="N", help="at a time (default: 1)")
    many.add_argument(
        "--name",
        metavar="TEMPLATE",
        help="of results in a folder (default: {stem}_x{scale}{ext}, such as photo_x3.jpg or "
        "photo_w1920.jpg; {source}: the input's name with its suffix)",
    )
    many.add_argument(
        "--format",
        metavar="NAME",
        help="of results in a folder (default: the input's), or on stdout (PNG)",
    )
    add_cluster(parser)
    add_options(parser, (name for name in options_of(None) if name != "model"))
    restoring = parser.add_argument_group("what JPEG, noise and aliasing did to the picture")
    add_options(restoring, options_of(RESTORE))
    machine = parser.add_argument_group("threads and memory, which do not change the result")
    add_options(machine, options_of(SCHEDULE))
    add_json(parser)
    parser.add_argument("--quiet", action="store_true", help="print only warnings and errors")


def run(args: argparse.Namespace) -> int:
    """Enlarge one picture or many; return the exit code."""
    from sr_arn.checks import check_integer
    from sr_arn.errors import InputError
    from sr_arn.system.cluster import open_cluster

    check_json(args.json)
    check_integer(args.jobs, "jobs", 1)
    is_spread = args.workers is not None or args.scheduler is not None
    for option, default in (("jobs", 1), ("device", "cpu")):
        if is_spread and getattr(args, option) != default:
            raise InputError(f"{option}: is for one process; leave it out with workers")
    with open_cluster(args.workers, args.scheduler) as cluster:
        enlarge = _file_upscaler(args, cluster)
        many = _is_folder(args.inputs, args.output)
        return _run_many(args, enlarge) if many else _run_one(args, enlarge)


def _run_one(args: argparse.Namespace, enlarge: "FileUpscaler") -> int:
    """Enlarge one picture; return the exit code."""
    from sr_arn.cli.progress import Progress
    from sr_arn.errors import InputError, SrArnError, display
    from sr_arn.pictures.formats import format_named
    from sr_arn.upscaling.batch import Job, Outcome
    from sr_arn.upscaling.file_upscaler import PIPE

    output = _path_or_pipe(args.output)
    for option in ("name", "recursive", "skip_existing", "newer"):
        if getattr(args, option):
            shown = option.replace("_", "-")
            raise InputError(f"{shown}: is for results in a folder; give -o a folder")
    source = _path_or_pipe(args.inputs[0])
    kind = None
    if args.format is not None or output == PIPE:
        kind = format_named(args.format or "png")
        if output.suffix and output.suffix.lower() not in kind.suffixes:
            raise InputError(f"format: {display(output.name)} is no name of {kind.name}'s")
    if output == PIPE and args.json == STDOUT:
        raise InputError("json: the picture goes to stdout; give --json a file")
    if output == PIPE and sys.stdout is not None and sys.stdout.isatty():
        raise InputError("output: stdout is a terminal; send it to a file or a program")
    _check_single(enlarge, source, output, kind)
    progress = Progress([Job(source, output)], quiet=args.quiet, also_stdout=False)
    start = time.perf_counter()
    try:
        enlarged = enlarge(source, output, kind, partial(progress.watch, progress.jobs[0]))
    except SrArnError as error:
        progress.clear()
        if args.json:
            emit_report(args.json, [Outcome(str(source), str(output), "failed", str(error))])
        raise
    progress.clear()
    done = Outcome.of(Job(source, output), enlarged, time.perf_counter() - start)
    _report_left_out(done)
    stream = sys.stderr if output == PIPE else sys.stdout
    if not args.quiet and args.json != STDOUT and stream is not None:
        print(f"{display(output)}: {done.width} x {done.height} pixels, {done.how}", file=stream)
    if args.json:
        emit_report(args.json, [done])
    return 0


def emit_report(path: Path, outcomes: "Sequence[Outcome]", others: "Sequence[Path]" = ()) -> None:
    """Write what became of each picture, how many are done, and what was left out, as JSON."""
    counts = {s: sum(o.status == s for o in outcomes) for s in ("done", "skipped", "failed")}
    data = {"pictures": [o.report() for o in outcomes], "left_out": [str(p) for p in others]}
    emit_json(path, data | counts)


def _report_left_out(outcome: "Outcome") -> None:
    """Log what the result of a picture does not hold."""
    from sr_arn.errors import display

    if outcome.left_out:
        what = "; ".join(outcome.left_out)
        logger.warning("%s: left out %s", display(outcome.source), display(what, MOST_LEFT_OUT))


def _file_upscaler(args: argparse.Namespace, cluster: "Cluster | None") -> "FileUpscaler":
    """Return a file up-scaler with these options."""
    from PIL import Image

    from sr_arn.system.threads import available_cores
    from sr_arn.upscaling.file_upscaler import FileUpscaler
    from sr_arn.upscaling.schedule import MEMORY

    given = {name: getattr(args, name) for name in OPTIONS}
    if args.jobs > 1:  # they share the cores and the memory
        shares = {
            "threads": max(1, available_cores() // args.jobs),
            "memory": max(LEAST_MEMORY, MEMORY // args.jobs),
        }
        given |= {name: share for name, share in shares.items() if given[name] is None}
    enlarge = FileUpscaler.of(given, cluster)
    most = max(Image.MAX_IMAGE_PIXELS or 0, enlarge.max_pixels)  # what was asked for
    Image.MAX_IMAGE_PIXELS = most
    return enlarge


def _path_or_pipe(text: str) -> Path:
    """Return a location; only the dash alone is `PIPE`, not a file that is called so."""
    from sr_arn.system.locations import location

    path = location(text)
    return path.absolute() if path == Path("-") and text != "-" else path


def _is_folder(inputs: list[str], output: str) -> bool:
    """Return whether results go to a folder: for many inputs, or an output that is a folder."""
    from sr_arn.system.locations import is_pattern, location

    if output == "-":
        return len(inputs) > 1
    first = location(inputs[0])
    many = len(inputs) > 1 or first.is_dir()
    if not many and not first.exists():
        many = is_pattern(inputs[0])
    return many or output.endswith(("/", "\\")) or location(output).is_dir()


def _check_single(
    enlarge: "FileUpscaler", source: Path, output: Path, kind: "Format | None"
) -> None:
    """Check the arguments before the picture is read."""
    import numpy as np

    from sr_arn.errors import InputError, display
    from sr_arn.pictures.formats import FORMATS, any_of, format_of
    from sr_arn.pictures.palette import BILEVEL
    from sr_arn.system.files import check_output
    from sr_arn.system.locations import is_same
    from sr_arn.upscaling.file_upscaler import PIPE, preview_of

    if output != PIPE:
        check_output(output)
        if kind is None and not output.suffix:
            raise InputError(
                f"output: expected a name such as {display(output)}.png, or {display(output)}/ for "
                f"a new folder, received {display(output)}"
            )
    form = kind or format_of(output)
    if enlarge.quality is not None and form.quality is None:
        raise InputError(f"quality: {form.name} has none, for nothing is lost")
    for option, colours in (("keep_palette", np.eye(3, dtype=np.uint8)), ("keep_bilevel", BILEVEL)):
        if getattr(enlarge, option) and not form.holds_palette(colours):
            others = any_of([f.suffixes[0] for f in FORMATS if f.holds_palette(colours)])
            raise InputError(f"{option.replace('_', '-')}: {form.name} cannot; use {others}")
    if enlarge.preview and output == PIPE:
        raise InputError("preview: lies beside a result; give -o a file")
    written = [output, check_output(preview_of(output), "preview")] if enlarge.preview else [output]
    for path in written:
        if PIPE not in (source, path) and is_same(source, path):
            raise InputError(f"output: {display(path)} is the input; take another name")
    enlarge.prepare()


def _run_many(args: argparse.Namespace, enlarge: "FileUpscaler") -> int:
    """Enlarge into a folder; return the exit code."""
    from sr_arn.cli.progress import Progress
    from sr_arn.errors import InputError, SrArnError, display
    from sr_arn.pictures.formats import SUFFIXES, format_named
    from sr_arn.system.files import check_folder
    from sr_arn.system.locations import location
    from sr_arn.upscaling import batch
    from sr_arn.upscaling.naming import naming

    folder = location(args.output)
    if "-" in (*args.inputs, args.output):
        raise InputError("input: stdin and stdout are for one picture; give -o a file, or -")
    is_picture = folder.suffix.lower() in SUFFIXES and not args.output.endswith(("/", "\\"))
    if folder.is_file() or (is_picture and not folder.is_dir()):
        raise InputError(f"output: expected a folder for many pictures, received {display(folder)}")
    kind = None if args.format is None else format_named(args.format)
    scale = enlarge.prepare()
    names = naming(args.name, enlarge.size, scale, kind)
    skips = args.skip_existing or args.newer
    skip = batch.skip_existing if skips else batch.skip_none
    if args.newer:
        skip = batch.skip_up_to_date
    jobs, others = batch.find_jobs(args.inputs, folder, names, args.recursive, skips, args.preview)
    check_folder(folder)
    progress = Progress(jobs, quiet=args.quiet, also_stdout=args.json != STDOUT)
    progress.tell_of_others(others)
    outcomes: list[Outcome] = []
    try:
        for outcome in batch.run(jobs, enlarge, args.jobs, skip, progress.watch):
            outcomes.append(outcome)
            _report_left_out(outcome)
            progress.tell(outcome)
        progress.finish(outcomes)
    except (KeyboardInterrupt, SrArnError):  # the cluster was lost
        progress.interrupted(len(outcomes))
        raise
    finally:
        if args.json:
            emit_report(args.json, outcomes, others)
    return PARTLY_DONE if any(o.status == "failed" for o in outcomes) else 0
