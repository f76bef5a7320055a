"""What the spawner may ask an agent: closed verbs on one unix socket, one request and one reply a connection (rpc.py).

Knows the sandbox that was made, and keeps its terminals' descriptors and rings, so that a spawner that was killed finds them again.
Doesn't know how it was made (start.py).

The socket lies in a folder that only the host's root can enter and that is not in the sandbox: who connects is the spawner.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab_server.errors import BadInput, Conflict, LabError, NotFound
from lab_server.sandbox import cgroups, oci, rpc
from lab_server.sandbox.agent import places
from lab_server.sandbox.crun import Crun, reap_strays
from lab_server.sandbox.drivers.crun_sandbox import CrunSandbox, CrunTerminal
from lab_server.sandbox.drivers.parts import Parts

MOST_TERMINALS = 64
VERBS: dict[str, dict[str, str]] = {
    "hold": {},  # its connection ends when the sandbox does
    "terminal": {"session": "session", "columns": "columns", "rows": "rows"},
    "keep": {"terminal": "terminal", "name": "name"},  # descriptor: its replay ring
    "list": {},  # terminals with a ring, and whether the sandbox is frozen
    "take": {"terminal": "terminal"},
    "status": {"terminal": "terminal"},
    "hangup": {"terminal": "terminal"},
    "freeze": {"on": "flag"},
    "run": {"argv": "argv"},  # descriptors: standard input, output, error
}
Reply = tuple[dict[str, Any], tuple[int, ...]]


class Kept:
    """A terminal; with its ring, once the spawner has given that."""

    def __init__(self, session: str, terminal: CrunTerminal) -> None:
        self.session, self.terminal = session, terminal
        self.ring, self.name = -1, ""


def sandbox(pid: int) -> CrunSandbox:
    """The sandbox that the runtime has made, whose PID 1 this is, and which is ready."""
    reap_strays()
    cgroup = cgroups.ROOT / places.CGROUP.strip("/")
    parts = Parts(places.NAME, {}, Path(places.FILES), Path(places.RUN), cgroup, lambda: None)
    made = CrunSandbox(parts, Crun(Path(places.CRUN)), oci.HostFacts(limits=True, raise_limits=False))
    made.booted(pid)
    return made


class Agent:
    def __init__(self, listener: int, sandbox: CrunSandbox, holder: int) -> None:
        """`listener`, `holder`: sockets. The holder's connection stays open as long as the sandbox is there."""
        self._listener = socket.socket(fileno=listener)
        self._sandbox = sandbox
        self._kept: dict[str, Kept] = {}
        self._last = 0
        self._holders = [socket.socket(fileno=holder)]
        self._lock = threading.Lock()

    def serve(self, pid: int) -> None:
        """Answer for as long as the sandbox's PID 1, our child, is there. Without it we have nothing to keep."""
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # PID 1: the kernel ends the rest
        ended = os.pidfd_open(pid)
        poll = select.poll()  # select(2) takes no descriptor from 1024 on
        for descriptor in (self._listener.fileno(), ended):
            poll.register(descriptor, select.POLLIN)
        while not any(ready == ended for ready, _ in poll.poll()):
            connection, _ = self._listener.accept()
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()
        self._let_go()

    def _let_go(self) -> None:
        """Whoever holds us is told that the sandbox is gone, by the end of their connection."""
        with self._lock:
            for holder in self._holders:
                with contextlib.suppress(OSError):  # they are gone themselves
                    holder.shutdown(socket.SHUT_RDWR)

    def _answer(self, connection: socket.socket) -> None:
        fds: list[int] = []
        out: tuple[int, ...] = ()
        with connection:
            try:
                message, fds = rpc.receive(connection)
                request = rpc.check(message, VERBS)
                verb = request.pop("verb")
                if verb in ("keep", "run"):
                    request["fds"] = tuple(fds)
                if verb in ("hold", "run"):
                    request["connection"] = connection
                answer: Callable[..., Reply] = getattr(self, f"_{verb}")  # one of VERBS
                reply, out = answer(**request)
                told = {"ok": reply}
            except LabError as why:
                told = rpc.failure(why)
            except Exception as why:
                import traceback

                traceback.print_exc()
                told = rpc.failure(LabError(f"The agent broke: {why!r}."))
            finally:
                rpc.close_all(fds)
            with contextlib.suppress(OSError, LabError):  # the asker is gone
                rpc.send(connection, told, out)
            rpc.close_all(out)

    # --- the verbs ---

    def _hold(self, connection: socket.socket) -> Reply:
        """Answered at once; the connection stays open as long as the sandbox is there."""
        gone = select.select(self._holders, [], [], 0)[0]
        with self._lock:
            self._holders = [holder for holder in self._holders if holder not in gone]
            self._holders.append(connection.dup())
        return {}, ()

    def _terminal(self, session: str, columns: int, rows: int) -> Reply:
        with self._lock:
            if len(self._kept) >= MOST_TERMINALS:
                raise Conflict("This sandbox has too many terminals.")
            self._last += 1
            name = str(self._last)
        terminal = self._sandbox.terminal(session, columns, rows)
        with self._lock:
            self._kept[name] = Kept(session, terminal)
            return {"terminal": name}, (os.dup(terminal.fd),)

    def _keep(self, terminal: str, name: str, fds: tuple[int, ...]) -> Reply:
        if len(fds) != 1:
            raise BadInput("The verb 'keep' takes one descriptor.")
        with self._lock:
            kept = self._get(terminal)
            if kept.ring < 0:
                kept.ring, kept.name = os.dup(fds[0]), name
        return {}, ()

    def _take(self, terminal: str) -> Reply:
        with self._lock:
            kept = self._get(terminal)
            if kept.ring < 0:
                raise NotFound("That terminal has no ring.")
            return {}, (os.dup(kept.terminal.fd), os.dup(kept.ring))

    def _list(self) -> Reply:
        with self._lock:
            found = [
                {"terminal": number, "session": kept.session, "name": kept.name}
                for number, kept in self._kept.items()
                if kept.ring >= 0
            ]
        return {"terminals": found, "frozen": self._sandbox.frozen()}, ()

    def _freeze(self, on: bool) -> Reply:
        """The sandbox's own cgroup, not the container's: this process goes on, and answers."""
        self._sandbox.freeze(on)
        return {}, ()

    def _status(self, terminal: str) -> Reply:
        with self._lock:
            kept = self._get(terminal)
        code = kept.terminal.status()
        if code is not None and not self._sandbox.alive():
            self._let_go()  # its shells end before PID 1 has: who asks how one did must not hear that the sandbox goes on
        return {"code": code}, ()

    def _hangup(self, terminal: str) -> Reply:
        with self._lock:
            kept = self._kept.pop(terminal, None)
        if kept:
            kept.terminal.close()
            if kept.ring >= 0:
                os.close(kept.ring)
        return {}, ()

    def _run(self, argv: list[str], fds: tuple[int, ...], connection: socket.socket) -> Reply:
        if len(fds) != 3:
            raise BadInput("The verb 'run' takes three descriptors.")
        return {"code": self._sandbox.run(argv, (fds[0], fds[1], fds[2]), connection.fileno())}, ()

    def _get(self, terminal: str) -> Kept:
        try:
            return self._kept[terminal]
        except KeyError:
            raise NotFound(f"There is no terminal {terminal!r}.") from None
