"""The terminal websocket: checks who and what, then joins a connection to a viewer of a bridge.

Knows the messages and the order of the checks. Doesn't know how bytes are pumped. The origin was checked before (guards.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping

import structlog
from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from lab_server.errors import BadInput, HostFull, LabError, NotFound
from lab_server.sandbox.contract import MAX_COLUMNS, MAX_ROWS, SESSION
from lab_server.web import protocol
from lab_server.web.api.parts import Joined, Parts
from lab_server.web.auth import Learner
from lab_server.web.bridge import Bridge, Viewer
from lab_server.web.faults import TooMany
from lab_server.web.guards import Pace
from lab_server.web.protocol import Close

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
        TooMany: protocol.CLOSE_TOO_MANY,
        HostFull: protocol.CLOSE_TOO_MANY,
    }
    return Close(next((codes[kind] for kind in type(why).__mro__ if kind in codes), protocol.CLOSE_BROKEN), str(why))


@router.websocket("/api/sandboxes/{id}/terminals/{session}")
async def terminal(websocket: WebSocket, id: str, session: str, parts: Joined) -> None:
    learner: Learner | None = websocket.state.learner
    await websocket.accept()  # from here on the page can read why it is closed
    if learner is None:
        await _close(websocket, Close(protocol.CLOSE_NOT_SIGNED_IN, "Reload the page."))
        return
    try:
        with parts.seats.take("learner", learner.id):
            close = await _serve(websocket, parts, learner, id, session)
    except LabError as why:
        close = closing(why)
    except WebSocketDisconnect:
        return
    except Exception as why:
        log.error("terminal broke", exc_info=why)
        close = Close(protocol.CLOSE_BROKEN, "The server broke.")
    await _close(websocket, close)


async def _close(websocket: WebSocket, close: Close) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await websocket.close(close.code, close.clipped())


async def _serve(websocket: WebSocket, parts: Parts, learner: Learner, id: str, session: str) -> Close:
    """Serve until the connection is to be closed. Raises LabError, and WebSocketDisconnect when the other side went."""
    query = Query(websocket.query_params)
    lease = await parts.leases.get(learner.id, id)
    if not SESSION.fullmatch(session) or session not in parts.sessions():
        raise NotFound(f"There is no session {session[:16]!r}.")
    if lease.state != "ready":
        return Close(protocol.CLOSE_NOT_READY, lease.detail)
    key = (id, session)
    bridge, viewer = await parts.hub.attach(key, query.size, query.client, query.output, query.terminal)
    expiry = asyncio.get_running_loop().call_later(
        max(0.0, learner.expires - time.time()),
        viewer.end,
        Close(protocol.CLOSE_NOT_SIGNED_IN, "Your visit has expired: reload the page."),
    )
    try:
        return await _both(websocket, parts, key, bridge, viewer)
    finally:
        expiry.cancel()
        parts.hub.detach(key, bridge, viewer)


async def _both(websocket: WebSocket, parts: Parts, key: tuple[str, str], bridge: Bridge, viewer: Viewer) -> Close:
    """Pump out and take in, until either ends."""

    async def send(data: bytes | str) -> None:
        if isinstance(data, bytes):
            await websocket.send({"type": "websocket.send", "bytes": data})
        else:
            await websocket.send({"type": "websocket.send", "text": data})

    out = asyncio.create_task(viewer.pump(send))
    into = asyncio.create_task(_take(websocket, parts, key, bridge, viewer))
    try:
        done, _ = await asyncio.wait({out, into}, return_when=asyncio.FIRST_COMPLETED)
        return (into if into in done else out).result()
    finally:
        for task in (out, into):
            task.cancel()
        await asyncio.gather(out, into, return_exceptions=True)


async def _take(websocket: WebSocket, parts: Parts, key: tuple[str, str], bridge: Bridge, viewer: Viewer) -> Close:
    """Everything that comes in. Raises BadInput for what can't be understood, WebSocketDisconnect at its end."""
    pace = Pace()
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        data = message.get("bytes")
        if data is not None:
            bridge.write(viewer, data)
        else:
            match protocol.parse(message.get("text") or ""):
                case protocol.Resize(columns, rows):
                    parts.hub.resize(key, (columns, rows))
                case protocol.Ack(output):
                    viewer.ack(output)
                case protocol.Ping():
                    viewer.pong()
        await pace.wait()
