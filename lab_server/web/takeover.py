"""How a route gets the transport below a websocket it has accepted: the ASGI extension `labs.transport`.

Knows uvicorn's websocket protocol, which does the handshake and then steps aside. Doesn't know what is said afterwards. Under any other
server the extension is not there, and a route goes on by plain ASGI.
"""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, cast

from starlette.websockets import WebSocketDisconnect
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    from lab_server.web.line import Line

EXTENSION = "labs.transport"


class Offer:
    """What is in `scope["extensions"]`. `line` is who took the transport, or None."""

    __slots__ = ("_server", "line")

    def __init__(self, server: Yielding) -> None:
        self._server = server
        self.line: Line | None = None

    def take(self, line: Line) -> None:
        """Have this line on the transport from here on; the route is done. Raises WebSocketDisconnect when the other side went."""
        self._server.give(line)
        self.line = line


def offered(scope: MutableMapping[str, Any]) -> Offer | None:
    offer = scope.get("extensions", {}).get(EXTENSION)
    return offer if isinstance(offer, Offer) else None


def taken(scope: MutableMapping[str, Any]) -> Line | None:
    """Who took this connection's transport, if anybody did."""
    offer = offered(scope)
    return offer.line if offer else None


class Yielding(WebSocketsSansIOProtocol):
    """Holds what comes after the handshake until it is known who reads it: uvicorn (the route asks for it) or a line."""

    _early: bytearray | None = None  # what is held; None: uvicorn reads

    def handle_connect(self, event: Any) -> None:
        self._early = bytearray()
        super().handle_connect(event)

    def data_received(self, data: bytes) -> None:
        if self._early is None:
            super().data_received(data)
            return
        self._early += data
        self.transport.pause_reading()

    async def run_asgi(self) -> None:
        offer = Offer(self)
        cast(dict[str, Any], self.scope["extensions"])[EXTENSION] = offer
        await super().run_asgi()

    async def receive(self) -> Any:
        if self.handshake_complete:
            self._read()
        return await super().receive()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if self.close_sent:  # the other side's half of the close is to come
            self._read()

    def _read(self) -> None:
        if self._early is not None:
            early, self._early = bytes(self._early), None
            if early:
                self.transport.resume_reading()
                super().data_received(early)

    def connection_lost(self, exc: Exception | None) -> None:
        self._early = None
        super().connection_lost(exc)

    def give(self, line: Line) -> None:
        """Let this line have the transport. What uvicorn does with it afterwards has no effect."""
        transport = self.transport
        if self.disconnected or self.close_sent or self._early is None or transport.is_closing():
            raise WebSocketDisconnect(1006)
        self.stop_keepalive()
        early, self._early = bytes(self._early), None
        connections = cast(set[Any], self.connections)
        connections.discard(self)
        connections.add(line)  # so that it is told when the server stops
        line.connections = connections
        self.transport = cast(asyncio.Transport, _Given())
        self.disconnected = True
        line.connection_made(transport)
        transport.set_protocol(line)
        if early:
            transport.resume_reading()
        line.start(early)


class _Given(asyncio.Transport):
    """What uvicorn's protocol has in the place of a transport that was given away."""

    def is_closing(self) -> bool:
        return True

    def close(self) -> None:
        pass

    def write(self, data: Any) -> None:
        pass
