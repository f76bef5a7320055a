"""Who holds which terminal: one shell a session of a sandbox, its descriptor and its replay ring.

Knows sessions, terminals and rings, by the contract alone. Doesn't read or write a terminal: web does, on the
descriptors it is handed, so a web that died is followed by one that finds everything as it was.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from lab_server.errors import Conflict, HostFull, NotFound
from lab_server.sandbox import ring
from lab_server.sandbox.contract import Kept, LastingTerminal, Sandbox, Terminal

MOST_SESSIONS = 8  # of one sandbox


@dataclass(slots=True)
class Held:
    """A terminal in keeping. `name` tells this shell from the one before it in the same session."""

    terminal: Terminal
    ring: int
    name: str = field(default_factory=lambda: secrets.token_hex(8))
    code: int | None = None
    ended: bool = False

    def look(self) -> bool:
        """Whether the shell lives; remembers its exit status once it doesn't."""
        if not self.ended:
            code = self.terminal.status()
            if code is not None:
                self.code, self.ended = code, True
        return not self.ended

    def drop(self) -> None:
        self.terminal.close()
        self.look()
        self.ended = True
        if self.ring >= 0:
            os.close(self.ring)
            self.ring = -1


class Terminals:
    """The terminals of one sandbox, and whether it stands still. Safe to call from any thread."""

    __slots__ = ("_closed", "_held", "_lock", "_sandbox", "frozen")

    def __init__(self, sandbox: Sandbox, frozen: bool = False) -> None:
        self._sandbox, self.frozen = sandbox, frozen
        self._held: dict[str, Held] = {}
        self._lock = threading.Lock()
        self._closed = False

    def open(self, session: str, columns: int, rows: int) -> tuple[str, int, int]:
        """The session's living terminal, or a new one: its name, and copies of its descriptor and its ring's, the caller's to close.

        Raises HostFull past MOST_SESSIONS, NotFound once closed, SandboxFailed, and Conflict for a new one where all stands still.
        """
        with self._lock:  # for the copies too: what another thread closes, a third may have opened as something else
            held = self._living(session) or self._new(session, columns, rows)
            return held.name, os.dup(held.terminal.fd), os.dup(held.ring)

    def _living(self, session: str) -> Held | None:
        held = self._held.get(session)
        if held and not held.look():
            held.drop()
            del self._held[session]
            return None
        return held

    def _new(self, session: str, columns: int, rows: int) -> Held:
        if self._closed:
            raise NotFound("This sandbox has ended.", "Start a new one.")
        if len(self._held) >= MOST_SESSIONS:
            raise HostFull(f"A sandbox has at most {MOST_SESSIONS} terminals.", "Close one first.")
        self.check_running()
        fresh = ring.create()
        try:
            terminal = self._sandbox.terminal(session, columns, rows)
        except BaseException:
            os.close(fresh)
            raise
        held = self._held[session] = Held(terminal, fresh)
        if isinstance(terminal, LastingTerminal):
            terminal.keep(held.ring, held.name)
        return held

    def adopt(self, kept: Iterable[Kept]) -> None:
        """Terminals that a spawner before this one opened."""
        with self._lock:
            for one in kept:
                self._held[one.session] = Held(one.terminal, one.ring, one.name)

    def freeze(self, on: bool) -> None:
        """Have the sandbox stand still, or go on: never while a shell is being started in it."""
        with self._lock:
            if not self._closed:
                self._sandbox.freeze(on)
                self.frozen = on

    def check_running(self) -> None:
        """Raises Conflict where nothing can be started in the sandbox now."""
        if self.frozen:
            raise Conflict("This sandbox is paused.", "Try again when it goes on.")

    def _get(self, session: str) -> Held:
        held = self._held.get(session)
        if held is None:
            raise NotFound(f"There is no terminal {session!r} in this sandbox.", "Open it first.")
        return held

    def resize(self, session: str, columns: int, rows: int) -> None:
        with self._lock:
            held = self._get(session)
            if held.look():
                held.terminal.resize(columns, rows)

    def status(self, session: str) -> tuple[bool, int | None]:
        """(lives, exit status if it ended and one is known). Raises NotFound."""
        with self._lock:
            held = self._get(session)
            return held.look(), held.code

    def hangup(self, session: str) -> None:
        with self._lock:
            held = self._held.pop(session, None)
            if held:
                held.drop()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for held in self._held.values():
                held.drop()
            self._held.clear()
