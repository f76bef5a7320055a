"""`labs web`, `labs spawner`, `labs health`: the two services by themselves, and how they are.

Knows options. Doesn't know how a service is started (lab_server/services.py).
"""

from __future__ import annotations

from typing import Annotated

import typer

from lab_server import settings
from lab_server.commands import common
from lab_server.commands.common import Data, Driver, Host, Port, tell


def web(host: Host = None, port: Port = None, data: Data = None) -> None:
    """Run only the web server, in the foreground: for a container. Nothing is built; a sandbox needs `labs spawner` beside it.

    It may start as any user, and writes in the folder `web` of LABS_DATA only; started as root it becomes LABS_WEB_USER. SIGTERM ends
    it with exit status 0. Until the spawner is there pages can be read, and /readyz says why no sandbox can be had.
    """
    from lab_server import services

    services.web(common.ROOT, settings.load(host=host, port=port, data=data), tell)


def spawner(driver: Driver = None, data: Data = None) -> None:
    """Run only the spawner, in the foreground: for a container. It makes sandboxes for the user LABS_WEB_USER, and for its own.

    Its socket is `run/spawner.sock` in LABS_DATA. The learner's machine must be built (`labs build --only machine`). SIGTERM ends it
    with exit status 0 and leaves no sandbox behind; it can be the first process of a container.
    """
    from lab_server import services

    services.spawner(common.ROOT, settings.load(driver=driver, data=data), tell)


def health(
    host: Host = None,
    port: Port = None,
    data: Data = None,
    ready: Annotated[bool, typer.Option("--ready", help="Ask whether a sandbox can be had, too.")] = False,
    spawner: Annotated[bool, typer.Option("--spawner", help="Ask the spawner, by its socket.")] = False,
) -> None:
    """Ask the web server of this machine whether it answers: one line, exit status 0 or 1. For a container's health check."""
    from lab_server import services

    tell(services.ask(settings.load(host=host, port=port, data=data), ready=ready, of_spawner=spawner))
