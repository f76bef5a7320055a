"""The spawner as the other side sees it: one method a verb, blocking (asynchronous callers use a thread).

Knows the socket's path and the messages. Doesn't know drivers, sandboxes' insides or who is asking.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab_server.errors import SpawnerGone
from lab_server.sandbox import rpc


@dataclass
class OpenTerminal:
    """A terminal's descriptors, now the caller's to close: `fd` the byte stream, `ring` the replay ring (see ring.py).

    `terminal` names this very shell: another shell in the same session has another name.
    """

    fd: int
    ring: int
    terminal: str


class SpawnerClient:
    def __init__(self, path: Path, timeout: float = 60.0) -> None:
        self.path = path
        self.timeout = timeout  # seconds, for every verb but run

    def call(
        self, verb: str, fds: tuple[int, ...] = (), *, timeout: float | None = -1, **fields: Any
    ) -> tuple[dict[str, Any], list[int]]:
        """Ask one thing. Raises the error that the spawner answers, or SpawnerGone when it doesn't."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.settimeout(self.timeout if timeout == -1 else timeout)
            try:
                connection.connect(str(self.path))
                rpc.send(connection, {"verb": verb, **fields}, fds)
                reply, received = rpc.receive(connection)
            except TimeoutError:
                raise SpawnerGone(f"The spawner did not answer {verb!r} in time.", "Try again in a moment.") from None
            except OSError as why:
                raise SpawnerGone(
                    f"The spawner can't be reached: {why.strerror}.", "It is being restarted; try again."
                ) from why
        try:
            return rpc.result(reply), received
        except Exception:
            rpc.close_all(received)
            raise

    def info(self) -> dict[str, Any]:
        """{"ready": bool, "detail": str, "driver": str, "reason": str, "capabilities": {…}, "facts": {…}}"""
        return self.call("info", timeout=5.0)[0]

    def list(self) -> list[dict[str, Any]]:
        """[{"sandbox": id, "template": str, "labels": {…}, "state": "starting"|"ready"|"failed", "detail": str}]"""
        return list(self.call("list")[0]["sandboxes"])

    def create(self, sandbox: str, template: str, labels: Mapping[str, str]) -> dict[str, Any]:
        """Returns when it is ready; an id that is there already is returned as it is."""
        return self.call("create", sandbox=sandbox, template=template, labels=dict(labels), timeout=120.0)[0]

    def destroy(self, sandbox: str) -> None:
        """Destroying what is not there is no error."""
        self.call("destroy", sandbox=sandbox)

    def open(self, sandbox: str, session: str, columns: int, rows: int) -> OpenTerminal:
        """The session's terminal: the one that lives, or a new one."""
        reply, fds = self.call("open", sandbox=sandbox, session=session, columns=columns, rows=rows)
        return OpenTerminal(fd=fds[0], ring=fds[1], terminal=str(reply["terminal"]))

    def resize(self, sandbox: str, session: str, columns: int, rows: int) -> None:
        self.call("resize", sandbox=sandbox, session=session, columns=columns, rows=rows)

    def status(self, sandbox: str, session: str) -> dict[str, Any]:
        """{"alive": bool, "code": int | None, "reason": str}; of a shell that ended, until the session is opened again."""
        return self.call("status", sandbox=sandbox, session=session)[0]

    def hangup(self, sandbox: str, session: str) -> None:
        self.call("hangup", sandbox=sandbox, session=session)

    def run(self, sandbox: str, argv: Sequence[str], fds: tuple[int, int, int]) -> int:
        """Run a command in the sandbox on these descriptors and wait; its exit status as a shell gives it."""
        return int(self.call("run", fds, sandbox=sandbox, argv=list(argv), timeout=None)[0]["code"])
