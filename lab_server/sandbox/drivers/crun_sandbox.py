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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab_server.errors import SandboxFailed
from lab_server.sandbox import cgroups, oci, syscalls
from lab_server.sandbox.crun import Crun

READY = "run/sandbox-ready"  # the image's init makes this file last (labs/images/sandbox/)


@dataclass(frozen=True)
class Parts:
    id: str
    labels: Mapping[str, str]
    files: Path
    run: Path
    cgroup: Path
    release: Callable[[], None]

    @property
    def lower(self) -> Path:
        return self.run / "lower"

    @property
    def rootfs(self) -> Path:
        return self.run / "rootfs"

    @property
    def bundle(self) -> Path:
        return self.run / "bundle"


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
        return bool(select.select([descriptor], [], [], max(seconds, 0))[0])
    finally:
        os.close(descriptor)


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
        self._pid = self._crun.run(self.id, self._parts.bundle, self._parts.run / "pid")
        for name, value in oci.CGROUP_CAPS.items():
            (self._parts.cgroup / name).write_text(value)
        if not self._wait_ready(within):
            raise SandboxFailed(f"The sandbox did not get ready within {within:.0f} seconds.", "Try again.")

    def _wait_ready(self, within: float) -> bool:
        """The image's start-up ends by making a file: look until it is there, PID 1 is gone, or the time is up."""
        ready = Path(f"/proc/{self._pid}/root/{READY}")
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
        started = self._crun.start(self.id, oci.process(words, self._facts), fds, self._parts.run)
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

    def alive(self) -> bool:
        return not self._gone and self._pid > 0 and not _wait_for_exit(self._pid, 0)

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
            for mounted in (self._parts.rootfs / "var/lib/shared-images", self._parts.rootfs, self._parts.lower):
                with contextlib.suppress(OSError):  # not mounted: it was never made
                    syscalls.unmount(mounted)
            cgroups.remove(self._parts.cgroup)
            self.remove_tree(self._parts.run)
            self.remove_tree(self._parts.files)
            self._gone = True
            self._parts.release()

    @staticmethod
    def remove_tree(path: Path) -> None:
        """rm(1), not shutil: a learner can nest directories deeper than Python recurses; never across a mount."""
        subprocess.run(["rm", "-rf", "--one-file-system", "--", str(path)], check=False, stderr=subprocess.DEVNULL)
