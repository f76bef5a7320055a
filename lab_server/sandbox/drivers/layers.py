"""A sandbox's files and mounts on the host, the same for every driver that shares the host's kernel.

Knows how the shared image, the learner's own files and the image store become one root tree, and which ids it belongs to.
Doesn't know what is started in it. Needs CAP_SYS_ADMIN, and a mount namespace of its own (spawner.main makes it), so that its
mounts are nobody else's.

    <data>/<id>/{upper,work,home,containers}     the learner's files, one quota over them; without quotas they lie on a disk
                                                 that is a file here, as large as they may become (disks.py)
    /run/labs-<8 hex>/data                       the same, where a sandbox's ids can get to it
    /run/labs-<8 hex>/run/<id>/…                 mount points and a bundle, on a tmpfs of this namespace
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from lab_server.errors import DriverUnavailable, HostFull, Missing, SandboxFailed
from lab_server.sandbox import oci, syscalls
from lab_server.sandbox.contract import DriverConfig, SandboxSpec
from lab_server.sandbox.drivers.disks import Disks
from lab_server.sandbox.drivers.parts import Parts
from lab_server.sandbox.userns import UserNamespaces

INODES_PER_MIB = 100
MAX_SLOTS = 20_000  # id ranges below 2**31, and agents' ids below the first of them (oci.py)
STORE = "var/lib/shared-images"  # below the root: where the image store is


class Layers:
    def __init__(self, config: DriverConfig) -> None:
        self._config = config
        self.name = hashlib.blake2b(bytes(config.data), digest_size=4).hexdigest()
        self.stage = Path(f"/run/labs-{self.name}")
        self.bounds = "nothing: not started"  # what keeps a learner's files below their limit, in words
        self.quota = False
        self._disks: Disks | None = None
        self._namespaces = UserNamespaces()
        self._slots: set[int] = set()
        self._lock = threading.Lock()

    def start(self, keep: Iterable[str] = ()) -> None:
        """Check the image, make the stage, remove files of sandboxes that are not in `keep`. Raises Missing."""
        images = self._config.images
        for part, what in ((images / "sandbox", "image"), (images / "store", "image store")):
            if not (part / "etc").is_dir() and not (part / "overlay").is_dir():
                raise Missing(f"The sandbox {what} is not at {part}.", "Build it: labs build.")
        kept = set(keep)
        for left in self._config.data.iterdir():
            if left.name not in kept:
                remove_tree(left)
        self._make_stage()
        self._bound()

    def close(self) -> None:
        self._namespaces.close()
        if self.stage.is_dir():
            with contextlib.suppress(OSError):  # not mounted: it was never started
                syscalls.unmount(self.stage / "data")
                syscalls.unmount(self.stage)
            with contextlib.suppress(OSError):
                self.stage.rmdir()

    # --- slots: a slot is an id range ---

    def take(self, slot: int | None = None) -> int:
        """A free slot, or this one. Raises HostFull when every one is taken."""
        with self._lock:
            if slot is None:
                slot = next((n for n in range(MAX_SLOTS) if n not in self._slots), None)
            if slot is None:
                raise HostFull("Every id range of this host is taken.", "Try again later.")
            self._slots.add(slot)
            return slot

    def give_back(self, slot: int) -> None:
        with self._lock:
            self._slots.discard(slot)

    # --- one sandbox ---

    def parts(self, id: str, labels: Mapping[str, str], cgroup: Path, release: Callable[[Parts], None]) -> Parts:
        """Where this sandbox's parts are to be."""
        parts = Parts(
            id=id,
            labels=dict(labels),
            files=self.stage / "data" / id,
            run=self.stage / "run" / id,
            cgroup=cgroup,
            release=lambda: release(parts),
        )
        return parts

    def make(self, parts: Parts, slot: int, spec: SandboxSpec) -> None:
        """The sandbox's files, and its root tree mounted at `parts.rootfs`. Raises HostFull, SandboxFailed; undo it by `remove`."""
        try:
            self._files(parts, slot, spec)
            self._mounts(parts, slot)
        except OSError as why:
            kind = HostFull if why.errno in (28, 122) else SandboxFailed  # ENOSPC, EDQUOT
            raise kind(f"The sandbox's file systems could not be made: {why}.", "See `labs doctor`.") from why

    def unmount(self, parts: Parts) -> None:
        for mounted in (parts.rootfs / STORE, parts.rootfs, parts.lower, parts.files):
            with contextlib.suppress(OSError):  # not mounted: it was never made
                syscalls.unmount(mounted)

    def remove(self, parts: Parts) -> None:
        """Everything `make` made. Nothing may run in it any more."""
        self.unmount(parts)
        remove_tree(parts.run)
        remove_tree(parts.files)

    def _files(self, parts: Parts, slot: int, spec: SandboxSpec) -> None:
        owner = oci.first_id(slot)
        parts.files.mkdir(mode=0o711)
        inodes = (spec.limits.disk >> 20) * INODES_PER_MIB
        if self._disks:
            self._disks.mount(parts.files, spec.limits.disk, inodes)
            parts.files.chmod(0o711)
        elif self.quota:
            project = slot + 1000
            syscalls.set_project(parts.files, project)
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
        syscalls.bind_shifted(images / "store", parts.rootfs / STORE, shift, attributes)

    # --- the host ---

    def _make_stage(self) -> None:
        """The runtime sets a sandbox up as the sandbox's own root, so every folder on the way to its files must let that
        id through: LABS_DATA may lie below a closed one (/root). Ours is seen in this mount namespace only."""
        self.stage.mkdir(mode=0o711, exist_ok=True)
        syscalls.mount("labs", self.stage, "tmpfs", syscalls.MS_NODEV | syscalls.MS_NOSUID, "mode=711")
        for name in ("data", "run"):
            (self.stage / name).mkdir(mode=0o711)
        syscalls.mount(str(self._config.data), self.stage / "data", flags=syscalls.MS_BIND)

    def _bound(self) -> None:
        """Find out how a learner's files can be kept below their limit: quotas, or else a disk each, or else not."""
        if self._try_quota():
            self.quota, self.bounds = True, "project quotas"
            return
        disks = Disks()
        try:
            disks.start(self.stage, self.stage / "data")
            self.quota, self.bounds, self._disks = True, "a disk in a file each", disks
        except DriverUnavailable as why:
            self.bounds = f"nothing: no project quotas, and no disks in files. {why}"
            print(f"spawner: what learners write is bound by {self.bounds}", file=sys.stderr, flush=True)

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


def remove_tree(path: Path) -> None:
    """rm(1), not shutil: a learner can nest directories deeper than Python recurses; never across a mount."""
    subprocess.run(["rm", "-rf", "--one-file-system", "--", str(path)], check=False, stderr=subprocess.DEVNULL)


def disk(path: Path) -> tuple[int, int] | None:
    """The whole disk below `path`, as io.max wants it (cgroup-v2.rst), or None where there is none."""
    number = path.stat().st_dev
    entry = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
    if not entry.exists():
        return None
    whole = entry.resolve()
    if (whole / "partition").exists():
        whole = whole.parent
    major, minor = (whole / "dev").read_text().split(":")
    return int(major), int(minor)
