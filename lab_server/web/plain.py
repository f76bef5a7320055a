"""A terminal's connection by plain ASGI: for servers that don't give their transport away (takeover.py).

Knows ASGI's websocket messages and tasks. Doesn't know what is said: that is the same `Talk` as on a line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NoReturn

from starlette.websockets import WebSocket, WebSocketDisconnect

from lab_server.web.alive import ALIVE_EVERY
from lab_server.web.guards import Pace
from lab_server.web.protocol import Close
from lab_server.web.viewer import Viewer

if TYPE_CHECKING:
    from lab_server.web.api.terminals import Talk


async def pump(viewer: Viewer, send: Callable[[bytes | str], Awaitable[None]]) -> Close:
    """Send everything, in order, until this connection is to be closed; says how."""
    wake = asyncio.Event()
    viewer.notify = wake.set
    while True:
        wake.clear()
        while (out := viewer.next()) is not None:
            if isinstance(out, Close):
                return out
            await send(bytes(out) if isinstance(out, memoryview) else out)
        await wake.wait()


async def _check(talk: Talk) -> NoReturn:
    while True:
        await asyncio.sleep(ALIVE_EVERY)
        talk.check()


async def serve(websocket: WebSocket, talk: Talk) -> Close:
    """Send and take until either ends, and end the talk. Raises WebSocketDisconnect when the other side went."""

    async def send(data: bytes | str) -> None:
        if isinstance(data, bytes):
            await websocket.send({"type": "websocket.send", "bytes": data})
        else:
            await websocket.send({"type": "websocket.send", "text": data})

    out = asyncio.create_task(pump(talk.viewer, send))
    into = asyncio.create_task(_take(websocket, talk))
    check = asyncio.create_task(_check(talk))
    try:
        done, _ = await asyncio.wait({out, into}, return_when=asyncio.FIRST_COMPLETED)
        return (into if into in done else out).result()
    finally:
        for task in (out, into, check):
            task.cancel()
        await asyncio.gather(out, into, check, return_exceptions=True)
        talk.end()


async def _take(websocket: WebSocket, talk: Talk) -> Close:
    """Everything that comes in. Raises WebSocketDisconnect at its end."""
    pace = Pace()
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        data = message.get("bytes")
        if data is not None:
            talk.hear(data)
        else:
            talk.read(message.get("text") or "")
        if late := pace.late():
            await asyncio.sleep(late)
