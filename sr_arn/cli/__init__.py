"""The command `sr-arn`: parse, delegate, print.

`sr-arn --help` imports nothing heavy; `sr-arn COMMAND --help` reads the registries it shows.
"""

import argparse
import io
import logging
import math
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from sr_arn._version import __version__
from sr_arn.cli import (
    age,
    benchmark,
    compare,
    completion,
    data,
    doctor,
    models,
    score,
    serve,
    train,
    upscale,
)
from sr_arn.cli.options import LateParser, add_commands
from sr_arn.cli.torchrun import ended, is_first, speaks
from sr_arn.registry import load_plugins
from sr_arn.system.memory import memory_left
from sr_arn.system.threads import hush_readers

__all__ = ["main"]

USER_ERROR = 2
INTERRUPTED = 130
LEAST_ADDRESSES = 600 * 10**6  # bytes, under which libraries hang or abort while they are loaded
LEAST_MEMORY = 250 * 10**6  # with less, a container ends the process before it can print an error
COMMANDS = (
    *(upscale, serve, train, benchmark, compare, score, models, data, age, doctor),
    completion,
)


class OneLineParser(LateParser):
    """A parser that reports an error in one line."""

    def fill(self) -> None:
        """Add the late arguments, if there is memory for what they import."""
        if self.late is not None and (lack := _lack_of_memory()):
            self.exit(USER_ERROR, lack)
        super().fill()

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and leave with exit code 2."""
        line = "".join(c if c.isprintable() else " " for c in message)
        for name in sys.argv[1:]:
            if name.startswith("-") and os.path.lexists(name):
                line += f"; a file that begins with a dash is given as ./{name}"
        line = f"sr-arn: error: {line} (see {self.prog} --help)\n"
        self.exit(USER_ERROR, line if speaks() else None)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code.

    0 fine, 1 some of many pictures failed, 2 user error, 130 interrupted.
    """
    code = 0
    _prepare_process()
    try:
        load_plugins()
        args = _parser().parse_args(argv)
        if lack := _lack_of_memory():
            print(lack, end="", file=sys.stderr)
            return USER_ERROR
        with _log_to_stderr(quiet=getattr(args, "quiet", False)):
            code = args.run(args) or 0
        if sys.stdout is not None:  # it is None where it was closed
            sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output has gone, `| head` for example
        _discard_output()
    except KeyboardInterrupt:
        return _interrupted()
    except Exception as error:  # one line if it is the user's or the machine's
        if Interrupt.came:  # and an import that it broke off made something else of it
            return _interrupted()
        from sr_arn.errors import SrArnError, UnavailableError, display

        if isinstance(error, MemoryError):
            error = UnavailableError("out of memory; give a smaller picture or fewer samples")
        elif type(error).__name__ == "OutOfMemoryError":  # torch's, who may not be here
            error = UnavailableError(
                "the GPU has too little memory; --device cpu takes the machine's"
            )
        elif isinstance(error, OSError):  # of the machine, not of ours: a full disk, a long name
            where = f"{display(error.filename)}: " if error.filename else ""
            error = UnavailableError(f"{where}{error.strerror or error}")
            _discard_output()
        if not isinstance(error, SrArnError):
            raise  # a defect of ours: its traceback is wanted
        if speaks():
            print(f"sr-arn: error: {error}", file=sys.stderr)
        return ended(USER_ERROR)
    return ended(code)


class Interrupt:
    """Ctrl-C and signals to end, which must not be lost.

    Callbacks of native code, and of Python's importer, swallow exceptions. A swallowed signal is
    sent once more, until it is heard.
    """

    came = False
    AGAIN = 0.05  # seconds
    LEAVE = ("SIGTERM", "SIGHUP")  # Windows has no SIGHUP

    @classmethod
    def watch(cls) -> None:
        """Listen; to Ctrl-C only if the process does not ignore it, as background jobs do."""
        cls.came = False
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, cls._come)
        for name in cls.LEAVE:
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), cls._leave)
        sys.unraisablehook = cls._swallowed

    @classmethod
    def _come(cls, number: int, frame: object) -> NoReturn:
        cls.came = True
        raise KeyboardInterrupt

    @staticmethod
    def _leave(number: int, frame: object) -> NoReturn:
        """End by an exception, so that half-written files are removed."""
        sys.exit(128 + number)

    @staticmethod
    def _signal_main(number: int) -> None:
        """Wake the main thread, which a signal to this one would not."""
        main = threading.main_thread().ident
        if hasattr(signal, "pthread_kill") and main is not None:
            signal.pthread_kill(main, number)
        else:  # on Windows
            signal.raise_signal(number)

    @classmethod
    def _swallowed(cls, unraisable: "sys.UnraisableHookArgs") -> None:
        code = getattr(unraisable.exc_value, "code", None)
        if unraisable.exc_type is KeyboardInterrupt:
            number: int = signal.SIGINT
        elif unraisable.exc_type is SystemExit and isinstance(code, int) and code > 128:
            number = code - 128
        else:
            sys.__unraisablehook__(unraisable)
            return
        again = threading.Timer(cls.AGAIN, cls._signal_main, [number])
        again.daemon = True
        again.start()


def _interrupted() -> int:
    if speaks():
        print("sr-arn: interrupted", file=sys.stderr)
    return ended(INTERRUPTED)


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="sr-arn",
        description="Enlarge pictures by anchored regression: faithful, offline, on a CPU.",
    )
    parser.add_argument("--version", action="version", version=f"sr-arn {__version__}")
    add_commands(parser, COMMANDS)
    parser.set_defaults(parser=parser)
    return parser


def _lack_of_memory() -> str:
    """Return a line about a limit below which nothing can be loaded; it is empty without one."""
    for least, limit, where in (
        (LEAST_ADDRESSES, _limit_of_memory(), "of address space (ulimit -v)"),
        (LEAST_MEMORY, memory_left(), "that the container leaves"),
    ):
        if limit < least:
            return (
                f"sr-arn: error: memory: expected at least {least // 10**6} MB, the limit is "
                f"{limit // 10**6} MB {where}; raise it\n"
            )
    return ""


def _limit_of_memory() -> float:
    """Return the most bytes that the process may map."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return math.inf
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return math.inf
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # each maps tens of megabytes
    return limit


def _prepare_process() -> None:
    """Fit the process to a command: names of any script, nothing half-written on SIGTERM."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    if sys.stderr is None:  # it was closed; libraries write to it as if it were there
        sys.stderr = io.StringIO()
    hush_readers()
    if threading.current_thread() is threading.main_thread():
        Interrupt.watch()


def _discard_output() -> None:
    """Discard output that can no longer be printed."""
    if sys.stdout is sys.__stdout__ and sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _log_to_stderr(quiet: bool) -> Iterator[None]:
    """Show the package's log on stderr: progress, or with `quiet` only warnings; of one process."""
    logger, handler = logging.getLogger("sr_arn"), logging.StreamHandler()
    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    handler.setFormatter(
        logging.Formatter("\r\x1b[K" * on_terminal + "%(message)s")
    )  # no bar's rest
    logger.addHandler(handler)
    level = logging.WARNING if quiet else logging.INFO
    logger.setLevel(level if is_first() else logging.ERROR)
    try:
        yield
    finally:
        logger.removeHandler(handler)
