"""Processes that are killed: web, the spawner, everything at once, and a sandbox's own."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.compose.learner import Learner
from tests.compose.lines import undisturbed
from tests.compose.page import Page
from tests.compose.stack import Failed
from tests.faults import hosting
from tests.faults.conftest import LONG, Serve, Tell
from tests.shell import eventually
from tests.web.processes import SPAWNER, WEB, Serving

BACK_WITHIN = 5.0  # seconds; a figure, and no condition
TIMES = 3 if LONG else 1
LINES = 90_000  # of a command's output; in bytes less than what a replay ring keeps


def test_web_killed_under_one_who_types(serve: Serve, driver: str, lesson: str, figure: Tell) -> None:
    serving = serve(driver)
    learner = Learner(serving.origin)
    sandbox = learner.start(lesson)
    took: list[float] = []
    lines = 0

    def disturb() -> float:
        killed.append(hosting.kill(serving, WEB))
        return 0.0

    for _ in range(TIMES):
        killed: list[float] = []
        seen = undisturbed(learner, sandbox, disturb, cut=True)
        took.append(seen.joined - killed[0])
        lines += seen.lines
    slowest = f"{max(took):.1f} s" + (f" (slowest of {TIMES})" if TIMES > 1 else "")
    figure(
        f"{driver}: typing goes on after {slowest}; {lines} lines typed across it, each there once",
        max(took) > BACK_WITHIN,
    )


def test_web_killed_in_the_middle_of_output(serve: Serve, driver: str, lesson: str, figure: Tell) -> None:
    serving = serve(driver)
    learner = Learner(serving.origin)
    page = Page(learner, learner.start(lesson))
    try:
        page.greeted(1)
        page.type(b"echo shell=$$=\r")
        shell = page.match(rb"shell=(\d+)=\r\n")[1]
        page.type(f"stty -echo; echo be''gin; seq 1 {LINES}; echo en''d\r".encode())
        begin = page.match(rb"begin\r\n").end()
        page.match(rb"\r\n2000\r\n", begin)
        killed = hosting.kill(serving, WEB)
        end = page.match(rb"end\r\n", begin).start()
        assert page.said[begin:end] == b"".join(b"%d\r\n" % n for n in range(1, LINES + 1))
        page.greeted(2)
        assert not page.breaks
        page.type(b"stty echo; echo shell=$$=\r")
        assert page.match(rb"shell=(\d+)=\r\n", end)[1] == shell
        back = page.hellos[-1]["at"] - killed
    finally:
        page.close()
    figure(f"{driver}: back in {back:.1f} s, {end - begin} bytes of output identical, same shell", back > BACK_WITHIN)


def test_spawner_killed_is_told(serve: Serve, driver: str, lesson: str, figure: Tell) -> None:
    serving = serve(driver)
    learner = Learner(serving.origin)
    sandbox = learner.start(lesson)
    page = Page(learner, sandbox)
    try:
        page.match(rb"\$ |# ")
        inside = hosting.processes(serving.data, sandbox)
        killed = hosting.kill(serving, SPAWNER)
        page.ended()
        told = time.monotonic() - killed
        assert "sandbox" in page.over
    finally:
        page.close()
    found = learner.call("GET", f"/api/sandboxes/{sandbox}")
    assert found["state"] == "failed" and "sandbox" in found["detail"] and "Reset" in found["detail"]
    eventually(lambda: not [pid for pid in inside if Path(f"/proc/{pid}").exists()], "its processes are gone")
    asked = time.monotonic()
    learner.call("POST", f"/api/sandboxes/{sandbox}/reset")
    learner.wait(sandbox)
    again = time.monotonic() - asked
    _types(learner, sandbox)
    figure(f"{driver}: told in {told:.1f} s, a new sandbox {again:.1f} s after the click")


def test_a_sandbox_killed_is_told_and_reset(serve: Serve, crun: str, lesson: str, figure: Tell) -> None:
    serving = serve(crun)
    learner = Learner(serving.origin)
    sandbox = learner.start(lesson)
    page = Page(learner, sandbox)
    try:
        page.match(rb"\$ |# ")
        init = min(hosting.processes(serving.data, sandbox))
        os.kill(init, signal.SIGKILL)  # PID 1 of its namespace: all in it go
        killed = time.monotonic()
        page.ended()
        told = time.monotonic() - killed
        assert "sandbox ended" in page.over
    finally:
        page.close()
    found = learner.call("GET", f"/api/sandboxes/{sandbox}")
    assert found["state"] == "failed" and "Reset" in found["detail"]
    asked = time.monotonic()
    assert learner.call("POST", f"/api/sandboxes/{sandbox}/reset")["id"] == sandbox
    learner.wait(sandbox)
    again = time.monotonic() - asked
    _types(learner, sandbox)
    figure(f"told in {told:.2f} s; one call, and another in {again:.2f} s")


MOMENTS: dict[str, Callable[[Serving, str], object]] = {
    "asked for": lambda serving, id: True,
    "files": lambda serving, id: (serving.data / "sandboxes" / id).exists(),
    "cgroup": lambda serving, id: (hosting.cgroup(serving.data) / id).exists(),
    "process": lambda serving, id: hosting.processes(serving.data, id),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_spawner_killed_while_it_makes_a_sandbox(
    serve: Serve, crun: str, lesson: str, figure: Tell, moment: str
) -> None:
    serving = serve(crun)
    learners = [Learner(serving.origin) for _ in range(TIMES)]
    for learner in learners:
        killer = threading.Thread(target=_kill_when, args=(serving, MOMENTS[moment], hosting.sandboxes(serving.data)))
        killer.start()
        id = str(learner.call("POST", "/api/sandboxes", {"lesson": lesson})["id"])
        killer.join()
        _made(learner, id)
        _types(learner, id)
        assert hosting.sandboxes(serving.data) == {id}, "the others went with their spawner"
        inits = [pid for pid in hosting.processes(serving.data, id) if _is_init(pid)]
        assert len(inits) == 1, inits
        learner.end(id)
        assert hosting.sandboxes(serving.data) == set()
    figure(f"killed at “{moment}”: {TIMES} of {TIMES} one sandbox, nothing beside it")


def _made(learner: Learner, id: str) -> None:
    """It is ready, or was given up in words and is ready after one reset."""

    def state() -> str:
        return str(learner.call("GET", f"/api/sandboxes/{id}")["state"])

    eventually(lambda: state() != "starting", "it is made, or given up")
    if state() == "failed":
        learner.call("POST", f"/api/sandboxes/{id}/reset")
        learner.wait(id)


def _kill_when(serving: Serving, moment: Callable[[Serving, str], object], before: set[str]) -> None:
    spawner = serving.child(SPAWNER)
    folder = serving.data / "sandboxes"
    until = time.monotonic() + 30
    while not (new := {entry.name for entry in folder.iterdir()} - before):
        assert time.monotonic() < until
    while not moment(serving, next(iter(new))):
        assert time.monotonic() < until
    os.kill(spawner, signal.SIGKILL)


def _is_init(pid: int) -> bool:
    """PID 1 of its namespace (proc_pid_status(5))."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("NSpid:"):
            return line.split()[-1] == "1"
    return False


def test_the_host_is_rebooted(serve: Serve, driver: str, lesson: str, figure: Tell) -> None:
    serving = serve(driver)
    port = int(serving.origin.rpartition(":")[2])
    learner = Learner(serving.origin)
    sandbox = learner.start(lesson)
    _types(learner, sandbox)
    (block, *_) = next(one for one in learner.call("GET", "/api/lessons") if one["id"] == lesson)["blocks"]
    for step in block["steps"]:
        told = {"lesson": lesson, "block": block["id"], "step": step["n"], "exit": 0, "output": ""}
        learner.call("POST", "/api/progress/steps", told)
    before = learner.call("GET", "/api/progress")
    hosting.pull_the_plug(serving)
    switched_on = time.monotonic()
    again = serve(driver, port=port)
    up = time.monotonic() - switched_on
    assert learner.call("GET", "/api/me")["learner"] == learner.id
    assert learner.call("GET", "/api/progress") == before
    asked = time.monotonic()
    new = _offered(learner, lesson)
    took = time.monotonic() - asked
    assert hosting.sandboxes(again.data) == {new}, "of the old one nothing is left"
    figure(
        f"{driver}: serves again {up:.1f} s after its start, {len(block['steps'])} steps kept, a shell that answers in {took:.1f} s"
    )


def _offered(learner: Learner, lesson: str) -> str:
    """A sandbox in which a shell answers: at once, or after the one click that a learner is told of."""
    sandbox = str(learner.call("POST", "/api/sandboxes", {"lesson": lesson})["id"])
    eventually(
        lambda: learner.call("GET", f"/api/sandboxes/{sandbox}")["state"] != "starting", "it is made, or given up"
    )
    try:
        _types(learner, sandbox)
    except Failed:  # it was taken for one that is still there
        eventually(lambda: learner.call("GET", f"/api/sandboxes/{sandbox}")["state"] == "failed", "that is found out")
        assert "Reset" in learner.call("GET", f"/api/sandboxes/{sandbox}")["detail"]
        learner.call("POST", f"/api/sandboxes/{sandbox}/reset")
        learner.wait(sandbox)
        _types(learner, sandbox)
    return sandbox


def _types(learner: Learner, sandbox: str) -> None:
    """There is a shell that answers."""
    page = Page(learner, sandbox)
    try:
        page.type(b"echo al''ive-$((6*7))\r")
        page.match(rb"alive-42\r\n")
    finally:
        page.close()
