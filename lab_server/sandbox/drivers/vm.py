"""The vm driver: the same spawner and crun driver, inside one QEMU guest with a kernel of its own.

Knows how the guest is fed (kernel, disks, this start's code and secret) and how each verb crosses into it: one TCP
connection to the guest's relay (sandbox/guest/relay.py) a verb. Doesn't know what a sandbox is made of: in the guest,
drivers/crun.py does. Needs no root, writes nothing that outlives it.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lab_server.errors import DriverUnavailable, LabError, Missing, NotFound, SandboxFailed
from lab_server.sandbox import rpc
from lab_server.sandbox.contract import UNBOUND, Capabilities, DriverConfig, SandboxSpec
from lab_server.sandbox.drivers import qemu
from lab_server.sandbox.guest import frames, payload

PARTS = ("vmlinuz", "initrd.gz", "probe.gz", "root.ext4", "scratch.ext4")
RECEIVE_BUFFER = 64 * 1024  # bytes of a terminal's output under way: what Ctrl-C waits for
SEGMENT = 1400  # bytes; with the 64 KiB of the loopback device, the kernel lets QEMU's end hold 4 MiB of old output
ATTEMPTS = 3  # another process can take the port between our look and QEMU's
PATIENCE = 60.0  # seconds for a verb; making a sandbox gets more

# In the guest. busybox init starts both again should one end, but a spawner that ended took its sandboxes along.
INITTAB = b"::respawn:/run/labs/start-spawner\n::respawn:/run/labs/start-relay\n::ctrlaltdel:/bin/true\n"
STARTER = (
    "#!/bin/sh\ncd /run/labs && exec python3 -m {module} --config /run/labs/{config} >/dev/console 2>&1 </dev/null\n"
)


def parcel(token: str, templates: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[bytes, int]]:
    """What this start of the guest brings along, by name (see payload.py)."""
    spawner = {
        "driver": "crun",
        "reason": "inside the vm driver's guest",
        "socket": "/run/labs/spawner.sock",
        "clients": [0],
        "templates": {name: dict(given) for name, given in templates.items()},
        "images": "/images",
        "guest": "/nonexistent",
        "data": "/scratch/sandboxes",
        "run": "/run/labs/sandboxes",
    }
    relay = {"token": token, "address": "10.0.2.15", "port": qemu.PORT, "spawner": "/run/labs/spawner.sock"}
    files = payload.code()
    files["inittab"] = (INITTAB, payload.PUBLIC)
    for name, module, config in (
        ("spawner", "lab_server.sandbox.spawner", spawner),
        ("relay", "lab_server.sandbox.guest.relay", relay),
    ):
        files[f"{name}.json"] = (json.dumps(config).encode(), payload.PRIVATE)
        files[f"start-{name}"] = (STARTER.format(module=module, config=f"{name}.json").encode(), payload.PROGRAM)
    return files


class VmDriver:
    name = "vm"

    def __init__(self, config: DriverConfig) -> None:
        self._config = config
        self._guest: qemu.Guest | None = None
        self._token = ""
        self._port = 0
        self._facts: dict[str, str] = {}
        self._capabilities = Capabilities(limits=False, disk_quota=False, nested_engine=False)
        self._lock = threading.Lock()
        self._closed = False
        self.detail = ""  # what `start` is at, for people

    def start(self) -> None:
        self._check()
        qemu.clear(self._config.data)
        self.detail = "Trying whether this host's KVM works."
        guest = self._config.guest
        accelerator, why = qemu.accelerator(guest / "vmlinuz", guest / "probe.gz", guest)
        self.detail = f"Booting the guest ({accelerator.upper()}: {why})."
        seconds = self._boot(accelerator)
        info = self.ask("info")
        self._capabilities = Capabilities(**info["capabilities"])
        inside = {name: str(value) for name, value in info["facts"].items()}
        self._facts = {**inside, "accelerator": accelerator, "accelerator_reason": why}
        self._facts |= {"isolation": "a kernel of its own in QEMU", "boot_seconds": f"{seconds:.1f}"}
        self.detail = ""

    def _check(self) -> None:
        lacking = [name for name in PARTS if not (self._config.guest / name).is_file()]
        if lacking:
            raise Missing(f"The guest's {', '.join(lacking)} is not in {self._config.guest}.", "Build it: labs build.")
        if not (self._config.images / "sandbox.ext4").is_file():
            raise Missing(f"sandbox.ext4 is not in {self._config.images}.", "Build it: labs build.")
        for folder in (self._config.guest, self._config.images):
            _check_sizes(folder)

    def _boot(self, accelerator: str) -> float:
        guest, images = self._config.guest, self._config.images
        disks = [qemu.Disk(guest / "root.ext4"), qemu.Disk(images / "sandbox.ext4")]
        disks.append(qemu.Disk(guest / "scratch.ext4", throwaway=True))
        for attempt in range(ATTEMPTS):
            self._token = secrets.token_hex(32)
            self._port = qemu.free_port()
            ramdisk = (guest / "initrd.gz").read_bytes()
            ramdisk += payload.archive(parcel(self._token, self._config.templates))
            machine = qemu.Machine(
                kernel=guest / "vmlinuz",
                ramdisk=ramdisk,
                disks=disks,
                memory=qemu.guest_memory(),
                cpus=max(2, min(4, os.cpu_count() or 1)),
                port=self._port,
                scratch=self._config.data,
            )
            booting = qemu.Guest(machine, accelerator)
            with self._lock:
                if self._closed:
                    raise DriverUnavailable("The vm driver is being closed.")
                self._guest = booting
            try:
                return booting.start(qemu.BOOT_WITHIN[accelerator])
            except DriverUnavailable:
                taken = any("forwarding rule" in line for line in booting.console())
                if not taken or attempt + 1 == ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    def capabilities(self) -> Capabilities:
        return self._capabilities

    def describe(self) -> dict[str, str]:
        return dict(self._facts)

    def create(self, id: str, spec: SandboxSpec, labels: Mapping[str, str]) -> VmSandbox:
        told = {} if labels == UNBOUND else dict(labels)  # which the guest's spawner takes from no caller
        self.ask("create", sandbox=id, template=spec.template, labels=told, timeout=120.0)
        return VmSandbox(self, id, labels)

    def usage(self, ids: Sequence[str]) -> dict[str, dict[str, float]]:
        try:
            return dict(self.ask("usage", sandboxes=list(ids), timeout=5.0)["sandboxes"])
        except LabError:
            return {}

    def ended(self, ids: Sequence[str]) -> list[str]:
        if not self.alive():
            return list(ids)
        listed = rpc.whole_list(lambda after: self.ask("list", after=after, timeout=5.0))
        gone = {entry["sandbox"] for entry in listed if entry["state"] == "gone"}
        return [id for id in ids if id in gone]

    def close(self) -> None:
        with self._lock:
            self._closed = True
            guest = self._guest
        if guest:
            guest.stop()

    # --- crossing into the guest ---

    def alive(self) -> bool:
        return self._guest is not None and self._guest.alive()

    def connect(self, verb: str, timeout: float, **fields: Any) -> tuple[dict[str, Any], socket.socket]:
        """Ask one thing; the reply, and the connection it came on, with nothing read beyond. Raises what is answered,
        or SandboxFailed when the guest is gone."""
        connection = socket.socket()
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(timeout)
            connection.connect(("127.0.0.1", self._port))
            connection.sendall(rpc.encode({"token": self._token, "verb": verb, **fields}) + b"\n")
            return rpc.result(frames.read_line(connection)), connection
        except OSError as why:
            connection.close()
            if not self.alive():
                raise SandboxFailed("The guest with all sandboxes has ended.", "Start the course again.") from why
            raise SandboxFailed(f"The guest did not answer {verb!r}: {why}.", "Try again.") from why
        except BaseException:
            connection.close()
            raise

    def ask(self, verb: str, *, timeout: float = PATIENCE, **fields: Any) -> dict[str, Any]:
        reply, connection = self.connect(verb, timeout, **fields)
        connection.close()
        return reply


def _check_sizes(folder: Path) -> None:
    """Raises DriverUnavailable when a file is not as long as when it was built (its folder's manifest says)."""
    try:
        sizes = json.loads((folder / "manifest.json").read_text()).get("sizes", {})
    except (OSError, ValueError):
        sizes = {}
    for name, size in sizes.items():
        file = folder / name
        if not file.is_file() or file.stat().st_size != size:
            raise DriverUnavailable(
                f"{file} is damaged: it is not as long as when it was built.", "Build it again: labs build --force."
            )


class VmTerminal:
    """A terminal in the guest; `fd` is the TCP connection that carries its bytes."""

    def __init__(self, driver: VmDriver, sandbox: str, session: str, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.fd = connection.fileno()
        self._driver, self._connection = driver, connection
        self._where: dict[str, Any] = {"sandbox": sandbox, "session": session}
        self._code: int | None = None
        self._closed = False

    def resize(self, columns: int, rows: int) -> None:
        self._driver.ask("resize", **self._where, columns=columns, rows=rows)

    def status(self) -> int | None:
        if self._code is None:
            try:
                told = self._driver.ask("status", **self._where, timeout=20.0)
                if not told["alive"]:
                    self._code = 255 if told["code"] is None else int(told["code"])
            except NotFound:
                self._code = 255  # its sandbox is gone
            except SandboxFailed:
                # no answer is not the end, but a guest that is gone is
                self._code = None if self._driver.alive() else 128 + 9
        return self._code

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self.status() is None:
            with contextlib.suppress(LabError):
                self._driver.ask("hangup", **self._where)
            self._code = 128 + 1
        self._connection.close()


class VmSandbox:
    def __init__(self, driver: VmDriver, id: str, labels: Mapping[str, str]) -> None:
        self.id, self.labels = id, dict(labels)
        self._driver = driver

    def terminal(self, session: str, columns: int, rows: int) -> VmTerminal:
        _, connection = self._driver.connect(
            "open", PATIENCE, sandbox=self.id, session=session, columns=columns, rows=rows
        )
        return VmTerminal(self._driver, self.id, session, connection)

    def run(self, argv: Sequence[str], fds: tuple[int, int, int], asker: int = -1) -> int:
        _, connection = self._driver.connect("run", PATIENCE, sandbox=self.id, argv=list(argv))
        with connection:
            return frames.drive(connection, fds, asker)

    def freeze(self, on: bool) -> None:
        self._driver.ask("freeze", sandbox=self.id, on=on)

    def alive(self) -> bool:
        try:
            listed = rpc.whole_list(lambda after: self._driver.ask("list", after=after))
        except LabError:
            return self._driver.alive()
        return any(entry["sandbox"] == self.id and entry["state"] == "ready" for entry in listed)

    def destroy(self) -> None:
        if self._driver.alive():
            self._driver.ask("destroy", sandbox=self.id, timeout=60.0)
