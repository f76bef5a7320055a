"""This project as a peer: its web process and its spawner, and how its page speaks.

Knows the HTTP calls and the websocket of docs/develop/protocol.md. Doesn't know measurements.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import sys
import time
from typing import Any

from bench.peers import PROMPT, START_WITHIN, Peer, Terminal
from bench.socket_client import BINARY, TEXT, Connection
from lab_server.lessons import catalog
from lab_server.settings import ROOT, load
from lab_server.web.protocol import ACK_EVERY


class Ours(Peer):
    """The web process and the spawner as `labs serve` runs them; only the driver is the tests' plain PTY.

    Each terminal is another learner's, with a sandbox of its own.
    """

    name = "ours"
    kind = BINARY

    def start(self) -> None:
        settings = load(data=self.place / "data", sockets=1000, address_sockets=10000, sandboxes=2000)
        settings.web_data.mkdir(parents=True, exist_ok=True)
        settings.socket.parent.mkdir(parents=True, exist_ok=True)
        if not settings.site.is_dir():
            settings.site.mkdir()
        self.run([sys.executable, "-m", "bench.servers.pty_spawner", str(settings.socket)])
        with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
            self.port = int(listener.getsockname()[1])
            file = self.place / "web.json"
            file.write_text(settings.model_copy(update={"port": self.port}).model_dump_json())
            argv = [sys.executable, "-P", "-m", "lab_server.web", "--settings", str(file)]
            argv += ["--parent", str(os.getpid()), "--listener", str(listener.fileno())]
            self.run(argv, (listener.fileno(),))
        lesson = catalog.load(ROOT).lessons[0]
        self._lesson, self._session = lesson.id, lesson.sessions[0]
        until = time.monotonic() + START_WITHIN
        while True:
            status = self.call(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30), "GET", "/readyz")[0]
            if status == 200:
                return
            if time.monotonic() > until:
                raise RuntimeError(f"the server did not get ready: see {self.place}")
            time.sleep(0.05)

    def call(
        self, connection: http.client.HTTPConnection, method: str, path: str, cookie: str = "", body: Any = None
    ) -> tuple[int, Any, str]:
        headers = {"Origin": f"http://127.0.0.1:{self.port}", "Content-Type": "application/json"}
        if cookie:
            headers["Cookie"] = cookie
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        found = answer.read()
        given = (answer.getheader("Set-Cookie") or "").partition(";")[0]
        return answer.status, json.loads(found or b"null"), given or cookie

    def sandbox(self) -> tuple[str, str]:
        """A new learner's: (cookie, id), ready."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as http_:
            _, _, cookie = self.call(http_, "GET", "/api/me")
            _, made, _ = self.call(http_, "POST", "/api/sandboxes", cookie, {"lesson": self._lesson})
            until = time.monotonic() + START_WITHIN
            while made.get("state") != "ready":
                if time.monotonic() > until or "id" not in made:
                    raise RuntimeError(f"no sandbox: {made}")
                time.sleep(0.01)
                made = self.call(http_, "GET", f"/api/sandboxes/{made['id']}", cookie)[1]
            return cookie, str(made["id"])

    def end(self, cookie: str, id_: str) -> None:
        """End a learner's sandbox, and with it what runs there."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as http_:
            self.call(http_, "DELETE", f"/api/sandboxes/{id_}", cookie)

    def connect(self) -> Terminal:
        cookie, id_ = self.sandbox()
        path = f"/api/sandboxes/{id_}/terminals/{self._session}?cols=80&rows=24&client=bench"
        connection = Connection(self.port, path, {"Cookie": cookie})
        Acknowledger(connection)
        connection.until(PROMPT, START_WITHIN)
        return Terminal(connection, self.kind, self.encode, lambda: self.end(cookie, id_))


class Acknowledger:
    """What the page does: tells every 64 KiB how far it has got."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._offset = self._told = 0
        self._text = b""
        connection.hear = self._hear

    def _hear(self, kind: int, piece: memoryview, last: bool) -> None:
        if kind == TEXT:
            self._text += bytes(piece)
            if last:
                message, self._text = json.loads(self._text), b""
                if message["type"] in ("hello", "gap"):
                    self._offset = self._told = int(message["output"])
            return
        self._offset += len(piece)
        if self._offset - self._told >= ACK_EVERY:
            self._told = self._offset
            self._connection.send(TEXT, b'{"type":"ack","output":%d}' % self._offset)
