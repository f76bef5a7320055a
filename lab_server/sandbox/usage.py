"""What is used and what is left: by one sandbox, from its cgroup, and on the whole host, from /proc.

Knows the kernel's files (cgroup-v2.rst, proc_meminfo(5), proc_loadavg(5)). Doesn't know drivers or who asks. Nothing here costs more
than reading a few small files; a figure that can't be had is left out.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

Figures = dict[str, float]


def of_cgroup(cgroup: Path) -> Figures:
    """`memory` in bytes, `cpu` in seconds since it began, `pids`: those that the host accounts for."""
    found: Figures = {}
    for name, file in (("memory", "memory.current"), ("pids", "pids.current")):
        with contextlib.suppress(OSError, ValueError):
            found[name] = int((cgroup / file).read_text())
    with contextlib.suppress(OSError, ValueError, KeyError):
        stat = dict(line.split() for line in (cgroup / "cpu.stat").read_text().splitlines())
        found["cpu"] = int(stat["usage_usec"]) / 1e6
    return found


def of_host(disk: Path | None, proc: Path = Path("/proc")) -> Figures:
    """`memory`, `disk`: bytes there are, and `memory_free`, `disk_free` of them; `tasks` of `tasks_most`; `load` of the last minute.

    `disk` is any path on the file system where sandboxes' files are.
    """
    found: Figures = {"cores": float(os.cpu_count() or 1)}
    with contextlib.suppress(OSError, ValueError, KeyError):
        fields = dict(line.split(":", 1) for line in (proc / "meminfo").read_text().splitlines())
        for name, field in (("memory", "MemTotal"), ("memory_free", "MemAvailable")):
            found[name] = int(fields[field].split()[0]) * 1024
    with contextlib.suppress(OSError, ValueError, IndexError):
        words = (proc / "loadavg").read_text().split()
        found["load"], found["tasks"] = float(words[0]), int(words[3].split("/")[1])
    with contextlib.suppress(OSError, ValueError):
        kernel = proc / "sys/kernel"
        found["tasks_most"] = min(int((kernel / name).read_text()) for name in ("pid_max", "threads-max"))
    if disk:
        with contextlib.suppress(OSError):
            stat = os.statvfs(disk)
            found["disk"], found["disk_free"] = stat.f_blocks * stat.f_frsize, stat.f_bavail * stat.f_frsize
    return found
