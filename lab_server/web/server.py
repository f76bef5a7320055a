"""The application on a socket: uvicorn as this project wants it, and log lines.

Knows uvicorn, structlog and the inherited listening socket. Doesn't know routes or privileges (privileges.py came before).
"""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import socket
import sys
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lab_server.lessons import catalog
from lab_server.sandbox.client import SpawnerClient
from lab_server.settings import ROOT, Settings
from lab_server.store import lock
from lab_server.web import protocol
from lab_server.web.app import create_app
from lab_server.web.takeover import Yielding

REQUEST_WITHIN = 15.0  # seconds from a connection's first byte, or from its opening, to the end of a request's head
STOP_WITHIN = 3  # seconds for answers under way when the server stops


class Patient(HttpToolsProtocol):
    """HTTP with an end to its patience: a connection that doesn't get its request's head over is closed."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect()

    def on_message_begin(self) -> None:
        self._expect()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._here()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._here()
        super().connection_lost(exc)

    def _expect(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(REQUEST_WITHIN, self.transport.close)

    def _here(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def configuration(app: Any, takeover: bool = True) -> uvicorn.Config:
    """Measured to be the fastest and tightest (per-message-deflate costs half the throughput); no access log, no names.

    Without `takeover` terminals go by plain ASGI, as they do on any other server.
    """
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=Patient,
        ws=Yielding if takeover else "websockets-sansio",
        ws_max_size=protocol.MAX_FRAME,
        ws_per_message_deflate=False,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=STOP_WITHIN,
        lifespan="on",
    )


def _calm(record: logging.LogRecord) -> bool:
    """What a client did wrong is one line, without our call stack."""
    if record.exc_info and isinstance(record.exc_info, tuple) and isinstance(record.exc_info[1], UnicodeDecodeError):
        record.exc_info = None
    return True


def start_logs(kind: str, level: str) -> None:
    """Log lines to standard error: for a person (`console`) or a machine (`json`)."""
    number = getattr(logging, level.upper())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,  # request, sandbox, session
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if kind == "json"
        # plain: the pretty one shows local variables, and with them cookies and passwords
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    errors: list[structlog.typing.Processor] = [structlog.processors.format_exc_info] if kind == "json" else []
    structlog.configure(
        processors=[*shared, *errors, last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_calm)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *errors, last],
        )
    )
    logging.basicConfig(handlers=[handler], level=number, force=True)
    logging.getLogger("uvicorn.error").setLevel(
        max(number, logging.WARNING)
    )  # its info lines have query strings in them
    logging.getLogger("aiosqlite").setLevel(max(number, logging.INFO))  # its debug lines have what learners did in them


def serve(settings: Settings, listener: socket.socket, root: Path = ROOT) -> None:
    """Serve on `listener` until SIGTERM or SIGINT. Raises CatalogError, Missing, and Conflict while a backup is being restored."""
    start_logs(settings.log, settings.log_level)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    courses = catalog.load(root)
    with lock.shared(settings.web_data):
        app = create_app(settings, courses, SpawnerClient(settings.socket))
        # What is here now stays. Without this the collector waits until a quarter as much again is new, garbage or not, and
        # then looks through all of it while every terminal waits.
        gc.collect()
        gc.freeze()
        uvicorn.Server(configuration(app)).run(sockets=[listener])
