"""One QEMU guest: its command line, its console, its end; and whether KVM really works here.

Knows QEMU's options and what the guest says on its console. Doesn't know sandboxes, or what travels through the port.
A guest ends with the thread that keeps it, hence with this process, however that ends (prctl(2), PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab_server.errors import DriverUnavailable, HostFull, Missing

PROGRAM = "qemu-system-x86_64"
PROBE_WITHIN = 6.0  # seconds for a guest of a few MiB that only says a word; with a working KVM it takes under one
BOOT_WITHIN = {"kvm": 30.0, "tcg": 90.0}  # seconds; usual are 2 and 7
SAYS = "labs-guest: "
MIB = 1 << 20
USER = 99_999  # QEMU's uid and gid: nobody's, and just below the sandboxes' ranges
LEAST_MEMORY, MOST_MEMORY = 1536, 8192  # MiB for the guest
LEFT = "qemu-"  # begins the names of folders for throwaway files
PORT = 7000  # the relay's, in the guest


@dataclass(frozen=True)
class Disk:
    """A file as the guest's next disk (vda, vdb, …). `throwaway`: writes go to a file that nobody sees and that ends
    with the guest; otherwise it is read-only."""

    file: Path
    throwaway: bool = False


@dataclass(frozen=True)
class Machine:
    kernel: Path
    ramdisk: bytes
    disks: Sequence[Disk] = ()
    memory: int = 256  # MiB
    cpus: int = 1
    port: int = 0  # of 127.0.0.1, to the guest's PORT; 0: no network
    scratch: Path = Path("/var/tmp")  # where throwaway disks' writes go
    extra: Sequence[str] = field(default_factory=tuple)  # more of QEMU's arguments
    confined: bool = True  # where we are root, QEMU is not: it only has the descriptors it is handed


def guest_memory() -> int:
    """MiB for the guest: half of what is available, within bounds. Raises HostFull when that is too little."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    available = next(int(line.split()[1]) // 1024 for line in lines if line.startswith("MemAvailable"))
    if available < LEAST_MEMORY + 256:
        raise HostFull(
            f"The host has {available} MiB of memory available; the guest needs {LEAST_MEMORY + 256}.",
            "Stop other programs, or use a larger machine.",
        )
    return max(LEAST_MEMORY, min(MOST_MEMORY, available // 2))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def command(machine: Machine, accelerator: str, files: Mapping[Path | None, int]) -> list[str]:
    """QEMU's argument list; `files` are the descriptors it inherits, by path (None: the initial RAM disk)."""
    arguments = [PROGRAM, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-monitor", "none"]
    arguments += ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"]
    arguments += ["-machine", "q35,usb=off,vmport=off", "-smp", str(machine.cpus), "-m", str(machine.memory)]
    if accelerator == "kvm":
        arguments += ["-accel", "kvm", "-cpu", "host"]
        options = "console=ttyS0 quiet panic=-1"
    else:
        arguments += ["-accel", "tcg,thread=multi", "-cpu", "max"]
        # an emulated processor has none of the flaws that mitigations are for
        options = "console=ttyS0 quiet panic=-1 mitigations=off tsc=unstable"
    arguments += ["-kernel", _inherited(files[machine.kernel]), "-initrd", _inherited(files[None]), "-append", options]
    arguments += ["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"]
    arguments += ["-device", "virtio-rng-pci"]
    for number, disk in enumerate(machine.disks):
        # a full host disk is an error that the guest sees, not a guest that stands still
        how = "snapshot=on,cache=unsafe,werror=report" if disk.throwaway else "readonly=on"
        arguments += ["-drive", f"if=none,id=disk{number},format=raw,{how},file={_inherited(files[disk.file])}"]
        arguments += ["-device", f"virtio-blk-pci,drive=disk{number}"]
    if machine.port:
        # restrict: nothing in the guest reaches this host or beyond it; only the one forwarded port leads in
        arguments += ["-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{machine.port}-10.0.2.15:{PORT}"]
        arguments += ["-device", "virtio-net-pci,netdev=net,romfile="]
    return [*arguments, *machine.extra]


def _inherited(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"


def _wrapper(machine: Machine, accelerator: str) -> list[str]:
    """What runs before QEMU, in its process: setpriv(1) rather than a hook between fork and exec, as other threads may
    hold locks. The signal is set last there: changing ids takes it back."""
    words = ["setpriv", "--pdeathsig", "KILL"]
    if os.geteuid() == 0 and machine.confined:
        groups = str(Path("/dev/kvm").stat().st_gid) if accelerator == "kvm" else ""
        if not groups or Path("/dev/kvm").stat().st_mode & 0o060 == 0o060:
            words += [f"--reuid={USER}", f"--regid={USER}", f"--groups={groups}" if groups else "--clear-groups"]
            words += ["--no-new-privs", "--bounding-set=-all"]
    return words


class Guest:
    """A running QEMU. `start` returns when the guest says it is ready; `stop` may be called twice, from any thread."""

    def __init__(self, machine: Machine, accelerator: str) -> None:
        self._machine, self._accelerator = machine, accelerator
        self._process: subprocess.Popen[bytes] | None = None
        self._console: collections.deque[str] = collections.deque(maxlen=200)
        self._said = threading.Event()
        self._word = ""
        self._started = threading.Event()
        self._problem: Exception | None = None
        self._keeper = threading.Thread(target=self._keep, name="guest", daemon=True)

    def start(self, within: float) -> float:
        """Boot; seconds it took. Raises Missing without QEMU, DriverUnavailable with the console's end otherwise."""
        begin = time.monotonic()
        if not shutil.which(PROGRAM):
            raise Missing("QEMU is not installed.", "apt-get install qemu-system-x86")
        self._keeper.start()
        heard = self._said.wait(within)
        if self._problem:
            raise DriverUnavailable(f"QEMU can't be started: {self._problem}.", "See `labs doctor`.")
        if heard and self._word == "ready":
            return time.monotonic() - begin
        tail = "\n".join(f"    {line}" for line in list(self._console)[-12:])
        alive = self.alive()
        self.stop()
        if self._word.startswith("failed: "):
            raise DriverUnavailable(
                f"The guest can't work: {self._word.removeprefix('failed: ')}", "See `labs doctor`."
            )
        how = f"was not ready within {within:.0f} seconds" if alive else "ended while it booted"
        raise DriverUnavailable(f"The guest {how}.", f"The last its console said:\n{tail}")

    @property
    def word(self) -> str:
        """What followed `labs-guest: ` on the console, or ""."""
        return self._word

    def alive(self) -> bool:
        process = self._process
        return process is not None and process.poll() is None

    def wait(self, within: float | None = None) -> int | None:
        """Wait for QEMU to end by itself; its exit status, or None when it is still there."""
        self._started.wait()
        try:
            return self._process.wait(within) if self._process else None
        except subprocess.TimeoutExpired:
            return None

    def console(self) -> list[str]:
        return list(self._console)

    def stop(self) -> None:
        """End it at once: nothing in it is kept. Returns when the process is gone."""
        if not self._keeper.ident:
            return
        self._started.wait()
        if self._process and self._process.poll() is None:
            self._process.kill()
        self._keeper.join()

    def _spawn(self, scratch: Path) -> subprocess.Popen[bytes]:
        """QEMU, with its files as descriptors: whoever it runs as need not reach them by name. In `scratch` it makes
        what is written to throwaway disks, and unlinks it at once."""
        machine = self._machine
        with contextlib.ExitStack() as opened:
            files: dict[Path | None, int] = {None: os.memfd_create("labs-ramdisk", os.MFD_CLOEXEC)}
            opened.callback(os.close, files[None])
            with os.fdopen(files[None], "wb", closefd=False) as file:
                file.write(machine.ramdisk)
            for path in {machine.kernel, *(disk.file for disk in machine.disks)}:
                files[path] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                opened.callback(os.close, files[path])
            folder = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            opened.callback(os.close, folder)
            return subprocess.Popen(
                [*_wrapper(machine, self._accelerator), *command(machine, self._accelerator, files)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[*files.values(), folder],
                env={**os.environ, "TMPDIR": _inherited(folder)},
                start_new_session=True,
            )

    def _keep(self) -> None:
        """Start QEMU and stay with it, in one thread: when this thread goes, the kernel kills QEMU."""
        scratch: Path | None = None
        try:
            scratch = Path(tempfile.mkdtemp(prefix=LEFT, dir=self._machine.scratch))
            if os.geteuid() == 0 and self._machine.confined:
                os.chown(scratch, USER, USER)
            self._process = self._spawn(scratch)
            self._started.set()
            self._listen(self._process, scratch)
        except OSError as why:
            self._problem = why
        finally:
            if scratch:
                shutil.rmtree(scratch, ignore_errors=True)
            self._started.set()
            self._said.set()

    def _listen(self, process: subprocess.Popen[bytes], scratch: Path) -> None:
        """Read the console to its end. Once the guest speaks, QEMU holds its files and needs their folder no more."""
        assert process.stdout is not None
        with process.stdout as console:
            for raw in console:
                line = raw.decode(errors="replace").strip()
                at = line.find(SAYS)
                if at >= 0 and not self._said.is_set():
                    shutil.rmtree(scratch, ignore_errors=True)
                    self._word = line[at + len(SAYS) :]
                    self._said.set()
                elif line:
                    self._console.append(line[:300])
        process.wait()


def clear(folder: Path) -> None:
    """Remove what a killed predecessor left in the folder for throwaway files."""
    for left in folder.glob(f"{LEFT}*"):
        shutil.rmtree(left, ignore_errors=True)


def accelerator(kernel: Path, probe: Path, notes: Path) -> tuple[str, str]:
    """("kvm" or "tcg", why). The device may open and a guest still crawl, so a tiny one is tried against the clock.

    What was found is noted in the folder `notes` for as long as this host is up.
    """
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg", "there is no KVM here"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    note = notes / ".accelerator.json"
    with contextlib.suppress(OSError, ValueError, KeyError):
        noted = json.loads(note.read_text())
        if noted["boot"] == boot:
            return str(noted["accelerator"]), str(noted["why"])
    guest = Guest(Machine(kernel, probe.read_bytes()), "kvm")
    try:
        guest.start(PROBE_WITHIN)
    except DriverUnavailable:
        pass  # a word other than "ready" is what we hope for; none is what we fear
    finally:
        guest.stop()
    works = guest.word == "kvm works"
    found = "kvm" if works else "tcg"
    why = (
        "KVM works"
        if works
        else f"KVM is there, but a guest does not get anywhere with it in {PROBE_WITHIN:.0f} seconds"
    )
    with contextlib.suppress(OSError):
        note.write_text(json.dumps({"boot": boot, "accelerator": found, "why": why}))
    return found, why
