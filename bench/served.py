"""The course as it is served, on a free loopback port: the web process and a spawner process, for a measurement of its own.

Knows how both are started and stopped. Doesn't know what is measured. The driver is one of the product's, or `pty`: the tests' plain
PTY, which has no sandbox's cost and no sandbox's walls.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import spawners
from lab_server import supervise
from lab_server.lessons import catalog
from lab_server.sandbox.client import SpawnerClient
from lab_server.settings import ROOT, load

WITHIN = 60.0  # seconds


@dataclass
class Served:
    port: int
    lesson: str  # its id; /<id>/ is its page
    session: str
    client: SpawnerClient
    web: int  # pids
    spawner: int
    database: str


@contextlib.contextmanager
def served(driver: str, **given: Any) -> Iterator[Served]:
    """`given`: settings. Raises LabError when it can't get ready."""
    with spawners.folder() as place, contextlib.ExitStack() as held:
        site = load().site
        if (site / "index.html").is_file():
            (place / "site").symlink_to(site)
        else:
            (place / "site").mkdir()
            (place / "site" / "index.html").write_text("<title>course</title>")
        settings = load(data=place, sockets=1000, address_sockets=20000, **given)
        settings.web_data.mkdir()
        settings.socket.parent.mkdir()
        course = catalog.load(ROOT)
        log = held.enter_context((place / "server.log").open("ab"))
        spawner = held.enter_context(_spawner(driver, settings, catalog.templates(course)))
        with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
            port = int(listener.getsockname()[1])
            file = supervise.write_private(
                place / "web.json", settings.model_copy(update={"port": port}).model_dump_json()
            )
            argv = [sys.executable, "-P", "-m", "lab_server.web", "--settings", str(file)]
            argv += ["--parent", str(os.getpid()), "--listener", str(listener.fileno())]
            web = subprocess.Popen(
                argv, cwd=ROOT, stdout=log, stderr=log, pass_fds=(listener.fileno(),), start_new_session=True
            )
        held.callback(_stop, web)
        _wait(port, place / "server.log")
        lesson = next(one for one in course.lessons if one.template == "default")
        yield Served(
            port, lesson.id, lesson.sessions[0], SpawnerClient(settings.socket), web.pid, spawner, settings.database_url
        )


@contextlib.contextmanager
def _spawner(driver: str, settings: Any, templates: dict[str, Any]) -> Iterator[int]:
    run = settings.socket.parent
    config = supervise.spawner_config(settings, driver, "it is measured", [os.getuid()], templates, run)
    child = supervise.spawner_child(supervise.write_private(run / "spawner.json", json.dumps(config)))
    if driver == "pty":
        child.argv = [word for word in child.argv if word != "-P"]  # bench and tests are in the folder we run in
        child.argv[child.argv.index("lab_server.sandbox.spawner")] = "bench.servers.any_spawner"
    child.start()
    try:
        supervise.wait_ready(SpawnerClient(settings.socket), child, lambda line: None, WITHIN)
        assert child.process
        yield child.process.pid
    finally:
        child.stop(supervise.SPAWNER_STOP)


def _wait(port: int, log: Path) -> None:
    until = time.monotonic() + WITHIN
    while time.monotonic() < until:
        with contextlib.suppress(OSError), contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as asking:
            asking.request("GET", "/readyz")
            if asking.getresponse().status == 200:
                return
        time.sleep(0.05)
    raise RuntimeError(f"the server did not get ready: {log.read_text(errors='replace')[-500:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
