"""A page's channel: a websocket on which a page is told the state of what it shows, and tells what it does.

Knows ASGI's websocket messages, pace and size. Doesn't know what is told: whoever opens one gives `tell`, which is asked whenever
`wake` was called, and `hear`, which gets each message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from lab_server.errors import BadInput
from lab_server.web import protocol
from lab_server.web.guards import Pace
from lab_server.web.protocol import Close

Frame = str | bytes
Tell = Callable[[], Iterable[Frame] | Close]
Hear = Callable[[dict[str, Any]], None]
RATE, BURST = 20.0, 100.0  # messages a second from one page, and how many may come at once


class Channel:
    """`every`: seconds between two tellings at least; what changes in between is told as it is then."""

    def __init__(self, websocket: WebSocket, every: float = 0.05) -> None:
        self._websocket, self._every = websocket, every
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    async def serve(self, tell: Tell, hear: Hear) -> Close:
        """Tell and hear until either ends; how it is to be closed. Raises WebSocketDisconnect when the other side went."""
        self.wake()
        out = asyncio.create_task(self._out(tell))
        into = asyncio.create_task(self._into(hear))
        try:
            done, _ = await asyncio.wait({out, into}, return_when=asyncio.FIRST_COMPLETED)
            return (into if into in done else out).result()
        finally:
            for task in (out, into):
                task.cancel()
            await asyncio.gather(out, into, return_exceptions=True)

    async def _out(self, tell: Tell) -> Close:
        send: Callable[[Any], Awaitable[None]] = self._websocket.send
        while True:
            await self._woken.wait()
            self._woken.clear()
            told = tell()
            if isinstance(told, Close):
                return told
            for frame in told:
                kind = "text" if isinstance(frame, str) else "bytes"
                await send({"type": "websocket.send", kind: frame})
            await asyncio.sleep(self._every)

    async def _into(self, hear: Hear) -> Close:
        pace = Pace(RATE, BURST)
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1005))
            try:
                hear(protocol.message(message.get("text") or ""))
            except BadInput as why:
                return Close(protocol.CLOSE_NOT_UNDERSTOOD, str(why))
            if late := pace.late():
                await asyncio.sleep(late)


def word(message: dict[str, Any], name: str, most: int = 160) -> str:
    """A field that is a string of at most `most` characters. Raises BadInput."""
    value = message.get(name, "")
    if not isinstance(value, str) or len(value) > most:
        raise BadInput(f"The field {name!r} is not a string of at most {most} characters.")
    return value
