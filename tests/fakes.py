"""Drivers for tests: one that is real where that is cheap, and named ones that misbehave.

PtyDriver       a real bash on a real PTY, without any isolation: what the contract says, but for the sandbox itself
SlowDriver      starts and creates late: when `go` is set
SearchingDriver is as slow, and then takes over a sandbox that was there before it
NeverDriver     never gets ready
FailingDriver   gets ready, and can't make a sandbox
VanishingDriver its sandboxes are gone when a terminal is asked for
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab_server.errors import SandboxFailed
from lab_server.sandbox.contract import Capabilities, DriverConfig, SandboxSpec, Survivor
from tests.shell import eventually

# OSC 133 as the learner's machine has it: A prompt begins, B ends, C a command starts, D;n it ended
RC = r"""
PS0='\e]133;C\a'
PS1='\[\e]133;D;$?\a\e]133;A\a\]$ \[\e]133;B\a\]'
unset PROMPT_COMMAND HISTFILE
bind 'set enable-bracketed-paste off'
"""


class PtyTerminal:
    def __init__(self, home: Path, session: str, columns: int, rows: int) -> None:
        self.fd, slave = pty.openpty()
        os.set_inheritable(self.fd, False)
        self.resize(columns, rows)
        argv = ["bash", "--noprofile", "--rcfile", str(home / ".bashrc"), "-i"]
        env = {"HOME": str(home), "PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        env["LABS_SESSION"] = session

        def control() -> None:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests may have it ignored: nohup does
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, cwd=home, env=env, start_new_session=True, preexec_fn=control
        )
        os.close(slave)
        self._lock = threading.Lock()

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def status(self) -> int | None:
        code = self.process.poll()
        return 128 - code if code is not None and code < 0 else code

    def close(self) -> None:
        with self._lock:
            if self.fd < 0:
                return
            os.close(self.fd)
            self.fd = -1
        there = _in_sessions({self.process.pid})  # what it started has groups of its own
        for number in (signal.SIGHUP, signal.SIGKILL):
            for pid in there:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        self.process.wait()


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return -1


def _in_sessions(leaders: set[int]) -> list[int]:
    """Every process of these sessions."""
    pids = [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()]
    return [pid for pid in pids if _session(pid) in leaders]


def _state(pid: int) -> str:
    """One letter, as in proc(5)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


class PtySandbox:
    def __init__(self, id: str, labels: Mapping[str, str], place: Path | None = None) -> None:
        self.id = id
        self.labels: Mapping[str, str] = dict(labels)
        self.home = Path(tempfile.mkdtemp(prefix=f"labs-{id}-", dir=place))
        (self.home / ".bashrc").write_text(RC)
        self.terminals: list[PtyTerminal] = []
        self.gone = False
        self.running: set[int] = set()  # leaders of the sessions that `run` started
        self.bash: tuple[str, ...] = ()  # what its learner put in the place of bash

    def terminal(self, session: str, columns: int, rows: int) -> PtyTerminal:
        if self.gone:
            raise SandboxFailed("The sandbox is gone.", "Start a new one.")
        terminal = PtyTerminal(self.home, session, columns, rows)
        self.terminals.append(terminal)
        return terminal

    def run(self, argv: Sequence[str], fds: tuple[int, int, int], asker: int = -1) -> int:
        if self.bash and argv[0] == "/bin/bash":
            argv = self.bash
        try:
            process = subprocess.Popen(
                argv,
                stdin=fds[0],
                stdout=fds[1],
                stderr=fds[2],
                cwd=self.home,
                env=os.environ | {"HOME": str(self.home)},
                start_new_session=True,
            )
        except OSError as why:
            os.write(fds[2], f"{argv[0]}: {why.strerror}\n".encode())
            return 127
        self.running.add(process.pid)
        ended = os.pidfd_open(process.pid)
        watched = select.poll()
        watched.register(ended, select.POLLIN)
        if asker >= 0:
            watched.register(asker, select.POLLRDHUP | select.POLLHUP)
        if not any(fd == ended for fd, _ in watched.poll()):
            process.kill()
        os.close(ended)
        code = process.wait()
        self.running.discard(process.pid)
        return 128 - code if code < 0 else code

    def freeze(self, on: bool) -> None:
        """By signals. A shell is stopped before what it started and goes on after it: it would tell of it else."""
        leaders = {*(one.process.pid for one in self.terminals), *self.running}
        for pid in sorted(_in_sessions(leaders), key=lambda pid: (pid in leaders) != on):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP if on else signal.SIGCONT)
            if on and pid in leaders:
                eventually(lambda pid=pid: _state(pid) in "TZX", "a shell stands still")  # type: ignore[misc]

    def alive(self) -> bool:
        return not self.gone

    def destroy(self) -> None:
        self.gone = True
        for terminal in self.terminals:
            terminal.close()
        shutil.rmtree(self.home, ignore_errors=True)


class PtyDriver:
    name = "pty"

    def __init__(self, config: DriverConfig | None = None) -> None:
        self.sandboxes: dict[str, PtySandbox] = {}
        self.created: list[str] = []
        self._place = config.data if config else None
        if self._place:
            self._place.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        for left in self._place.iterdir() if self._place else ():
            shutil.rmtree(left)  # a killed predecessor's; its shells ended with it

    def capabilities(self) -> Capabilities:
        return Capabilities(limits=False, disk_quota=False, nested_engine=False)

    def describe(self) -> dict[str, str]:
        return {"kernel": os.uname().release}

    def create(self, id: str, spec: SandboxSpec, labels: Mapping[str, str]) -> PtySandbox:
        self.created.append(id)
        sandbox = self.sandboxes[id] = PtySandbox(id, labels, self._place)
        return sandbox

    def close(self) -> None:
        for sandbox in self.sandboxes.values():
            sandbox.destroy()


class SlowDriver(PtyDriver):
    name = "slow"
    detail = "The slow driver takes its time."

    def __init__(self, config: DriverConfig | None = None) -> None:
        super().__init__(config)
        self.go = threading.Event()

    def start(self) -> None:
        self.go.wait()

    def create(self, id: str, spec: SandboxSpec, labels: Mapping[str, str]) -> PtySandbox:
        self.go.wait()
        return super().create(id, spec, labels)


class SearchingDriver(SlowDriver):
    name = "searching"

    def survivors(self) -> list[Survivor]:
        return [Survivor(super().create("survivor", SandboxSpec(), {}), "default", ())]


class NeverDriver(PtyDriver):
    name = "never"

    def start(self) -> None:
        raise SandboxFailed("The never driver never starts.", "Use another.")


class FailingDriver(PtyDriver):
    name = "failing"

    def create(self, id: str, spec: SandboxSpec, labels: Mapping[str, str]) -> PtySandbox:
        raise SandboxFailed("The sandbox could not be made: out of luck.", "Try again.")


class VanishingDriver(PtyDriver):
    name = "vanishing"

    def create(self, id: str, spec: SandboxSpec, labels: Mapping[str, str]) -> PtySandbox:
        sandbox = super().create(id, spec, labels)
        sandbox.destroy()
        return sandbox
