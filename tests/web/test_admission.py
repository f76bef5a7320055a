"""Joining a course that is busy: the line as the API tells it, those who leave it, warm sandboxes, and a refusal in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from lab_server.sandbox.contract import SandboxSpec
from lab_server.web import service
from lab_server.web.api import sandboxes
from tests.conftest import LESSON, PATIENCE, Make, Server
from tests.fakes import PtyDriver, PtySandbox
from tests.shell import eventually
from tests.web.learner import Learner


class TurnstileDriver(PtyDriver):
    """Makes one sandbox for each `let`."""

    name = "turnstile"

    def __init__(self) -> None:
        super().__init__()
        self.turns = threading.Semaphore(0)

    def let(self, count: int = 1) -> None:
        for _ in range(count):
            self.turns.release()

    def create(self, id: str, spec: SandboxSpec, labels: Any) -> PtySandbox:
        self.turns.acquire()
        return super().create(id, spec, labels)


def ask(learner: Learner) -> dict[str, Any]:
    answer = learner.http.post("/api/sandboxes", json={"lesson": LESSON})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def look(learner: Learner, id: str) -> dict[str, Any]:
    return dict(learner.http.get(f"/api/sandboxes/{id}").json())


def crowd(server: Server, count: int) -> list[tuple[Learner, str]]:
    """So many who came one after the other; those after the first CREATES stand in line."""
    found = []
    for _ in range(count):
        learner = Learner(server)
        found.append((learner, ask(learner)["id"]))
    return found


def places(them: list[tuple[Learner, str]]) -> list[int | None]:
    return [look(*one)["place"] for one in them]


def test_everybody_has_one_place_and_it_goes_forward(make_server: Make) -> None:
    driver = TurnstileDriver()
    try:
        them = crowd(make_server(driver), service.CREATES + 3)
        inside = [None] * service.CREATES
        assert places(them) == [*inside, 1, 2, 3]
        last = look(*them[-1])
        assert (last["state"], last["wait"], last["detail"]) == ("starting", None, "You are in line for a sandbox.")
        them[-1][0].http.post("/api/sandboxes", json={"lesson": LESSON})  # asking again is no second place
        assert places(them)[-3:] == [1, 2, 3]
        driver.let()
        eventually(lambda: places(them)[-3:] == [None, 1, 2])
        assert look(*them[-1])["wait"] > 0
        assert look(*them[-1])["wait"] > look(*them[-2])["wait"]
    finally:
        driver.let(99)
    for learner, id in them:
        learner.wait(id)
        assert look(learner, id)["place"] is None and look(learner, id)["wait"] is None
    assert sorted(driver.created) == sorted(id for _, id in them)  # each once


def test_who_ends_it_while_waiting_frees_the_place(make_server: Make) -> None:
    driver = TurnstileDriver()
    try:
        them = crowd(make_server(driver), service.CREATES + 2)
        learner, id = them[-2]
        assert learner.http.delete(f"/api/sandboxes/{id}").status_code == 204
        assert places(them[-1:]) == [1]
    finally:
        driver.let(99)
    them[-1][0].wait(them[-1][1])
    assert id not in driver.created


def test_who_resets_while_waiting_goes_to_the_end(make_server: Make) -> None:
    driver = TurnstileDriver()
    try:
        them = crowd(make_server(driver), service.CREATES + 2)
        learner, id = them[-2]
        assert learner.http.post(f"/api/sandboxes/{id}/reset").status_code == 200
        eventually(lambda: places(them)[-2:] == [2, 1])
    finally:
        driver.let(99)
    for learner, id in them:
        learner.wait(id)


def test_a_long_line_is_no_failure_to_start(make_server: Make, monkeypatch: Any) -> None:
    server = make_server()
    learner, other = Learner(server), Learner(server)
    monkeypatch.setattr("lab_server.web.sessions.START_WITHIN", 0.3)
    assert server.app
    queue = server.app.state.parts.service.queue
    free, queue._free = queue._free, 0  # as if others had their turn
    begun, id = time.monotonic(), ask(learner)["id"]
    eventually(lambda: time.monotonic() > begun + 1.0)
    assert (look(learner, id)["state"], look(learner, id)["place"]) == ("starting", 1)
    queue._free = free
    ask(other)  # who comes next moves the line on
    learner.wait(id)


def test_a_warm_one_is_there_with_the_first_answer(make_server: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandboxes, "AT_ONCE", PATIENCE)  # on a busy machine a moment may be long
    driver = PtyDriver()
    server = make_server(driver, warm=2)
    learner = Learner(server)
    eventually(lambda: learner.server.spawner._sandboxes.pool.count() == 1)
    (ready,) = driver.created
    answer = ask(learner)
    assert answer["state"] == "ready" and answer["id"] != ready
    with learner.terminal(answer["id"]) as terminal:
        terminal.until(b"$ ")
        terminal.type("pwd\r")
        terminal.until(driver.sandboxes[ready].home.name.encode())


def test_a_warm_one_passes_no_one_who_waits(make_server: Make) -> None:
    driver = TurnstileDriver()
    server = make_server(driver, warm=1)
    pool = server.spawner._sandboxes.pool
    try:
        driver.let()
        eventually(lambda: pool.count() == 1)
        first = Learner(server)
        assert ask(first)["state"] == "ready"
        them = crowd(server, service.CREATES + 2)
        driver.let()
        eventually(lambda: len([place for place in places(them) if place]) < 2)
    finally:
        driver.let(99)
    for learner, id in them:
        learner.wait(id)


def refused(learner: Learner, told: Callable[[str], bool]) -> bool:
    answer = learner.http.post("/api/sandboxes", json={"lesson": LESSON})
    if answer.status_code != 503:
        return False
    error = answer.json()["error"]
    assert error["code"] == "host-full" and answer.headers["retry-after"] == "30"
    assert "try again" in error["remedy"]
    return told(error["message"])


def test_a_full_host_says_so_at_once_and_keeps_those_inside(make_server: Make) -> None:
    server = make_server(sandboxes=2)
    them = crowd(server, 2)
    for learner, id in them:
        learner.wait(id)
    late = Learner(server)
    eventually(lambda: refused(late, lambda words: "All 2 sandboxes" in words))
    assert late.http.get("/api/me").json()["sandbox"] is None  # no place, and nothing to clear away
    assert [ask_again(learner) for learner, _ in them] == [200, 200]
    learner, id = them[0]
    with learner.terminal(id) as terminal:
        terminal.until(b"$ ")
    assert learner.http.delete(f"/api/sandboxes/{id}").status_code == 204
    eventually(lambda: late.http.post("/api/sandboxes", json={"lesson": LESSON}).status_code == 201)


def ask_again(learner: Learner) -> int:
    return learner.http.post("/api/sandboxes", json={"lesson": LESSON}).status_code


def test_the_line_is_no_longer_than_there_are_sandboxes(make_server: Make) -> None:
    driver = TurnstileDriver()
    server = make_server(driver, sandboxes=service.CREATES + 2)
    try:
        crowd(server, service.CREATES + 2)
        late = Learner(server)
        eventually(lambda: refused(late, lambda words: "promised to those in line" in words))
    finally:
        driver.let(99)


def test_a_host_without_memory_refuses_newcomers_only(make_server: Make, monkeypatch: Any) -> None:
    server = make_server()
    inside = Learner(server)
    id = inside.start()
    monkeypatch.setattr("lab_server.sandbox.room.SPARE_MEMORY", 1 << 60)
    late = Learner(server)
    eventually(lambda: refused(late, lambda words: "memory" in words))
    with inside.terminal(id) as terminal:
        terminal.until(b"$ ")
        terminal.type("echo st''ill\r")
        terminal.until(b"still")


def test_a_list_longer_than_a_message_comes_whole(make_server: Make) -> None:
    server = make_server()
    client = server.spawner._sandboxes
    labels = {f"label-{n}": "x" * 120 for n in range(8)}
    for n in range(120):
        client.create(f"many{n:08}", "default", labels)
    from lab_server.sandbox.client import SpawnerClient

    listed = SpawnerClient(server.settings.socket).list()
    assert [one["sandbox"] for one in listed] == [f"many{n:08}" for n in range(120)]
