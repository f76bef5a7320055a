"""`labs serve` as processes: the spawner, which keeps its privileges, and the web server, which has none.

Knows how they are started, watched, started again and stopped, and who holds the port. Doesn't know what they do.

    labs serve ─┬─ python -m lab_server.sandbox.spawner     root; ends (and cleans up) when the supervisor does
                └─ python -m lab_server.web                 nobody; a new one follows within a second
The listening socket is bound here, once: while web is down, connections wait instead of being refused.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab_server import health, privileges
from lab_server.errors import HostFull, LabError, SandboxFailed, SpawnerGone, Unwell
from lab_server.listening import address
from lab_server.sandbox.client import SpawnerClient
from lab_server.settings import ROOT, Settings

STEADY = 10.0  # seconds after which a process that died counts as one that had worked
LATEST = 8.0  # longest pause before a process that keeps dying is started again
ATTEMPTS = 6  # deaths in a row, none of them steady, after which we give up
WEB_STOP, SPAWNER_STOP = 6.0, 45.0  # seconds to end in, before SIGKILL
Tell = Callable[[str], None]


def spawner_config(
    settings: Settings, driver: str, reason: str, clients: list[int], templates: Mapping[str, Any], run: Path
) -> dict[str, Any]:
    """What the spawner is started with (spawner.Config). What a lesson's template leaves open, the settings say."""
    own = settings.template
    merged = {
        name: {**own, **given, "limits": own["limits"] | given.get("limits", {})} for name, given in templates.items()
    }
    return {
        "driver": driver,
        "reason": reason,
        "socket": str(run / "spawner.sock"),
        "images": str(settings.data / "images"),
        "guest": str(settings.data / "guest"),
        "data": str(settings.data / "sandboxes"),
        "run": str(run / driver),
        "clients": clients,
        "templates": {"default": own} | merged,
        "most": settings.sandboxes,
        # in an emulated guest each takes time from those inside
        "warm": min(settings.warm, 1) if driver == "vm" else settings.warm,
    }


def write_private(file: Path, content: str) -> Path:
    """A file only its owner reads, in place in one move. Raises HostFull; an earlier one stays then."""
    return _write(file, content, 0o600)


def write_public(file: Path, content: str) -> Path:
    """A file that everybody reads, in place in one move. Raises HostFull; an earlier one stays then."""
    return _write(file, content, 0o644)


def _write(file: Path, content: str, mode: int) -> Path:
    new = file.with_name(f"{file.name}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(fd, "w") as out:
            out.write(content)
    except OSError as why:
        if why.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        new.unlink(missing_ok=True)
        raise HostFull(f"There is no room for {file}: the disk is full.", "Free some disk space.") from why
    new.replace(file)
    return file


def own_web_data(settings: Settings, owner: tuple[int, int] | None) -> None:
    """The folder of what the web server keeps: there, closed to others, and `owner`'s with all in it, where root gives it."""
    settings.web_data.mkdir(parents=True, exist_ok=True)
    settings.web_data.chmod(0o700)
    if owner:
        for path in (settings.web_data, *settings.web_data.rglob("*")):
            os.chown(path, *owner, follow_symlinks=False)


@dataclass
class Child:
    """A process that is to be there. `at` is when it is started next, while it isn't running."""

    name: str
    argv: list[str]
    fds: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    pidfd: int = -1
    since: float = 0.0
    at: float = 0.0
    deaths: int = 0

    def start(self) -> None:
        """Its own session: Ctrl-C reaches the supervisor alone, which stops things in order."""
        self.process = subprocess.Popen(self.argv, pass_fds=self.fds, stdin=subprocess.DEVNULL, start_new_session=True)
        self.pidfd = os.pidfd_open(self.process.pid)
        self.since = time.monotonic()

    def died(self) -> int:
        """Reap it; says how it ended, and sets when it is started again. Raises SandboxFailed when it never stays up."""
        assert self.process
        code = self.process.wait()
        os.close(self.pidfd)
        self.process, self.pidfd = None, -1
        now = time.monotonic()
        self.deaths = 1 if now - self.since > STEADY else self.deaths + 1
        if self.deaths >= ATTEMPTS:
            raise SandboxFailed(f"The {self.name} process ends as soon as it starts.", "Its messages are above.")
        self.at = now + (0.05 if self.deaths == 1 else min(LATEST, 0.25 * 2**self.deaths))
        return code

    def stop(self, within: float) -> None:
        if not self.process:
            return
        self.process.terminate()
        try:
            self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.pidfd)
        self.process, self.pidfd = None, -1


def spawner_argv(config: Path) -> list[str]:
    return [sys.executable, "-P", "-m", "lab_server.sandbox.spawner", "--config", str(config)]


def spawner_child(config: Path) -> Child:
    return Child("spawner", [*spawner_argv(config), "--die-with-parent"])


@dataclass
class Supervisor:
    """Both processes, from `run` until a signal. Make it in the main thread, with the port bound already."""

    settings: Settings
    listener: socket.socket
    driver: str
    reason: str
    tell: Tell
    templates: Mapping[str, Any] = field(default_factory=dict)
    _stopping: bool = False
    _renew: bool = False
    _woken: int = -1

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT. Raises LabError when a process can't be kept up; nothing of ours is left then."""
        web, spawner = self._children()
        wake, woken = os.pipe()
        os.set_blocking(woken, False)
        self._woken = woken
        previous = {number: signal.signal(number, self._signal) for number in (signal.SIGTERM, signal.SIGINT)}
        before = signal.set_wakeup_fd(woken)
        reporter = threading.Thread(target=self._report, name="report", daemon=True)
        try:
            reporter.start()
            self._watch([spawner, web], wake)
        finally:
            self._stopping = True
            web.stop(WEB_STOP)
            spawner.stop(SPAWNER_STOP)
            signal.set_wakeup_fd(before)
            for number, handler in previous.items():
                signal.signal(number, handler)
            self._woken = -1
            os.close(wake)
            os.close(woken)
            self.listener.close()

    def _signal(self, number: int, frame: object) -> None:
        self._stopping = True

    def renew_web(self) -> None:
        """Start web anew, from any thread: it reads the lessons again. Sandboxes and terminals stay."""
        self._renew = True
        with contextlib.suppress(OSError):
            os.write(self._woken, b"r")

    def _children(self) -> tuple[Child, Child]:
        settings, root = self.settings, os.geteuid() == 0
        uid, gid = privileges.choose_user(settings.web_user) if root else (os.getuid(), os.getgid())
        run = settings.socket.parent
        for folder in (settings.data, run):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o711 if root else 0o700)
        own_web_data(settings, (uid, gid) if root else None)
        config = spawner_config(settings, self.driver, self.reason, [uid], self.templates, run)
        spawner = spawner_child(write_private(run / "spawner.json", json.dumps(config)))
        port = self.listener.getsockname()[1]
        file = write_private(run / "web.json", settings.model_copy(update={"port": port}).model_dump_json())
        argv = [sys.executable, "-P", "-m", "lab_server.web", "--settings", str(file), "--parent", str(os.getpid())]
        argv += ["--listener", str(self.listener.fileno())]
        if root:
            argv += ["--uid", str(uid), "--gid", str(gid)]
            for path in (ROOT, settings.site, run, settings.web_data):
                argv += ["--keep", str(path)]
        return Child("web", argv, (self.listener.fileno(),)), spawner

    def _watch(self, children: list[Child], wake: int) -> None:
        while not self._stopping:
            now = time.monotonic()
            for child in children:
                if child.process is None and child.at <= now:
                    child.start()
            poll = select.poll()
            poll.register(wake, select.POLLIN)
            for child in children:
                if child.process:
                    poll.register(child.pidfd, select.POLLIN)
            due = [child.at - now for child in children if child.process is None]
            ready = {fd for fd, _ in poll.poll(max(0.0, min(due)) * 1000 + 1 if due else None)}
            if wake in ready:
                os.read(wake, 64)
            if self._renew and not self._stopping:
                self._renew = False
                children[-1].stop(WEB_STOP)
                children[-1].at = 0.0
                continue
            for child in children:
                if child.process and child.pidfd in ready:
                    code = child.died()
                    if not self._stopping:
                        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
                        self.tell(f"The {child.name} process ended ({how}); starting it again.")

    def _report(self) -> None:
        """Say what is happening until the course can be opened, then the `ready:` line, once."""
        client = SpawnerClient(self.settings.socket)
        told = ""
        while not self._stopping:
            try:
                info = client.info()
            except SpawnerGone:
                info = {}
            if info.get("ready") and self._answers():
                self.tell(f"ready: {address(self.settings, self.listener)}")
                return
            detail = str(info.get("detail", ""))
            if detail and detail != told:
                told = detail
                failed = info.get("failed")
                self.tell(f"No sandbox can be had: {detail} The lessons can be read." if failed else detail)
                if failed:
                    return
            time.sleep(0.1)

    def _answers(self) -> bool:
        host, port = self.listener.getsockname()[:2]
        try:
            health.web(host, port, ready=True)
        except Unwell:
            return False
        return True


@contextlib.contextmanager
def private_spawner(settings: Settings, driver: str, reason: str, templates: Mapping[str, Any], tell: Tell) -> Any:
    """A spawner of one's own while nothing is served; gives its client, ready. Raises LabError when it can't get ready."""
    run = settings.socket.parent
    run.mkdir(parents=True, exist_ok=True)
    config = spawner_config(settings, driver, reason, [], templates, run) | {"warm": 0}  # whoever asks is alone
    child = spawner_child(write_private(run / "spawner.json", json.dumps(config)))
    child.start()
    try:
        client = SpawnerClient(settings.socket)
        wait_ready(client, child, tell)
        yield client
    finally:
        child.stop(SPAWNER_STOP)


def wait_ready(client: SpawnerClient, child: Child, tell: Tell, within: float = 300.0) -> None:
    told, until = "", time.monotonic() + within
    while time.monotonic() < until:
        assert child.process
        if child.process.poll() is not None:
            raise SandboxFailed("The spawner ended as soon as it started.", "Its message is above.")
        try:
            info = client.info()
        except SpawnerGone:
            info = {"ready": False, "detail": ""}
        if info["ready"]:
            return
        detail = str(info["detail"])
        if info.get("failed"):
            raise LabError(detail, "`labs doctor` says what this host can do.")
        if detail and detail != told:
            told = detail
            tell(detail)
        time.sleep(0.05)
    raise SandboxFailed("The sandboxes' driver did not get ready in time.", "`labs doctor` says what this host can do.")
