"""The local page: requests of the browser, and which of them are refused.

Only uploaded pictures can be fetched, by keys that cannot be guessed; no address is used as a path.
Pages of other sites cannot use this one: their requests have another origin, and foreign names that
resolve to this address (DNS rebinding) are not served.
"""

import ipaddress
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sr_arn.errors import InputError, SrArnError
from sr_arn.models.restoration import Restore
from sr_arn.pictures.formats import FORMATS, SUFFIXES, format_named, option_names
from sr_arn.upscaling.options import OPTIONS, SIZE
from sr_arn.upscaling.sizes import Size
from sr_arn.web.job_queue import MOST_BYTES, JobQueue
from sr_arn.web.jobs import Order, Unknown
from sr_arn.web.pages import local_page, static

__all__ = ["application"]

MOST_KEYS = 2000  # in one address
STATICS = {
    "style.css": "text/css",
    "slider.js": "text/javascript",
    "serve.js": "text/javascript",
}
HEADERS = {
    "content-security-policy": "default-src 'none'; img-src 'self' data:; style-src 'self'; "
    "script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Refuses requests of other sites, and sets headers that fix the type of each answer.

    Parameters
    ----------
    app : ASGI application
    hosts : collection of str
        Names under which the page is served, besides localhost and IP addresses.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self.app = app
        self.hosts = {"localhost", *(host.lower() for host in hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refusal = self._refusal(scope["method"], Headers(scope=scope))
        app = self.app if refusal is None else PlainTextResponse(f"{refusal}\n", 403)
        await app(scope, receive, send_guarded)

    def _refusal(self, method: str, headers: Headers) -> str | None:
        """Return why a request is refused, or None."""
        host = headers.get("host", "")
        if not self._is_ours(host):
            return "host: served are localhost, addresses of numbers, and --allow-host NAME"
        if method in ("GET", "HEAD"):
            return None
        origin = headers.get("origin")
        is_foreign = origin is not None and origin.partition("://")[2] != host
        if is_foreign or headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return "origin: another site's page may not hand in pictures"
        return None

    def _is_ours(self, host: str) -> bool:
        """Return whether a Host header is a name that no foreign name server controls."""
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        if name.lower() in self.hosts:
            return True
        try:
            ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
        except ValueError:
            return False
        return True


def application(
    queue: JobQueue, hosts: Collection[str] = (), max_upload: int = 200_000_000
) -> ASGIApp:
    """Return the page as an ASGI application.

    Parameters
    ----------
    queue : JobQueue
        Does the work.
    hosts : collection of str
        Names under which the page is served, besides localhost and IP addresses.
    max_upload : int
        Maximum bytes of a picture.
    """
    page = local_page(
        models=list(queue.models),
        any_model=queue.best,
        formats=option_names(),
        readable=[form.name for form in FORMATS],
        suffixes=list(SUFFIXES),
        max_upload=max_upload,
        max_pixels=queue.max_pixels,
        most_bytes=MOST_BYTES,
    )

    async def index(request: Request) -> Response:
        return Response(page, media_type="text/html")

    async def text(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in STATICS:
            return PlainTextResponse("not found\n", 404)
        return Response(static(name), media_type=STATICS[name])

    async def hand_in(request: Request) -> Response:
        order = _order(request.query_params)
        if int(request.headers.get("content-length", 0)) > max_upload:
            raise _TooLarge(max_upload)
        key = await run_in_threadpool(queue.open, order)  # it may load a model
        try:
            await _receive(request, queue.place_of(key), max_upload)
            queue.start(key)
        except BaseException as error:  # also if the browser disconnects
            queue.remove(key)
            if isinstance(error, ClientDisconnect):
                return Response(status_code=400)
            raise
        return JSONResponse(queue.state(key), 201)

    async def states(request: Request) -> Response:
        return JSONResponse([queue.state(key) for key in _keys(request)])

    async def remove(request: Request) -> Response:
        queue.remove(request.path_params["key"])
        return Response(status_code=204)

    def result(request: Request) -> Response:  # in a thread, as it is not async
        path, name = queue.result(request.path_params["key"])
        return FileResponse(path, media_type="application/octet-stream", filename=name)

    def shown(request: Request) -> Response:
        which = request.path_params["which"]
        if which not in ("before", "after"):
            raise Unknown("expected before or after")
        path = queue.shown(request.path_params["key"], which)
        return FileResponse(path, media_type=SUFFIXES[path.suffix.lower()].mime)

    def archive(request: Request) -> Response:
        with tempfile.NamedTemporaryFile(dir=queue.folder, suffix=".zip", delete=False) as file:
            target = Path(file.name)
        forget = BackgroundTask(target.unlink, missing_ok=True)
        try:
            queue.zip(_keys(request), target)
        except BaseException:
            target.unlink()
            raise
        return FileResponse(
            target, media_type="application/zip", filename="enlarged.zip", background=forget
        )

    app = Starlette(
        routes=[
            Route("/", index),
            Route("/static/{name}", text),
            Route("/pictures", hand_in, methods=["POST"]),
            Route("/pictures", states),
            Route("/pictures/{key}", remove, methods=["DELETE"]),
            Route("/pictures/{key}/result", result),
            Route("/pictures/{key}/{which}", shown),
            Route("/zip", archive),
        ],
        exception_handlers={SrArnError: _told, OSError: _told},
    )
    return Guard(app, hosts)


class _TooLarge(InputError):
    def __init__(self, most: int) -> None:
        super().__init__(f"upload: expected at most {most / 1e6:g} MB; see --max-upload")


async def _told(request: Request, error: Exception) -> Response:
    """Answer with the error, in one line."""
    if isinstance(error, Unknown):
        code = 404
    elif isinstance(error, _TooLarge):
        code = 413
    else:
        code = 400 if isinstance(error, SrArnError) else 507
    reason = str(error) if isinstance(error, SrArnError) else "the disk is full or not writable"
    return JSONResponse({"reason": reason}, code)


def _order(query: Any) -> Order:
    """Return the order in a request: name, model, format, size, restoring."""
    given: dict[str, Any] = {}
    kind, value = query.get("size"), query.get("value")
    if kind:
        sizes = [name for name, option in OPTIONS.items() if option.part == SIZE]
        if kind not in sizes:
            raise InputError(f"size: expected {', '.join(sizes[:-1])} or {sizes[-1]}")
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise InputError(f"{kind.replace('_', '-')}: expected a number") from None
        is_count = OPTIONS[kind].type is int and number.is_integer()
        given[kind] = int(number) if is_count else number
    form = query.get("format")
    return Order(
        query.get("name", ""),
        query.get("model") or None,
        Size(**given),
        format_named(form) if form else None,
        Restore.of(query.get("restore") or "auto"),
    )


def _keys(request: Request) -> list[str]:
    keys = [key for key in request.query_params.get("keys", "").split(",") if key]
    if len(keys) > MOST_KEYS:
        raise InputError(f"keys: expected at most {MOST_KEYS}, received {len(keys)}")
    return keys


async def _receive(request: Request, place: Path, most: int) -> None:
    """Write a request's body to a file."""
    received = 0
    with place.open("wb") as file:
        async for chunk in request.stream():
            received += len(chunk)
            if received > most:
                raise _TooLarge(most)
            file.write(chunk)
    if not received:
        raise InputError("upload: the picture is empty")
