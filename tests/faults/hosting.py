"""What the host has of a `labs serve`: its processes, and each sandbox's files, cgroup and processes.

Knows where the drivers `pty` and `crun` keep things (lab_server/sandbox/drivers/layers.py). Doesn't know learners.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from lab_server.sandbox import cgroups
from lab_server.sandbox.contract import DriverConfig
from lab_server.sandbox.drivers.layers import Layers
from tests.shell import eventually
from tests.web.processes import SPAWNER, WEB, Serving, gone


def until_ready(serving: Serving) -> None:
    serving.origin = str(eventually(serving.ready, "it gets ready"))


def kill(serving: Serving, module: str) -> float:
    """kill -9 web or the spawner; when, by the monotonic clock."""
    pid = serving.child(module)
    os.kill(pid, signal.SIGKILL)
    return time.monotonic()


def pull_the_plug(serving: Serving) -> None:
    """Everything stops at once, as when the power goes: no process of it does one thing more, sandboxes' included."""
    pids = [serving.process.pid, serving.child(WEB), serving.child(SPAWNER)]
    inside = [pid for id in sandboxes(serving.data) for pid in processes(serving.data, id)]
    shells = descendants(pids[2])
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in [*pids, *inside, *shells]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
    serving.process.wait()
    eventually(lambda: all(gone(pid) for pid in [*pids, *inside, *shells]), "every process is gone")
    cgroups.remove(cgroup(serving.data))  # the kernel's memory of it would be gone too


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *descendants(child)]
    return found


# --- sandboxes ---


def cgroup(data: Path) -> Path:
    """The cgroup that has all sandboxes of the crun driver in it, where the host sees it."""
    config = DriverConfig(data / "images", data / "guest", data / "sandboxes", data / "run" / "crun")
    root = cgroups.ROOT if cgroups.is_pure_v2() else cgroups.ROOT / "unified"
    return root / f"labs-{Layers(config).name}"


def sandboxes(data: Path) -> set[str]:
    """The ids of those that anything is there of: files, a cgroup, or the runtime's own record."""
    found: set[str] = set()
    for folder in (data / "sandboxes", cgroup(data), data / "run" / "crun" / "crun"):
        with contextlib.suppress(OSError):
            found |= {entry.name for entry in folder.iterdir() if entry.is_dir()}
    return {name.removeprefix("labs-").rpartition("-")[0] or name for name in found}  # the pty driver's folders


def processes(data: Path, id: str) -> list[int]:
    """The processes in a crun sandbox, as the host sees them."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for file in [cgroup(data) / id / "cgroup.procs", *(cgroup(data) / id).rglob("cgroup.procs")]:
            found += map(int, file.read_text().split())
    return sorted(set(found))


def left(data: Path) -> list[str]:
    """What is still there of sandboxes, once nothing is served from `data`."""
    found = sorted(sandboxes(data))
    if cgroup(data).exists():
        found.append(str(cgroup(data)))
    stage = f" /run/{cgroup(data).name} "
    found += [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if stage in line]
    return found
