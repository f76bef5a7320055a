"""`labs serve`, joined: the port first, then what must be built, then the processes; and an author's watcher beside them.

Knows the order. Doesn't know how anything of it is done.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from rich.console import Console

from lab_server import builds, listening
from lab_server.lessons import catalog
from lab_server.sandbox import host as hosts
from lab_server.settings import Settings
from lab_server.supervise import Supervisor
from lab_server.waiting import WaitingRoom
from lab_server.watching import Watcher

Tell = Callable[[str], None]


def serve(root: Path, settings: Settings, console: Console, tell: Tell, *, install: bool, watch: bool) -> None:
    """Until SIGTERM or SIGINT. Raises Conflict or Refused for the port, CatalogError, and what builds and drivers raise."""
    listener = listening.listen(settings.host, settings.port)
    choice = hosts.choose(settings.driver)
    tell(f"Driver: {choice.driver} ({choice.reason})")
    templates = catalog.templates(catalog.load(root))
    with closing(WaitingRoom(listener)) as waiting:

        def hear(line: str) -> None:
            waiting.now = line

        builds.prepare(root, settings.data, choice.driver, console, install=install, watching=watch, hear=hear)
    supervisor = Supervisor(settings, listener, choice.driver, choice.reason, tell, templates)
    with ExitStack() as stack:
        if watch:

            def rebuild() -> None:
                builds.site(root, settings.data, watching=True).build(lambda fraction, text: None)

            stack.enter_context(closing(Watcher(root, settings, rebuild, supervisor.renew_web, tell)))
        supervisor.run()
