"""What a driver, a sandbox and a terminal promise, and when each verb may be called.

Knows: shapes, and the order of calls. Doesn't know how any driver keeps the promise.
The contract suite (tests/contract/) holds every driver to what is written here.

    driver = CrunDriver(config); driver.start()      once; raises DriverUnavailable, Missing
    sandbox = driver.create("k3x9…", spec, labels)   any number, from any thread
      terminal = sandbox.terminal("host", 80, 24)    a login shell on a PTY of the sandbox
      status = sandbox.run(["id"], (0, 1, 2))        one command, the caller's own descriptors
      sandbox.destroy()                              may be called twice; nothing of it remains after
    driver.close()                                   destroys what is left, and frees the host

Everything here blocks: the spawner calls it from a thread per request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from lab_server.sandbox.names import LABEL as LABEL
from lab_server.sandbox.names import MAX_COLUMNS as MAX_COLUMNS
from lab_server.sandbox.names import MAX_ROWS as MAX_ROWS
from lab_server.sandbox.names import SANDBOX_ID as SANDBOX_ID
from lab_server.sandbox.names import SESSION as SESSION
from lab_server.sandbox.names import UNBOUND as UNBOUND

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What one sandbox may use; set outside it, in files its learner can't write."""

    memory: int = 768 * MIB  # bytes, swap included
    cpus: float = 1.0  # cores
    pids: int = 512
    disk: int = 1024 * MIB  # bytes on / and the container store together
    io: int = 200 * MIB  # bytes a second, each way


@dataclass(frozen=True)
class SandboxSpec:
    """A template as the driver sees it. Callers of the spawner name a template; they never send one."""

    template: str = "default"
    hostname: str = "lab"
    limits: Limits = field(default_factory=Limits)
    netfilter: bool = True  # nested docker's bridge programs nftables in its own network namespace


@dataclass(frozen=True)
class DriverConfig:
    """Where a driver finds its parts. All paths absolute; `data` and `run` are the driver's own, root-only."""

    images: Path  # sandbox/ (the learner's root tree), store/ (the shared image store), sandbox.ext4
    guest: Path  # vmlinuz, initrd.gz, root.ext4 of the vm driver's guest
    data: Path  # sandboxes' writable files
    run: Path  # sockets, state, mount points
    # the spawner's templates as they were given, for a driver that starts a spawner of its own
    templates: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Capabilities:
    """What sandboxes of this driver can do on this host; the page tells a learner what a block lacks."""

    limits: bool  # cgroup v2 controllers are delegated: memory, cpu, pids, io limits bite
    disk_quota: bool
    nested_engine: bool  # `docker run` works inside

    def lacking(self, needs: Sequence[str]) -> list[str]:
        """The names in `needs` that are not there, in order."""
        return [name for name in needs if not getattr(self, name, False)]


class Terminal(Protocol):
    """A shell on a PTY of the sandbox.

    `fd` carries raw bytes both ways: a PTY master, or a stream socket where the driver's terminal
    lives elsewhere. End of file (EIO on a PTY) means that the shell ended. Owned by the terminal.
    """

    fd: int

    def resize(self, columns: int, rows: int) -> None: ...

    def status(self) -> int | None:
        """Exit status as a shell gives it (128 + n for signal n), or None while it lives. Never blocks for long."""

    def close(self) -> None:
        """Hang up: the shell and what it started in the foreground end. May be called twice."""


class Sandbox(Protocol):
    id: str
    labels: Mapping[str, str]

    def terminal(self, session: str, columns: int, rows: int) -> Terminal:
        """A new login shell. Raises SandboxFailed when the sandbox is gone or out of processes."""

    def run(self, argv: Sequence[str], fds: tuple[int, int, int], asker: int = -1) -> int:
        """Run `argv` with these descriptors as 0, 1, 2 and wait for it; its exit status as a shell gives it.

        `asker`: a socket; when its other end closes, nobody waits for the command any more and it is killed.
        """

    def freeze(self, on: bool) -> None:
        """Have every process in it stand still, or go on as if nothing had been; either may be said twice. While it is on, no `terminal`
        and no `run` may be asked for (terminals.py sees to it); `destroy` may. Raises SandboxFailed."""

    def alive(self) -> bool:
        """Whether its PID 1 is there. Cheap where the driver isn't a WatchingDriver: it is asked of each every few seconds."""

    def destroy(self) -> None:
        """End every process and remove every file, mount, cgroup and id range of it. May be called twice."""


class Driver(Protocol):
    name: str

    def __init__(self, config: DriverConfig) -> None: ...

    def start(self) -> None:
        """Take the host: check it, mount, boot. Clears what a killed predecessor left. Raises DriverUnavailable, Missing."""

    def capabilities(self) -> Capabilities: ...

    def describe(self) -> dict[str, str]:
        """Facts for people and manifests: kernel, engine, accelerator, …"""

    def create(self, id: str, spec: SandboxSpec, labels: Mapping[str, str]) -> Sandbox:
        """A running sandbox, ready for terminals. Leaves nothing behind when it raises SandboxFailed or HostFull."""

    def close(self) -> None: ...


# --- what outlives the spawner, where a driver can do that ---


@runtime_checkable
class LastingTerminal(Protocol):
    def keep(self, ring: int, name: str) -> None:
        """Leave the replay ring and the terminal's name with the sandbox, too, for a spawner that comes after this one."""


@dataclass(frozen=True)
class Kept:
    """A terminal that a spawner before this one opened; its descriptors are the finder's to close."""

    session: str
    name: str
    terminal: Terminal
    ring: int


@dataclass(frozen=True)
class Survivor:
    """A sandbox that was there before this driver started."""

    sandbox: Sandbox
    template: str
    terminals: tuple[Kept, ...]
    id: str = ""  # that it was bound to, where that is not its own
    frozen: bool = False


@runtime_checkable
class LastingDriver(Protocol):
    def survivors(self) -> list[Survivor]:
        """The sandboxes of a spawner that was killed, taken over. To be called once, after `start`."""


# --- sandboxes that are made before anybody wants them (pool.py) ---


@runtime_checkable
class Rebindable(Protocol):
    """A LastingDriver that can have warm sandboxes: it remembers whose one became."""

    def bind(self, sandbox: Sandbox, id: str, labels: Mapping[str, str]) -> None:
        """From here on a survivor of it has this id and these labels. Once a sandbox. Raises OSError, and is not bound then."""


# --- which ended by themselves, where that is one question for all ---


@runtime_checkable
class WatchingDriver(Protocol):
    def ended(self, ids: Sequence[str]) -> list[str]:
        """Those of these sandboxes that are no longer alive. Raises LabError when it can't be told."""


# --- what is used ---


@runtime_checkable
class MeasuringDriver(Protocol):
    def usage(self, ids: Sequence[str]) -> dict[str, dict[str, float]]:
        """What each of these sandboxes uses, as usage.of_cgroup gives it; ids that are not there are left out. Cheap, and never raises."""
