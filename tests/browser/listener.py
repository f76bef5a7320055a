"""What a terminal said, as the page got it: the websocket's frames, cut into commands by their marks (OSC 133).

Knows the protocol of docs/develop/protocol.md. Doesn't know the page.
"""

from __future__ import annotations

import re

from playwright.sync_api import Page, WebSocket

_COMMAND = re.compile(rb"\x1b\]133;C\x07(.*?)\x1b\]133;D;(\d+)\x07", re.S)


class Listener:
    """Attach before the first terminal opens. `commands("host")` → [(output, exit status)] in the order they ended."""

    def __init__(self, page: Page) -> None:
        self._said: dict[str, bytes] = {}
        self.typed: dict[str, bytes] = {}
        page.on("websocket", self._opened)

    def _opened(self, socket: WebSocket) -> None:
        found = re.search(r"/terminals/([a-z0-9-]+)", socket.url)
        if not found:
            return
        session = found[1]
        self._said.setdefault(session, b"")
        self.typed.setdefault(session, b"")
        socket.on("framereceived", lambda data: self._heard(session, data))
        socket.on("framesent", lambda data: self._sent(session, data))

    def _heard(self, session: str, data: str | bytes) -> None:
        if isinstance(data, bytes):
            self._said[session] += data

    def _sent(self, session: str, data: str | bytes) -> None:
        if isinstance(data, bytes):
            self.typed[session] += data

    def commands(self, session: str) -> list[tuple[str, int]]:
        found = _COMMAND.findall(self._said.get(session, b""))
        return [(output.decode(errors="replace"), int(code)) for output, code in found]
