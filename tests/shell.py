"""Waiting for what must happen, and a terminal as a test uses it: type, and read until something is there.

Knows descriptors, not drivers.
"""

from __future__ import annotations

import os
import re
import select
import time
from collections.abc import Callable

PATIENCE = 60.0  # seconds; the emulated guest is slow


def eventually(ask: Callable[[], object], what: str = "", within: float = PATIENCE) -> object:
    """Ask until the answer is true; it is returned. AssertionError when it isn't in time."""
    until = time.monotonic() + within
    while not (answer := ask()):
        assert time.monotonic() < until, f"not within {within:.0f} s: {what or ask}"
        time.sleep(0.01)
    return answer


class Shell:
    """Reads and writes `fd` (a PTY master or a stream socket, non-blocking or not); keeps all that was said."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.said = b""
        self.ended = False

    def _read(self, within: float) -> bool:
        if self.ended or not select.select([self.fd], [], [], max(within, 0))[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        self.ended = not data
        self.said += data
        return True

    def until(self, pattern: str, within: float = PATIENCE, start: int = 0) -> re.Match[bytes]:
        """Read until `pattern` (a regular expression) is in what was said from `start`; AssertionError when it isn't in time."""
        deadline = time.monotonic() + within
        while True:
            found = re.compile(pattern.encode(), re.S).search(self.said, start)
            if found:
                return found
            if self.ended or time.monotonic() > deadline:
                why = "the shell ended" if self.ended else f"not within {within:.0f} s"
                raise AssertionError(
                    f"{pattern!r}: {why}; it said:\n{self.said[start:].decode(errors='replace')[-3000:]}"
                )
            self._read(deadline - time.monotonic())

    def end(self, within: float = PATIENCE) -> None:
        """Read until end of file."""
        deadline = time.monotonic() + within
        while not self.ended:
            assert time.monotonic() < deadline, f"no end of file; it said {self.said[-500:]!r}"
            self._read(deadline - time.monotonic())

    def type(self, text: str) -> None:
        data = text.encode()
        while data:
            select.select([], [self.fd], [], PATIENCE)
            data = data[os.write(self.fd, data) :]

    def ask(self, command: str, within: float = PATIENCE) -> tuple[str, int]:
        """Type one command; (what it printed, its exit status). The markers are split so that the echo isn't taken for them."""
        start = len(self.said)
        self.type(f"printf '<<%s\\n' beg''in; {command}\nprintf '%s>>%d\\n' e''nd $?\n")
        self.until(r"end>>\d+\r?\n", within, start)
        said = self.said[start:].decode(errors="replace")
        inside = re.search(r"<<begin\r?\n(.*)end>>(\d+)", said, re.S)
        assert inside, said
        return _plain(inside[1]), int(inside[2])


def _plain(text: str) -> str:
    """Without escape sequences, and without the shell's prompt and echo of the closing command."""
    text = re.sub(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-9;?]*[ -/]*[@-~]", "", text).replace("\r\n", "\n")
    return re.sub(r"[^\n]*printf '%s>>%d[^\n]*[\r\n]*$", "", text)
