"""One run of something in a guest: its disks, its output as it comes, its status at the end.

Knows which disks there are and through which files the guest answers. Doesn't know what runs (parcel.py).
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
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
    visit: Visit | None = None


@dataclass(frozen=True)
class Visit:
    """Once the job has said the line `when`, `come` is called, in a thread, with the port of 127.0.0.1 that leads to the guest's
    qemu.PORT; the line that it gives back is what the job reads from /run/labs.in."""

    when: bytes
    come: Callable[[int], str]


def run(job: Job, data: Path, junit: Path | None = None) -> int:
    """The job's exit status; its output goes to ours. Raises LabError when the guest can't be booted."""
    accelerator, why = qemu.accelerator(job.guest / "vmlinuz", job.guest / "probe.gz", job.guest)
    print(f"guest: booting with {accelerator.upper()} ({why})", flush=True)
    with tempfile.TemporaryDirectory(prefix="guest-", dir=data) as name:
        place = Path(name)
        for file in ("out", "result"):
            (place / file).touch()
        machine = _machine(job, data, place)
        booted = qemu.Guest(machine, accelerator)
        try:
            print(f"guest: up after {booted.start(qemu.BOOT_WITHIN[accelerator]):.1f} s", flush=True)
            visitor = Visitor(job.visit, machine.port, place / "in") if job.visit else None
            ended = _follow(booted, place / "out", time.monotonic() + job.within, visitor)
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
    extra += ["-chardev", f"socket,id=in,path={place / 'in'},server=on,wait=off"]
    extra += ["-device", "virtserialport,chardev=in,name=labs.in"]
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


class Visitor:
    """Hears what the job says, and visits it once."""

    def __init__(self, visit: Visit, port: int, way: Path) -> None:
        self._visit, self._port, self._way = visit, port, way
        self._heard = b""
        self._gone = False

    def hear(self, said: bytes) -> None:
        self._heard = self._heard.rpartition(b"\n")[2] + said
        if not self._gone and self._visit.when in self._heard.splitlines():
            self._gone = True
            threading.Thread(target=self._go, name="visitor", daemon=True).start()

    def _go(self) -> None:
        try:
            word = self._visit.come(self._port)
        except Exception as why:  # the job waits for a word, whatever comes
            word = f"failed: {why!r}"
        with socket.socket(socket.AF_UNIX) as way:
            way.connect(str(self._way))
            way.sendall(" ".join(word.split()).encode() + b"\n")


def _follow(guest: qemu.Guest, output: Path, deadline: float, visitor: Visitor | None) -> bool:
    """Print what comes until QEMU ends; whether it did in time."""
    with output.open("rb") as file:
        while True:
            ended = guest.wait(0.2) is not None
            said = file.read()
            if visitor:
                visitor.hear(said)
            sys.stdout.buffer.write(said)
            sys.stdout.buffer.flush()
            if ended or time.monotonic() > deadline:
                return ended
