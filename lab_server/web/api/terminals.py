"""The terminal websocket: checks who and what, then joins a connection to a viewer of a bridge.

Knows the messages and the order of the checks. Doesn't know how bytes are pumped: that is a line's, straight on the transport (line.py),
or where the server offers none, plain ASGI (plain.py). The origin was checked before (guards.py). Other routes have terminals too
(help.py): they `converse` with a `Talk` of their own.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Coroutine, Mapping
from typing import Any

import structlog
from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from lab_server.errors import BadInput, Conflict, HostFull, LabError, NotFound, NotSignedIn
from lab_server.sandbox.contract import MAX_COLUMNS, MAX_ROWS, SESSION
from lab_server.web import plain, protocol, takeover
from lab_server.web.alive import Alive
from lab_server.web.api.parts import Joined, Parts
from lab_server.web.auth import Learner
from lab_server.web.bridge import Bridge
from lab_server.web.faults import TooMany
from lab_server.web.guards import Seat
from lab_server.web.hub import Hub
from lab_server.web.line import Line
from lab_server.web.protocol import Close
from lab_server.web.requests import HEADER
from lab_server.web.viewer import Viewer, nobody

log = structlog.get_logger()
router = APIRouter()
FIELDS = {"cols", "rows", "client", "output", "terminal"}


class Query:
    """The query of a terminal's address. Raises BadInput naming the field."""

    def __init__(self, given: Mapping[str, str]) -> None:
        if extra := sorted(set(given) - FIELDS):
            raise BadInput(f"There is no field {extra[0][:40]!r}.")
        self.size = (
            protocol.clamp(_number(given, "cols", protocol.DEFAULT_COLUMNS), MAX_COLUMNS, "cols"),
            protocol.clamp(_number(given, "rows", protocol.DEFAULT_ROWS), MAX_ROWS, "rows"),
        )
        self.client = given.get("client", "")
        if not protocol.CLIENT.fullmatch(self.client):
            raise BadInput("The field 'client' is not a name.")
        output = given.get("output")
        if output is not None and not (output.isascii() and output.isdigit() and len(output) <= 18):
            raise BadInput("The field 'output' is not an offset.")
        self.output = None if output is None else int(output)
        self.terminal = given.get("terminal")


def _number(given: Mapping[str, str], name: str, default: float) -> float:
    try:
        return float(given.get(name) or default)
    except ValueError:
        raise BadInput(f"The field {name!r} is not a number.") from None


def closing(why: LabError) -> Close:
    """The close code of a failure."""
    codes = {
        BadInput: protocol.CLOSE_NOT_UNDERSTOOD,
        NotFound: protocol.CLOSE_NOT_FOUND,
        NotSignedIn: protocol.CLOSE_NOT_SIGNED_IN,
        Conflict: protocol.CLOSE_NOT_READY,
        TooMany: protocol.CLOSE_TOO_MANY,
        HostFull: protocol.CLOSE_TOO_MANY,
    }
    return Close(next((codes[kind] for kind in type(why).__mro__ if kind in codes), protocol.CLOSE_BROKEN), str(why))


class Talk:
    """A connection to a terminal: what comes in is done at once, what goes out is the viewer's (`next`, `notify`).

    Whoever is given one ends it, and asks it now and then to `check`.
    """

    __slots__ = ("_bridge", "_expires", "_hub", "_key", "_seat", "next", "viewer")

    def __init__(
        self, hub: Hub, key: tuple[str, str], bridge: Bridge, viewer: Viewer, seat: Seat, expires: float
    ) -> None:
        self._hub, self._key, self._bridge, self.viewer = hub, key, bridge, viewer
        self._seat, self._expires = seat, expires
        self.next = viewer.next

    def hear(self, data: bytes) -> None:
        self._bridge.write(self.viewer, data)

    def read(self, text: str) -> None:
        try:
            match protocol.parse(text):
                case protocol.Resize(columns, rows) if not self.viewer.guest:
                    self._hub.resize(self._key, (columns, rows), self.viewer)
                case protocol.Ack(output):
                    self.viewer.ack(output)
                case protocol.Ping():
                    self.viewer.pong()
        except BadInput as why:
            self.viewer.end(closing(why))

    def check(self) -> None:
        """End it where the visit is over. A sign-in lasts for months: nobody minds some seconds more."""
        if time.time() > self._expires:
            self.viewer.end(Close(protocol.CLOSE_NOT_SIGNED_IN, "Your visit has expired: reload the page."))

    def end(self) -> None:
        self.viewer.notify = nobody  # it may be woken once more
        self._hub.detach(self._key, self._bridge, self.viewer)
        self._seat.leave()


@router.websocket("/api/sandboxes/{id}/terminals/{session}")
async def terminal(websocket: WebSocket, id: str, session: str, parts: Joined) -> None:
    await converse(websocket, _join(websocket, parts, id, session), parts.alive)


async def converse(websocket: WebSocket, joining: Coroutine[Any, Any, Talk | Close], alive: Alive) -> None:
    """Accept it, and have it talk as `joining` says, or close it with what that says or raises."""
    try:
        # from here on the page can read why it is closed
        await websocket.accept(headers=[(HEADER, websocket.state.request.encode())])
    except BaseException:
        joining.close()
        raise
    try:
        talk = await joining
        if isinstance(talk, Close):
            close = talk
        elif offer := takeover.offered(websocket.scope):
            _hand_over(talk, offer, alive)
            return
        else:
            close = await plain.serve(websocket, talk)
    except LabError as why:
        close = closing(why)
    except WebSocketDisconnect as why:
        websocket.state.closed = why.code
        return
    except Exception as why:
        log.error("terminal broke", exc_info=why)
        close = Close(protocol.CLOSE_BROKEN, "The server broke.")
    await _close(websocket, close)


async def _close(websocket: WebSocket, close: Close) -> None:
    websocket.state.closed = close.code
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await websocket.close(close.code, close.clipped())


async def _join(websocket: WebSocket, parts: Parts, id: str, session: str) -> Talk | Close:
    """Raises LabError."""
    learner: Learner | None = websocket.state.learner
    if learner is None:
        return Close(protocol.CLOSE_NOT_SIGNED_IN, "Reload the page.")
    seat = parts.seats.take("learner", learner.id)
    talk: Talk | None = None
    try:
        query = Query(websocket.query_params)
        lease = await parts.leases.get(learner.id, id)
        if not SESSION.fullmatch(session) or session not in parts.sessions():
            raise NotFound(f"There is no session {session[:16]!r}.")
        if lease.state == "ended":
            return Close(protocol.CLOSE_ENDED, parts.leases.why(lease))
        if lease.reason == "lost":  # said before a page asks for a new one by itself: what was in it is gone
            return Close(protocol.CLOSE_ENDED, lease.detail)
        if lease.state != "ready":
            return Close(protocol.CLOSE_NOT_READY, lease.detail)
        key = (id, session)
        structlog.contextvars.bind_contextvars(sandbox=id, session=session)
        bridge, viewer = await parts.hub.attach(key, query.size, query.client, query.output, query.terminal)
        talk = Talk(parts.hub, key, bridge, viewer, seat, learner.expires)
        talk.check()
        return talk
    finally:
        if talk is None:
            seat.leave()


def _hand_over(talk: Talk, offer: takeover.Offer, alive: Alive) -> None:
    """Go on below the framework. Raises WebSocketDisconnect when the other side went."""
    line = Line(talk, alive)
    talk.viewer.notify = line.flush
    try:
        offer.take(line)
    except BaseException:
        talk.end()
        raise
