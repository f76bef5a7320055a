"""A learner as the server sees one: a cookie jar, calls with an Origin, and terminals that acknowledge what they read."""

from __future__ import annotations

import json
import time
from types import TracebackType
from typing import Any, Self

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.conftest import LESSON, PATIENCE, Server
from tests.shell import eventually


class Learner:
    def __init__(self, server: Server) -> None:
        self.server = server
        self.http = httpx.Client(base_url=server.origin, timeout=PATIENCE, headers={"Origin": server.origin})
        self.id = str(self.http.get("/api/me").json()["learner"])

    def start(self, lesson: str = LESSON) -> str:
        """A sandbox that is ready; its id."""
        answer = self.http.post("/api/sandboxes", json={"lesson": lesson})
        assert answer.status_code in (200, 201), answer.text
        return self.wait(answer.json()["id"])

    def wait(self, id: str, state: str = "ready") -> str:
        path = f"/api/sandboxes/{id}"
        eventually(lambda: self.http.get(path).json()["state"] == state, f"the sandbox is {state}", PATIENCE)
        return id

    @property
    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())

    def connect(self, id: str, session: str = "host", query: str = "client=page", **given: Any) -> ClientConnection:
        given.setdefault("origin", Origin(self.server.origin))
        given.setdefault("additional_headers", {"Cookie": self.cookie})
        given.setdefault("open_timeout", PATIENCE)
        url = f"{self.server.origin.replace('http', 'ws')}/api/sandboxes/{id}/terminals/{session}?{query}"
        return connect(url, compression=None, max_size=None, legacy=True, **given)

    def terminal(self, id: str, session: str = "host", client: str = "page", more: str = "") -> Terminal:
        return Terminal(self.connect(id, session, f"cols=80&rows=24&client={client}{more}"))


class Terminal:
    """A connection that has said hello. Keeps what it received, by absolute offset; acknowledges unless told not to."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.said = b""
        self.messages: list[dict[str, Any]] = []
        self.acknowledge = True
        self.hello = json.loads(self.frame())
        assert self.hello["type"] == "hello"
        self.offset = int(self.hello["output"])
        self._acked = self.offset

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        self.socket.close()

    def frame(self, within: float = PATIENCE) -> str | bytes:
        return self.socket.recv(timeout=within)

    def take(self, within: float = PATIENCE) -> None:
        """One frame more."""
        frame = self.frame(within)
        if isinstance(frame, str):
            message = json.loads(frame)
            self.messages.append(message)
            if message["type"] == "gap":
                self.offset = self._acked = message["output"]
                self.said = b""
            return
        self.said += frame
        self.offset += len(frame)
        if self.acknowledge and self.offset - self._acked >= 65536:
            self.ack()

    def ack(self) -> None:
        self._acked = self.offset
        self.say(type="ack", output=self.offset)

    def until(self, what: bytes, within: float = PATIENCE, start: int = 0) -> None:
        until = time.monotonic() + within
        while what not in self.said[start:]:
            assert time.monotonic() < until, (what, self.said[-500:])
            self.take(max(0.01, until - time.monotonic()))

    def message(self, kind: str, within: float = PATIENCE) -> dict[str, Any]:
        """The first message of this type, which may have come already; it is removed."""
        until = time.monotonic() + within
        while True:
            for message in self.messages:
                if message["type"] == kind:
                    self.messages.remove(message)
                    return message
            self.take(max(0.01, until - time.monotonic()))

    def type(self, text: str) -> None:
        self.socket.send(text.encode())

    def say(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def closed(self) -> int:
        """Read until the server closes; the code."""
        try:
            while True:
                self.take()
        except ConnectionClosed as why:
            return why.rcvd.code if why.rcvd else 1006


def refusal(socket: ClientConnection) -> int:
    """The code with which a connection that was accepted is closed."""
    try:
        while True:
            socket.recv(timeout=PATIENCE)
    except ConnectionClosed as why:
        return why.rcvd.code if why.rcvd else 1006
