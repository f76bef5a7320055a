"""One sandbox of the docker driver: a container, and the agent in it that is asked for terminals.

Knows the agent's verbs. Doesn't know the engine: it is handed a `release` that removes the container and all else.
What an agent answers is checked: a learner who broke out of the sandbox into its container could be answering.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import termios
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lab_server.errors import LabError, NotFound, SandboxFailed, SpawnerGone
from lab_server.sandbox import rpc
from lab_server.sandbox.contract import Kept
from lab_server.sandbox.terminals import MOST_SESSIONS

PATIENCE = 60.0  # seconds for an agent's answer, under the slowest emulation
GONE = 255  # exit status of a shell whose end nobody saw


class Agent:
    """The agent behind a socket, and one connection that ends when it does."""

    def __init__(self, socket_path: Path) -> None:
        self._path = socket_path
        self._held: socket.socket | None = None

    def called(self, call: socket.socket) -> None:
        """It is this one that called, and `call` ends when it does; `call` is ours from now on."""
        self._held = call

    def hold(self) -> None:
        """Take hold of one that called a spawner before. Raises SandboxFailed when nobody answers."""
        held = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            held.settimeout(PATIENCE)
            held.connect(str(self._path))
            rpc.send(held, {"verb": "hold"})
            reply, fds = rpc.receive(held)
            rpc.close_all(fds)
            if (
                rpc.result(reply).get("booted") is False
            ):  # one of an earlier version, whose spawner went before it was ready
                raise SandboxFailed("It was never ready.")
        except (OSError, LabError) as why:
            held.close()
            raise SandboxFailed(f"The sandbox's agent can't be reached: {why}.", "Start a new one.") from why
        self._held = held

    def gone(self) -> bool:
        if self._held is None:
            return True
        poll = select.poll()  # select(2) takes no descriptor from 1024 on
        poll.register(self._held, select.POLLIN)
        return bool(poll.poll(0))

    def ask(
        self, verb: str, fds: tuple[int, ...] = (), expect: int = 0, **fields: Any
    ) -> tuple[dict[str, Any], list[int]]:
        """Raises what the agent answers, or SandboxFailed when it doesn't, or not with `expect` descriptors."""
        try:
            reply, received = rpc.ask(self._path, {"verb": verb, **fields}, fds, PATIENCE)
        except (OSError, SpawnerGone) as why:
            raise SandboxFailed(f"The sandbox's agent did not answer: {why}.", "Reset the sandbox.") from why
        if len(received) != expect:
            rpc.close_all(received)
            raise SandboxFailed("The sandbox's agent sent something else than a terminal.", "Reset the sandbox.")
        return reply, received

    def run(self, argv: Sequence[str], fds: tuple[int, int, int], asker: int) -> int:
        """Returns when the command has ended; when `asker` closes, the agent is told by our closing."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            try:
                connection.connect(str(self._path))
                rpc.send(connection, {"verb": "run", "argv": list(argv)}, fds)
                poll = select.poll()
                poll.register(connection, select.POLLIN)
                if asker >= 0:
                    poll.register(asker, select.POLLRDHUP | select.POLLHUP)
                if not any(ready == connection.fileno() for ready, _ in poll.poll()):
                    return 128 + 15  # nobody waits for it
                reply, received = rpc.receive(connection)
            except (OSError, SpawnerGone) as why:
                raise SandboxFailed(f"The sandbox's agent did not answer: {why}.", "Reset the sandbox.") from why
        rpc.close_all(received)
        return int(rpc.result(reply)["code"])

    def close(self) -> None:
        if self._held:
            self._held.close()
            self._held = None


class DockerTerminal:
    """A login shell on a PTY that was opened inside the sandbox; its master came by SCM_RIGHTS (unix(7))."""

    def __init__(self, agent: Agent, number: str, fd: int) -> None:
        self.fd = fd
        self.number = number
        self._agent = agent
        self._code: int | None = None
        self._closed = False

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def keep(self, ring: int, name: str) -> None:
        self._agent.ask("keep", (ring,), terminal=self.number, name=name)

    def status(self) -> int | None:
        if self._code is None:
            if self._agent.gone():
                self._code = GONE
            else:
                try:
                    self._code = self._agent.ask("status", terminal=self.number)[0].get("code")
                except NotFound:
                    self._code = GONE
                except SandboxFailed:
                    self._code = GONE if self._agent.gone() else None
        return self._code

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        os.close(self.fd)
        if not self._agent.gone():
            try:
                self.status()
                self._agent.ask("hangup", terminal=self.number)
            except LabError:
                pass  # the agent went meanwhile, and the shell with it


class DockerSandbox:
    def __init__(self, id: str, labels: Mapping[str, str], agent: Agent, release: Callable[[], None]) -> None:
        self.id = id
        self.labels = labels
        self.agent = agent
        self._release = release
        self._lock = threading.Lock()
        self._gone = False

    def terminal(self, session: str, columns: int, rows: int) -> DockerTerminal:
        reply, fds = self.agent.ask("terminal", expect=1, session=session, columns=columns, rows=rows)
        return self._made(str(reply.get("terminal")), fds)

    def kept(self) -> tuple[tuple[Kept, ...], bool]:
        """Its terminals, and whether it stands still."""
        found, told = [], self.agent.ask("list")[0]
        for entry in told.get("terminals", [])[:MOST_SESSIONS]:
            session, name, number = (str(entry[field]) for field in ("session", "name", "terminal"))
            _, fds = self.agent.ask("take", expect=2, terminal=number)
            found.append(Kept(session, name, self._made(number, fds[:1]), fds[1]))
        return tuple(found), told.get("frozen") is True

    def _made(self, number: str, fds: list[int]) -> DockerTerminal:
        if not os.isatty(fds[0]):
            rpc.close_all(fds)
            raise SandboxFailed("The sandbox's agent sent something else than a terminal.", "Reset the sandbox.")
        os.set_blocking(fds[0], False)
        return DockerTerminal(self.agent, number, fds[0])

    def run(self, argv: Sequence[str], fds: tuple[int, int, int], asker: int = -1) -> int:
        return self.agent.run(argv, fds, asker)

    def freeze(self, on: bool) -> None:
        self.agent.ask("freeze", on=on)

    def alive(self) -> bool:
        return not self._gone and not self.agent.gone()

    def destroy(self) -> None:
        with self._lock:
            if self._gone:
                return
            self.agent.close()
            self._release()
            self._gone = True
