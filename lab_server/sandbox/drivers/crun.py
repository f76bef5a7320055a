"""The crun driver: sandboxes by the OCI runtime directly, with no daemon between.

Knows how a sandbox's mounts are laid, how crun is called, and what each step leaves to be undone.
Doesn't know what an image holds (labs/images/) or who asked (spawner.py). Needs root, and runs in a mount namespace
of its own (spawner.main makes it), so that its mounts are nobody else's.

    <data>/<id>/{upper,work,home,containers}     the learner's files, one quota over them
    /run/labs-<8 hex>/data                       the same, where a sandbox's ids can get to it
    /run/labs-<8 hex>/run/<id>/…                 mount points and config.json, on a tmpfs of this namespace
    /sys/fs/cgroup/labs-<8 hex>/<id>             its cgroup, the learner's from there on down
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path

from lab_server.errors import DriverUnavailable, HostFull, Missing, SandboxFailed
from lab_server.sandbox import cgroups, oci, syscalls
from lab_server.sandbox.contract import Capabilities, DriverConfig, SandboxSpec
from lab_server.sandbox.crun import Crun
from lab_server.sandbox.drivers.crun_sandbox import CrunSandbox, Parts
from lab_server.sandbox.userns import UserNamespaces

MOST_SLOTS = 20_000  # id ranges below 2**31
INODES_PER_MIB = 100
READY_WITHIN = 60.0  # seconds for PID 1's start-up, under the slowest emulation


class CrunDriver:
    name = "crun"

    def __init__(self, config: DriverConfig) -> None:
        self._config = config
        self._crun = Crun(config.run / "crun")
        self._namespaces = UserNamespaces()
        self._slots: set[int] = set()
        self._lock = threading.Lock()
        self._sandboxes: dict[str, CrunSandbox] = {}
        self._facts = oci.HostFacts(limits=False, raise_limits=False)
        self._quota = False
        name = hashlib.blake2b(bytes(config.data), digest_size=4).hexdigest()
        self._cgroup = f"/labs-{name}"
        self._stage = Path(f"/run/labs-{name}")

    def start(self) -> None:
        if os.getuid() != 0:
            raise DriverUnavailable("The crun driver needs root.", "Run as root, or set LABS_DRIVER=vm.")
        self._crun.version()
        for part, what in ((self._config.images / "sandbox", "image"), (self._config.images / "store", "image store")):
            if not (part / "etc").is_dir() and not (part / "overlay").is_dir():
                raise Missing(f"The sandbox {what} is not at {part}.", "Build it: labs build.")
        limits = cgroups.prepare()
        capabilities = _effective_capabilities()
        self._facts = oci.HostFacts(
            limits=limits,
            raise_limits=bool(capabilities & (1 << 24)),  # CAP_SYS_RESOURCE
            device=_device(self._config.data) if limits else None,
            tun=os.access("/dev/net/tun", os.R_OK | os.W_OK) and Path("/dev/net/tun").stat().st_mode & 0o006 == 0o006,
        )
        self._clear()
        self._make_stage()
        self._quota = self._try_quota()

    def capabilities(self) -> Capabilities:
        return Capabilities(limits=self._facts.limits, disk_quota=self._quota, nested_engine=True)

    def describe(self) -> dict[str, str]:
        return {"kernel": os.uname().release, "runtime": self._crun.version(), "isolation": "shared kernel"}

    def create(self, id: str, spec: SandboxSpec, labels: Mapping[str, str]) -> CrunSandbox:
        slot = self._take_slot()
        parts = Parts(
            id=id,
            labels=dict(labels),
            files=self._stage / "data" / id,
            run=self._stage / "run" / id,
            cgroup=cgroups.ROOT / self._cgroup.strip("/") / id,
            release=lambda: self._release(id, slot),
        )
        sandbox = CrunSandbox(parts, self._crun, self._facts)
        try:
            self._files(parts, slot, spec)
            self._mounts(parts, slot)
            paths = oci.SandboxPaths(
                parts.rootfs, parts.files / "home", parts.files / "containers", f"{self._cgroup}/{id}"
            )
            sandbox.boot(oci.config(spec, slot, paths, self._facts), READY_WITHIN)
        except OSError as why:
            sandbox.destroy()
            kind = HostFull if why.errno in (28, 122) else SandboxFailed  # ENOSPC, EDQUOT
            raise kind(f"The sandbox's file systems could not be made: {why}.", "See `labs doctor`.") from why
        except BaseException:
            sandbox.destroy()
            raise
        with self._lock:
            self._sandboxes[id] = sandbox
        return sandbox

    def close(self) -> None:
        for sandbox in list(self._sandboxes.values()):
            sandbox.destroy()
        self._namespaces.close()
        if self._stage.is_dir():
            with contextlib.suppress(OSError):  # not mounted: the driver never started
                syscalls.unmount(self._stage / "data")
                syscalls.unmount(self._stage)
            with contextlib.suppress(OSError):
                self._stage.rmdir()
        cgroups.remove(cgroups.ROOT / self._cgroup.strip("/"))
        shutil.rmtree(self._config.run / "crun", ignore_errors=True)

    # --- slots: a slot is an id range ---

    def _take_slot(self) -> int:
        with self._lock:
            slot = next((n for n in range(MOST_SLOTS) if n not in self._slots), None)
            if slot is None:
                raise HostFull("Every id range of this host is taken.", "Try again later.")
            self._slots.add(slot)
            return slot

    def _release(self, id: str, slot: int) -> None:
        with self._lock:
            self._sandboxes.pop(id, None)
            self._slots.discard(slot)

    # --- files and mounts ---

    def _files(self, parts: Parts, slot: int, spec: SandboxSpec) -> None:
        owner = oci.first_id(slot)
        parts.files.mkdir(mode=0o711)
        if self._quota:
            project = slot + 1000
            syscalls.set_project(parts.files, project)
            inodes = (spec.limits.disk >> 20) * INODES_PER_MIB
            syscalls.set_project_quota(parts.files, project, spec.limits.disk, inodes)
        for name in ("upper", "work", "home", "containers"):
            directory = parts.files / name
            directory.mkdir(mode=0o755)
            if name != "work":
                os.chown(directory, owner, owner)
        skeleton = self._config.images / "sandbox" / "etc" / "skel"
        for source in sorted(skeleton.iterdir()) if skeleton.is_dir() else ():
            if source.is_file() and not source.is_symlink():
                copied = parts.files / "home" / source.name
                shutil.copyfile(source, copied)
                os.chown(copied, owner, owner)

    def _mounts(self, parts: Parts, slot: int) -> None:
        for directory in (parts.lower, parts.rootfs, parts.bundle):
            directory.mkdir(parents=True)
        shift = self._namespaces.get(oci.first_id(slot), oci.IDS)
        images = self._config.images
        syscalls.bind_shifted(
            images / "sandbox", parts.lower, shift, syscalls.MOUNT_ATTR_RDONLY | syscalls.MOUNT_ATTR_NODEV
        )
        layers = f"lowerdir={parts.lower},upperdir={parts.files / 'upper'},workdir={parts.files / 'work'}"
        syscalls.mount("overlay", parts.rootfs, "overlay", syscalls.MS_NODEV, layers)
        # Mounted here, below the root and before the runtime starts, so that the learner's mount namespace inherits it
        # locked: an OCI `mounts` bind could be remounted writable by the learner (mount_namespaces(7)).
        attributes = syscalls.MOUNT_ATTR_RDONLY | syscalls.MOUNT_ATTR_NODEV | syscalls.MOUNT_ATTR_NOSUID
        syscalls.bind_shifted(images / "store", parts.rootfs / "var/lib/shared-images", shift, attributes)

    def _make_stage(self) -> None:
        """The runtime sets a sandbox up as the sandbox's own root, so every folder on the way to its files must let that
        id through: LABS_DATA may lie below a closed one (/root). Ours is seen in this mount namespace only."""
        self._stage.mkdir(mode=0o711, exist_ok=True)
        syscalls.mount("labs", self._stage, "tmpfs", syscalls.MS_NODEV | syscalls.MS_NOSUID, "mode=711")
        for name in ("data", "run"):
            (self._stage / name).mkdir(mode=0o711)
        syscalls.mount(str(self._config.data), self._stage / "data", flags=syscalls.MS_BIND)

    def _try_quota(self) -> bool:
        """Whether the file system below the sandboxes' files takes project quotas (it needs mounting with prjquota)."""
        trial = self._config.data / "quota-trial"
        trial.mkdir(exist_ok=True)
        try:
            syscalls.set_project(trial, 999)
            syscalls.set_project_quota(trial, 999, 1 << 20, 16)
            return True
        except OSError:
            return False
        finally:
            trial.rmdir()

    def _clear(self) -> None:
        """Remove what a killed predecessor left: its containers, cgroups, mount points and files."""
        for id in self._crun.known():
            self._crun.delete(id)
        for left in self._config.data.iterdir():
            CrunSandbox.remove_tree(left)
        cgroups.remove(cgroups.ROOT / self._cgroup.strip("/"))


def _device(path: Path) -> tuple[int, int] | None:
    """The whole disk below `path`, as io.max wants it (cgroup-v2.rst), or None where there is none."""
    number = path.stat().st_dev
    entry = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
    if not entry.exists():
        return None
    disk = entry.resolve()
    if (disk / "partition").exists():
        disk = disk.parent
    major, minor = (disk / "dev").read_text().split(":")
    return int(major), int(minor)


def _effective_capabilities() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0
