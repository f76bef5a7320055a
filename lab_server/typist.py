"""Types a step into a session's terminal as the page does, and waits until the shell says that it ended.

Knows: a terminal's descriptor, the shell's marks (OSC 133) and bracketed paste; `web/src/{session,steps,marks}.ts` are the same in the
page. Doesn't know lessons, sandboxes or what the output should be.
"""

from __future__ import annotations

import os
import re
import select
import time
from typing import Literal

from lab_server.lessons.verify import Ran

COLUMNS, ROWS = 120, 40
MOST = 1 << 20  # bytes of one step's output that are kept
_TOKEN = re.compile(
    rb"\x1b\]133;(?P<kind>[ABCD])(?:;(?P<exit>\d{1,3}))?[^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[\?2004(?P<paste>[hl])"
)
_BEGUN = re.compile(rb"\x1b(?:\](?:1(?:3(?:3(?:;[^\x07\x1b]{0,256}\x1b?)?)?)?)?|\[(?:\?(?:2(?:0(?:04?)?)?)?)?)?\Z")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Stopped(Exception):
    """Somebody wants all of it to end."""


class Hung(Exception):
    """The deadline passed. `ran` is what there is; `typed` is false when the shell never came to its prompt."""

    def __init__(self, ran: Ran, typed: bool) -> None:
        super().__init__()
        self.ran, self.typed = ran, typed


class Lost(Exception):
    """The shell ended."""

    def __init__(self, ran: Ran) -> None:
        super().__init__()
        self.ran = ran


class Typist:
    """One shell. `stop` is a descriptor that becomes readable when everything should end."""

    def __init__(self, fd: int, stop: int) -> None:
        self._fd, self._stop = fd, stop
        os.set_blocking(fd, False)
        self._poll = select.poll()
        self._poll.register(stop, select.POLLIN)
        self._state: Literal["unknown", "prompt", "typed", "running"] = "unknown"
        self._paste = False
        self._tail = b""  # bytes in which a mark may have begun
        self._output = bytearray()
        self._outcome: Ran | None = None

    def close(self) -> None:
        os.close(self._fd)

    def run(self, command: str, within: float) -> Ran:
        """Type `command` and Enter once, at a prompt, and wait until it ends. Raises Hung, Lost, Stopped."""
        began = time.monotonic()
        deadline = began + within
        while self._state != "prompt":
            self._step(deadline, began, b"")
        self._state, self._outcome = "typed", None
        self._output.clear()
        keys = _keys(command, self._paste) + b"\r"
        began = time.monotonic()
        while self._outcome is None:
            keys = keys[self._step(deadline, began, keys) :]
        return Ran(self._text(), self._outcome.exit, self._outcome.inside, time.monotonic() - began)

    def _so_far(self, began: float) -> Ran:
        return Ran(self._text(), seconds=time.monotonic() - began)

    def _text(self) -> str:
        return self._output.decode(errors="replace")

    def _step(self, deadline: float, began: float, keys: bytes) -> int:
        """Read what is there, write what of `keys` fits; how much that was."""
        self._poll.register(self._fd, select.POLLIN | (select.POLLOUT if keys else 0))
        left = deadline - time.monotonic()
        ready = dict(self._poll.poll(max(0.0, left) * 1000)) if left > 0 else {}
        if self._stop in ready:
            raise Stopped
        if not ready:
            if left > 0:
                return 0
            raise Hung(self._so_far(began), self._state in ("typed", "running"))
        events = ready.get(self._fd, 0)
        try:
            if events & ~select.POLLOUT:
                data = os.read(self._fd, 65536)
                if not data:
                    raise Lost(self._so_far(began))
                self._feed(data)
            return os.write(self._fd, keys[:1024]) if events & select.POLLOUT and keys else 0
        except BlockingIOError:
            return 0
        except OSError:  # EIO: the other end of the PTY is closed
            raise Lost(self._so_far(began)) from None

    def _feed(self, data: bytes) -> None:
        data = self._tail + data
        at = 0
        for token in _TOKEN.finditer(data):
            self._keep(data[at : token.start()])
            at = token.end()
            if token["paste"]:
                self._paste = token["paste"] == b"h"
            else:
                self._mark(token["kind"].decode(), token["exit"])
        rest = data[at:]
        begun = _BEGUN.search(rest)  # a mark that isn't all there yet
        cut = begun.start() if begun else len(rest)
        self._keep(rest[:cut])
        self._tail = rest[cut:]

    def _keep(self, data: bytes) -> None:
        if self._state == "running" and self._outcome is None:
            self._output += data[: MOST - len(self._output)]

    def _mark(self, kind: str, status: bytes | None) -> None:
        if kind == "C":
            self._output.clear()
            self._state = "running"
        elif kind == "D":
            if self._state in ("typed", "running") and self._outcome is None:
                self._outcome = Ran(exit=int(status) if status else None)
            self._state = "unknown"  # its prompt comes next
        else:
            if self._state == "typed":
                return  # the old prompt drawn again, before the command was read
            if self._state == "running" and self._outcome is None:
                self._outcome = Ran(inside=True)  # a prompt without an end: of a shell inside
            self._state = "prompt"


def _keys(command: str, paste: bool) -> bytes:
    """The keys that put a command on a shell's line, without Enter; control characters in it are left out."""
    clean = _CONTROL.sub("", command.replace("\r\n", "\n").replace("\r", "\n"))
    if "\n" in clean:
        clean = f"\x1b[200~{clean}\x1b[201~" if paste else clean.replace("\n", "\r")
    return clean.encode()
