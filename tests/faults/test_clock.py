"""The host's clock jumps by a day, either way: nobody's sandbox ends, and nobody becomes somebody else."""

from __future__ import annotations

import time

import pytest

from tests.conftest import Make
from tests.faults.conftest import Tell
from tests.shell import eventually
from tests.web.learner import Learner

DAY = 24 * 3600.0
LOOKS = 2  # of the server at its sandboxes, after each jump
LEARNERS = 5


@pytest.mark.parametrize("days", [1, -1])
def test_the_clock_jumps(make_server: Make, monkeypatch: pytest.MonkeyPatch, figure: Tell, days: int) -> None:
    server = make_server()
    assert server.app
    service = server.app.state.parts.service
    looks, look, now = 0, service.list, time.time

    async def counted() -> object:
        nonlocal looks
        looks += 1
        return await look()

    monkeypatch.setattr(service, "list", counted)
    ahead = 0.0
    monkeypatch.setattr(time, "time", lambda: now() + ahead)
    learners = [Learner(server) for _ in range(LEARNERS)]
    sandboxes = [learner.start() for learner in learners]
    with learners[0].terminal(sandboxes[0]) as terminal:
        for shift in (days * DAY, 0.0):  # there, and back
            ahead = shift
            until = looks + LOOKS
            eventually(lambda: looks >= until, "the server looks at its sandboxes")  # noqa: B023 -- asked here and now
            for learner, sandbox in zip(learners, sandboxes, strict=True):
                found = learner.http.get("/api/me").json()
                assert found["learner"] == learner.id, "a cookie is good whatever the clock says"
                assert found["sandbox"]["id"] == sandbox and found["sandbox"]["state"] == "ready"
            start = len(terminal.said)
            terminal.type(f"echo sh''ift={shift:.0f}\n")
            terminal.until(f"\x07shift={shift:.0f}\r\n".encode(), start=start)
            Learner(server).start()
    figure(
        f"{days:+d} day and back: {LEARNERS} of {LEARNERS} sandboxes and learners as they were, terminals live, joins go on"
    )
