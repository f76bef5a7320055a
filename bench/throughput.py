"""How fast a terminal's output comes through, and what that costs the server.

The commands are a file, whole lines at a time (`cat`), and the two that write a line at a time (`seq`, `yes`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.peers import Peer
from bench.process import cpu_seconds

LINE = b"a line of text as a build or a log would have it, neither short nor very long\n"
# short, so that many turns fit: what else the machine does then hits all alike
CAT_LINES, SEQ, YES_BYTES = 150_000, 600_000, 4_000_000


@dataclass(frozen=True)
class Work:
    """A command, and how many bytes the terminal makes of its output: each newline becomes two bytes (ONLCR, termios(3))."""

    name: str
    command: str
    size: int


def works(place: Path) -> list[Work]:
    """Writes what `cat` reads into `place`."""
    big = place / "big.txt"
    big.write_bytes(LINE * CAT_LINES)
    digits = sum(len(str(10**n)) * (min(10 ** (n + 1), SEQ + 1) - 10**n) for n in range(len(str(SEQ))))
    return [
        Work("cat", f"cat {big}", (len(LINE) + 1) * CAT_LINES),
        Work("seq", f"seq {SEQ}", digits + 2 * SEQ),
        Work("yes", f"yes | head -c {YES_BYTES}", YES_BYTES // 2 * 3),
    ]


def measure(peer: Peer, work: Work) -> tuple[float, float]:
    """(MB a second, the server's CPU seconds for 100 MB) of one run in a fresh terminal."""
    terminal = peer.connect()
    try:
        before = cpu_seconds(peer.pids)
        # the mark is not in what the shell echoes, only in what it prints
        terminal.type(f"{work.command}; printf 'END%s' MARK\r".encode())
        seconds = terminal.until(b"ENDMARK", 120)
        cost = cpu_seconds(peer.pids) - before
    finally:
        terminal.close()
    return work.size / seconds / 1e6, cost / work.size * 1e8
