"""What a terminal costs the server that nothing happens in: shells themselves not counted."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bench.crowd import Crowd
from bench.peers import Peer
from bench.process import command, memory_kib

TERMINALS = 500
BEFORE = 20  # terminals that came and went, so that what a server makes once is made
SETTLE = 1.0  # seconds


@dataclass(frozen=True)
class Idle:
    each: float  # KiB a terminal, all the server's processes, without what they share with others (a replay ring)
    shared: float  # KiB a terminal of shared memory
    by_process: dict[str, float]  # `each`, by process: "0 python" is the first started


def measure(peer: Peer) -> Idle:
    """The terminals are closed again."""
    with Crowd(peer, BEFORE):
        pass
    time.sleep(SETTLE)
    before = {pid: _own(pid) for pid in peer.pids}
    shared = memory_kib(peer.pids, "Pss_Shmem")
    with Crowd(peer, TERMINALS) as crowd:
        crowd.tend(SETTLE)
        grown = {pid: (_own(pid) - before[pid]) / TERMINALS for pid in peer.pids}
        shared = memory_kib(peer.pids, "Pss_Shmem") - shared
    named = {f"{n} {command(pid)}": round(each, 1) for n, (pid, each) in enumerate(grown.items())}
    return Idle(sum(grown.values()), shared / TERMINALS, named)


def _own(pid: int) -> int:
    """Its own memory, and its share of files that it has mapped (libraries)."""
    return memory_kib([pid]) - memory_kib([pid], "Pss_Shmem")
