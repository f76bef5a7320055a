"""The vm driver, and `scripts/serve` as a whole: times that people wait for. Noisy: emulation shares the cores with all else.

Also the one place here with pure cgroup v2 on any host, so the kernel's own account of an idle sandbox is read there.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import statistics
import subprocess
import time
from collections.abc import Callable

from bench.figures import Figure
from bench.sandbox import prompt
from bench.spawners import Running, folder, require, spawner
from lab_server import builds
from lab_server.errors import LabError, Missing, SandboxFailed
from lab_server.settings import ROOT

PART = "Guest (vm driver), told for orientation"
SERVE = "scripts/serve, everything built, to `ready:`"
ROUNDS = 5
SERVE_WITHIN = 120.0  # seconds
Tell = Callable[[str], None]


def measure(tell: Tell) -> list[Figure]:
    """Raises Missing, or what the driver can't start for."""
    if not shutil.which("qemu-system-x86_64"):
        raise Missing("QEMU is not installed.", "apt-get install qemu-system-x86")
    require("guest/root.ext4", "images/sandbox.ext4")
    tell("machine: booting the guest")
    with spawner("vm") as running:
        facts = running.client.info()["facts"]
        told = ", ".join(f"{name} {value}" for name, value in facts.items() if name in ("accelerator", "kernel"))
        figures = [Figure(PART, "Guest, started to ready", running.ready_after, "s", note=told, detail=facts)]
        tell(f"machine: {ROUNDS} sandboxes")
        figures += _sandboxes(running)
    tell("machine: scripts/serve")
    try:
        figures.append(_serve())
    except LabError as why:
        figures.append(Figure(PART, SERVE, None, "s", 25, note=str(why)))
    return figures


def _sandboxes(running: Running) -> list[Figure]:
    created, prompts, memory, accounts = [], [], [], []
    for _ in range(ROUNDS):
        id_ = secrets.token_hex(8)
        start = time.perf_counter()
        running.client.create(id_, "default", {})
        created.append(time.perf_counter() - start)
        account = _account(running, id_)
        prompts.append(prompt(running, id_) / 1e3)
        running.client.destroy(id_)
        memory.append(account["memory.current"] / 1024)
        accounts.append(account)
    last = accounts[-1]
    split = ", ".join(f"{name} {last[name] / 1024:.0f}" for name in ("anon", "kernel", "file", "shmem") if name in last)
    return [
        Figure(PART, "Cold sandbox, asked for to ready", statistics.median(created), "s", detail={"rounds": created}),
        Figure(PART, "Terminal, asked for to prompt", statistics.median(prompts), "s", detail={"rounds": prompts}),
        Figure(
            PART,
            "Memory of an idle sandbox beyond its shell",
            statistics.median(memory) / 1024,
            "MiB",
            2,
            note=f"memory.current of PID 1's cgroup, with the `cat` that reads it and kernel memory; the last one's KiB: {split}. "
            f"The first after boot, charged with the shared files it was first to read: {memory[0] / 1024:.2f} MiB",
            detail={"rounds": accounts},
        ),
    ]


def _account(running: Running, sandbox: str) -> dict[str, int]:
    """Bytes in the cgroup of PID 1. crun puts the command that reads it there too, so it is an upper bound."""
    here = "/sys/fs/cgroup/init"
    said = running.run(sandbox, "cat", f"{here}/memory.current", f"{here}/memory.stat", f"{here}/cgroup.procs")
    lines = said.splitlines()
    try:
        account = {"memory.current": int(lines[0])}
        account |= {name: int(value) for name, _, value in (line.partition(" ") for line in lines[1:]) if value}
    except (ValueError, IndexError):
        raise SandboxFailed(f"No account of memory in the guest: {said[:200]}") from None
    return account | {"processes": sum(" " not in line for line in lines[1:])}


def _serve() -> Figure:
    """From the start of `scripts/serve` to its `ready:`, with everything built."""
    with folder() as place:
        builds.site(ROOT, place).build(lambda share, what: None)
        env = os.environ | {"LABS_DATA": str(place), "LABS_PORT": "0", "LABS_DRIVER": "auto"}
        start = time.monotonic()
        process = subprocess.Popen(
            ["scripts/serve"], cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        said: list[str] = []
        try:
            assert process.stdout
            for line in process.stdout:
                said.append(line.rstrip())
                if line.startswith("ready:"):
                    took = time.monotonic() - start
                    break
                if time.monotonic() - start > SERVE_WITHIN:
                    raise SandboxFailed("scripts/serve did not get ready in time.")
            else:
                raise SandboxFailed(f"scripts/serve ended: {' / '.join(said[-3:])}")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    return Figure(PART, SERVE, took, "s", 25, note=said[0], detail={"said": said})
