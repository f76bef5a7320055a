"""One run of something in a guest: its disks, its output as it comes, its status at the end.

Knows which disks there are and through which files the guest answers. Doesn't know what runs (parcel.py).
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab_server.build import ext4
from lab_server.sandbox.drivers import qemu
from lab_server.sandbox.guest import payload
from tests.guest.parcel import SHIPPED, STATUS, Files

DATA = Path(os.environ.get("LABS_DATA") or Path(__file__).parents[2] / ".labs")
COULD_NOT = 70


@dataclass(frozen=True)
class Job:
    """What one start of a guest is for."""

    guest: Path  # the folder with its kernel and root disk
    scratch: Path
    files: Files
    keep: bool = False  # what is written to the scratch disk stays
    shipped: Mapping[str, Path] = field(default_factory=dict)  # name below /shipped → folder, or file
    within: float = 1500.0  # seconds


def run(job: Job, data: Path, junit: Path | None = None) -> int:
    """The job's exit status; its output goes to ours. Raises LabError when the guest can't be booted."""
    accelerator, why = qemu.accelerator(job.guest / "vmlinuz", job.guest / "probe.gz", job.guest)
    print(f"guest: booting with {accelerator.upper()} ({why})", flush=True)
    with tempfile.TemporaryDirectory(prefix="guest-", dir=data) as name:
        place = Path(name)
        for file in ("out", "result"):
            (place / file).touch()
        booted = qemu.Guest(_machine(job, data, place), accelerator)
        try:
            print(f"guest: up after {booted.start(qemu.BOOT_WITHIN[accelerator]):.1f} s", flush=True)
            ended = _follow(booted, place / "out", time.monotonic() + job.within)
        finally:
            booted.stop()
        head, _, report = (place / "result").read_bytes().partition(b"\n")
    if not ended or not head.startswith(STATUS):
        print(f"guest: it did not finish{'' if ended else f' within {job.within:.0f} s'}", file=sys.stderr)
        print("\n".join(booted.console()[-12:]), file=sys.stderr)
        return COULD_NOT
    if junit:
        junit.write_bytes(report)
    return int(head.removeprefix(STATUS))


def _machine(job: Job, data: Path, place: Path) -> qemu.Machine:
    extra = ["-device", "virtio-serial-pci"]
    for name in ("out", "result"):
        extra += ["-chardev", f"file,id={name},path={place / name}"]
        extra += ["-device", f"virtserialport,chardev={name},name=labs.{name}"]
    disks = [qemu.Disk(job.guest / "root.ext4")]
    if (data / "images/sandbox.ext4").exists():
        disks.append(qemu.Disk(data / "images/sandbox.ext4"))
    if job.shipped:
        _pack(job.shipped, place)
        disks.append(qemu.Disk(place / "shipped.ext4"))
    if job.keep:
        extra += ["-drive", f"if=none,id=kept,format=raw,cache=unsafe,file={job.scratch}"]
        extra += ["-device", "virtio-blk-pci,drive=kept"]
    else:
        disks.append(qemu.Disk(job.scratch, throwaway=True))
    return qemu.Machine(
        kernel=job.guest / "vmlinuz",
        ramdisk=(job.guest / "initrd.gz").read_bytes() + payload.archive(job.files),
        disks=disks,
        memory=qemu.guest_memory(),
        cpus=max(2, min(4, os.cpu_count() or 1)),
        port=qemu.free_port(),
        scratch=place,
        extra=extra,
        confined=False,  # it writes the files that we read
    )


def _pack(shipped: Mapping[str, Path], place: Path) -> None:
    """A read-only disk of folders, each under its name, and of files, each in a folder `files`."""
    folders = {name: path for name, path in shipped.items() if path.is_dir()}
    if files := {name: path for name, path in shipped.items() if name not in folders}:
        folders["files"] = place / "files"
        folders["files"].mkdir()
        for name, path in files.items():
            shutil.copy(path, folders["files"] / name)
    ext4.pack(place / "shipped.ext4", folders, SHIPPED)


def _follow(guest: qemu.Guest, output: Path, deadline: float) -> bool:
    """Print what comes until QEMU ends; whether it did in time."""
    with output.open("rb") as file:
        while True:
            ended = guest.wait(0.2) is not None
            sys.stdout.buffer.write(file.read())
            sys.stdout.buffer.flush()
            if ended or time.monotonic() > deadline:
                return ended
