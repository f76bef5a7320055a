"""What a terminal costs the server that nothing happens in: shells themselves not counted."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bench.peers import Peer
from bench.process import command, memory_kib

TERMINALS = 50
SETTLE = 1.0  # seconds


@dataclass(frozen=True)
class Idle:
    each: float  # KiB (PSS) a terminal, all the server's processes
    by_process: dict[str, float]  # the same, by process: "0 python" is the first started


def measure(peer: Peer) -> Idle:
    """Right after a start and one terminal that came and went; the terminals are closed again."""
    peer.connect().close()
    time.sleep(SETTLE)
    before = {pid: memory_kib([pid]) for pid in peer.pids}
    terminals = [peer.connect() for _ in range(TERMINALS)]
    time.sleep(SETTLE)
    grown = {pid: (memory_kib([pid]) - before[pid]) / TERMINALS for pid in peer.pids}
    for terminal in terminals:
        terminal.close()
    named = {f"{n} {command(pid)}": round(each, 1) for n, (pid, each) in enumerate(grown.items())}
    return Idle(sum(grown.values()), named)
