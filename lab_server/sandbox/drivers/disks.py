"""A disk in a file for each sandbox: an ext4 file system on a loop device, as large as the sandbox's files may become.

For hosts whose file system takes no project quotas. Knows mke2fs(8) and loop devices (loop(4)). Doesn't know what lies on a disk.

The file is sparse: it takes what is written. It has no name, so that no learner reads one in /sys, and goes with its loop device, which
goes by itself with the last mount of it, wherever that is (LO_FLAGS_AUTOCLEAR): nothing is left of a killed spawner.
In a container's /dev there are no loop devices: they are found in a devtmpfs mounted for the purpose, which shows all and lets at those
that the container's device rules allow.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
import subprocess
import tempfile
import threading
from pathlib import Path

from lab_server.errors import DriverUnavailable
from lab_server.sandbox import syscalls

TRIAL = 8 << 20  # bytes
BLOCK = 4096
INODE = 256
OWN_SHARE = 2 << 20  # bytes beside the inodes: the file system's own
KEPT_BACK = 16 << 20  # bytes at most, a fiftieth where that is less: ext4's own reserve (ext4_calculate_resv_clusters)
SBIN = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
TRIES = 64  # someone else may take the free device first

_LOOP_CTL_GET_FREE, _LOOP_CONFIGURE = 0x4C82, 0x4C0A
_AUTOCLEAR, _DIRECT_IO = 4, 16  # the second: not each page in memory twice, where the file system below can


class Disks:
    def __init__(self) -> None:
        self._blanks: dict[tuple[int, int], Blank] = {}
        self._lock = threading.Lock()
        self._devices = Path()

    def start(self, stage: Path, folder: Path) -> None:
        """Mount loop devices on `stage`/dev, and try one out with a file in `folder`. Raises DriverUnavailable saying what is lacking."""
        self._devices = stage / "dev"
        try:
            self._devices.mkdir()
            syscalls.mount("devtmpfs", self._devices, "devtmpfs", syscalls.MS_NOSUID | syscalls.MS_NOEXEC)
            self._try(folder / "disk-trial")
        except OSError as why:
            with contextlib.suppress(OSError):  # it was not mounted
                syscalls.unmount(self._devices)
            raise _unavailable(why) from None

    def _try(self, trial: Path) -> None:
        trial.mkdir(exist_ok=True)
        try:
            self.mount(trial, TRIAL, 16)
        finally:
            with contextlib.suppress(OSError):  # it was not mounted
                syscalls.unmount(trial)
            trial.rmdir()

    def mount(self, folder: Path, size: int, inodes: int) -> None:
        """An empty disk for `size` bytes in `inodes` files, mounted on `folder`, where its file lies, too. Raises OSError."""
        file = os.open(folder, os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC, 0o600)
        try:
            self._blank(size, inodes).write(file)
            number, device = self._attach(file)
        finally:
            os.close(file)
        try:
            # nothing on it outlives its sandbox: no need to wait for the platters, nor to zero what was never used
            flags = syscalls.MS_NODEV | syscalls.MS_NOSUID
            syscalls.mount(str(self._devices / f"loop{number}"), folder, "ext4", flags, "barrier=0,noinit_itable")
        finally:
            os.close(device)

    def _blank(self, size: int, inodes: int) -> Blank:
        with self._lock:
            if (size, inodes) not in self._blanks:
                self._blanks[size, inodes] = Blank(size, inodes)
            return self._blanks[size, inodes]

    def _attach(self, file: int) -> tuple[int, int]:
        """(number, a descriptor) of the loop device that shows `file`; with the last descriptor and mount of it, it is free again."""
        config = struct.pack("=II 40x 12xI 176x 64x", file, BLOCK, _AUTOCLEAR | _DIRECT_IO)
        control = os.open(self._devices / "loop-control", os.O_RDWR | os.O_CLOEXEC)
        try:
            for left in reversed(range(TRIES)):
                number = fcntl.ioctl(control, _LOOP_CTL_GET_FREE)
                device = os.open(self._devices / f"loop{number}", os.O_RDWR | os.O_CLOEXEC)
                try:
                    fcntl.ioctl(device, _LOOP_CONFIGURE, config)
                    return number, device
                except OSError as why:
                    os.close(device)
                    if why.errno != errno.EBUSY or not left:
                        raise
        finally:
            os.close(control)
        raise AssertionError("unreachable")


class Blank:
    """An empty file system, kept as what of it is not a hole: some hundred KiB."""

    def __init__(self, size: int, inodes: int) -> None:
        """Raises FileNotFoundError where mke2fs is not installed, OSError with what it says when it fails."""
        whole = size + inodes * INODE + OWN_SHARE
        whole = -(-(whole + min(whole // 50, KEPT_BACK)) // BLOCK) * BLOCK
        self._size = whole
        with tempfile.TemporaryFile() as file:
            os.ftruncate(file.fileno(), whole)
            command = [
                "mke2fs",
                "-q",
                "-F",
                "-t",
                "ext4",
                "-b",
                str(BLOCK),
                "-I",
                str(INODE),
                "-N",
                str(inodes),
                "-m",
                "0",
            ]
            command += ["-O", "^has_journal,^resize_inode", "-E", "lazy_itable_init=1,nodiscard,root_owner=0:0"]
            command += ["-U", "clear"]  # many have the same: none is listed by it
            command += [f"/proc/self/fd/{file.fileno()}", str(whole // BLOCK)]
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, env={"PATH": SBIN}, pass_fds=[file.fileno()]
            )
            if done.returncode:
                raise OSError(f"mke2fs: {' '.join(done.stderr.split())[-200:]}")
            self._parts = tuple(_parts(file.fileno(), whole))

    def write(self, file: int) -> None:
        os.ftruncate(file, self._size)
        for offset, data in self._parts:
            if os.pwrite(file, data, offset) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _parts(file: int, size: int) -> list[tuple[int, bytes]]:
    """(offset, bytes) of all that is not a hole."""
    found = []
    end = 0
    while end < size:
        try:
            start = os.lseek(file, end, os.SEEK_DATA)
        except OSError:  # only a hole is left
            break
        end = os.lseek(file, start, os.SEEK_HOLE)
        found.append((start, os.pread(file, end - start, start)))
    return found


def _unavailable(why: OSError) -> DriverUnavailable:
    lacking = Path(str(why.filename or "")).name
    if why.errno == errno.ENOENT and lacking == "mke2fs":
        return DriverUnavailable("mke2fs is not installed.", "apt-get install e2fsprogs")
    if why.errno == errno.ENOENT:
        return DriverUnavailable(f"There is no {lacking}.", "modprobe loop")
    return DriverUnavailable(f"No disk can be made in a file: {why}.", "The spawner needs loop devices and ext4.")
