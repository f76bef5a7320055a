"""What tests of several folders share. Knows the real spawner and the real web server, both in this process."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog
import uvicorn
from fastapi import FastAPI

from lab_server.lessons.catalog import Catalog, Lesson
from lab_server.sandbox.client import SpawnerClient
from lab_server.sandbox.spawner import Spawner
from lab_server.settings import Settings
from lab_server.web.app import create_app
from lab_server.web.clock import Clock
from lab_server.web.server import configuration
from tests.fakes import PtyDriver
from tests.shell import eventually

# log lines as the product's default has them, so that a test's output is the test's
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # what a script runs in its background ignores it, and so would each shell of a test, whatever Ctrl-C is typed there
    signal.signal(signal.SIGINT, signal.default_int_handler)

PATIENCE = 30.0  # seconds; how long a test waits for what must happen
LESSON = "concepts/01-test"


def catalog() -> Catalog:
    lesson = Lesson(
        id=LESSON,
        title="A test",
        url=f"/{LESSON}/",
        module="concepts",
        level="beginner",
        minutes=5,
        sessions=("host", "watch"),
        limits={},
        needs=(),
        blocks=(),
        quizzes=(),
        template="default",
    )
    return Catalog((lesson,))


@dataclass
class Server:
    """A web server on a free loopback port with a spawner of its own. `stop_web` and `start_web` leave the spawner be."""

    settings: Settings
    driver: PtyDriver
    spawner: Spawner
    _spawning: threading.Thread
    course: Catalog = field(default_factory=catalog)
    takeover: bool = True  # False: terminals by plain ASGI
    clock: Clock = field(default_factory=Clock)
    port: int = 0
    app: FastAPI | None = None
    _web: uvicorn.Server | None = None
    _serving: threading.Thread | None = None
    _listener: socket.socket | None = field(default=None)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start_web(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        settings = self.settings.model_copy(update={"port": self.port})
        self.app = create_app(settings, self.course, SpawnerClient(settings.socket), self.clock)
        self._web = uvicorn.Server(configuration(self.app, self.takeover))
        # signal handlers are for the main thread, which is the test's
        self._web.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
        self._serving = threading.Thread(target=self._web.run, args=([self._listener],), daemon=True)
        self._serving.start()
        web = self._web
        eventually(lambda: web.started, "the web server starts")

    def stop_web(self) -> None:
        if self._web and self._serving:
            self._web.should_exit = True
            self._serving.join(PATIENCE)
            assert not self._serving.is_alive(), "the web server did not stop"
            self._web = None

    def stop(self) -> None:
        self.stop_web()
        if (go := getattr(self.driver, "go", None)) is not None:
            go.set()
        with contextlib.suppress(OSError):  # stopped by the test itself
            self.spawner.stop()
        self._spawning.join(PATIENCE)
        assert not self._spawning.is_alive(), "the spawner did not stop"


Make = Callable[..., Server]


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Make]:
    """Starts servers: make_server(driver=…, course=…, takeover=…, clock=…, any setting=…)."""
    made: list[Server] = []

    def make(
        driver: PtyDriver | None = None,
        course: Catalog | None = None,
        takeover: bool = True,
        clock: Clock | None = None,
        **given: object,
    ) -> Server:
        driver = driver or PtyDriver()
        data = tmp_path / f"data{len(made)}"
        settings = Settings(data=data, **given)  # type: ignore[arg-type]
        settings.web_data.mkdir(parents=True)
        settings.site.mkdir()
        (settings.site / "index.html").write_text("<title>course</title>")
        held: dict[str, Any] = {"most": settings.sandboxes, "warm": given.get("warm", 0)}
        spawner = Spawner(driver, {}, [], settings.socket, reason="it is a test", **held)
        spawning = threading.Thread(target=spawner.serve, daemon=True)
        spawning.start()
        server = Server(settings, driver, spawner, spawning, course or catalog(), takeover, clock or Clock())
        made.append(server)
        server.start_web()
        return server

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def server(make_server: Make) -> Server:
    return make_server()
