"""The host's cgroup tree as sandboxes need it: find it, kill and remove a subtree. How one is handed over: delegation.py.

Knows cgroup v2's files (cgroup-v2.rst). Doesn't know sandboxes; limits are the runtime's to write.
"""

from __future__ import annotations

import contextlib
import select
import time
from pathlib import Path

from lab_server.sandbox import delegation, syscalls

ROOT = Path(delegation.ROOT)
NEEDED = ("cpu", "memory", "pids")


def is_pure_v2(root: Path = ROOT) -> bool:
    return (root / "cgroup.controllers").exists()


def controllers(root: Path = ROOT) -> list[str]:
    """The controllers that can be had here; none on a hybrid or v1 host."""
    return delegation.controllers(str(root))


def prepare() -> bool:
    """See to it that ROOT is cgroup v2 in this mount namespace; whether limits can be set.

    On a hybrid host the v2 tree, which has no controllers there, is bound over ROOT: namespaces and delegation then
    work, limits don't. To be called in a mount namespace of one's own: the host's mounts stay as they are.
    Where ROOT is a container's cgroup and no host's, its processes leave its top, so that it can have children with limits.
    """
    unified = ROOT / "unified"
    if not is_pure_v2() and is_pure_v2(unified):
        syscalls.mount(str(unified), ROOT, flags=syscalls.MS_BIND)
    limits = set(NEEDED) <= set(controllers())
    inside = (ROOT / "cgroup.type").exists()  # every cgroup has it but the host's root
    if limits and inside and not set(NEEDED) <= set((ROOT / "cgroup.subtree_control").read_text().split()):
        delegation.divide()
    return limits


def _below(cgroup: Path) -> list[Path]:
    """Every descendant, deepest first."""
    found = [path for path in cgroup.rglob("*") if path.is_dir()]
    return sorted(found, key=lambda path: len(path.parts), reverse=True)


def kill(cgroup: Path) -> None:
    """SIGKILL to every process at and below it (cgroup.kill); no error where it is not there."""
    with contextlib.suppress(OSError):
        (cgroup / "cgroup.kill").write_text("1")


def _wait(cgroup: Path, unless: str, within: float) -> None:
    """Until its cgroup.events doesn't say this any more; the kernel tells a change by POLLPRI."""
    deadline = time.monotonic() + within
    with contextlib.suppress(OSError), (cgroup / "cgroup.events").open() as events:
        poll = select.poll()
        poll.register(events, select.POLLPRI)
        while unless in events.read() and time.monotonic() < deadline:
            poll.poll(200)
            events.seek(0)


def freeze(cgroup: Path, on: bool, within: float = 5.0) -> None:
    """Have every process at and below it stand still, or go on. One that is deep in the kernel stops when it comes out of it: that is
    waited for, at most so long. What was frozen further down by somebody else stays so. Raises OSError."""
    (cgroup / "cgroup.freeze").write_text(str(int(on)))
    _wait(cgroup, f"frozen {int(not on)}", within)


def frozen(cgroup: Path) -> bool:
    """Whether that was done to it. Raises OSError."""
    return (cgroup / "cgroup.freeze").read_text().strip() == "1"


def remove(cgroup: Path, within: float = 10.0) -> bool:
    """Kill what is in it, wait until it is empty, remove it and all below; whether it is gone."""
    if not cgroup.is_dir():
        return True
    kill(cgroup)
    _wait(cgroup, "populated 1", within)
    for directory in [*_below(cgroup), cgroup]:
        with contextlib.suppress(OSError):
            directory.rmdir()
    return not cgroup.exists()
