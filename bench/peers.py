"""Who is measured: servers that put a shell behind a websocket, each with the way its clients speak.

Knows how each is started, what a connection to it is, and which processes are the server (shells are not). Doesn't know measurements.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.process import free_port
from bench.socket_client import BINARY, TEXT, Connection
from lab_server import privileges
from lab_server.settings import ROOT

START_WITHIN = 30.0  # seconds
PROMPT = b"$ "


class Terminal:
    """A connection with a shell that has prompted. `type` sends keys as this peer's page would; `end` ends what outlives it."""

    def __init__(
        self,
        connection: Connection,
        kind: int,
        encode: Callable[[bytes], bytes],
        end: Callable[[], None] = lambda: None,
    ) -> None:
        self.connection = connection
        self._kind, self._encode, self._end = kind, encode, end

    def type(self, keys: bytes) -> None:
        self.connection.send(self._kind, self._encode(keys))

    def until(self, mark: bytes, within: float = 60.0) -> float:
        return self.connection.until(mark, within)

    def close(self) -> None:
        self.connection.close()
        self._end()


class Peer:
    """One server. `connect` gives a new terminal; `pids` are the processes whose cost is the server's."""

    name = ""
    path = "/terminal"
    kind = TEXT

    def __init__(self, place: Path) -> None:
        self.place = place
        self.port = 0
        self.processes: list[subprocess.Popen[bytes]] = []

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self.processes]

    def lacking(self) -> str:
        """Why this peer can't be measured here, or ""."""
        return ""

    def argv(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        self.port = free_port()
        self.run(self.argv())
        self._wait()

    def run(self, argv: Sequence[str], fds: tuple[int, ...] = ()) -> None:
        env = os.environ | {"PS1": "$ ", "TERM": "xterm-256color", "HISTFILE": "/dev/null"}
        with (self.place / f"{self.name}.log").open("ab") as log:
            self.processes.append(
                subprocess.Popen(
                    argv,
                    cwd=ROOT,
                    env=env,
                    stdout=log,
                    stderr=log,
                    stdin=subprocess.DEVNULL,
                    pass_fds=fds,
                    preexec_fn=privileges.go_first,  # our web process does so by itself: it shall be no advantage here
                )
            )

    def _wait(self) -> None:
        until = time.monotonic() + START_WITHIN
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > until or self.processes[-1].poll() is not None:
                    said = (self.place / f"{self.name}.log").read_text(errors="replace")[-500:]
                    raise RuntimeError(f"{self.name} did not start: {said}") from None
                time.sleep(0.02)

    def encode(self, keys: bytes) -> bytes:
        return keys

    def greet(self, connection: Connection) -> None:
        """What a client says first."""

    def connect(self) -> Terminal:
        connection = Connection(self.port, self.path, {})
        self.greet(connection)
        connection.until(PROMPT, START_WITHIN)
        return Terminal(connection, self.kind, self.encode)

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
        for process in reversed(self.processes):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
                continue
            process.kill()
            process.wait()


class Naive(Peer):
    name = "naive"

    def argv(self) -> list[str]:
        return [sys.executable, "-m", "bench.servers.naive", str(self.port)]


class Terminado(Peer):
    name = "terminado"

    def lacking(self) -> str:
        return "" if importlib.util.find_spec("terminado") else "terminado is not installed: pip install terminado"

    def argv(self) -> list[str]:
        return [sys.executable, "-m", "bench.servers.terminado_server", str(self.port)]

    def encode(self, keys: bytes) -> bytes:
        return json.dumps(["stdin", keys.decode()]).encode()


class Ttyd(Peer):
    name = "ttyd"
    path = "/ws"
    kind = BINARY

    def lacking(self) -> str:
        return (
            "" if shutil.which("ttyd") else "ttyd is not on the PATH (docs/develop/performance.md says where it is had)"
        )

    def argv(self) -> list[str]:
        ttyd = shutil.which("ttyd") or "ttyd"
        return [ttyd, "-W", "-i", "127.0.0.1", "-p", str(self.port), "-d", "0", "bash", "--norc", "--noprofile"]

    def encode(self, keys: bytes) -> bytes:
        return b"0" + keys

    def connect(self) -> Terminal:
        connection = Connection(self.port, self.path, {"Sec-WebSocket-Protocol": "tty"})
        connection.send(BINARY, b'{"AuthToken":"","columns":80,"rows":24}')
        connection.until(PROMPT, START_WITHIN)
        return Terminal(connection, self.kind, self.encode)


@contextlib.contextmanager
def running(place: Path, kinds: Sequence[type[Peer]]) -> Iterator[tuple[dict[str, Peer], dict[str, str]]]:
    """All that can be, started: (peers by name, why each other one is not there)."""
    up: dict[str, Peer] = {}
    not_here: dict[str, str] = {}
    try:
        for kind in kinds:
            folder = place / kind.name
            folder.mkdir()
            peer = kind(folder)
            if why := peer.lacking():
                not_here[kind.name] = why
                continue
            up[kind.name] = peer
            peer.start()
        yield up, not_here
    finally:
        for peer in up.values():
            peer.stop()
