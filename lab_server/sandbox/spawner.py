"""The spawner: the one service with privileges. It makes sandboxes through a driver and hands their terminals out.

Knows: who may ask (SO_PEERCRED, unix(7)), the closed verbs of rpc.py, what it was started with.
Doesn't know learners, lessons, HTTP, or what runs in a sandbox.
Standard library only: it runs as root, so it stays small enough to read.

    python -m lab_server.sandbox.spawner --config FILE      the file's fields are those of `Config`
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import struct
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lab_server.errors import BadInput, Conflict, LabError, NotFound, Refused, SandboxFailed, SpawnerGone
from lab_server.sandbox import rpc, usage
from lab_server.sandbox.contract import Driver, LastingDriver, MeasuringDriver
from lab_server.sandbox.registry import Registry, specs
from lab_server.sandbox.room import Room

SHORT = 0.2  # seconds before the next try where the host lacks something
Reply = tuple[dict[str, Any], tuple[int, ...]]


class Spawner:
    """Serves one unix socket until `stop`. `clients` are the uids that may ask, besides its own."""

    def __init__(
        self,
        driver: Driver,
        templates: Mapping[str, Mapping[str, Any]],
        clients: list[int],
        path: Path,
        *,
        reason: str = "",
        most: int = 500,
        disk: Path | None = None,
        warm: int = 0,
    ) -> None:
        self._driver, self._path, self._reason = driver, path, reason
        self._clients = {os.getuid(), *clients}
        self._sandboxes = Registry(driver, specs(templates), most, Room(disk), warm)
        self._most, self._disk = most, disk
        self._state, self._detail = "starting", f"Starting the {driver.name} driver."
        self._stopping = threading.Event()
        self._wake, self._woken = socket.socketpair()
        self._woken.setblocking(False)
        self._listener = self._listen()
        self._verbs: dict[str, Callable[..., Reply]] = {
            "info": self._info,
            "list": self._list,
            "create": self._create,
            "bind": self._bind,
            "destroy": self._destroy,
            "open": self._open,
            "resize": self._resize,
            "status": self._status,
            "hangup": self._hangup,
            "run": self._run,
            "freeze": self._freeze,
            "usage": self._usage,
        }

    # --- the socket ---

    def _listen(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if self._path.exists():
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as other:
                if other.connect_ex(str(self._path)) == 0:
                    raise Conflict(
                        f"Another spawner serves {self._path}.", "Stop it, or set LABS_DATA to another folder."
                    )
            self._path.unlink()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        listener.bind(str(self._path))
        # connecting is open to every local user, being answered is not: the kernel tells us who it is
        self._path.chmod(0o666)
        listener.listen(128)
        return listener

    def serve(self) -> None:
        """Answer until `stop` is called from another thread or a signal handler; then destroy every sandbox."""
        threading.Thread(target=self._start_driver, name="driver", daemon=True).start()
        poll = select.poll()
        for one in (self._listener, self._wake):
            poll.register(one, select.POLLIN)
        try:
            while not self._stopping.is_set():
                if any(fd == self._listener.fileno() for fd, _ in poll.poll()):
                    self._accept()
        finally:
            self._close()

    def _accept(self) -> None:
        """What lacks for one caller (descriptors, threads) ends neither the spawner nor a sandbox: whoever asks can ask again."""
        connection = None
        try:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()
        except (OSError, RuntimeError) as why:
            if connection:
                connection.close()
            print(f"spawner: nobody can be answered now: {why}", file=sys.stderr, flush=True)
            self._stopping.wait(SHORT)

    def stop(self) -> None:
        """May be called twice, also when it has stopped."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._woken.send(b"x")

    def stop_on(self, *signals: int) -> None:
        """Main thread only. One that comes just before the wait, or to another thread, ends the wait too."""
        signal.set_wakeup_fd(self._woken.fileno())
        for number in signals:
            signal.signal(number, lambda *_: self.stop())

    def _start_driver(self) -> None:
        try:
            self._driver.start()
            if isinstance(self._driver, LastingDriver):
                self._sandboxes.adopt(self._driver.survivors())
            self._state, self._detail = "ready", ""
            self._sandboxes.pool.start()
        except LabError as why:
            self._state, self._detail = "failed", str(why)
            print(f"spawner: the {self._driver.name} driver can't start: {why}", file=sys.stderr, flush=True)
        except Exception as why:
            self._state, self._detail = "failed", f"The {self._driver.name} driver broke: {why!r}."
            traceback.print_exc()

    def _close(self) -> None:
        self._listener.close()
        self._path.unlink(missing_ok=True)
        self._sandboxes.end_all()
        self._driver.close()
        self._wake.close()
        self._woken.close()

    def _answer(self, connection: socket.socket) -> None:
        fds: list[int] = []
        out: tuple[int, ...] = ()
        with connection:
            try:
                pid, uid, _ = struct.unpack(
                    "3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
                )
                connection.settimeout(10)
                if uid not in self._clients:
                    raise Refused(f"The user {uid} (process {pid}) may not ask the spawner for anything.")
                message, fds = rpc.receive(connection)
                request = rpc.check(message)
                verb = request.pop("verb")
                self._check_known(verb)
                if verb == "run":
                    request |= {"fds": tuple(fds), "connection": connection}
                reply, out = self._verbs[verb](**request)
                answer = {"ok": reply}
            except LabError as why:
                answer = rpc.failure(why)
            except Exception as why:
                traceback.print_exc()
                answer = rpc.failure(LabError(f"The spawner broke: {type(why).__name__}.", "Its log says more."))
            finally:
                rpc.close_all(fds)
            try:
                rpc.send(connection, answer, out)
            except (OSError, LabError):
                pass  # the asker is gone; what it asked for stands, and it can ask again
            finally:
                rpc.close_all(out)

    def _check_known(self, verb: str) -> None:
        """Raises SpawnerGone while a predecessor's sandboxes are being found: none of them must seem not to be there."""
        if (
            self._state == "starting"
            and isinstance(self._driver, LastingDriver)
            and verb not in ("info", "create", "bind")
        ):
            raise SpawnerGone("The sandboxes that were there are being looked for.", "Try again in a moment.")

    # --- the verbs ---

    def _info(self) -> Reply:
        detail = self._detail
        if self._state == "starting":
            detail = getattr(self._driver, "detail", "") or detail
        found: dict[str, Any] = {"driver": self._driver.name, "reason": self._reason, "detail": detail}
        found |= {"ready": self._state == "ready", "failed": self._state == "failed", "facts": {}, "capabilities": {}}
        if found["ready"]:
            found |= {"capabilities": asdict(self._driver.capabilities()), "facts": self._driver.describe()}
        return found | self._sandboxes.fullness(), ()

    def _list(self, after: str) -> Reply:
        """One that ended by itself stays in the list as `gone`, until it is destroyed."""
        reply = rpc.page(self._sandboxes.all(), after)
        gone = self._sandboxes.gone(entry["sandbox"] for entry in reply["sandboxes"])
        for entry in reply["sandboxes"]:
            if entry["sandbox"] in gone:
                entry["state"] = "gone"
        return reply, ()

    def _create(self, sandbox: str, template: str, labels: dict[str, str]) -> Reply:
        self._check_ready()
        return self._sandboxes.create(sandbox, template, labels), ()

    def _bind(self, sandbox: str, template: str, labels: dict[str, str]) -> Reply:
        self._check_ready()
        return self._sandboxes.bind(sandbox, template, labels) or {"sandbox": ""}, ()

    def _check_ready(self) -> None:
        if self._state != "ready":
            raise SandboxFailed(self._info()[0]["detail"], "" if self._state == "failed" else "Try again in a moment.")

    def _destroy(self, sandbox: str) -> Reply:
        self._sandboxes.end(sandbox)
        return {}, ()

    def _open(self, sandbox: str, session: str, columns: int, rows: int) -> Reply:
        name, terminal, ring = self._sandboxes.get(sandbox)[1].open(session, columns, rows)
        return {"terminal": name}, (terminal, ring)

    def _resize(self, sandbox: str, session: str, columns: int, rows: int) -> Reply:
        self._sandboxes.get(sandbox)[1].resize(session, columns, rows)
        return {}, ()

    def _status(self, sandbox: str, session: str) -> Reply:
        box, terminals = self._sandboxes.get(sandbox)
        alive, code = terminals.status(session)
        reason = ""
        if not alive:
            reason = "The shell ended." if box.alive() else "The sandbox ended."
        return {"alive": alive, "code": code, "reason": reason}, ()

    def _hangup(self, sandbox: str, session: str) -> Reply:
        self._sandboxes.get(sandbox)[1].hangup(session)
        return {}, ()

    def _run(self, sandbox: str, argv: list[str], fds: tuple[int, ...], connection: socket.socket) -> Reply:
        if len(fds) != 3:
            raise BadInput("The verb 'run' takes three descriptors: standard input, output and error.")
        box, terminals = self._sandboxes.get(sandbox)
        terminals.check_running()
        with contextlib.suppress(OSError):
            connection.settimeout(None)
        return {"code": box.run(argv, (fds[0], fds[1], fds[2]), connection.fileno())}, ()

    def _freeze(self, sandbox: str, on: bool) -> Reply:
        self._sandboxes.get(sandbox)[1].freeze(on)
        return {}, ()

    def _usage(self, sandboxes: list[str]) -> Reply:
        """What these sandboxes use, where the driver can tell, and what the host has left."""
        boxes: dict[str, str] = {}  # what the driver calls it → what the asker does
        for id in sandboxes:
            with contextlib.suppress(NotFound):
                boxes[self._sandboxes.get(id)[0].id] = id
        found: dict[str, usage.Figures] = {}
        if isinstance(self._driver, MeasuringDriver):
            found = {boxes[name]: figures for name, figures in self._driver.usage(list(boxes)).items()}
        return {"host": usage.of_host(self._disk), "most": self._most, "sandboxes": found}, ()


# --- as a process ---


@dataclass(frozen=True)
class Config:
    """The file `--config` names: JSON with these fields."""

    driver: str
    socket: Path
    images: Path
    guest: Path
    data: Path
    run: Path
    reason: str = ""
    clients: tuple[int, ...] = ()
    templates: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    most: int = 500
    warm: int = 0  # of them, ready before anybody wants them, at the most

    @classmethod
    def read(cls, file: Path) -> Config:
        """Raises BadInput naming the file and what is wrong with it."""
        try:
            given = json.loads(file.read_text())
            for name in ("socket", "images", "guest", "data", "run"):
                given[name] = Path(given[name])
            given["clients"] = tuple(given.get("clients", ()))
            return cls(**given)
        except (OSError, ValueError, KeyError, TypeError) as why:
            raise BadInput(f"The spawner's configuration {file} can't be used: {why}.") from None


def main(arguments: list[str] | None = None) -> int:
    import argparse
    import resource

    from lab_server.sandbox import drivers, syscalls
    from lab_server.sandbox.contract import DriverConfig

    parser = argparse.ArgumentParser(
        prog="python -m lab_server.sandbox.spawner", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE")
    parser.add_argument(
        "--die-with-parent", action="store_true", help="end when the process that started this one does"
    )
    options = parser.parse_args(arguments)
    try:
        config = Config.read(options.config)
        if os.getuid() == 0:
            syscalls.private_mounts()  # what a driver mounts is seen here only, and goes when this process goes
        syscalls.become_subreaper()
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)  # three or four a learner
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        os.umask(0o022)
        for path in (config.data, config.run):
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o711)
        driver = drivers.load(config.driver)(
            DriverConfig(config.images, config.guest, config.data, config.run, config.templates)
        )
        spawner = Spawner(
            driver,
            config.templates,
            list(config.clients),
            config.socket,
            reason=config.reason,
            most=config.most,
            disk=config.data,
            warm=config.warm,
        )
    except LabError as why:
        print(f"spawner: {why}", file=sys.stderr)
        return 1
    spawner.stop_on(signal.SIGTERM, signal.SIGINT)
    if options.die_with_parent:
        syscalls.die_with_parent(signal.SIGTERM)
    spawner.serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
