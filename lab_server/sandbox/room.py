"""Whether a host has room for one more sandbox, so that a newcomer is told before those inside are slowed down.

Knows memory (proc(5), cgroup v2), pressure stall information, disk and processes, and how much of each is left free. Doesn't know
how many sandboxes there are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab_server.errors import MEANWHILE, HostFull

MIB = 1 << 20
SPARE_DISK = 512 * MIB  # bytes; a full disk must not stop those already inside
SPARE_MEMORY = 256 * MIB  # bytes, for the next command of those already inside
SPARE_PIDS = 512
STALLED = 20.0  # % of the last ten seconds in which everything waited for memory (Documentation/accounting/psi.rst)
# Stalls count while less than an eighth of the memory is free: the kernel's figure has those of a single sandbox at its own limit too.
SCARCE = 8
NEARLY = 2  # times the spare: nothing is made in advance below that


@dataclass(frozen=True)
class Room:
    """`disk`: where sandboxes' files go; None: not looked at."""

    disk: Path | None = None
    proc: Path = Path("/proc")
    cgroup: Path = Path("/sys/fs/cgroup")

    def check(self, times: int = 1) -> None:
        """Raises HostFull where less than `times` the spare of anything is left."""
        for lack in self._lacks(times):
            raise HostFull(f"This host has no room for another sandbox: {lack}.", MEANWHILE)

    def _lacks(self, times: int) -> Iterator[str]:
        memory = self._memory()
        if memory is not None and memory < SPARE_MEMORY * times:
            yield f"{memory // MIB} MiB of memory are left"
        if memory is not None and memory < self._scarce() and self._stalled() > STALLED / times:
            yield "its memory is so scarce that everything waits for it"
        if (free := self._disk()) is not None and free < SPARE_DISK * times:
            yield f"{free // MIB} MiB of disk are left"
        if (free := self._pids()) is not None and free < SPARE_PIDS * times:
            yield f"it has {free} processes left"

    def _disk(self) -> int | None:
        if self.disk is None:
            return None
        try:
            stat = os.statvfs(self.disk)
        except OSError:
            return None
        return stat.f_bavail * stat.f_frsize

    def _memory(self) -> int | None:
        """Bytes that can be had without swapping, on the host and, where we are in a container, in it."""
        found = []
        if (available := _line(self.proc / "meminfo", "MemAvailable:")) is not None:
            found.append(available * 1024)
        most, used = _number(self.cgroup / "memory.max"), _number(self.cgroup / "memory.current")
        if most is not None and used is not None:
            cache = sum(_line(self.cgroup / "memory.stat", f"{kind}_file") or 0 for kind in ("active", "inactive"))
            found.append(most - used + cache)
        return min(found, default=None)

    def _scarce(self) -> int:
        """Bytes of free memory below which a host is short of it."""
        return max(NEARLY * SPARE_MEMORY, (_line(self.proc / "meminfo", "MemTotal:") or 0) * 1024 // SCARCE)

    def _stalled(self) -> float:
        try:
            lines = (self.proc / "pressure/memory").read_text().splitlines()
            full = next(line for line in lines if line.startswith("full"))
            return float(full.split()[1].removeprefix("avg10="))
        except (OSError, ValueError, IndexError, StopIteration):
            return 0.0  # a kernel without it

    def _pids(self) -> int | None:
        found = []
        limits = [_number(self.proc / "sys/kernel" / name) for name in ("pid_max", "threads-max")]
        try:
            there = int((self.proc / "loadavg").read_text().split()[3].split("/")[1])
        except (OSError, ValueError, IndexError):
            there = None
        if there is not None:
            found += [limit - there for limit in limits if limit is not None]
        most, used = _number(self.cgroup / "pids.max"), _number(self.cgroup / "pids.current")
        if most is not None and used is not None:
            found.append(most - used)
        return min(found, default=None)


def _number(file: Path) -> int | None:
    """The number in a file; None where there is no such file, or it says `max`."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def _line(file: Path, name: str) -> int | None:
    """The number behind `name` in a file of such lines."""
    try:
        return next(int(line.split()[1]) for line in file.read_text().splitlines() if line.split()[0] == name)
    except (OSError, ValueError, IndexError, StopIteration):
        return None
