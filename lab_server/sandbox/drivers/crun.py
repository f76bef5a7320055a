"""The crun driver: sandboxes by the OCI runtime directly, with no daemon between.

Knows the host's cgroup for sandboxes, and the order in which a sandbox is made. Doesn't know how its root tree is laid (layers.py),
what an image holds (labs/images/) or who asked (spawner.py). Needs root.

    /sys/fs/cgroup/labs-<8 hex>/<id>             a sandbox's cgroup, the learner's from there on down
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab_server.errors import DriverUnavailable
from lab_server.sandbox import cgroups, oci, usage
from lab_server.sandbox.contract import Capabilities, DriverConfig, SandboxSpec
from lab_server.sandbox.crun import Crun
from lab_server.sandbox.drivers import layers
from lab_server.sandbox.drivers.crun_sandbox import CrunSandbox
from lab_server.sandbox.drivers.layers import Layers
from lab_server.sandbox.drivers.parts import Parts

READY_WITHIN = 60.0  # seconds for PID 1's start-up, under the slowest emulation


class CrunDriver:
    name = "crun"

    def __init__(self, config: DriverConfig) -> None:
        self._config = config
        self._crun = Crun(config.run / "crun")
        self._layers = Layers(config)
        self._lock = threading.Lock()
        self._sandboxes: dict[str, CrunSandbox] = {}
        self._facts = oci.HostFacts(limits=False, raise_limits=False)
        self._cgroup = f"/labs-{self._layers.name}"

    def start(self) -> None:
        if os.getuid() != 0:
            raise DriverUnavailable("The crun driver needs root.", "Run as root, or set LABS_DRIVER=vm.")
        self._crun.version()
        limits = cgroups.prepare()
        self._facts = oci.HostFacts(
            limits=limits,
            raise_limits=bool(_effective_capabilities() & (1 << 24)),  # CAP_SYS_RESOURCE
            device=layers.disk(self._config.data) if limits else None,
            tun=os.access("/dev/net/tun", os.R_OK | os.W_OK) and Path("/dev/net/tun").stat().st_mode & 0o006 == 0o006,
        )
        self._clear()
        self._layers.start()

    def capabilities(self) -> Capabilities:
        return Capabilities(limits=self._facts.limits, disk_quota=self._layers.quota, nested_engine=True)

    def describe(self) -> dict[str, str]:
        return {
            "kernel": os.uname().release,
            "runtime": self._crun.version(),
            "isolation": "shared kernel",
            "disk limit": self._layers.bounds,
        }

    def create(self, id: str, spec: SandboxSpec, labels: Mapping[str, str]) -> CrunSandbox:
        slot = self._layers.take()
        cgroup = cgroups.ROOT / self._cgroup.strip("/") / id
        parts = self._layers.parts(id, labels, cgroup, lambda parts: self._release(parts, slot))
        sandbox = CrunSandbox(parts, self._crun, self._facts)
        try:
            self._layers.make(parts, slot, spec)
            paths = oci.SandboxPaths(
                parts.rootfs, parts.files / "home", parts.files / "containers", f"{self._cgroup}/{id}"
            )
            sandbox.boot(oci.config(spec, slot, paths, self._facts), READY_WITHIN)
        except BaseException:
            sandbox.destroy()
            raise
        with self._lock:
            self._sandboxes[id] = sandbox
        return sandbox

    def usage(self, ids: Sequence[str]) -> dict[str, usage.Figures]:
        top = cgroups.ROOT / self._cgroup.strip("/")
        return {id: usage.of_cgroup(top / id) for id in ids if id in self._sandboxes}

    def close(self) -> None:
        for sandbox in list(self._sandboxes.values()):
            sandbox.destroy()
        self._layers.close()
        cgroups.remove(cgroups.ROOT / self._cgroup.strip("/"))
        shutil.rmtree(self._config.run / "crun", ignore_errors=True)

    def _release(self, parts: Parts, slot: int) -> None:
        self._layers.remove(parts)
        with self._lock:
            self._sandboxes.pop(parts.id, None)
        self._layers.give_back(slot)

    def _clear(self) -> None:
        """Remove what a killed predecessor left: its containers and cgroups."""
        for id in self._crun.known():
            self._crun.delete(id)
        cgroups.remove(cgroups.ROOT / self._cgroup.strip("/"))


def _effective_capabilities() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0
