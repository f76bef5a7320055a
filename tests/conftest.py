"""What tests of several folders share. Knows the real spawner and the real web server, both in this process."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn

from lab_server.lessons.catalog import Catalog, Lesson
from lab_server.sandbox.client import SpawnerClient
from lab_server.sandbox.spawner import Spawner
from lab_server.settings import Settings
from lab_server.web.app import create_app
from lab_server.web.server import configuration
from tests.fakes import PtyDriver

PATIENCE = 30.0  # seconds; how long a test waits for what must happen
LESSON = "concepts/01-test"


def eventually(ask: Callable[[], object], what: str = "", within: float = PATIENCE) -> object:
    """Ask until the answer is true; it is returned. AssertionError when it isn't in time."""
    until = time.monotonic() + within
    while not (answer := ask()):
        assert time.monotonic() < until, f"not within {within:.0f} s: {what or ask}"
        time.sleep(0.01)
    return answer


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
    port: int = 0
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
        app = create_app(settings, catalog(), SpawnerClient(settings.socket))
        self._web = uvicorn.Server(configuration(app))
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
    """Starts servers: make_server(driver=…, any setting=…)."""
    made: list[Server] = []

    def make(driver: PtyDriver | None = None, **given: object) -> Server:
        driver = driver or PtyDriver()
        data = tmp_path / f"data{len(made)}"
        settings = Settings(data=data, **given)  # type: ignore[arg-type]
        settings.web_data.mkdir(parents=True)
        settings.site.mkdir()
        (settings.site / "index.html").write_text("<title>course</title>")
        spawner = Spawner(driver, {}, [], settings.socket, reason="it is a test")
        spawning = threading.Thread(target=spawner.serve, daemon=True)
        spawning.start()
        server = Server(settings, driver, spawner, spawning)
        made.append(server)
        server.start_web()
        return server

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def server(make_server: Make) -> Server:
    return make_server()
