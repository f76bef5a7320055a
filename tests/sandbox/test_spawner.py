"""The spawner's socket while its driver is not ready yet. What a ready one answers is the contract's (tests/contract)."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from lab_server.errors import SpawnerGone
from lab_server.sandbox.client import SpawnerClient
from lab_server.sandbox.spawner import Spawner
from tests.fakes import PtyDriver, SearchingDriver
from tests.shell import eventually


def test_sandboxes_of_a_predecessor_never_seem_gone_while_they_are_looked_for(tmp_path: Path):
    driver = SearchingDriver()
    spawner = Spawner(driver, {}, [], tmp_path / "socket")
    serving = threading.Thread(target=spawner.serve)
    serving.start()
    try:
        client = SpawnerClient(tmp_path / "socket")
        asked: tuple[Callable[[], object], ...] = (
            client.list,
            lambda: client.status("survivor", "host"),
            lambda: client.open("survivor", "host", 80, 24),
            lambda: client.destroy("survivor"),
        )
        for ask in asked:
            with pytest.raises(SpawnerGone, match="being looked for"):
                ask()
        assert not client.info()["ready"]
        driver.go.set()
        assert eventually(lambda: client.info()["ready"])
        assert [found["sandbox"] for found in client.list()] == ["survivor"]
    finally:
        driver.go.set()
        spawner.stop()
        serving.join()


def test_stopping_it_twice_and_late_is_nothing(tmp_path: Path):
    spawner = Spawner(PtyDriver(), {}, [], tmp_path / "socket")
    serving = threading.Thread(target=spawner.serve)
    serving.start()
    assert eventually(lambda: SpawnerClient(tmp_path / "socket").info()["ready"])
    spawner.stop()
    spawner.stop()
    serving.join()
    spawner.stop()


def test_callers_it_lacks_the_descriptors_for_end_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """accept(2) says EMFILE: as many learners as there are descriptors must not cost each of them their sandbox."""
    driver = PtyDriver()
    spawner = Spawner(driver, {}, [], tmp_path / "socket")
    client = SpawnerClient(tmp_path / "socket")
    lacking = [OSError(errno.EMFILE, "Too many open files")] * 3
    serving = threading.Thread(target=spawner.serve)

    class Scarce(socket.socket):
        def accept(self):
            if lacking:
                raise lacking.pop()
            return super().accept()

    listener = spawner._listener
    monkeypatch.setattr(spawner, "_listener", Scarce(fileno=listener.detach()))
    serving.start()
    try:
        client.create("k3x9abcd", "default", {})
        assert not lacking and not driver.sandboxes["k3x9abcd"].gone
    finally:
        spawner.stop()
        serving.join()
