"""The spawner as the other side sees it: one method a verb, blocking (asynchronous callers use a thread).

Knows the socket's path and the messages. Doesn't know drivers, sandboxes' insides or who is asking.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import FileIO
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


@dataclass(frozen=True)
class Captured:
    """What a command wrote to standard output, and its exit status; None where it was not waited for to its end."""

    code: int | None
    output: bytes


class SpawnerClient:
    def __init__(self, path: Path, timeout: float = 60.0) -> None:
        self.path = path
        self.timeout = timeout  # seconds, for every verb but run

    def call(
        self, verb: str, fds: tuple[int, ...] = (), *, timeout: float | None = -1, **fields: Any
    ) -> tuple[dict[str, Any], list[int]]:
        """Ask one thing. Raises the error that the spawner answers, or SpawnerGone when it doesn't."""
        try:
            return rpc.ask(self.path, {"verb": verb, **fields}, fds, self.timeout if timeout == -1 else timeout)
        except TimeoutError:
            raise SpawnerGone(f"The spawner did not answer {verb!r} in time.", "Try again in a moment.") from None
        except OSError as why:
            raise SpawnerGone(
                f"The spawner can't be reached: {why.strerror}.", "It is being restarted; try again."
            ) from why

    def info(self) -> dict[str, Any]:
        """{"ready": bool, "detail": str, "driver": str, "reason": str, "capabilities": {…}, "facts": {…}, "count", "most", "warm":
        numbers of sandboxes, "full": why there is no room for one more ({"message", "remedy"}), or None}"""
        return self.call("info", timeout=5.0)[0]

    def list(self) -> list[dict[str, Any]]:
        """[{"sandbox": id, "template": str, "labels": {…}, "state": "starting"|"ready"|"failed", "detail": str, "frozen": bool}]"""
        return rpc.whole_list(lambda after: self.call("list", after=after)[0])

    def create(self, sandbox: str, template: str, labels: Mapping[str, str]) -> dict[str, Any]:
        """Returns when it is ready; an id that is there already is returned as it is."""
        return self.call("create", sandbox=sandbox, template=template, labels=dict(labels), timeout=120.0)[0]

    def bind(self, sandbox: str, template: str, labels: Mapping[str, str]) -> dict[str, Any] | None:
        """As `create` where one is warm, and soon; None where that would mean making one."""
        reply = self.call("bind", sandbox=sandbox, template=template, labels=dict(labels), timeout=120.0)[0]
        return reply if reply["sandbox"] else None

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

    def freeze(self, sandbox: str, on: bool) -> None:
        """Have everything in it stand still, or go on; either may be said twice. Raises NotFound, SandboxFailed."""
        self.call("freeze", sandbox=sandbox, on=on)

    def usage(self, sandboxes: Sequence[str]) -> dict[str, Any]:
        """{"host": usage.of_host, "most": int, "sandboxes": {id: usage.of_cgroup}} of at most rpc.MOST_MEASURED sandboxes.

        A driver that can't tell leaves `sandboxes` empty.
        """
        return self.call("usage", sandboxes=list(sandboxes), timeout=5.0)[0]

    def run(self, sandbox: str, argv: Sequence[str], fds: tuple[int, int, int]) -> int:
        """Run a command in the sandbox on these descriptors and wait; its exit status as a shell gives it."""
        return int(self.call("run", fds, sandbox=sandbox, argv=list(argv), timeout=None)[0]["code"])

    def capture(
        self, sandbox: str, argv: Sequence[str], given: bytes, most: int, timeout: float, stop: int = -1
    ) -> Captured:
        """Run a command with `given` as its standard input and read its output; its errors are dropped.

        It is killed, and what it wrote so far returned, after `timeout` seconds, past `most` bytes, and when the
        descriptor `stop` has something to read. Raises what `run` raises.
        """
        until = time.monotonic() + timeout
        with contextlib.ExitStack() as held:
            theirs_in, ours_in, ours_out, theirs_out = (
                held.enter_context(FileIO(fd, mode))
                for fd, mode in zip((*os.pipe(), *os.pipe()), ("r", "w", "r", "w"), strict=True)
            )
            null = held.enter_context(FileIO(os.devnull, "w"))
            # closed first: nobody waits for the command any more
            connection = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
            connection.settimeout(min(self.timeout, timeout))
            try:
                connection.connect(str(self.path))
                fds = (theirs_in.fileno(), theirs_out.fileno(), null.fileno())
                rpc.send(connection, {"verb": "run", "sandbox": sandbox, "argv": list(argv)}, fds)
                theirs_in.close()
                theirs_out.close()
                return _Capture(connection, ours_in, ours_out, given, most).run(until, stop)
            except OSError as why:
                raise SpawnerGone(
                    f"The spawner can't be reached: {why.strerror}.", "It is being restarted; try again."
                ) from why


class _Capture:
    """One command under way: feeds it, reads it, until it is told to have ended or nobody wants more of it."""

    def __init__(self, connection: socket.socket, into: FileIO, out: FileIO, given: bytes, most: int) -> None:
        self._connection, self._into, self._out = connection, into, out
        self._given, self._most = memoryview(given), most
        self._output = bytearray()
        self._poll = select.poll()
        for one, event in ((connection, select.POLLIN), (out, select.POLLIN), (into, select.POLLOUT)):
            self._poll.register(one, event)
        for end in (into, out):
            os.set_blocking(end.fileno(), False)

    def run(self, until: float, stop: int) -> Captured:
        if stop >= 0:
            self._poll.register(stop, select.POLLIN)
        connection, out = self._connection.fileno(), self._out.fileno()
        code = None
        while code is None and (left := until - time.monotonic()) > 0 and len(self._output) <= self._most:
            ready = {fd for fd, _ in self._poll.poll(left * 1000)}
            if stop in ready:
                break
            if not self._into.closed and self._into.fileno() in ready:
                self._feed()
            if out in ready and not self._read():
                self._poll.unregister(out)
            if connection in ready:
                reply, fds = rpc.receive(self._connection)
                rpc.close_all(fds)
                code = int(rpc.result(reply)["code"])
        while code is not None and len(self._output) <= self._most and self._read():
            pass  # what it wrote before it ended
        whole = len(self._output) <= self._most
        return Captured(code if whole else None, bytes(self._output[: self._most]))

    def _feed(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._given = self._given[self._into.write(self._given[:65536]) or 0 :]
            if self._given:
                return
        self._poll.unregister(self._into)
        self._into.close()

    def _read(self) -> bool:
        """Whether something came."""
        data = self._out.read(65536)
        self._output += data or b""
        return bool(data)
