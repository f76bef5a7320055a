"""One of the two services of `labs serve` by itself, in the foreground: what a container runs.

Knows in which order each gets what it needs, and how it becomes it. Doesn't know what it does then, and builds nothing.
The web server writes below its own folder (`web_data`) and nowhere else; the spawner may come later, or go and come again.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from lab_server import builds, health, listening, privileges, supervise
from lab_server.build import needs
from lab_server.errors import HostFull, LabError, Missing, Refused
from lab_server.lessons import catalog
from lab_server.sandbox import host as hosts
from lab_server.sandbox.client import SpawnerClient
from lab_server.settings import Settings

Tell = Callable[[str], None]


def web(root: Path, settings: Settings, tell: Tell) -> None:
    """The web server, until SIGTERM or SIGINT. Raises Missing, HostFull, Refused, Conflict, and what a catalogue raises."""
    from lab_server.web import server

    if not (settings.site / "index.html").is_file():
        raise Missing(f"The site is not built in {settings.site}.", "Build it: labs build --only site.")
    listener = listening.listen(settings.host, settings.port)
    privileges.go_first()
    os.umask(0o077)
    if os.geteuid() == 0:
        _give_up_root(root, settings)
    else:
        _own_folder(settings)
    privileges.no_new()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _ended)  # before and after the server has its own
    tell(f"Open: {listening.address(settings, listener)} (as user {os.getuid()})")
    server.serve(settings.model_copy(update={"port": listener.getsockname()[1]}), listener, root)


def _ended(number: int, frame: object) -> None:
    raise SystemExit(0)


def _give_up_root(root: Path, settings: Settings) -> None:
    owner = privileges.choose_user(settings.web_user)
    try:
        supervise.own_web_data(settings, owner)
        privileges.drop(*owner, [root, settings.site, settings.socket.parent, settings.web_data])
    except PermissionError as why:
        raise Refused(
            f"The web server was started as root and can't stop being it ({why.strerror}).",
            'Start it as another user; in a container: user: "10001".',
        ) from None
    except OSError as why:
        raise _no_folder(settings, why) from None


def _own_folder(settings: Settings) -> None:
    try:
        settings.web_data.mkdir(parents=True, exist_ok=True)
        if settings.web_data.stat().st_uid == os.geteuid():
            settings.web_data.chmod(0o700)
    except OSError as why:
        raise _no_folder(settings, why) from None
    if not os.access(settings.web_data, os.R_OK | os.W_OK | os.X_OK):
        raise HostFull(
            f"The folder {settings.web_data} can't be written by user {os.geteuid()}.",
            f"Give it to that user: chown -R {os.geteuid()} {settings.web_data}",
        )


def _no_folder(settings: Settings, why: OSError) -> HostFull:
    return HostFull(
        f"The web server's folder {settings.web_data} can't be had: {why.strerror}.",
        "It must be there or be made, and the web server's user must be able to write in it.",
    )


def spawner(root: Path, settings: Settings, tell: Tell) -> None:
    """Becomes the spawner; doesn't return. Raises BadInput, BuildFailed, Missing, DriverUnavailable, HostFull, CatalogError."""
    choice = hosts.choose(settings.driver)
    templates = catalog.templates(catalog.load(root))
    builds.check(settings.data, choice.driver)
    needs.require([choice.driver] if choice.driver in needs.NEEDS else [])
    named = os.geteuid() == 0 or settings.web_user != "auto"
    clients = [privileges.choose_user(settings.web_user)[0]] if named else []
    run = settings.socket.parent
    config = supervise.spawner_config(settings, choice.driver, choice.reason, clients, templates, run)
    try:
        run.mkdir(parents=True, exist_ok=True)
        run.chmod(0o711)
        argv = supervise.spawner_argv(supervise.write_private(run / "spawner.json", json.dumps(config)))
    except OSError as why:
        raise HostFull(
            f"The spawner's folder {run} can't be written: {why.strerror}.", "It is the folder `run` in LABS_DATA."
        ) from None
    tell(f"Driver: {choice.driver} ({choice.reason})")
    tell(f"Socket: {settings.socket}, for user {', '.join(map(str, clients)) or os.geteuid()}")
    if os.getpid() == 1:
        argv = [sys.executable, "-P", "-m", "lab_server.sandbox.reaper", *argv]
    # a new program: what runs as root from here on is the standard library and lab_server/sandbox, nothing else
    os.execv(argv[0], argv)


def ask(settings: Settings, *, ready: bool, of_spawner: bool) -> str:
    """How the web server is, or the spawner, in a line. Raises Unwell."""
    if of_spawner:
        return health.spawner(SpawnerClient(settings.socket))
    if settings.port == 0:
        raise LabError("The web server's port is not known.", "Set LABS_PORT to the one it listens on.")
    return health.web(settings.host, settings.port, ready=ready)
