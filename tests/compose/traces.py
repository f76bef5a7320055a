"""What a host has, before and after: containers, networks, volumes, mounts, cgroups, interfaces, processes.

Knows where the kernel and the engine list them. Doesn't know whose they are: what is there after and was not before was left.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.compose.stack import Failed, docker, eventually

CGROUPS = Path("/sys/fs/cgroup")
ENGINE = {
    "container": ("ps", "--all", "--format", "{{.Names}} of {{.Image}}"),
    "network": ("network", "ls", "--format", "{{.Name}}"),
    "volume": ("volume", "ls", "--format", "{{.Name}}"),
}
KINDS = {*ENGINE, "cgroup", "interface", "mount", "process"}  # loop devices too, where there are no project quotas
WITHIN = 60.0  # seconds until the engine's own processes for a container have ended


def taken() -> set[str]:
    """A line for each thing."""
    found = {f"{kind} {line}" for kind, words in ENGINE.items() for line in docker(*words).splitlines()}
    found |= {f"cgroup {path.relative_to(CGROUPS)}" for path in CGROUPS.rglob("*") if path.is_dir()}
    found |= {
        f"loop device of {file.read_text().strip()}" for file in Path("/sys/block").glob("loop*/loop/backing_file")
    }
    found |= {f"interface {path.name}" for path in Path("/sys/class/net").iterdir()}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        head, _, tail = line.partition(" - ")
        found.add(f"mount {head.split()[4]} ({tail.split()[0]})")
    for place in Path("/proc").glob("[0-9]*"):
        try:
            command = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue  # it ended
        if command:  # none: a thread of the kernel's
            found.add(f"process {re.sub(r'[0-9]{4,}', 'N', command)[:200]}")
    return found


def seen(before: set[str]) -> None:
    """Raises Failed when what runs now shows in some kind of trace not at all: then its absence would say nothing."""
    if blind := KINDS - {line.split()[0] for line in taken() - before}:
        raise Failed(f"of what runs there is no trace as {', '.join(sorted(blind))}")


def none_left(before: set[str]) -> None:
    """Raises Failed naming what is there and was not. What ends by itself a moment later is waited for."""
    try:
        eventually("nothing is left", lambda: not taken() - before, WITHIN)
    except Failed:
        raise Failed("left behind:\n" + "\n".join(f"    {line}" for line in sorted(taken() - before))) from None
