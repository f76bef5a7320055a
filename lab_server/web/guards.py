"""Limits and checks that every request meets before it reaches a route: one ASGI layer around the application.

Knows sizes, rates, counts, and the headers each answer gets. Doesn't know routes, sandboxes or learners' rights.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from time import monotonic
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lab_server.errors import BadInput, LabError
from lab_server.web import faults, takeover
from lab_server.web.auth import Cookies, Learner, Origins
from lab_server.web.faults import TooMany
from lab_server.web.requests import HEADER, shown

MAX_BODY = 64 * 1024  # bytes
BODY_WITHIN = 15.0  # seconds for a body to arrive
SAFE = {"GET", "HEAD", "OPTIONS"}
SECRETS = {"token", "access_token", "ticket", "key", "password", "cookie", "auth", "secret", "session_id"}
FRAMES, BURST = 400.0, 1200.0  # frames a second from one connection, and how many may come at once

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Pace:
    """A token bucket: one token a frame. `late` says how many seconds to wait after this frame to keep to the rate; 0 within it."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float = FRAMES, burst: float = BURST) -> None:
        self._rate, self._burst = rate, burst
        self._tokens = burst
        self._at = monotonic()

    def late(self) -> float:
        now = monotonic()
        self._tokens = tokens = min(self._burst, self._tokens + (now - self._at) * self._rate) - 1
        self._at = now
        return 0.0 if tokens >= 0 else -tokens / self._rate


class Seats:
    """How many connections each learner and each address has."""

    def __init__(self, learner: int, address: int) -> None:
        self._most = {"learner": learner, "address": address}
        self._taken: Counter[tuple[str, str]] = Counter()

    def take(self, kind: str, who: str) -> Seat:
        """One more. Raises TooMany."""
        if self._taken[kind, who] >= self._most[kind]:
            raise TooMany(
                f"There are {self._most[kind]} terminals open already, which is the most.", "Close one of them first."
            )
        self._taken[kind, who] += 1
        return Seat(self._taken, (kind, who))


class Seat:
    """One connection's place. `leave` it once, as `with` does."""

    __slots__ = ("_key", "_taken")

    def __init__(self, taken: Counter[tuple[str, str]], key: tuple[str, str]) -> None:
        self._taken, self._key = taken, key

    def leave(self) -> None:
        self._taken[self._key] -= 1
        if not self._taken[self._key]:
            del self._taken[self._key]


class Guard:
    """The layer. A learner is known from here on: `scope["state"]["learner"]` (an auth.Learner) on every /api request.

    A route makes the browser another learner's with `scope["state"]["become"](id)`: the answer has that one's cookie.
    `scope["state"]["secure"]`: whether the page came over TLS, and a cookie has to.
    """

    def __init__(self, app: ASGIApp, cookies: Cookies, origins: Origins, seats: Seats) -> None:
        self._app, self._cookies, self._origins, self._seats = app, cookies, origins, seats

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        started = False
        learner: Learner | None = None

        async def told(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                out = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    out.setdefault(name, value)
                if scope["path"].startswith("/api/"):
                    out.setdefault("Cache-Control", "no-store")
                if learner and learner.cookie:
                    out.append("Set-Cookie", learner.cookie)
            await send(message)

        try:
            if scope["path"].startswith("/api/"):
                self._check_query(scope)
                secure = self._secure(scope)
                learner = self._cookies.read(headers.get("cookie", ""), secure)
                if scope["method"] not in SAFE:
                    self._origins.check(headers, scope["scheme"])
                learner = learner or self._cookies.new(secure)

                def become(id: str) -> Learner:
                    nonlocal learner
                    learner = self._cookies.new(secure, id)
                    return learner

                scope.setdefault("state", {}).update(learner=learner, become=become, secure=secure)
            body = await self._body(scope, headers, receive)
            await self._app(scope, body, told)
        except LabError as why:
            await faults.answer(why)(scope, receive, told)
        except Exception as why:
            if started:
                raise
            await faults.broken(why, shown(scope["path"]))(scope, receive, told)

    async def _body(self, scope: Scope, headers: Headers, receive: Receive) -> Receive:
        """The whole body, read here with its limits; what is not wanted is not read."""
        if scope["method"] in SAFE:
            return receive
        size = headers.get("content-length", "0")
        if not size.isdigit() or int(size) > MAX_BODY:
            raise BadInput(f"The body is over {MAX_BODY} bytes.")
        parts: list[bytes] = []
        try:
            async with asyncio.timeout(BODY_WITHIN):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise BadInput("The connection closed in the middle of the body.")
                    parts.append(message.get("body", b""))
                    if sum(map(len, parts)) > MAX_BODY:
                        raise BadInput(f"The body is over {MAX_BODY} bytes.")
                    if not message.get("more_body"):
                        break
        except TimeoutError:
            raise BadInput(f"The body did not arrive within {BODY_WITHIN:.0f} seconds.") from None
        whole: Message | None = {"type": "http.request", "body": b"".join(parts), "more_body": False}

        async def replay() -> Message:
            nonlocal whole
            if whole is not None:
                message, whole = whole, None
                return message
            return await receive()

        return replay

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        client = scope.get("client") or ("", 0)
        try:
            self._check_query(scope)
            scheme = "https" if scope["scheme"] == "wss" else "http"
            self._origins.check(headers, scheme)
            seat = self._seats.take("address", str(client[0]))
        except LabError as why:
            await receive()
            await _deny(why, scope, receive, send)
            return
        try:
            secure = self._secure(scope)
            learner = self._cookies.read(headers.get("cookie", ""), secure)
            scope.setdefault("state", {}).update(learner=learner, secure=secure)
            await self._app(scope, receive, send)
        finally:
            if line := takeover.taken(scope):  # the connection lives on after the application is done with it
                line.when_over(seat.leave)
            else:
                seat.leave()

    def _secure(self, scope: Scope) -> bool:
        return scope["scheme"] in ("https", "wss") or self._origins.secure

    def _check_query(self, scope: Scope) -> None:
        names = {name.lower() for name, _ in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)}
        if found := sorted(names & SECRETS):
            raise BadInput(f"Nothing secret belongs in an address: {found[0]!r}.", "Who you are is told by a cookie.")


async def _deny(why: LabError, scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a websocket before it is accepted, with an ordinary answer."""

    async def as_websocket(message: Message) -> None:
        await send({**message, "type": message["type"].replace("http.", "websocket.http.", 1)})

    response = faults.answer(why)
    scope["state"]["denied"] = response.status_code
    headers = [*response.raw_headers, (HEADER, scope["state"]["request"].encode())]
    await as_websocket({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await as_websocket({"type": "http.response.body", "body": response.body, "more_body": False})
