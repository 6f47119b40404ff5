"""What reading a file of strangers may take and touch: time, memory, files; it runs no code."""

import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path

LONGEST = 10.0  # seconds of the processor's time, which a busy machine does not stretch
PATIENCE = 6  # times as long by the clock
BESIDE = 32 << 20  # bytes that libraries take whatever a file declares
CLEAR = Path("/proc/self/clear_refs")  # forgets the peak of memory
CAN_MEASURE = os.access(CLEAR, os.W_OK)

CODE = {
    *("pickle.find_class", "subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty"),
    *("os.posix_spawn", "os.spawn", "pty.spawn", "ctypes.dlopen", "webbrowser.open"),
    *("exec", "socket.connect", "socket.bind", "socket.getaddrinfo", "urllib.Request"),
}
"""Events of Python's audit (PEP 578) that no file may bring about."""
PATHS = {
    **dict.fromkeys(("os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod"), 1),
    **dict.fromkeys(("os.rename", "os.link", "os.symlink"), 2),
}
"""How many of an event's arguments are paths that it changes."""
LOADERS = "<frozen importlib._bootstrap>", "numba/core/caching.py"
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

_watching = []  # what the hook is to tell: a hook of Python's audit cannot be taken away


class Hang(BaseException):
    """An attempt took too long; no `except Exception` may hide it."""


def _hook(event, arguments):
    if _watching:
        _watching[-1](event, arguments)


sys.addaudithook(_hook)


@contextmanager
def guarded(*folders):
    """Fail if what is done within takes too long, runs code, or writes beyond these folders."""
    places, trespasses = [Path(folder).resolve() for folder in folders], []

    def is_within(path):
        if isinstance(path, int):  # opened before
            return True
        path = Path(os.fsdecode(path)).absolute()
        place = path.parent.resolve() / path.name
        return path in (Path(os.devnull), CLEAR) or any(place.is_relative_to(p) for p in places)

    def look(event, arguments):
        paths = arguments[: PATHS.get(event, 0)]
        if event == "open":
            path, _, flags = arguments
            paths = [path] if flags & WRITING else []
        wrong = event in CODE or not all(map(is_within, paths))
        if wrong and not _is_loading():
            trespasses.append((event, arguments))

    _watching.append(look)
    try:
        with (
            alarmed(signal.SIGPROF, signal.ITIMER_PROF, LONGEST),
            alarmed(signal.SIGALRM, signal.ITIMER_REAL, PATIENCE * LONGEST),
        ):
            yield
    finally:
        _watching.pop()
    assert not trespasses, trespasses


@contextmanager
def alarmed(number, timer, seconds):
    """Raise `Hang` if what is done within takes longer."""

    def hang(*_):
        raise Hang(f"over {seconds} s")

    before = signal.signal(number, hang)
    signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        signal.setitimer(timer, 0)
        signal.signal(number, before)


def _is_loading():
    """Return whether a module is being imported, or what numba compiled before is read."""
    frame = sys._getframe()
    while frame is not None and not frame.f_code.co_filename.endswith(LOADERS):
        frame = frame.f_back
    return frame is not None


class Memory:
    """The most memory that was in use within, beyond what was before, native code's too."""

    peak = 0

    def __enter__(self):
        if CAN_MEASURE:
            CLEAR.write_text("5")
            self._before = _status("VmRSS")
        return self

    def __exit__(self, *error):
        if CAN_MEASURE:
            self.peak = _status("VmHWM") - self._before


def _status(name):
    """Return one of the process' figures in bytes."""
    with open("/proc/self/status") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith(name))
