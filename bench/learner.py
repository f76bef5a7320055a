"""A learner who joins and types, simulated: page, cookie, sandbox, terminal, commands with time to think between.

Knows the calls of docs/develop/protocol.md and notes how long each thing took, and what went wrong, by kind. Doesn't know how many
learners there are or when they come.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Origin

from lab_server.web.protocol import ACK_EVERY

POLL_FIRST, POLL_MOST = 0.3, 2.0  # seconds, as the page polls
WITHIN = 120.0  # seconds for anything
READY = b"\x1b]133;B"  # the prompt's end (OSC 133)
KEYS = 6  # typed one by one before each command


class Failed(Exception):
    """`args[0]` is the kind of failure, in a few words."""


class Refused(Exception):
    """The host is full, and said so."""


@dataclass
class Notes:
    """What all of them saw, in seconds."""

    page: list[float] = field(default_factory=list)
    start: list[float] = field(default_factory=list)
    echo: list[float] = field(default_factory=list)
    joined_at: list[float] = field(default_factory=list)  # of time.monotonic
    at_once: int = 0  # sandboxes that were ready with the first answer
    in_line: int = 0
    estimates: list[tuple[float, float]] = field(default_factory=list)  # (first told in line, what it was)
    refused: int = 0
    commands: int = 0
    errors: Counter[str] = field(default_factory=Counter)


class Http:
    """One keep-alive connection, as much HTTP/1.1 as the course's server speaks."""

    def __init__(self, host: str, port: int, origin: str) -> None:
        self._host, self._port, self._origin = host, port, origin
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.cookie = ""

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, str], bytes]:
        """(status, headers in lower case, body). Raises Failed."""
        try:
            async with asyncio.timeout(WITHIN):
                return await self._ask(method, path, body)
        except (OSError, EOFError, TimeoutError, ValueError) as why:
            self.close()
            raise Failed(f"{method} {type(why).__name__}") from why

    async def _ask(self, method: str, path: str, body: object) -> tuple[int, dict[str, str], bytes]:
        if self._reader and self._reader.at_eof():
            self.close()  # idle for longer than the server keeps one; a browser opens another, too
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        assert self._reader
        data = b"" if body is None else json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._origin.partition('//')[2]}", f"Origin: {self._origin}"]
        lines += [f"Content-Length: {len(data)}", "Content-Type: application/json", "Accept-Encoding: gzip"]
        if self.cookie:
            lines.append(f"Cookie: {self.cookie}")
        self._writer.write("\r\n".join([*lines, "", ""]).encode() + data)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split()[1])
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        if headers.get("transfer-encoding") == "chunked":
            found = b""
            while size := int(await self._reader.readline(), 16):
                found += (await self._reader.readexactly(size + 2))[:-2]
            await self._reader.readline()
        else:
            found = await self._reader.readexactly(int(headers.get("content-length", 0)))
        if cookie := headers.get("set-cookie"):
            self.cookie = cookie.partition(";")[0]
        return status, headers, found

    def close(self) -> None:
        if self._writer:
            self._writer.close()
            self._writer = None


class Learner:
    def __init__(self, host: str, port: int, lesson: str, session: str, notes: Notes) -> None:
        self._origin = f"http://{host}:{port}"
        self._http = Http(host, port, self._origin)
        self._lesson, self._session, self._notes = lesson, session, notes

    async def visit(self, stay: float) -> None:
        """Join, type for `stay` seconds, and leave."""
        id = ""
        try:
            begun = time.monotonic()
            await self._page()
            await self._call("GET", "/api/me")
            id = await self._sandbox()
            await self._terminal(id, begun, stay)
        except Refused:
            self._notes.refused += 1
        except Failed as why:
            self._notes.errors[str(why.args[0])] += 1
        except (OSError, TimeoutError, WebSocketException) as why:
            self._notes.errors[f"terminal: {type(why).__name__}"] += 1
        finally:
            if id:
                await self._leave(id)
            self._http.close()

    async def _page(self) -> None:
        begun = time.perf_counter()
        status, _, _ = await self._http.ask("GET", f"/{self._lesson}/")
        if status not in (200, 404):  # 404: no site was built here, which costs the server as much
            raise Failed(f"page {status}")
        self._notes.page.append(time.perf_counter() - begun)

    async def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        status, headers, found = await self._http.ask(method, path, body)
        told: dict[str, Any] = json.loads(found or b"{}")
        if status < 400:
            return told
        code = told.get("error", {}).get("code", "")
        if status == 503 and code == "host-full" and headers.get("retry-after"):
            raise Refused
        raise Failed(f"{method} {path.split('/')[2]} {status} {code}")

    async def _sandbox(self) -> str:
        made = await self._call("POST", "/api/sandboxes", {"lesson": self._lesson})
        self._notes.at_once += made["state"] == "ready"
        waited, told = False, None
        pause, until = 0.0, time.monotonic() + WITHIN
        while made["state"] == "starting" and time.monotonic() < until:
            waited |= made["place"] is not None
            if told is None and made["wait"] is not None:
                told = (time.monotonic(), float(made["wait"]))
            soon = (made["wait"] or made["place"]) / 4 if made["place"] else pause * 1.5  # as web/src/line.ts
            pause = min(POLL_MOST, max(POLL_FIRST, soon))
            await asyncio.sleep(pause)
            made = await self._call("GET", f"/api/sandboxes/{made['id']}")
        self._notes.in_line += waited
        if told:
            self._notes.estimates.append((told[1], time.monotonic() - told[0]))
        if made["state"] == "failed":
            raise Failed(f"sandbox: {made['detail'][:60]}")
        if made["state"] != "ready":
            raise Failed("sandbox: never ready")
        return str(made["id"])

    async def _terminal(self, id: str, begun: float, stay: float) -> None:
        path = f"/api/sandboxes/{id}/terminals/{self._session}?cols=80&rows=24&client=load"
        url = self._origin.replace("http", "ws", 1) + path
        headers = {"Cookie": self._http.cookie}
        async with connect(
            url,
            origin=Origin(self._origin),
            additional_headers=headers,
            compression=None,
            max_size=None,
            open_timeout=WITHIN,
            proxy=None,
        ) as socket:
            terminal = Terminal(socket)
            await terminal.until(READY)
            self._notes.start.append(time.monotonic() - begun)
            self._notes.joined_at.append(time.monotonic())
            until = time.monotonic() + stay
            while time.monotonic() < until:
                await asyncio.sleep(random.uniform(0.5, 2.0))
                await self._command(terminal)

    async def _command(self, terminal: Terminal) -> None:
        """Some keys, each once the one before is on the screen; then a command whose output is right only if a shell ran it."""
        for key in random.choices("abcdefghijklmnopqrstuvwxyz", k=KEYS):
            terminal.clear()
            begun = time.perf_counter()
            await terminal.type(key.encode())
            await terminal.until(key.encode())
            self._notes.echo.append(time.perf_counter() - begun)
            await asyncio.sleep(random.uniform(0.05, 0.2))
        a, b = random.randrange(100, 999), random.randrange(100, 999)
        terminal.clear()
        await terminal.type(f"\x15echo =$(({a}*{b}))=\r".encode())
        await terminal.until(f"={a * b}=".encode())
        await terminal.until(READY)
        self._notes.commands += 1

    async def _leave(self, id: str) -> None:
        try:
            await self._call("DELETE", f"/api/sandboxes/{id}")
        except (Failed, Refused) as why:
            self._notes.errors[f"leaving: {why.args[0] if why.args else why}"] += 1


class Terminal:
    """The websocket as the page uses it: keeps what was said since `clear`, acknowledges what it read."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._said = b""
        self._offset = self._told = 0

    def clear(self) -> None:
        self._said = b""

    async def type(self, keys: bytes) -> None:
        await self._socket.send(keys)

    async def until(self, mark: bytes) -> None:
        """Raises Failed, ConnectionClosed."""
        try:
            async with asyncio.timeout(WITHIN):
                while mark not in self._said:
                    await self._take()
        except TimeoutError:
            raise Failed("terminal: nothing came") from None

    async def _take(self) -> None:
        frame = await self._socket.recv()
        if isinstance(frame, str):
            message = json.loads(frame)
            if message["type"] in ("hello", "gap"):
                self._offset = self._told = int(message["output"])
            elif message["type"] == "exit":
                raise Failed("terminal: the shell ended")
            return
        self._said += frame
        self._offset += len(frame)
        if self._offset - self._told >= ACK_EVERY:
            self._told = self._offset
            await self._socket.send(json.dumps({"type": "ack", "output": self._offset}))
