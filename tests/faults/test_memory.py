"""No memory is left where everything of ours runs: the kernel kills in a sandbox, not web or the spawner.

The host's own memory is not used up for it: `labs serve` and its sandboxes run in a memory cgroup together, which is a small host
to the kernel's choice of a victim (mm/oom_kill.c). A hybrid-cgroup host has one; with pure cgroup v2 sandboxes have limits of
their own, and a cgroup beside web's.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab_server.sandbox.commands import OOM_SCORE_ADJ
from tests.compose.learner import Learner
from tests.compose.page import Page
from tests.faults import hosting
from tests.faults.conftest import Serve, Tell
from tests.shell import eventually
from tests.web.processes import SPAWNER, WEB

MEMORY = 600 << 20  # bytes of the small host: several times what web and the spawner take
LEAST = 10  # processes killed, one after the other
V1 = Path("/sys/fs/cgroup/memory")


@pytest.fixture
def small_host() -> Iterator[Path]:
    """A memory cgroup."""
    if os.geteuid() != 0 or not (V1 / "memory.limit_in_bytes").exists():
        pytest.skip("it takes root and cgroup v1's memory controller")
    group = V1 / f"labs-faults-{os.getpid()}"
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text(str(MEMORY))
        yield group
    finally:
        for pid in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (V1 / "cgroup.procs").write_text(pid)
        group.rmdir()


def killed(group: Path) -> int:
    words = dict(line.split() for line in (group / "memory.oom_control").read_text().splitlines())
    return int(words["oom_kill"])


# many small ones, each keeping a line that doesn't end: the largest process of all is web, or the spawner
HOGS = "for i in $(seq 150); do { head -c 8000000 /dev/zero; read -r <>/run/never; } | tail -n 1 >/dev/null & done 2>/dev/null"


def test_no_memory_is_left(small_host: Path, serve: Serve, crun: str, lesson: str, figure: Tell) -> None:
    serving = serve(crun)
    ours = [serving.process.pid, serving.child(WEB), serving.child(SPAWNER)]
    for pid in ours:
        (small_host / "cgroup.procs").write_text(str(pid))
    greedy, other = Learner(serving.origin), Learner(serving.origin)
    sandbox, neighbour = greedy.start(lesson), other.start(lesson)
    page, beside = Page(greedy, sandbox), Page(other, neighbour)
    try:
        page.match(rb"# ")
        scores = {Path(f"/proc/{pid}/oom_score_adj").read_text() for pid in hosting.processes(serving.data, sandbox)}
        assert scores == {f"{OOM_SCORE_ADJ}\n"}, "of its PID 1 and of its shell"
        beside.type(b"echo be''fore\r")
        beside.match(rb"before\r\n")
        page.type(f"set +m; mkfifo /run/never; {HOGS}; echo al''l\r".encode())
        eventually(lambda: killed(small_host) >= LEAST, "the kernel kills")
        page.match(rb"all\r\n")
        assert [serving.process.pid, serving.child(WEB), serving.child(SPAWNER)] == ours
        beside.type(b"echo af''ter\r")
        beside.match(rb"after\r\n")
        assert len(page.hellos) == len(beside.hellos) == 1, "no connection was lost"
        victims = killed(small_host)
    finally:
        page.close()
        beside.close()
    figure(
        f"{MEMORY >> 20} MiB for all, and a sandbox that starts ever more processes: the kernel killed {victims} of them; "
        "a neighbour's shell, web and the spawner, each larger than any of them, went on"
    )
