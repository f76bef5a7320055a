"""What the kernel keeps for web, for the spawner and for all sandboxes, in numbers that must be the same after a thousand of them.

Knows /proc and the crun driver's places. Doesn't know learners.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, fields
from pathlib import Path

from tests.faults import hosting
from tests.web.processes import SPAWNER, WEB, Serving


@dataclass(frozen=True)
class Counts:
    web_descriptors: int
    web_threads: int
    spawner_descriptors: int
    spawner_threads: int
    processes: int  # that come from the spawner, those that have ended and were not waited for too
    mounts: int  # in the spawner's mount namespace
    host_mounts: int  # below LABS_DATA and the stage, in this process's
    cgroups: int
    network_namespaces: int  # that a process or descriptor of the spawner's keeps
    files: int  # entries of the sandboxes' folder

    def __str__(self) -> str:
        return ", ".join(f"{field.name.replace('_', ' ')} {getattr(self, field.name)}" for field in fields(self))

    def __sub__(self, other: Counts) -> dict[str, int]:
        """What differs."""
        all_ = {field.name: getattr(self, field.name) - getattr(other, field.name) for field in fields(self)}
        return {name: by for name, by in all_.items() if by}


def of(serving: Serving) -> Counts:
    web, spawner = serving.child(WEB), serving.child(SPAWNER)
    below = hosting.descendants(spawner)
    ours = (f" {serving.data}/", f" /run/{hosting.cgroup(serving.data).name}")
    host = Path("/proc/self/mountinfo").read_text().splitlines()
    return Counts(
        _entries(web, "fd"),
        _entries(web, "task"),
        _entries(spawner, "fd"),
        _entries(spawner, "task"),
        len(below),
        len(Path(f"/proc/{spawner}/mountinfo").read_text().splitlines()),
        sum(any(place in line for place in ours) for line in host),
        sum(1 for path in hosting.cgroup(serving.data).rglob("*") if path.is_dir()),
        len(_network_namespaces([spawner, *below])),
        len(list((serving.data / "sandboxes").iterdir())),
    )


def memory_kib(pid: int) -> int:
    """Memory that is the process's own (Pss_Anon), in KiB."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss_Anon:"))


def _entries(pid: int, folder: str) -> int:
    return len(os.listdir(f"/proc/{pid}/{folder}"))  # noqa: PTH208 -- of /proc


def _network_namespaces(pids: list[int]) -> set[str]:
    found: set[str] = set()
    for pid in pids:
        for link in [Path(f"/proc/{pid}/ns/net"), *Path(f"/proc/{pid}/fd").glob("*")]:
            with contextlib.suppress(OSError):
                if (to := str(link.readlink())).startswith("net:["):
                    found.add(to)
    return found
