"""What processes cost, as the kernel counts it: /proc/PID/stat and smaps_rollup (proc(5)).

Knows pids. Doesn't know whose they are.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterable
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of these processes so far, in seconds.

    By the scheduler's account where the kernel gives it (no thread that has ended is in it), else in steps of 10 ms.
    """
    return sum(_scheduled(pid) or _ticks(pid) for pid in pids)


def _scheduled(pid: int) -> float:
    try:
        return sum(int(file.read_text().split()[0]) for file in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9
    except (OSError, IndexError):
        return 0.0


def _ticks(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory_kib(pids: Iterable[int], key: str = "Pss") -> int:
    """Memory of these processes in KiB. "Pss" counts a page that n processes share as 1/n of a page in each; one that has
    ended has none."""
    total = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith(f"{key}:"):
                    total += int(line.split()[1])
    return total


def command(pid: int) -> str:
    """The name of its program; "" when it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def in_cgroup(name: str) -> list[int]:
    """The processes with this word in the path of one of their cgroups."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if name in (entry / "cgroup").read_text():
                found.append(int(entry.name))
        except OSError:
            continue  # it ended meanwhile
    return sorted(found)


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
