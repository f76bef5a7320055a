"""Leases through the whole server: a real spawner, real shells and a real database; only the clock is the test's."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
from collections.abc import Coroutine
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab_server.web import protocol
from lab_server.web.api.parts import Parts
from lab_server.web.clock import Clock
from lab_server.web.reconcile import LOST_AFTER, UNCLAIMED_AFTER
from tests.conftest import LESSON, PATIENCE, Make, Server
from tests.shell import eventually
from tests.web import course
from tests.web.learner import Learner, Terminal, refusal

MINUTE = 60.0
HOUR = 60 * MINUTE
DAY = 24 * HOUR
STEP = 20.0  # seconds; a longer one would mean that the server stood still


@dataclass
class Hands:
    """Two clocks that the test turns."""

    running: float = 1000.0
    wall: float = 1.8e9


class Bench:
    """A server, its clocks, and its keeper told to look at them."""

    def __init__(self, make_server: Make, **given: Any) -> None:
        self.hands = Hands()
        clock = Clock(lambda: self.hands.running, lambda: self.hands.wall)
        self.server: Server = make_server(clock=clock, **({"idle": 60, "limit": 240} | given))

    @property
    def parts(self) -> Parts:
        assert self.server.app
        parts: Parts = self.server.app.state.parts
        return parts

    def on_loop(self, work: Coroutine[Any, Any, Any]) -> Any:
        loop = next(iter(self.parts.keeper._tasks)).get_loop()
        return asyncio.run_coroutine_threadsafe(work, loop).result(PATIENCE)

    def pass_by(self, seconds: float) -> None:
        """Time goes by on both clocks, and is noticed."""
        while seconds > 0:
            step = min(STEP, seconds)
            seconds -= step
            self.hands.running += step
            self.hands.wall += step
            self.on_loop(self._tick())

    async def _tick(self) -> None:
        self.parts.keeper.tick()

    def look(self) -> bool:
        return bool(self.on_loop(self.parts.keeper.look()))

    def flush(self) -> None:
        self.on_loop(self.parts.keeper.ledger.flush(beat=True))

    def restart(self) -> None:
        self.server.stop_web()
        self.server.start_web()
        eventually(lambda: self.parts.leases.known.is_set() and self.parts.keeper._restored)

    def rows(self) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self.server.settings.web_data / "course.sqlite3")) as there:
            there.row_factory = sqlite3.Row
            return [dict(row) for row in there.execute("SELECT * FROM leases ORDER BY since")]


@pytest.fixture
def bench(make_server: Make) -> Bench:
    return Bench(make_server)


@pytest.fixture
def learner(bench: Bench) -> Learner:
    return Learner(bench.server)


def state(learner: Learner, id: str) -> dict[str, Any]:
    return dict(learner.http.get(f"/api/sandboxes/{id}").json())


def round_trip(terminal: Terminal) -> None:
    """Everything sent before has been taken."""
    terminal.say(type="ping")
    terminal.message("pong")


# --- ends ---


def test_a_sandbox_says_when_it_will_end(bench: Bench, learner: Learner) -> None:
    id = learner.start()
    told = state(learner, id)
    assert (told["ends_in"], told["ends_why"], told["extendable"]) == (HOUR, "idle", True)
    bench.pass_by(5 * MINUTE)
    assert state(learner, id)["ends_in"] == 55 * MINUTE


def test_without_terms_there_is_no_end(make_server: Make) -> None:
    bench = Bench(make_server, idle=0, limit=0)
    learner = Learner(bench.server)
    id = learner.start()
    bench.pass_by(HOUR)
    told = state(learner, id)
    assert (told["ends_in"], told["ends_why"], told["extendable"]) == (None, "", False)
    assert learner.http.post(f"/api/sandboxes/{id}/extend").json()["ends_in"] is None


def test_an_open_tab_that_nobody_types_in_is_idle(bench: Bench, learner: Learner) -> None:
    """Connections, pings, acknowledgements, sizes, output, a terminal's own answers, checks the page makes: none is use."""
    id = learner.start()
    with learner.terminal(id) as terminal:
        terminal.type("yes | head -c 300000; echo do''ne\n")
        terminal.until(b"done")
        for minute in range(54):
            bench.pass_by(MINUTE)
            terminal.say(type="ping")
            terminal.say(type="resize", cols=80 + minute % 2, rows=24)
            terminal.socket.send(b"\x1b[24;80R")
            terminal.ack()
            learner.http.get(f"/api/sandboxes/{id}")
        round_trip(terminal)
        bench.pass_by(2 * MINUTE)
        told = terminal.message("lease")
        assert told["ends_why"] == "idle" and told["extendable"] and 280 <= told["ends_in"] <= 300
        bench.pass_by(5 * MINUTE)
        assert "Nobody typed in it for 1 hour." in terminal.message("exit")["reason"]
        assert terminal.closed() == protocol.CLOSE_ENDED
        assert terminal.socket.close_reason == "Nobody typed in it for 1 hour."
    told = state(learner, id)
    assert told["state"] == "ended" and "progress" not in told["detail"] and "is kept" in told["detail"]
    assert told["ends_in"] is None
    box = bench.server.driver.sandboxes[id]
    eventually(lambda: not box.home.exists())
    with learner.connect(id) as socket:
        assert refusal(socket) == protocol.CLOSE_ENDED
    assert learner.http.post(f"/api/sandboxes/{id}/extend").status_code == 409
    again = learner.http.post("/api/sandboxes", json={"lesson": LESSON})
    assert again.status_code == 201 and again.json()["id"] != id
    learner.wait(again.json()["id"])


def test_a_key_puts_the_end_off_and_the_page_is_told(bench: Bench, learner: Learner) -> None:
    id = learner.start()
    with learner.terminal(id) as terminal:
        bench.pass_by(56 * MINUTE)
        assert terminal.message("lease")["ends_in"] is not None
        terminal.type(" ")
        round_trip(terminal)
        bench.pass_by(1)
        assert terminal.message("lease") == json.loads(protocol.lease(None))
        bench.pass_by(54 * MINUTE)
        assert state(learner, id)["state"] == "ready"


def test_it_is_told_at_five_minutes_one_minute_and_ten_seconds_and_to_those_who_come(
    bench: Bench, learner: Learner
) -> None:
    id = learner.start()
    with learner.terminal(id) as terminal:
        bench.pass_by(54 * MINUTE + 59)
        round_trip(terminal)
        assert [one for one in terminal.messages if one["type"] == "lease"] == []
        bench.pass_by(1)
        assert terminal.message("lease")["ends_in"] == 300
        bench.pass_by(2 * MINUTE)
        with learner.terminal(id, client="late") as late:
            assert late.message("lease")["ends_in"] == 180
        bench.pass_by(2 * MINUTE)
        assert terminal.message("lease")["ends_in"] == 60
        bench.pass_by(50)
        assert terminal.message("lease")["ends_in"] == 10
        round_trip(terminal)
        assert [one for one in terminal.messages if one["type"] == "lease"] == []


def test_a_flood_of_output_does_not_hold_the_warning_back(bench: Bench, learner: Learner) -> None:
    with learner.terminal(learner.start()) as terminal:
        terminal.type("yes\n")
        terminal.until(b"y\r\ny\r\n")
        bench.pass_by(56 * MINUTE)
        assert terminal.message("lease")["ends_why"] == "idle"
        terminal.type("\x03")


def test_keep_it_is_use_and_the_limit_is_extended_as_often_as_said(make_server: Make) -> None:
    bench = Bench(make_server, idle=60, limit=90, extension=30, extensions=2)
    learner = Learner(bench.server)
    id = learner.start()

    def extend() -> dict[str, Any]:
        answer = learner.http.post(f"/api/sandboxes/{id}/extend")
        return {"status": answer.status_code, **answer.json()}

    with learner.terminal(id) as terminal:
        bench.pass_by(57 * MINUTE)
        assert terminal.message("lease")["ends_why"] == "idle"
        kept = extend()
        assert (kept["status"], kept["ends_why"], kept["ends_in"]) == (200, "limit", 33 * MINUTE)
        assert terminal.message("lease")["ends_in"] is None
        for n in (1, 2):
            bench.pass_by(29 * MINUTE if n == 1 else 30 * MINUTE)
            told = terminal.message("lease")
            assert told["ends_why"] == "limit" and told["extendable"] and told["extension"] == 30 * MINUTE
            assert extend()["ends_in"] == 34 * MINUTE
            assert terminal.message("lease")["ends_in"] is None
        bench.pass_by(30 * MINUTE)
        assert terminal.message("lease")["extendable"] is False
        refused = extend()
        assert (
            refused["status"] == 409
            and refused["error"]["code"] == "conflict"
            and "twice" in refused["error"]["message"]
        )
        assert state(learner, id)["ends_in"] == 4 * MINUTE
        bench.flush()
        assert [row["extended"] for row in bench.rows()] == [2]
        bench.pass_by(4 * MINUTE)
        assert terminal.closed() == protocol.CLOSE_ENDED and terminal.socket.close_reason == "Its time was up."
    assert bench.parts.leases.ends == {"limit": 1}


def test_a_sandbox_of_somebody_else_is_not_extended(bench: Bench, learner: Learner) -> None:
    id = learner.start()
    assert Learner(bench.server).http.post(f"/api/sandboxes/{id}/extend").status_code == 404


def test_a_check_is_use_unless_the_page_makes_it_by_itself(make_server: Make, tmp_path: Any) -> None:
    bench = Bench(make_server, course=course.make(tmp_path / "course"))
    learner = Learner(bench.server)
    id = learner.start()
    asked = {"lesson": LESSON, "tasks": [course.TASK]}
    bench.pass_by(10 * MINUTE)
    assert learner.http.post(f"/api/sandboxes/{id}/check", json=asked | {"auto": True}).status_code == 200
    assert state(learner, id)["ends_in"] == 50 * MINUTE
    assert learner.http.post(f"/api/sandboxes/{id}/check", json=asked).status_code == 200
    assert state(learner, id)["ends_in"] == HOUR
    bench.pass_by(10 * MINUTE)
    assert (
        learner.http.post(f"/api/sandboxes/{id}/hint", json={"lesson": LESSON, "task": course.TASK}).status_code == 200
    )
    assert state(learner, id)["ends_in"] == HOUR


def test_a_reset_begins_anew(bench: Bench, learner: Learner) -> None:
    id = learner.start()
    bench.pass_by(50 * MINUTE)
    learner.http.post(f"/api/sandboxes/{id}/reset")
    learner.wait(id)
    assert state(learner, id)["ends_in"] == HOUR
    assert bench.parts.leases.ends == {"reset": 1}


def test_ends_are_counted_with_their_reasons_in_one_place(bench: Bench) -> None:
    reasons: list[str] = []
    bench.parts.leases.on_end = reasons.append
    one, two, three = (Learner(bench.server) for _ in range(3))
    ids = [who.start() for who in (one, two, three)]
    one.http.delete(f"/api/sandboxes/{ids[0]}")
    bench.server.driver.sandboxes[ids[1]].destroy()
    bench.on_loop(_lost(bench, ids[1]))
    bench.pass_by(61 * MINUTE)
    assert reasons == ["asked", "lost", "idle"] and sum(bench.parts.leases.ends.values()) == 3


async def _lost(bench: Bench, id: str) -> None:
    bench.parts.keeper.lost(id, "The sandbox ended.")


# --- clocks ---


@pytest.mark.parametrize("day", [-DAY, DAY])
def test_a_clock_set_by_a_day_ends_nothing(bench: Bench, day: float) -> None:
    learners = [Learner(bench.server) for _ in range(3)]
    ids = [who.start() for who in learners]
    bench.pass_by(30 * MINUTE)
    bench.hands.wall += day
    bench.pass_by(MINUTE)
    assert [state(who, id)["ends_in"] for who, id in zip(learners, ids, strict=True)] == [29 * MINUTE] * 3


@pytest.mark.parametrize("day", [-DAY, DAY])
def test_a_clock_set_by_a_day_over_a_restart_ends_nothing(bench: Bench, learner: Learner, day: float) -> None:
    id = learner.start()
    bench.pass_by(55 * MINUTE)
    bench.flush()
    bench.server.stop_web()
    bench.hands.wall += day
    bench.hands.running = 5.0  # the machine was started anew
    bench.server.start_web()
    eventually(lambda: bench.parts.keeper._restored)
    learner.wait(id)
    bench.pass_by(MINUTE)
    told = state(learner, id)
    assert told["state"] == "ready" and 4 * MINUTE <= told["ends_in"] <= 5 * MINUTE


def test_a_server_that_stood_still_ends_nothing(bench: Bench, learner: Learner) -> None:
    id = learner.start()
    bench.pass_by(30 * MINUTE)
    bench.hands.running += DAY  # SIGSTOP, or a machine that was paused
    bench.pass_by(MINUTE)
    told = state(learner, id)
    assert told["state"] == "ready" and 29 * MINUTE <= told["ends_in"] <= 30 * MINUTE


# --- what is written down ---


def test_a_restart_forgets_no_time(bench: Bench, learner: Learner) -> None:
    id = learner.start()
    bench.pass_by(20 * MINUTE)
    learner.http.post(f"/api/sandboxes/{id}/extend")
    bench.pass_by(20 * MINUTE)
    bench.restart()
    learner.wait(id)
    assert state(learner, id)["ends_in"] == pytest.approx(40 * MINUTE, abs=1)
    (row,) = bench.rows()
    assert (row["id"], row["owner"], row["lesson"], row["state"]) == (id, learner.id, LESSON, "ready")
    assert row["limit_left"] == pytest.approx(200 * MINUTE, abs=1) and row["reason"] == "" and row["ended"] is None
    assert row["noted"] - row["active"] == pytest.approx(20 * MINUTE, abs=1)


def test_why_it_ended_is_told_after_a_restart_too_and_for_a_week(bench: Bench, learner: Learner) -> None:
    id = learner.start()
    bench.pass_by(61 * MINUTE)
    detail = state(learner, id)["detail"]
    bench.restart()
    told = learner.http.get("/api/me").json()["sandbox"]
    assert (told["id"], told["state"], told["detail"]) == (id, "ended", detail)
    assert [(row["state"], row["reason"]) for row in bench.rows()] == [("ended", "idle")]
    for _ in range(8 * 24):
        bench.hands.running += HOUR
        bench.hands.wall += HOUR
    bench.on_loop(bench._tick())
    bench.flush()
    assert learner.http.get("/api/me").json()["sandbox"] is None and bench.rows() == []


def test_what_a_learner_ended_is_forgotten_at_once(bench: Bench, learner: Learner) -> None:
    id = learner.start()
    bench.flush()
    assert len(bench.rows()) == 1
    learner.http.delete(f"/api/sandboxes/{id}")
    bench.flush()
    assert bench.rows() == [] and bench.parts.leases.all() == []


def test_the_export_has_it_and_deleting_leaves_nothing(bench: Bench, learner: Learner) -> None:
    id = learner.start()
    bench.flush()
    (kept,) = learner.http.get("/api/me/export").json()["leases"]
    assert kept["id"] == id and kept["owner"] == learner.id and kept["idle_left"] == HOUR
    assert learner.http.delete("/api/me").status_code == 204
    bench.flush()
    with closing(sqlite3.connect(bench.server.settings.web_data / "course.sqlite3")) as there:
        assert [there.execute(f"SELECT * FROM {table}").fetchall() for table in ("learners", "leases")] == [[], []]


def test_a_machine_that_was_started_anew_says_so(bench: Bench, learner: Learner) -> None:
    """The store knows a lease, the spawner has nothing: unknown at first, then lost, and told."""
    id = learner.start()
    bench.flush()
    bench.server.stop_web()
    bench.server.spawner._sandboxes.end(id)
    bench.server.start_web()
    eventually(lambda: bench.parts.leases.known.is_set() and bench.parts.keeper._restored)
    assert learner.http.get("/api/me").json()["sandbox"]["state"] == "ready"
    bench.look()
    bench.pass_by(LOST_AFTER)
    bench.look()
    told = learner.http.get("/api/me").json()["sandbox"]
    assert told["id"] == id and told["state"] == "failed" and "restarted" in told["detail"]
    bench.restart()
    assert learner.http.get("/api/me").json()["sandbox"]["state"] == "failed"


def test_a_locked_database_stops_neither_a_start_nor_a_key(bench: Bench, learner: Learner) -> None:
    bench.flush()
    file = bench.server.settings.web_data / "course.sqlite3"
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        id = learner.start()
        with learner.terminal(id) as terminal:
            terminal.type("echo ty''ped\n")
            terminal.until(b"typed")
        assert learner.http.post(f"/api/sandboxes/{id}/extend").status_code == 200
        other.execute("ROLLBACK")
    eventually(lambda: [row["id"] for row in bench.rows()] == [id], "it is written once the database is free")


def test_a_database_that_was_never_there_stops_no_end(make_server: Make) -> None:
    bench = Bench(make_server, database="postgresql://nobody@127.0.0.1:9/nothing")
    learner = Learner(bench.server)
    id = learner.start()
    bench.pass_by(61 * MINUTE)
    assert state(learner, id)["state"] == "ended"


def test_a_database_that_comes_late_brings_what_it_knew(bench: Bench, learner: Learner) -> None:
    id = learner.start()
    bench.pass_by(30 * MINUTE)
    bench.flush()
    bench.server.stop_web()
    file = bench.server.settings.web_data / "course.sqlite3"
    away = file.with_name("away")
    away.write_bytes(file.read_bytes())
    file.write_bytes(b"this is no database at all" * 100)
    bench.server.start_web()
    eventually(lambda: bench.parts.leases.known.is_set())
    assert state(learner, id)["ends_in"] == HOUR and state(learner, id)["state"] == "ready"
    learner.http.post(f"/api/sandboxes/{id}/extend")
    for more in (file, *file.parent.glob(f"{file.name}-*")):
        more.unlink()
    away.rename(file)
    eventually(lambda: bench.parts.keeper._restored, "it is tried again")
    assert state(learner, id)["ends_in"] == HOUR  # it was used since
    assert bench.parts.leases.all()[0].lasting.limit_at - bench.hands.running == pytest.approx(210 * MINUTE, abs=1)  # type: ignore[union-attr,operator]


# --- what the spawner has ---


def test_a_missing_sandbox_is_unknown_before_it_is_lost(bench: Bench, learner: Learner) -> None:
    id = learner.start()
    bench.server.spawner._sandboxes.end(id)
    bench.look()
    bench.look()
    assert state(learner, id)["state"] == "ready"
    with learner.connect(id) as socket:
        assert refusal(socket) == protocol.CLOSE_BROKEN  # the page tries again
    bench.pass_by(LOST_AFTER)
    bench.look()
    told = state(learner, id)
    assert told["state"] == "failed" and "restarted" in told["detail"]
    with learner.connect(id) as socket:
        assert refusal(socket) == protocol.CLOSE_ENDED  # it says so, and starts nothing by itself
    assert learner.http.post(f"/api/sandboxes/{id}/reset").status_code == 200
    learner.wait(id)


def test_a_sandbox_that_ends_under_a_terminal_is_told_at_once(bench: Bench, learner: Learner) -> None:
    """No clock moves, no look is made: the shell's end and the spawner's word are enough."""
    id = learner.start()
    with learner.terminal(id) as terminal:
        terminal.type("echo pid=$$=\n")
        terminal.until(b"\x07pid=")
        terminal.until(b"=\r\n", start=terminal.said.rindex(b"\x07pid="))
        shell = int(terminal.said.split(b"\x07pid=")[-1].split(b"=")[0])
        bench.server.driver.sandboxes[id].gone = True
        os.kill(shell, signal.SIGKILL)
        assert terminal.message("exit")["reason"] == "The sandbox ended."
        assert terminal.closed() == protocol.CLOSE_ENDED
    learner.wait(id, "failed")
    eventually(lambda: bench.server.spawner._sandboxes.all() == [], "what is left of it is cleared away")


def test_a_sandbox_that_ends_with_no_terminal_open_is_told_after_one_look(bench: Bench, learner: Learner) -> None:
    id = learner.start()
    bench.server.driver.sandboxes[id].gone = True
    bench.look()
    told = state(learner, id)
    assert told["state"] == "failed" and told["detail"].startswith("The sandbox ended by itself")
    eventually(lambda: bench.server.spawner._sandboxes.all() == [], "what is left of it is cleared away")
    assert learner.http.post(f"/api/sandboxes/{id}/reset").status_code == 200
    learner.wait(id)


def test_a_sandbox_that_is_destroyed_under_a_terminal_is_told_at_once(bench: Bench, learner: Learner) -> None:
    id = learner.start()
    with learner.terminal(id) as terminal:
        bench.server.spawner._sandboxes.end(id)
        assert terminal.message("exit")["reason"] == "The sandbox ended."
        assert terminal.closed() == protocol.CLOSE_ENDED
    learner.wait(id, "failed")


def test_what_nobody_claims_is_destroyed_and_a_commands_is_not(bench: Bench, learner: Learner) -> None:
    id = learner.start()
    boxes = bench.server.spawner._sandboxes
    labels = {"owner": learner.id, "lesson": LESSON, "since": "1"}
    boxes.create("aaaaaaaaaaaaaaaa", "default", {})
    boxes.create("bbbbbbbbbbbbbbbb", "default", labels)
    boxes.create("cccccccccccccccc", "default", {"for": "labs"})
    bench.look()
    bench.pass_by(UNCLAIMED_AFTER - 1)
    bench.look()
    assert len(boxes.all()) == 4
    bench.pass_by(1)
    bench.look()
    eventually(lambda: {one["sandbox"] for one in boxes.all()} == {id, "cccccccccccccccc"})
    eventually(lambda: bench.parts.leases.ends == {"unclaimed": 2}, "both ends are counted, a moment later")


def test_a_spawner_that_can_not_be_asked_changes_nothing(bench: Bench, learner: Learner) -> None:
    id = learner.start()
    bench.server.spawner.stop()
    eventually(lambda: not bench.server.settings.socket.exists())
    for _ in range(3):
        assert bench.look() is False
        bench.pass_by(MINUTE)
    assert state(learner, id)["state"] == "ready"


def test_an_end_while_the_spawner_is_away_is_made_good_later(
    bench: Bench, learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lab_server.errors import SpawnerGone

    id = learner.start()
    boxes, service = bench.server.spawner._sandboxes, bench.parts.service
    destroy = service.destroy

    async def away(sandbox: str) -> None:
        raise SpawnerGone("It is away.")

    monkeypatch.setattr(service, "destroy", away)
    bench.pass_by(61 * MINUTE)
    eventually(lambda: not bench.parts.keeper._discarding)
    assert state(learner, id)["state"] == "ended" and len(boxes.all()) == 1
    monkeypatch.setattr(service, "destroy", destroy)
    bench.look()
    eventually(lambda: boxes.all() == [])


def test_a_start_that_is_given_up_while_the_spawner_is_away_is_over(
    make_server: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lab_server.errors import SpawnerGone
    from tests.fakes import SlowDriver

    driver = SlowDriver()
    server = make_server(driver)
    learner = Learner(server)
    id = learner.http.post("/api/sandboxes", json={"lesson": LESSON}).json()["id"]
    assert server.app
    service = server.app.state.parts.service

    async def away(sandbox: str) -> None:
        raise SpawnerGone("It is away.")

    monkeypatch.setattr(service, "destroy", away)
    assert learner.http.post(f"/api/sandboxes/{id}/reset").status_code == 503
    assert state(learner, id)["state"] == "failed"
    driver.go.set()


# --- nothing is left ---


def counts(bench: Bench) -> dict[str, int]:
    parts = bench.parts
    return {
        "leases": len(parts.leases.all()),
        "turns": len(parts.leases.turns) + len(parts.hub._turns),
        "bridges": len(parts.hub._bridges),
        "sandboxes": len(bench.server.spawner._sandboxes.all()),
        "making": len(parts.service._making),
        "descriptors": sum(map(_is_ours, Path("/proc/self/fd").iterdir())),
    }


def _is_ours(descriptor: Path) -> bool:
    """The database's connections are a pool's, which grows to its size whenever two are needed at once."""
    try:
        return ".sqlite3" not in str(descriptor.readlink())
    except OSError:
        return False  # that of the listing itself


def test_after_many_starts_and_ends_nothing_is_left(bench: Bench) -> None:
    def once() -> None:
        learner = Learner(bench.server)
        id = learner.start()
        with learner.terminal(id) as terminal:
            terminal.type("echo he''re\n")
            terminal.until(b"here")
            assert learner.http.delete(f"/api/sandboxes/{id}").status_code == 204
            assert terminal.closed() == protocol.CLOSE_ENDED
        learner.http.close()

    once()
    eventually(lambda: counts(bench)["bridges"] == 0)
    before = counts(bench)
    for _ in range(12):
        once()
    most = before.pop("descriptors")
    eventually(lambda: counts(bench)["descriptors"] <= most, f"{most} descriptors → {counts(bench)}")
    assert before == {name: n for name, n in counts(bench).items() if name != "descriptors"}
    assert before == {
        "leases": 0,
        "turns": 0,
        "bridges": 0,
        "sandboxes": 0,
        "making": 0,
    }
    bench.flush()
    assert bench.rows() == []
