"""The outermost layer: each request gets an id, is counted, and is told in the log, in a line that names nobody.

Knows ASGI, routes' templates, the log. Doesn't know learners, cookies or rights. The id is ours: nothing that a client or a proxy
sends goes into it. It is in every log line that is written for this request, in work that it began, and in its answer as X-Request-Id.
"""

from __future__ import annotations

import secrets
import time
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lab_server.web import takeover
from lab_server.web.counts import Seen

if TYPE_CHECKING:
    from lab_server.web.line import Line

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
HEADER = b"x-request-id"
JOINING = ("/join/", "/api/join/")  # what comes behind lets people into a class
MOST_SHOWN = 200  # characters of a path in the log
log = structlog.get_logger()


def shown(path: str) -> str:
    """A path as it may be logged: printable, on one line, not long, and without a class's code."""
    for joining in JOINING:
        if path.startswith(joining):
            return f"{joining}..."
    return quote(path, safe="/~:@!$&'()*+,;=-._")[:MOST_SHOWN]


def route(scope: Scope) -> str:
    """The template of the route that answered: one of a few, whatever was asked for."""
    found = getattr(scope.get("route"), "path", "")
    return str(found) or ("none" if scope["path"].startswith("/api/") else "site")


class Requests:
    """Leaves in `scope["state"]`: `request` (the id) and `peer`, the address at the connection's other end, whatever headers say.

    A websocket's route leaves there `denied` (status), or `closed` (code). Frames are not looked at: they pass as fast as before.
    """

    def __init__(self, app: ASGIApp, seen: Seen) -> None:
        self._app, self._seen = app, seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["request"] = id = secrets.token_hex(8)
        state["peer"] = (scope.get("client") or ("",))[0]
        with structlog.contextvars.bound_contextvars(request=id):
            if scope["type"] == "http":
                await self._http(scope, receive, send, id)
            else:
                await self._websocket(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send, id: str) -> None:
        status, took, began = "none", 0.0, time.perf_counter()

        async def told(message: Message) -> None:
            nonlocal status, took
            if message["type"] == "http.response.start":
                status, took = str(message["status"]), time.perf_counter() - began
                message["headers"] = [*message.get("headers", ()), (HEADER, id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, told)
        finally:
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._tell(scope, method, status, took or time.perf_counter() - began)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, state = time.perf_counter(), scope["state"]
        try:
            await self._app(scope, receive, send)
        finally:
            if line := takeover.taken(scope):  # the connection lives on after the application is done with it
                line.when_over(partial(self._over, line, structlog.contextvars.get_contextvars(), began))
            elif "closed" in state:
                self._closed(state["closed"], began)
            else:
                self._tell(scope, "websocket", str(state.get("denied", "none")), time.perf_counter() - began)

    def _over(self, line: Line, about: dict[str, Any], began: float) -> None:
        """For a connection that went on by itself: the last of it, `about` which request, sandbox, session; it holds little."""
        with structlog.contextvars.bound_contextvars(**about):
            self._closed(line.code, began)

    def _closed(self, code: int, began: float) -> None:
        self._seen.closes[str(code)] += 1
        log.info("terminal closed", code=code, seconds=round(time.perf_counter() - began, 3))

    def _tell(self, scope: Scope, method: str, status: str, seconds: float) -> None:
        where = route(scope)
        self._seen.answered(method, where, status, seconds)
        about: dict[str, str] = {}
        if where == "site":
            about["path"] = shown(scope["path"])
        elif where.startswith("/api/sandboxes/{id}"):
            about["sandbox"] = shown(str(scope["path_params"].get("id", "")))
        # of other paths no more than the route: some have a class's code in them, or an account
        log.info("answered", method=method, route=where, status=status, seconds=round(seconds, 4), **about)
