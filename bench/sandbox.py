"""A cold sandbox of the crun driver against a bare `crun run` of the same bundle, and what an idle sandbox keeps in memory.

Cold: made when it is asked for, no pool behind it; the image's files are in the page cache, as on any host that serves.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from bench.figures import Figure
from bench.process import command, in_cgroup, memory_kib
from bench.spawners import Running, require, spawner
from bench.stats import percentile, ratios, spread
from lab_server.errors import Missing
from lab_server.settings import ROOT

ROUNDS = 20
WARM_UP = 2
TOGETHER = 8
PART = "Sandbox (crun driver)"
Tell = Callable[[str], None]


def measure(tell: Tell) -> list[Figure]:
    """Raises Missing, DriverUnavailable."""
    if os.getuid() != 0 or not shutil.which("crun") or not shutil.which("nsenter"):
        raise Missing("The crun driver is measured as root, with crun and nsenter.", "apt-get install crun util-linux")
    require("images/sandbox/etc", "images/store")
    with spawner("crun") as running:
        tell(f"sandbox: {ROUNDS} rounds, created and bare")
        limits = running.client.info()["capabilities"]["limits"]
        created, bare, prompts = _rounds(running)
        return [*_starts(created, bare, limits), _prompt(prompts), *_memory(running)]


def _id() -> str:
    return secrets.token_hex(8)


@contextlib.contextmanager
def _bare(running: Running) -> Iterator[Callable[[], float]]:
    """Times bare runs of a sandbox's bundle: its own container is ended first, its mounts stay until the sandbox goes."""
    id_ = _id()
    running.client.create(id_, "default", {})
    name = hashlib.blake2b(bytes(running.place / "sandboxes"), digest_size=4).hexdigest()
    bundle = f"/run/labs-{name}/run/{id_}/bundle"
    root = running.place / "run" / "crun"
    enter = ["nsenter", "--mount", f"--target={running.pid}", f"--wdns={ROOT}"]
    ended = ["crun", f"--root={root / 'crun'}", "delete", "--force", id_]
    subprocess.run([*enter, *ended], check=True)
    argv = [*enter, sys.executable, "-m", "bench.bare", str(running.place / "bare"), bundle]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout
        asked, said = process.stdin, process.stdout

        def once() -> float:
            asked.write("once\n")
            asked.flush()
            return float(said.readline())

        try:
            yield once
        finally:
            asked.close()
            process.wait(30)
            running.client.destroy(id_)


def _rounds(running: Running) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds of each round: (created, bare, from asking for a terminal to its prompt)."""
    created, bare, prompts = [], [], []
    with _bare(running) as once:
        for n in range(ROUNDS + WARM_UP):
            took: dict[str, float] = {}
            for kind in ("created", "bare") if n % 2 else ("bare", "created"):
                if kind == "bare":
                    took[kind] = once()
                    continue
                id_ = _id()
                start = time.perf_counter()
                running.client.create(id_, "default", {})
                took[kind] = (time.perf_counter() - start) * 1e3
                took["prompt"] = prompt(running, id_)
                running.client.destroy(id_)
            if n >= WARM_UP:
                created.append(took["created"])
                bare.append(took["bare"])
                prompts.append(took["prompt"])
    return created, bare, prompts


def prompt(running: Running, sandbox: str) -> float:
    """Milliseconds from asking for a sandbox's first terminal until its shell has prompted (OSC 133 B)."""
    start = time.perf_counter()
    opened = running.client.open(sandbox, "host", 80, 24)
    said = b""
    os.set_blocking(opened.fd, True)
    try:
        while b"\x1b]133;B" not in said:
            said += os.read(opened.fd, 4096)
        return (time.perf_counter() - start) * 1e3
    finally:
        os.close(opened.fd)
        os.close(opened.ring)


def _starts(created: list[float], bare: list[float], limits: bool) -> list[Figure]:
    each = ratios(created, bare)
    detail = {"created_ms": created, "bare_ms": bare, "ratios": each}
    found = spread(each)
    note = (
        f"median of {len(each)} rounds, {found['low']:.2f}–{found['high']:.2f}; bare {statistics.median(bare):.0f} ms"
    )
    if not limits:
        note += "; hybrid cgroups: neither has limits to set"
    return [
        Figure(PART, "Cold sandbox / bare crun run", found["median"], "×", 2, note=note, detail=detail),
        Figure(
            PART,
            "Cold sandbox, asked for to ready",
            statistics.median(created),
            "ms",
            note=f"95th percentile {percentile(created, 0.95):.0f} ms",
        ),
    ]


def _prompt(prompts: list[float]) -> Figure:
    note = f"95th percentile {percentile(prompts, 0.95):.0f} ms"
    return Figure(PART, "Terminal, asked for to prompt", statistics.median(prompts), "ms", note=note)


def _memory(running: Running) -> list[Figure]:
    """PSS of the processes of TOGETHER idle sandboxes, each: what a further one takes. Busybox's own text and libraries are
    one copy in the page cache for all, so a lone sandbox is charged with more than one of several."""
    ids = [_id() for _ in range(TOGETHER)]
    try:
        before, alone = running.memory_kib(), 0
        for id_ in ids:
            running.client.create(id_, "default", {})
            alone = alone or memory_kib(in_cgroup(id_))
        processes = [pid for id_ in ids for pid in in_cgroup(id_)]
        idle = memory_kib(processes) / TOGETHER
        written = memory_kib(processes, "Private_Dirty") / TOGETHER
        spawner_each = (running.memory_kib() - before) / TOGETHER
        names = ", ".join(sorted({command(pid) for pid in processes}))
        shells = []
        for id_ in ids:
            known = in_cgroup(id_)
            opened = running.client.open(id_, "host", 80, 24)
            os.close(opened.fd)
            os.close(opened.ring)
            shells.append([pid for pid in in_cgroup(id_) if pid not in known])
        shell = memory_kib([pid for pids in shells for pid in pids]) / TOGETHER
    finally:
        for id_ in ids:
            running.client.destroy(id_)
    note = (
        f"PSS on the host ({names}), {TOGETHER} sandboxes up; {written:.0f} KiB of it written by it alone. A lone one: {alone / 1024:.2f}. "
        f"Its shell: {shell / 1024:.2f} more. The spawner: {spawner_each:.0f} KiB a sandbox. Kernel memory is in the guest's figure only"
    )
    detail = {
        "alone_kib": alone,
        "idle_kib": idle,
        "written_kib": written,
        "shell_kib": shell,
        "spawner_kib": spawner_each,
    }
    return [Figure(PART, "Memory of an idle sandbox beyond its shell", idle / 1024, "MiB", 2, note=note, detail=detail)]
