"""A learner's terminal, kept up as the page keeps it: web/src/connection.ts, with a descriptor in the place of keys and screen.

Knows the terminal websocket (docs/develop/protocol.md): absolute offsets, resume, input that was not accepted sent once more. Keeps
everything that came. Doesn't know shells, marks or steps.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import secrets
import socket
import threading
import time
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from lab_server.typist import COLUMNS, ROWS
from tests.compose.learner import Learner
from tests.compose.stack import PATIENCE, Failed

ACK_EVERY = 64 * 1024
FIRST, MOST = 0.2, 10.0  # seconds before the next try: web/src/backoff.ts
KEEPALIVE = (25.0, 15.0)  # seconds between two pings, and for the answer to one: web/src/connection.ts
OPEN_WITHIN = 10.0  # seconds until a connection is there
FINAL = (1000, *range(4400, 4411))  # after these nobody connects again by themselves


class Page:
    """One session's terminal, until `close` or until the server says that it is over."""

    def __init__(
        self, learner: Learner, sandbox: str, session: str = "host", keepalive: tuple[float, float] = KEEPALIVE
    ) -> None:
        self._learner, self._keepalive = learner, keepalive
        self._url = f"{learner.origin.replace('http', 'ws')}/api/sandboxes/{sandbox}/terminals/{session}?"
        self._url += f"cols={COLUMNS}&rows={ROWS}&client={secrets.token_hex(8)}"
        self._changed = threading.Condition()
        self._socket: ClientConnection | None = None
        self._pending = b""
        self._base = self._acked = 0
        self._screen: socket.socket | None = None
        self._closing = False
        self.begin = -1  # offset of the first byte that is kept
        self.said = b""
        self.terminal = ""
        self.hellos: list[dict[str, Any]] = []
        self.breaks: list[
            str
        ] = []  # whatever a learner would have noticed: bytes missing, a fresh screen, input dropped
        self.over = ""
        self._thread = threading.Thread(target=self._keep, name=f"page {session}", daemon=True)
        self._thread.start()

    # --- what a learner does ---

    def type(self, keys: bytes) -> None:
        with self._changed:
            self._pending += keys
            link = self._socket
            if link:
                _send(link, keys)

    def descriptor(self) -> int:
        """Another end of it: what is written there is typed, what the terminal says (from here on) is read there."""
        ours, theirs = socket.socketpair()
        with self._changed:
            self._screen = ours
        threading.Thread(target=self._keys, args=(ours,), name="keys", daemon=True).start()
        return theirs.detach()

    def match(self, pattern: bytes, start: int = 0, within: float = PATIENCE) -> re.Match[bytes]:
        """The first place in `said`, at or after `start`, that the pattern fits. Raises Failed."""
        wanted = re.compile(pattern)
        found: re.Match[bytes] | None = self._until(lambda: wanted.search(self.said, start), within)
        if found is None:
            raise Failed(f"the terminal never said {pattern!r}: {self.over} {self.said[start:][-500:]!r}")
        return found

    def taken(self, within: float = PATIENCE) -> None:
        """Wait until the shell was given everything. Raises Failed."""
        if not self._until(lambda: not self._pending, within):
            raise Failed(f"{len(self._pending)} bytes were never accepted: {self.over}")

    def greeted(self, times: int, within: float = PATIENCE) -> None:
        """Wait for as many hellos. Raises Failed."""
        if not self._until(lambda: len(self.hellos) >= times, within):
            raise Failed(f"the terminal was not there again: {self.over}")

    def ended(self, within: float = PATIENCE) -> None:
        """Wait until the server says that it is over. Raises Failed."""
        if not self._until(lambda: self.over, within):
            raise Failed("the shell did not end")

    def length(self, least: int, within: float = PATIENCE) -> None:
        """Wait until as many bytes were said. Raises Failed."""
        if not self._until(lambda: len(self.said) >= least, within):
            raise Failed(f"{len(self.said)} of {least} bytes came: {self.over}")

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            link = self._socket
        if link:
            link.close()
        self._thread.join(PATIENCE)

    def _until(self, true: Any, within: float) -> Any:
        with self._changed:
            self._changed.wait_for(lambda: true() or self.over, within)
            return true()

    # --- the connection ---

    def _keys(self, ours: socket.socket) -> None:
        while True:
            try:
                keys = ours.recv(65536)
            except OSError:
                return
            if not keys:
                return
            self.type(keys)

    def _keep(self) -> None:
        attempt = 0
        while not self._closing and not self.over:
            where = f"&output={self.begin + len(self.said)}&terminal={self.terminal}" if self.hellos else ""
            try:
                link = connect(
                    self._url + where,
                    origin=Origin(self._learner.origin),
                    additional_headers={"Cookie": self._learner.cookie},
                    open_timeout=OPEN_WITHIN,
                    close_timeout=5,
                    ping_interval=self._keepalive[0],
                    ping_timeout=self._keepalive[1],
                    compression=None,
                    max_size=None,
                    legacy=True,
                )
            except (OSError, InvalidHandshake, ConnectionClosed, EOFError):
                with self._changed:
                    self._changed.wait_for(
                        lambda: self._closing, min(MOST, FIRST * 2**attempt) * (0.5 + random.random() / 2)
                    )
                attempt += 1
                continue
            before = len(self.hellos)
            self._listen(link)
            attempt = 0 if len(self.hellos) > before else attempt + 1
        if self._screen:
            self._screen.close()

    def _listen(self, link: ClientConnection) -> None:
        try:
            for frame in link:
                with self._changed:
                    if isinstance(frame, bytes):
                        self._show(frame, link)
                    else:
                        self._hear(json.loads(frame), link)
                    self._changed.notify_all()
        except ConnectionClosed:
            pass
        with self._changed:
            self._socket = None
            code, reason = link.close_code, link.close_reason
            if code in FINAL and not self._closing:
                self.over = self.over or f"closed with {code}: {reason}"
            self._changed.notify_all()

    def _show(self, data: bytes, link: ClientConnection) -> None:
        self.said += data
        if self._screen:
            self._screen.sendall(data)
        offset = self.begin + len(self.said)
        if offset - self._acked >= ACK_EVERY:
            self._acked = offset
            _send(link, json.dumps({"type": "ack", "output": offset}))

    def _hear(self, message: dict[str, Any], link: ClientConnection) -> None:
        match message["type"]:
            case "hello":
                self._greet(message)
                self._socket = link
                if self._pending:
                    _send(link, self._pending)
            case "accepted":
                self._accept(int(message["input"]))
            case "gap":
                self.breaks.append(f"bytes before {message['output']} are missing")
            case "exit":
                self.over = f"the shell ended: {message}"

    def _greet(self, hello: dict[str, Any]) -> None:
        output, accepted = int(hello["output"]), int(hello["input"])
        if not self.hellos:
            self.begin, self.terminal = output, str(hello["terminal"])
            self._base = accepted
        else:
            if hello["terminal"] != self.terminal:
                self.breaks.append(f"another shell: {hello['terminal']} after {self.terminal}")
            if output != self.begin + len(self.said):
                self.breaks.append(f"it goes on at {output}, not at {self.begin + len(self.said)}")
            if accepted < self._base:
                self.breaks.append(f"the shell was given {self._base} bytes and then {accepted}")
        self._accept(accepted)
        self._acked = output
        self.hellos.append({**hello, "at": time.monotonic()})

    def _accept(self, total: int) -> None:
        if total > self._base:
            self._pending = self._pending[total - self._base :]
            self._base = total


def _send(link: ClientConnection, what: bytes | str) -> None:
    """What can't be sent is sent after the next hello."""
    with contextlib.suppress(ConnectionClosed):
        link.send(what)
