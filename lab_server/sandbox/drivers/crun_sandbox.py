"""One sandbox of the crun driver: its start, terminals, commands and end.

Knows the sandbox's own parts. Doesn't know the driver's bookkeeping: it is handed a `release` to call when all is gone.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab_server.errors import SandboxFailed
from lab_server.sandbox import cgroups, commands, delegation, oci
from lab_server.sandbox.crun import Crun
from lab_server.sandbox.drivers.parts import Parts

PF_EXITING = 0x4  # in the flags of /proc/PID/stat: linux/sched.h, proc(5)


def exit_status(status: int) -> int:
    """A wait status as a shell gives it: 128 + n for signal n (wait(2))."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


class CrunTerminal:
    """A login shell on a PTY that was opened inside the sandbox."""

    def __init__(self, fd: int, pid: int) -> None:
        self.fd = fd
        self._pid = pid
        self._code: int | None = None
        self._lock = threading.Lock()
        self._closed = False

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def status(self) -> int | None:
        with self._lock:
            if self._code is None:
                try:
                    pid, status = os.waitpid(self._pid, os.WNOHANG)
                except ChildProcessError:
                    self._code = 255  # someone else reaped it: it is gone, and how is not known
                else:
                    if pid:
                        self._code = exit_status(status)
            return self._code

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self.status() is None:
            os.kill(self._pid, signal.SIGHUP)
        os.close(self.fd)
        deadline = time.monotonic() + 2
        while self.status() is None:
            _wait_for_exit(self._pid, deadline - time.monotonic())
            if self.status() is None:
                os.kill(self._pid, signal.SIGKILL)
                deadline += 2


def _wait_for_exit(pid: int, seconds: float) -> bool:
    """Whether the child ended within `seconds` (pidfd_open(2)); it is left to be reaped."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()  # select(2) takes no descriptor from 1024 on
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(max(seconds, 0) * 1000))
    finally:
        os.close(descriptor)


def _ending(pid: int) -> bool:
    """Whether the process ended, or is about to: a PID 1 that was killed stays until all in its namespace have gone before it."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return True
    return bool(int(after_name[6]) & PF_EXITING) or after_name[0] in "ZX"


class CrunSandbox:
    def __init__(self, parts: Parts, crun: Crun, facts: oci.HostFacts) -> None:
        self.id = parts.id
        self.labels = parts.labels
        self._parts, self._crun, self._facts = parts, crun, facts
        self._pid = 0
        self._lock = threading.Lock()
        self._gone = False

    def boot(self, config: dict[str, Any], within: float) -> None:
        """Start PID 1 and wait until it says it is ready, at most `within` seconds. Raises SandboxFailed."""
        (self._parts.bundle / "config.json").write_text(json.dumps(config))
        self.booted(self._crun.run(self.id, self._parts.bundle, self._parts.run / "pid"))
        delegation.bound(str(self._parts.cgroup))
        if not self._wait_ready(within):
            raise SandboxFailed(f"The sandbox did not get ready within {within:.0f} seconds.", "Try again.")

    def booted(self, pid: int) -> None:
        """Its PID 1 is this: `boot` made it, or an agent's start."""
        self._pid = pid

    def _wait_ready(self, within: float) -> bool:
        """The image's start-up ends by making a file: look until it is there, PID 1 is gone, or the time is up."""
        ready = Path(f"/proc/{self._pid}/root/{commands.READY}")
        deadline = time.monotonic() + within
        pause = 0.002
        while time.monotonic() < deadline:
            if ready.exists():
                return True
            if _wait_for_exit(self._pid, pause):
                return False
            pause = min(pause * 1.5, 0.01)
        return False

    def terminal(self, session: str, columns: int, rows: int) -> CrunTerminal:
        process = oci.process(["/bin/bash", "--login"], self._facts, terminal=True, session=session)
        process["consoleSize"] = {"width": columns, "height": rows}
        fd, pid = self._crun.terminal(self.id, process, self._parts.run)
        os.set_blocking(fd, False)
        terminal = CrunTerminal(fd, pid)
        terminal.resize(columns, rows)
        return terminal

    def run(self, argv: Sequence[str], fds: tuple[int, int, int], asker: int = -1) -> int:
        # through the sandbox's own sh, so that a command that isn't there is 127, as everywhere
        words = ["/bin/sh", "-c", 'exec "$0" "$@"', *argv]
        started = self._crun.start(self.id, oci.process(words, self._facts), fds)
        poll = select.poll()
        descriptor = os.pidfd_open(started.pid)
        try:
            poll.register(descriptor, select.POLLIN)
            if asker >= 0:
                poll.register(asker, select.POLLRDHUP | select.POLLHUP)
            if not any(ready == descriptor for ready, _ in poll.poll()):
                started.send_signal(signal.SIGTERM)  # crun passes it on to the command
                try:
                    started.wait(timeout=2)
                except subprocess.TimeoutExpired:
                    started.kill()
        finally:
            os.close(descriptor)
        code = started.wait()
        return code if code >= 0 else 128 - code

    def freeze(self, on: bool) -> None:
        try:
            cgroups.freeze(self._parts.cgroup, on)
        except OSError as why:
            raise SandboxFailed(f"The sandbox can't be paused or go on: {why}.", "Reset it.") from why

    def frozen(self) -> bool:
        """Whether that was done to it, by whomever. Raises OSError."""
        return cgroups.frozen(self._parts.cgroup)

    def alive(self) -> bool:
        return not self._gone and self._pid > 0 and not _ending(self._pid)

    def destroy(self) -> None:
        with self._lock:
            if self._gone:
                return
            cgroups.kill(self._parts.cgroup)
            self._crun.delete(self.id)
            if self._pid:
                _wait_for_exit(self._pid, 10)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(self._pid, os.WNOHANG)
            cgroups.remove(self._parts.cgroup)
            self._gone = True
            self._parts.release()
