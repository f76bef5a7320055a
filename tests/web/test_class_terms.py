"""What classes make of their learners' sandboxes, through the whole server; the clocks are the test's."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.conftest import Make
from tests.shell import eventually
from tests.web.instructor import Instructor, instructor
from tests.web.learner import Learner
from tests.web.test_api import code
from tests.web.test_leases import MINUTE, Bench, state

Json = dict[str, Any]


@pytest.fixture
def bench(make_server: Make) -> Bench:
    return Bench(make_server, idle=60, limit=240, extension=30, extensions=2)


@pytest.fixture
def ina(bench: Bench) -> Instructor:
    return instructor(bench.server)


def joined(bench: Bench, *classes: Json) -> Learner:
    learner = Learner(bench.server)
    for of in classes:
        told = learner.http.post("/api/memberships", json={"code": of["code"], "name": "Ann"})
        assert told.status_code == 201, told.text
    return learner


def ends(learner: Learner, id: str, seconds: float) -> None:
    def so() -> bool:
        told = state(learner, id)["ends_in"]
        return told is not None and abs(told - seconds) < 1

    eventually(so, f"it ends in {seconds} s", within=5)


def test_a_class_has_limits_within_the_hosts(ina: Instructor) -> None:
    made = ina.make(limits={"limit": 90, "idle": 20})
    assert made["limits"] == {"limit": 90, "idle": 20, "extensions": None, "record": False}
    changed = ina.change(made, limits={"idle": None, "extensions": 0}).json()
    assert changed["limits"] == {"limit": 90, "idle": None, "extensions": 0, "record": False}
    assert ina.change(changed, seats=5).json()["limits"] == changed["limits"]
    for beyond, words in (
        ({"limit": 241}, "ends after 4 hours"),
        ({"idle": 61}, "ends after 1 hour"),
        ({"extensions": 3}, "extended twice at the most"),
    ):
        told = ina.http.post("/api/classes", json={"title": "Too much", "limits": beyond})
        assert told.status_code == 422 and words in told.text and "Choose that, or less." in told.text
        assert ina.change(ina.get(made), limits=beyond).status_code == 422
    wrongs: list[Any] = [{"limit": 9}, {"idle": 0}, {"extensions": -1}, {"idle": 10.5}, {"network": True}, []]
    for wrong in [*wrongs, {"limit": "1h"}]:
        told = ina.http.post("/api/classes", json={"title": "Wrong", "limits": wrong})
        assert told.status_code == 422 and code(told) == "bad-input"
    assert len(ina.http.get("/api/classes").json()) == 1


def test_what_else_stands_beside_the_limits_stays(bench: Bench, ina: Instructor) -> None:
    made = ina.make(limits={"idle": 20})
    with closing(sqlite3.connect(bench.server.settings.web_data / "course.sqlite3")) as there:
        there.execute("UPDATE classes SET limits = ?", [json.dumps({"idle": 20, "record": True})])
        there.commit()
        assert ina.change(made, limits={"idle": None, "limit": 30}).status_code == 200
        (kept,) = there.execute("SELECT limits FROM classes").fetchone()
    assert json.loads(kept) == {"record": True, "limit": 30}


def test_a_learners_sandbox_lasts_as_their_class_says_and_a_change_reaches_it(bench: Bench, ina: Instructor) -> None:
    made = ina.make(limits={"idle": 20})
    ann, other = joined(bench, made), Learner(bench.server)
    id, theirs = ann.start(), other.start()
    ends(ann, id, 20 * MINUTE)
    ends(other, theirs, 60 * MINUTE)
    made = ina.change(made, limits={"idle": 40}).json()
    ends(ann, id, 40 * MINUTE)
    made = ina.change(made, limits={"limit": 30, "extensions": 0}).json()
    ends(ann, id, 30 * MINUTE)
    assert not state(ann, id)["extendable"] and ann.http.post(f"/api/sandboxes/{id}/extend").status_code == 409
    bench.pass_by(29 * MINUTE)
    ina.change(made, limits={"limit": 10})
    ends(ann, id, MINUTE)
    bench.pass_by(2 * MINUTE)
    told = state(ann, id)
    assert told["state"] == "ended" and told["detail"].startswith("Its time was up.")
    assert state(other, theirs)["state"] == "ready"


def test_one_that_would_be_over_already_has_five_minutes(bench: Bench, ina: Instructor) -> None:
    made = ina.make()
    ann = joined(bench, made)
    id = ann.start()
    bench.pass_by(30 * MINUTE)
    ina.change(made, limits={"idle": 10})
    ends(ann, id, 5 * MINUTE)
    with ann.terminal(id) as terminal:
        terminal.message("lease")
        terminal.type("x")
        ends(ann, id, 10 * MINUTE)
    bench.pass_by(11 * MINUTE)
    assert state(ann, id)["detail"].startswith("Nobody typed in it for 10 minutes.")
    bench.flush()
    bench.restart()
    assert ann.http.get("/api/me").json()["sandbox"]["detail"].startswith("Nobody typed in it for 10 minutes.")


def test_joining_and_leaving_are_changes_too_and_the_kindest_class_counts(bench: Bench, ina: Instructor) -> None:
    strict, kind = ina.make("Strict", limits={"idle": 10}), ina.make("Kind", limits={"idle": 30})
    ann = Learner(bench.server)
    id = ann.start()
    for of, minutes in ((strict, 10), (kind, 30)):
        ann.http.post("/api/memberships", json={"code": of["code"], "name": "Ann"})
        ends(ann, id, minutes * MINUTE)
    assert ann.http.delete(f"/api/memberships/{kind['id']}").status_code == 204
    ends(ann, id, 10 * MINUTE)
    ina.change(strict, state="archived")
    ends(ann, id, 60 * MINUTE)


def test_limits_hold_while_the_class_is_open_by_the_clock(bench: Bench, ina: Instructor) -> None:
    made = ina.make(limits={"limit": 60}, closes=bench.hands.wall + 30 * MINUTE)
    with closing(sqlite3.connect(bench.server.settings.web_data / "course.sqlite3")) as there:
        there.execute("UPDATE classes SET closes = ?", [bench.hands.wall + 30 * MINUTE])
        there.commit()
    ann = joined(bench, made)
    id = ann.start()
    ends(ann, id, 60 * MINUTE)
    bench.pass_by(20 * MINUTE)
    ann.http.post(f"/api/sandboxes/{id}/extend")
    ends(ann, id, 40 * MINUTE)
    bench.pass_by(11 * MINUTE)
    ends(ann, id, 49 * MINUTE)


def test_a_restart_takes_nothing_away_and_gives_nothing(bench: Bench, ina: Instructor) -> None:
    made = ina.make(limits={"idle": 20, "limit": 100})
    ann = joined(bench, made)
    id = ann.start()
    ends(ann, id, 20 * MINUTE)
    bench.pass_by(10 * MINUTE)
    bench.flush()
    bench.restart()
    ends(ann, id, 10 * MINUTE)
    ina.sign_in("Ina")
    ina.change(made, limits={"idle": 60})
    ends(ann, id, 50 * MINUTE)
    ina.change(ina.get(made), limits={"limit": 40})
    ends(ann, id, 30 * MINUTE)


def test_without_a_database_the_hosts_terms_hold(make_server: Make) -> None:
    bench = Bench(make_server, database="postgresql://nobody@127.0.0.1:9/nothing")
    ann = Learner(bench.server)
    id = ann.start()
    ends(ann, id, 60 * MINUTE)
    bench.pass_by(61 * MINUTE)
    assert state(ann, id)["state"] == "ended"
