"""What is in the log, and what never is: nothing about a learner but an id, and no secret that a program held when it broke."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from lab_server.settings import ROOT
from lab_server.web.requests import shown
from tests.conftest import PATIENCE
from tests.shell import eventually
from tests.web.learner import Learner

BREAKS = """
import sys
from lab_server.web import faults, server
server.start_logs(sys.argv[1], "debug")
def answer(cookie):
    1 / 0
try:
    answer("".join(["only", "-a-", "local"]))
except ZeroDivisionError as why:
    faults.broken(why, "/api/me")
"""
WRITES = """
import asyncio, sys
from lab_server.store import learners
from lab_server.store.engine import Store
from lab_server.web import server
server.start_logs(sys.argv[1], "debug")
async def main():
    store = Store("sqlite:///" + sys.argv[2])
    async with store.write() as at:
        await learners.touch(at, "".join(["a", "-learner"]), 1)
    await store.close()
asyncio.run(main())
"""


def said(program: str, *words: str) -> str:
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize("kind", ["console", "json"])
def test_a_broken_answer_is_told_without_what_it_held(kind: str) -> None:
    log = said(BREAKS, kind)
    assert "request failed" in log and "/api/me" in log and "ZeroDivisionError" in log
    assert "only-a-local" not in log
    if kind == "json":
        assert [json.loads(line)["level"] for line in log.splitlines()] == ["error"]


@pytest.mark.parametrize("kind", ["console", "json"])
def test_what_learners_do_is_in_no_log(kind: str, tmp_path: Path) -> None:
    log = said(WRITES, kind, str(tmp_path / "course.sqlite3"))
    assert "a-learner" not in log and "INSERT" not in log


# --- lines that belong together ---


@dataclass
class Logged:
    """A course that is served as `labs serve` does, with its log: what web wrote, a JSON object a line."""

    origin: str
    lines: list[dict[str, Any]]

    def line(self, event: str, **fields: object) -> dict[str, Any]:
        """The one line of this event with these fields; waits for it."""

        def find() -> list[dict[str, Any]]:
            return [one for one in self.lines if one["event"] == event and fields.items() <= one.items()]

        eventually(find, f"{event} {fields}")
        (found,) = find()
        return found


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[Logged]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.web.serving", str(tmp_path / "data"), "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"LABS_LOG": "json", "LABS_LOG_LEVEL": "info"},
    )
    assert process.stdout and process.stderr
    made = Logged("", [])

    def follow(lines: Iterator[str]) -> None:
        made.lines.extend(
            json.loads(line) for line in lines
        )  # one that is no JSON ends this, and the test waits in vain

    threading.Thread(target=follow, args=(process.stderr,), daemon=True).start()
    try:
        for line in process.stdout:
            if line.startswith("ready: "):
                made.origin = line.removeprefix("ready: ").strip().rstrip("/")
                break
        assert made.origin
        yield made
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)


def test_lines_of_a_request_and_of_a_sandbox_are_found_by_their_ids(logged: Logged) -> None:
    server: Any = SimpleNamespace(origin=logged.origin)
    learner = Learner(server)
    lesson = learner.http.get("/api/lessons").json()[0]["id"]
    asked = learner.http.post("/api/sandboxes", json={"lesson": lesson}, headers={"X-Request-Id": "chosen-by-a-client"})
    id = learner.wait(asked.json()["id"])
    with learner.terminal(id) as terminal:
        assert terminal.socket.response is not None
        joined = terminal.socket.response.headers["x-request-id"]
        terminal.type("echo a-se''cret\n")
        terminal.until(b"a-secret")
    assert learner.http.delete(f"/api/sandboxes/{id}").status_code == 204

    request = asked.headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{16}", request)
    answered = logged.line("answered", request=request)
    assert (answered["method"], answered["route"], answered["status"]) == ("POST", "/api/sandboxes", "201")
    assert answered["level"] == "info" and 0 < answered["seconds"] < PATIENCE and answered["timestamp"]
    started = logged.line("sandbox started", sandbox=id)
    assert started["request"] == request and started["how"] == "ready" and started["lesson"] == lesson
    closed = logged.line("terminal closed", request=joined)
    assert (closed["sandbox"], closed["session"], closed["code"]) == (id, "host", 1000)
    assert logged.line("answered", method="DELETE")["sandbox"] == id
    everything = json.dumps(logged.lines)
    for hidden in (
        "chosen-by-a-client",
        learner.id,
        learner.cookie.partition("=")[2],
        "127.0.0.1",
        "a-secret",
        "cols=",
    ):
        assert hidden not in everything


def test_a_path_is_logged_without_its_query_and_can_not_forge_lines(logged: Logged) -> None:
    httpx.get(f"{logged.origin}/none%0a%1b%5b2J?word=in-the-query")
    line = logged.line("answered", route="site")
    assert line["path"] == "/none%0A%1B%5B2J" and line["status"] == "404"
    assert "in-the-query" not in json.dumps(logged.lines)
    assert len(shown("/" + "é" * 1000)) <= 200


def test_a_class_code_in_a_path_is_not_logged(logged: Logged) -> None:
    for path in ("/api/join/234567891", "/api/join/234567891/more", "/join/234-567-891"):
        httpx.get(f"{logged.origin}{path}")
    assert logged.line("answered", route="/api/join/{code}")["status"] == "404"
    assert logged.line("answered", route="none")
    assert logged.line("answered", route="site")["path"] == "/join/..."
    assert "234" not in "".join(
        str(line.get(field, "")) for line in logged.lines for field in ("path", "route", "event")
    )


def test_every_answer_has_an_id_of_its_own(logged: Logged) -> None:
    with httpx.Client(base_url=logged.origin) as client:  # one connection
        ids = [client.get(path).headers["x-request-id"] for path in ("/", "/", "/healthz", "/api/none", "/metrics")]
    assert len(set(ids)) == len(ids)
