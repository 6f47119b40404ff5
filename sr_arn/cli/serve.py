"""`sr-arn serve`."""

import argparse
import asyncio
import logging
import socket
import tempfile
from pathlib import Path

from sr_arn.cli.options import add_options, names

SUMMARY = "Open a page on this machine to drop pictures on."
EXAMPLE = "sr-arn serve; sr-arn serve --port 0 --models conv-arn-x3,my.safetensors"
MEGABYTE = 1_000_000
LAST_PORT = 65535


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS", help="default: 127.0.0.1, only from here"
    )
    parser.add_argument(
        "--port", type=int, default=8000, metavar="N", help="default: 8000; 0: any that is free"
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name under which browsers may ask for the page, beside localhost and numbers",
    )
    parser.add_argument(
        "--models", metavar="A,B", help="names or files to choose from (default: all bundled)"
    )
    parser.add_argument(
        "--max-upload", type=int, default=200, metavar="MB", help="of a picture (default: 200)"
    )
    add_options(parser, ("max_pixels", "device", "threads"))


def run(args: argparse.Namespace) -> None:
    """Serve until Ctrl-C."""
    from sr_arn.checks import check_integer
    from sr_arn.errors import InputError, UnavailableError
    from sr_arn.models.files import list_models
    from sr_arn.pictures.io import MAX_PIXELS
    from sr_arn.upscaling.loading import load_model
    from sr_arn.upscaling.schedule import Schedule
    from sr_arn.web.job_queue import JobQueue

    try:
        import uvicorn

        from sr_arn.web.app import application
    except ModuleNotFoundError as error:
        raise UnavailableError(
            f'serve: needs the package {error.name}; pip install "sr-arn[web]"'
        ) from None
    check_integer(args.max_upload, "max-upload", 1)
    if check_integer(args.port, "port", 0) > LAST_PORT:
        raise InputError(f"port: expected 0 to {LAST_PORT}, received {args.port}")
    chosen = list_models() if args.models is None else names(args.models)
    for name in chosen:
        load_model(name)  # so that errors are raised now
    by_name = {Path(name).name: name for name in chosen}
    if len(by_name) < len(set(chosen)) or not chosen:
        raise InputError("models: expected files of different names, one at least")
    logging.getLogger("uvicorn.error").addFilter(_is_worth_telling)
    with tempfile.TemporaryDirectory(prefix="sr-arn-") as folder, _listen(args) as listening:
        queue = JobQueue(
            Path(folder),
            by_name,
            args.models is None,
            MAX_PIXELS if args.max_pixels is None else args.max_pixels,
            args.device,
            Schedule(threads=args.threads),
        )
        app = application(queue, args.allow_host, args.max_upload * MEGABYTE)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
        host, port = listening.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        print(f"http://{shown}:{port} (Ctrl-C ends it)", flush=True)
        try:
            uvicorn.Server(config).run(sockets=[listening])
        except KeyboardInterrupt:  # the usual end
            pass
        finally:
            queue.close()


def _is_worth_telling(record: logging.LogRecord) -> bool:
    """Return whether a line of the server's log is about more than a closed connection."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


def _listen(args: argparse.Namespace) -> socket.socket:
    """Return a listening socket."""
    from sr_arn.errors import InputError, display

    family = socket.AF_INET6 if ":" in args.host else socket.AF_INET
    try:
        return socket.create_server((args.host, args.port), family=family)
    except OSError as error:
        raise InputError(
            f"serve: cannot listen on {display(args.host)} port {args.port}: "
            f"{str(error.strerror or error).partition(' (')[0]}; "
            "take another --port, for example 0"
        ) from None
