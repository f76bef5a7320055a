"""A disk in a file for each sandbox, on this kernel's loop devices: what is full is full inside only, and nothing is left of it.

Each test works in a process with a mount namespace of its own, as the spawner does.
"""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import shutil
import signal
import struct
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lab_server.errors import DriverUnavailable
from lab_server.sandbox import host, syscalls
from lab_server.sandbox.contract import DriverConfig, Limits, SandboxSpec
from lab_server.sandbox.drivers.disks import Disks
from lab_server.sandbox.drivers.layers import Layers
from tests.shell import eventually

MIB = 1 << 20
FORK = multiprocessing.get_context("fork")


def lacking() -> str:
    if os.getuid() != 0:
        return "mounting needs root"
    if not shutil.which("mke2fs", path=host.SBIN):
        return "mke2fs is not installed"
    return "" if Path("/dev/loop-control").exists() else "this kernel has no loop devices"


pytestmark = pytest.mark.skipif(bool(lacking()), reason=lacking())


def apart(work: Callable[..., Any], *arguments: Any) -> Any:
    """What `work` returns, or raises, in a process with its own mounts that ends with it."""
    with ProcessPoolExecutor(1, FORK, syscalls.private_mounts) as pool:
        return pool.submit(work, *arguments).result(60)


def backing(mounted: Path) -> tuple[int, int]:
    """(device, inode) of the file that is the disk mounted here (loop(4), LOOP_GET_STATUS64)."""
    number = mounted.stat().st_dev
    assert os.major(number) == 7, "it is on a loop device"
    return status(Path(f"/dev/loop{os.minor(number)}")) or (0, 0)


def status(device: Path) -> tuple[int, int] | None:
    told = bytearray(232)
    opened = os.open(device, os.O_RDONLY)
    try:
        fcntl.ioctl(opened, 0x4C05, told)
        return struct.unpack_from("=QQ", told)
    except OSError as why:
        assert why.errno == errno.ENXIO  # no file is attached to it
        return None
    finally:
        os.close(opened)


def attached(file: tuple[int, int]) -> bool:
    """Whether a loop device shows it."""
    return any(status(Path("/dev") / entry.name) == file for entry in Path("/sys/block").glob("loop*"))


def started(place: Path) -> Disks:
    stage = place / "stage"
    stage.mkdir()
    disks = Disks()
    disks.start(stage, place)
    return disks


def fill(file: Path) -> tuple[int, int]:
    """(bytes that went in, the errno that ended it)"""
    with file.open("wb", buffering=0) as opened:
        written = 0
        try:
            while written < 100 * MIB:
                written += opened.write(bytes(MIB))
        except OSError as why:
            return written, why.errno or 0
    return written, 0


class Outcome(NamedTuple):
    written: int
    why: int
    beside: str
    files: int
    disks: list[tuple[int, int]]


def two_disks(place: Path) -> Outcome:
    disks = started(place)
    one, two = place / "one", place / "two"
    for folder in (one, two):
        folder.mkdir()
        disks.mount(folder, 20 * MIB, 200)
    written, why = fill(one / "big")
    (two / "small").write_text("fine")
    (place / "beside").write_bytes(bytes(MIB))  # the disk below has room
    files = 0
    try:
        for files in range(300):
            (two / str(files)).touch()
    except OSError as full:
        assert full.errno == errno.ENOSPC
    return Outcome(written, why, (two / "small").read_text(), files, [backing(one), backing(two)])


def test_a_full_disk_is_full_inside_only_by_bytes_and_by_files(tmp_path):
    found = apart(two_disks, tmp_path)
    assert found.why == errno.ENOSPC and 20 * MIB <= found.written <= 22 * MIB
    assert found.beside == "fine" and 150 <= found.files <= 220
    assert len(set(found.disks)) == 2 and (0, 0) not in found.disks
    eventually(lambda: not [disk for disk in found.disks if attached(disk)], "no loop device is left")
    assert list((tmp_path / "one").iterdir()) == list((tmp_path / "two").iterdir()) == []


def test_a_disk_takes_what_is_written_and_no_more(tmp_path):
    assert apart(_blocks_of_an_empty_one, tmp_path) < 512 * MIB  # others write to the disk below at the same time


def _blocks_of_an_empty_one(place: Path) -> int:
    free = os.statvfs(place)
    disks = started(place)
    (place / "one").mkdir()
    disks.mount(place / "one", 1024 * MIB, 100_000)
    room = os.statvfs(place / "one")
    assert room.f_bavail * room.f_frsize >= 1024 * MIB and room.f_favail >= 100_000
    return (free.f_bavail - os.statvfs(place).f_bavail) * free.f_frsize


def test_a_killed_spawner_leaves_nothing(tmp_path):
    ready, told = FORK.Pipe(duplex=False)

    def hold() -> None:
        syscalls.private_mounts()
        disks = started(tmp_path)
        (tmp_path / "one").mkdir()
        disks.mount(tmp_path / "one", 20 * MIB, 200)
        told.send(backing(tmp_path / "one"))
        signal.pause()

    process = FORK.Process(target=hold)
    process.start()
    assert ready.poll(60)
    disk = ready.recv()
    assert attached(disk)
    process.kill()
    process.join()
    eventually(lambda: not attached(disk), "its loop device is free again")
    assert list((tmp_path / "one").iterdir()) == []


def refusal(place: Path) -> str:
    with pytest.raises(DriverUnavailable) as caught:
        started(place)
    assert not (place / "disk-trial").exists()
    return str(caught.value)


def _read_only(place: Path) -> str:
    (place / "folder").mkdir()
    (place / "stage").mkdir()
    syscalls.mount("none", place / "folder", "tmpfs", syscalls.MS_RDONLY)
    with pytest.raises(DriverUnavailable) as caught:
        Disks().start(place / "stage", place / "folder")
    assert list((place / "stage/dev").iterdir()) == []
    return str(caught.value)


def test_what_is_lacking_is_said(tmp_path, monkeypatch):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    assert "Read-only file system" in apart(_read_only, tmp_path / "a")
    monkeypatch.setattr("lab_server.sandbox.drivers.disks.SBIN", "/nonexistent")
    assert apart(refusal, tmp_path / "b") == "mke2fs is not installed. apt-get install e2fsprogs"


# --- as the drivers use them ---


def layers(place: Path) -> Layers:
    """Of an image with nothing in it but what is looked for."""
    (place / "images/sandbox/etc/skel").mkdir(parents=True)
    (place / "images/sandbox/etc/skel/.profile").write_text("# hello\n")
    (place / "images/store/overlay").mkdir(parents=True)
    (place / "images/sandbox/var/lib/shared-images").mkdir(parents=True)
    for name in ("data", "run"):
        (place / name).mkdir()
    return Layers(DriverConfig(place / "images", place / "guest", place / "data", place / "run"))


def _a_sandbox(place: Path) -> tuple[int, int]:
    made = layers(place)
    made.start()
    if made.bounds == "project quotas":
        pytest.skip("this file system has project quotas, which come first")
    assert made.bounds == "a disk in a file each" and made.quota
    parts = made.parts("abcdefgh", {}, Path(), lambda parts: None)
    made.make(parts, made.take(), SandboxSpec(limits=Limits(disk=30 * MIB)))
    assert (parts.files / "home/.profile").read_text() == "# hello\n"
    written, why = fill(parts.rootfs / "big")
    assert why == errno.ENOSPC and written <= 32 * MIB
    disk = backing(parts.files)
    made.remove(parts)
    assert list((place / "data").iterdir()) == []
    made.close()
    return disk


def test_a_sandboxs_root_is_on_its_disk_and_goes_with_it(tmp_path):
    disk = apart(_a_sandbox, tmp_path)
    eventually(lambda: not attached(disk), "its loop device is free again")


# --- what doctor says of it ---

MOUNTS = "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n30 22 8:1 / /srv rw - ext4 /dev/sda1 rw,prjquota\n"
DEVICES = "Character devices:\n 10 misc\n\nBlock devices:\n  7 loop\n254 virtblk\n"


def test_doctor_says_what_bounds_a_learners_files(tmp_path):
    def check(data: str, devices: str = DEVICES, has_mke2fs: bool = True) -> host.Check:
        return host.disk_limit(Path(data), MOUNTS, devices, has_mke2fs)

    assert check("/srv").found == "project quotas"
    assert (check("/nowhere").ok, check("/nowhere").found) == (True, "a disk in a file for each sandbox")
    assert check("/nowhere", has_mke2fs=False).remedy == "apt-get install e2fsprogs"
    assert (check("/nowhere", devices="").ok, check("/nowhere", devices="").remedy) == (None, "modprobe loop")
