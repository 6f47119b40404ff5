"""`sr-arn upscale`."""

import argparse
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sr_arn.cli.options import (
    STDOUT,
    add_cluster,
    add_device,
    add_json,
    add_refinement,
    add_restore,
    check_json,
    emit_json,
)

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
LEAST_MEMORY = 75  # megabytes of a picture in work


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="PNG, TIFF, JPEG, WebP, AVIF, BMP or GIF, a folder of them, a URL, or - for stdin",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUT",
        help="a picture, a folder (with a / at its end if it is new), or - for stdout",
    )
    parser.add_argument(
        "--model", metavar="NAME|FILE", help="see sr-arn models (default: the best for the size)"
    )
    size = parser.add_argument_group("size, by the model at or above, then bicubic down")
    size.add_argument(
        "--scale", type=float, metavar="F", help="factor, up to 4 (default: the model's, 3)"
    )
    size.add_argument("--width", type=int, metavar="N")
    size.add_argument("--height", type=int, metavar="N", help="with --width: what fits into both")
    size.add_argument("--max-side", type=int, metavar="N", help="of the longer side")
    size.add_argument("--megapixels", type=float, metavar="F")
    many = parser.add_argument_group("many pictures")
    many.add_argument("--recursive", action="store_true", help="folders within folders, too")
    many.add_argument("--skip-existing", action="store_true", help="go on with what is missing")
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
    parser.add_argument("--quality", type=int, metavar="Q", help="of JPEG, WebP (95), AVIF (90)")
    parser.add_argument(
        "--preview",
        action="store_true",
        help="beside each result, in photo_x3.preview.png: its most detailed part, and by bicubic",
    )
    add_device(parser, "cpu")
    add_refinement(parser)
    add_restore(parser)
    parser.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="default: as many as the process may use",
    )
    parser.add_argument(
        "--tile", type=int, metavar="N", help="pixels a side at a time (default: as memory allows)"
    )
    parser.add_argument(
        "--memory",
        type=int,
        metavar="MB",
        help="megabytes for the work, beside the pictures (default: 300; 75 per thread if many)",
    )
    parser.add_argument(
        "--max-pixels",
        type=int,
        metavar="N",
        help="refuse larger pictures by their header (default: 100 million)",
    )
    parser.add_argument(
        "--strip", action="store_true", help="leave out ICC profile, EXIF, XMP and resolution"
    )
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
    from sr_arn.upscaling.batch import Job, Outcome
    from sr_arn.upscaling.file_upscaler import PIPE, format_named

    output = _path_or_pipe(args.output)
    for option in ("name", "recursive", "skip_existing"):
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
    told = sys.stderr if output == PIPE else sys.stdout
    if not args.quiet and args.json != STDOUT and told is not None:
        print(f"{display(output)}: {done.width} x {done.height} pixels, {done.how}", file=told)
    if args.json:
        emit_report(args.json, [done])
    return 0


def emit_report(path: Path, outcomes: "Sequence[Outcome]", others: "Sequence[Path]" = ()) -> None:
    """Write what became of each picture, how many are done, and what was left out, as JSON."""
    counts = {s: sum(o.status == s for o in outcomes) for s in ("done", "skipped", "failed")}
    data = {"pictures": [o.report() for o in outcomes], "left_out": [str(p) for p in others]}
    emit_json(path, data | counts)


def _file_upscaler(args: argparse.Namespace, cluster: "Cluster | None") -> "FileUpscaler":
    """Return what enlarges as the options say."""
    from PIL import Image

    from sr_arn.models.restoration import Restore
    from sr_arn.pictures.io import MAX_PIXELS
    from sr_arn.system.threads import available_cores
    from sr_arn.upscaling.file_upscaler import FileUpscaler
    from sr_arn.upscaling.sizes import Size
    from sr_arn.upscaling.upscaler import MEMORY

    threads = args.threads
    if threads is None and args.jobs > 1:  # they share the cores
        threads = max(1, available_cores() // args.jobs)
    memory = args.memory
    if memory is None and args.jobs > 1:
        memory = max(LEAST_MEMORY, MEMORY // args.jobs)
    enlarge = FileUpscaler(
        model=args.model,
        size=Size(**{name: getattr(args, name) for name in Size.__dataclass_fields__}),
        device=args.device,
        ensemble=args.ensemble,
        back_project=args.back_project,
        threads=threads,
        tile=args.tile,
        memory=memory,
        max_pixels=MAX_PIXELS if args.max_pixels is None else args.max_pixels,
        strip=args.strip,
        quality=args.quality,
        preview=args.preview,
        cluster=cluster,
        restore=Restore.of(args.restore, args.jpeg, args.noise),
    )
    most = max(Image.MAX_IMAGE_PIXELS or 0, enlarge.max_pixels)  # what was asked for
    Image.MAX_IMAGE_PIXELS = most
    return enlarge


def _path_or_pipe(text: str) -> Path:
    """Return a place; only the dash alone is `PIPE`, not a file that is called so."""
    from sr_arn.system.locations import place

    path = place(text)
    return path.absolute() if path == Path("-") and text != "-" else path


def _is_folder(inputs: list[str], output: str) -> bool:
    """Return whether results go to a folder: there may be many, or the output says so."""
    from sr_arn.system.locations import is_pattern, place

    if output == "-":
        return len(inputs) > 1
    first = place(inputs[0])
    many = len(inputs) > 1 or first.is_dir()
    if not many and not first.exists():
        many = is_pattern(inputs[0])
    return many or output.endswith(("/", "\\")) or place(output).is_dir()


def _check_single(
    enlarge: "FileUpscaler", source: Path, output: Path, kind: "Format | None"
) -> None:
    """Raise `InputError` for what is known to be wrong before the picture is read."""
    from sr_arn.errors import InputError, display
    from sr_arn.pictures.formats import format_of
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
    from sr_arn.pictures.formats import SUFFIXES
    from sr_arn.system.files import check_folder
    from sr_arn.system.locations import place
    from sr_arn.upscaling import batch
    from sr_arn.upscaling.file_upscaler import format_named
    from sr_arn.upscaling.naming import naming

    folder = place(args.output)
    if "-" in (*args.inputs, args.output):
        raise InputError("input: stdin and stdout are for one picture; give -o a file, or -")
    is_picture = folder.suffix.lower() in SUFFIXES and not args.output.endswith(("/", "\\"))
    if folder.is_file() or (is_picture and not folder.is_dir()):
        raise InputError(f"output: expected a folder for many pictures, received {display(folder)}")
    kind = None if args.format is None else format_named(args.format)
    scale = enlarge.prepare()
    names = naming(args.name, enlarge.size, scale, kind)
    jobs, others = batch.find_jobs(
        args.inputs, folder, names, args.recursive, args.skip_existing, args.preview
    )
    check_folder(folder)
    progress = Progress(jobs, quiet=args.quiet, also_stdout=args.json != STDOUT)
    progress.tell_of_others(others)
    outcomes: list[Outcome] = []
    try:
        for outcome in batch.run(
            jobs, enlarge, args.jobs, args.skip_existing, watch=progress.watch
        ):
            outcomes.append(outcome)
            progress.tell(outcome)
        progress.finish(outcomes)
    except (KeyboardInterrupt, SrArnError):  # the cluster was lost
        progress.interrupted(len(outcomes))
        raise
    finally:
        if args.json:
            emit_report(args.json, outcomes, others)
    return PARTLY_DONE if any(o.status == "failed" for o in outcomes) else 0
