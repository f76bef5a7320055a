"""A spawner process of a measurement's own, with a real driver, on images that are built already.

Knows how it is configured and stopped. Doesn't know what is measured with it. Built things are shared with LABS_DATA by
symbolic links; what it keeps is in a folder of its own there, so that a server which runs meanwhile is left alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.process import memory_kib
from lab_server import supervise
from lab_server.errors import Missing
from lab_server.sandbox.client import SpawnerClient
from lab_server.settings import load

BUILT = ("images", "guest")
WITHIN = 180.0  # seconds


@dataclass
class Running:
    client: SpawnerClient
    pid: int
    place: Path
    ready_after: float  # seconds from the start of the process

    def run(self, sandbox: str, *argv: str) -> str:
        """What one command prints; its errors too."""
        with tempfile.TemporaryFile() as out:
            self.client.run(sandbox, argv, (os.open(os.devnull, os.O_RDONLY), out.fileno(), out.fileno()))
            out.seek(0)
            return out.read().decode(errors="replace")

    def memory_kib(self) -> int:
        return memory_kib([self.pid])


def require(*paths: str) -> None:
    """Raises Missing for what of LABS_DATA is not built."""
    data = load().data
    for path in paths:
        if not (data / path).exists():
            raise Missing(f"{data / path} is not built.", "Run labs build, or scripts/serve once.")


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A data folder with images and guest in it and nothing kept; removed at the end."""
    data = load().data
    data.mkdir(parents=True, exist_ok=True)
    # below LABS_DATA: an overlay's upper layer can't be on every kind of /tmp
    place = Path(tempfile.mkdtemp(prefix="bench-", dir=data))
    place.chmod(0o711)
    try:
        for name in BUILT:
            if (data / name).exists():
                (place / name).symlink_to(data / name)
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def spawner(driver: str) -> Iterator[Running]:
    """Raises LabError when the driver can't get ready."""
    with folder() as place:
        settings = load(data=place, warm=0)
        run = settings.socket.parent
        run.mkdir(parents=True)
        config = supervise.spawner_config(settings, driver, "it is measured", [], {}, run)
        child = supervise.spawner_child(supervise.write_private(run / "spawner.json", json.dumps(config)))
        begun = time.monotonic()
        child.start()
        try:
            client = SpawnerClient(settings.socket, timeout=120)
            supervise.wait_ready(client, child, lambda line: None, WITHIN)
            assert child.process
            yield Running(client, child.process.pid, place, time.monotonic() - begun)
        finally:
            child.stop(supervise.SPAWNER_STOP)
