"""Progress on a second device, taken away, deleted: through the whole server."""

from __future__ import annotations

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from lab_server.lessons.catalog import Catalog
from lab_server.store import codes
from lab_server.web.faults import TooMany
from lab_server.web.throttle import Throttle, network
from tests.conftest import Make, Server
from tests.web import course
from tests.web.course import TASK
from tests.web.learner import Learner, refusal
from tests.web.test_api import code
from tests.web.test_progress import answer, database, do_everything, passed, progress, step


@pytest.fixture
def lessons(tmp_path: Path) -> Catalog:
    return course.make(tmp_path / "course")


@pytest.fixture
def server(make_server: Make, lessons: Catalog) -> Server:
    return make_server(course=lessons)


def new_code(who: Learner) -> str:
    made = who.http.post("/api/me/code")
    assert made.status_code == 201, made.text
    return str(made.json()["code"])


def resume(who: Learner, words: str) -> httpx.Response:
    return who.http.post("/api/me/resume", json={"code": words})


def whoami(who: Learner) -> str:
    return str(who.http.get("/api/me").json()["learner"])


def rows(server: Server, name: str) -> list[str]:
    """Every row of every table that has these words in it."""
    with closing(sqlite3.connect(database(server))) as there:
        tables = [table for (table,) in there.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [str(row) for table in tables for row in there.execute(f"SELECT * FROM {table}") if name in str(row)]


# --- a second device ---


def test_a_code_brings_progress_to_a_second_device(server: Server, lessons: Catalog) -> None:
    laptop, phone = Learner(server), Learner(server)
    do_everything(laptop, lessons)
    before = laptop.http.get("/api/progress").json()
    made = laptop.http.post("/api/me/code").json()
    assert made["expires"] > 1e9 and codes.normal(made["code"])
    told = resume(phone, made["code"].lower().replace("-", " "))
    assert told.json() == {"learner": laptop.id, "merged": 0}
    assert len(told.headers.get_list("set-cookie")) == 1
    assert whoami(phone) == laptop.id and phone.http.get("/api/progress").json() == before
    assert step(phone, 1, lesson=course.STEPS_ONLY, block="only").status_code == 200
    assert progress(laptop, course.STEPS_ONLY)["complete"] is True


def test_a_first_request_without_a_cookie_can_resume(server: Server, lessons: Catalog) -> None:
    laptop = Learner(server)
    passed(laptop)
    with httpx.Client(base_url=server.origin, headers={"Origin": server.origin}) as phone:
        told = phone.post("/api/me/resume", json={"code": new_code(laptop)})
        assert len(told.headers.get_list("set-cookie")) == 1
        assert phone.get("/api/me").json()["learner"] == laptop.id


def test_two_learners_become_one_with_what_got_further(server: Server, lessons: Catalog) -> None:
    laptop, phone = Learner(server), Learner(server)
    asked, (wrong,), (right,) = (
        course.question(lessons, 0),
        course.options(lessons, 0, False),
        course.options(lessons, 0),
    )
    passed(laptop)
    answer(laptop, asked.id, [wrong])
    answer(phone, asked.id, [right])
    step(phone, 1)
    step(phone, 2, "total 4")
    told = resume(phone, new_code(laptop)).json()
    assert told == {"learner": laptop.id, "merged": 3}
    for who in (laptop, phone):
        found = progress(who)
        assert found["tasks"] == {TASK: {"passed": True}} and set(found["steps"]) == {"one/1", "one/2"}
        assert found["questions"][asked.id]["right"] is True and found["questions"][asked.id]["picked"] == [right]
    assert rows(server, phone.id) == []


def test_ones_own_code_changes_nothing(server: Server, lessons: Catalog) -> None:
    laptop = Learner(server)
    do_everything(laptop, lessons)
    id, before = laptop.start(), laptop.http.get("/api/progress").json()
    told = resume(laptop, new_code(laptop))
    assert told.json() == {"learner": laptop.id, "merged": 0} and "set-cookie" not in told.headers
    assert laptop.http.get("/api/progress").json() == before
    assert laptop.http.get(f"/api/sandboxes/{id}").status_code == 200


def test_the_sandbox_of_who_resumes_ends_and_the_others_goes_on(server: Server, lessons: Catalog) -> None:
    laptop, phone = Learner(server), Learner(server)
    theirs, own = laptop.start(), phone.start()
    socket = phone.terminal(own).socket  # opened: it has said hello
    assert resume(phone, new_code(laptop)).status_code == 200
    assert refusal(socket) == 4410
    assert server.driver.sandboxes[own].gone and not server.driver.sandboxes[theirs].gone
    assert phone.http.get("/api/me").json()["sandbox"]["id"] == theirs


def test_a_newer_code_makes_the_earlier_void(server: Server) -> None:
    laptop, phone = Learner(server), Learner(server)
    first, second = new_code(laptop), new_code(laptop)
    assert first != second
    refused = resume(phone, first)
    assert refused.status_code == 404 and code(refused) == "not-found" and "set-cookie" not in refused.headers
    assert resume(phone, second).status_code == 200


def test_a_code_expires(server: Server) -> None:
    laptop, phone = Learner(server), Learner(server)
    words = new_code(laptop)
    with closing(sqlite3.connect(database(server))) as there, there:
        there.execute("UPDATE codes SET expires = 1000")
    assert resume(phone, words).status_code == 404


@pytest.mark.parametrize("words", ["", "-", "0000-0000-0000-0000", "U" * 16, "é\0' OR 1=1 --", "🐳" * 16])
def test_codes_that_are_none(server: Server, words: str) -> None:
    phone = Learner(server)
    refused = resume(phone, words)
    assert refused.status_code == 404 and whoami(phone) == phone.id
    assert resume(phone, "0" * 65).status_code == 422


def test_wrong_codes_end_soon_and_right_ones_do_not_count(server: Server) -> None:
    laptop = Learner(server)
    words = new_code(laptop)
    for _ in range(15):
        assert resume(Learner(server), words).status_code == 200
    guessers = [Learner(server) for _ in range(5)]
    with ThreadPoolExecutor(5) as pool:
        told = list(pool.map(lambda n: resume(guessers[n % 5], f"{n:016d}").status_code, range(40)))
    assert sorted(told) == [404] * 10 + [429] * 30
    refused = resume(guessers[0], words)
    assert refused.status_code == 429 and code(refused) == "refused" and "retry-after" in refused.headers


# --- what is kept, taken away and deleted ---


def test_the_export_has_everything_that_is_kept(server: Server, lessons: Catalog) -> None:
    laptop = Learner(server)
    do_everything(laptop, lessons)
    words, id = new_code(laptop), laptop.start()
    told = laptop.http.get("/api/me/export")
    assert told.headers["content-disposition"].startswith("attachment;")
    kept = told.json()
    assert kept["learner"] == laptop.id and kept["made"] <= kept["seen"] and kept["sandbox"]["id"] == id
    assert words not in told.text and kept["code"]["expires"] > kept["code"]["made"]
    with closing(sqlite3.connect(database(server))) as there:
        query = "SELECT lesson, kind, item, detail, first, last, tries FROM progress"
        there_are = {(*row[:3], row[4], row[5], row[6]): json.loads(row[3]) for row in there.execute(query)}
    told_are = {
        (one["lesson"], one["kind"], one["item"], one["first"], one["last"], one["tries"]): one["detail"]
        for one in kept["progress"]
    }
    assert told_are == there_are and len(told_are) == 9
    assert {one["outcome"] for one in kept["progress"]} == {"done", "right"}


def test_the_export_of_who_did_nothing(server: Server) -> None:
    told = Learner(server).http.get("/api/me/export").json()
    assert (
        told["progress"] == told["classes"] == []
        and told["made"] is None
        and told["code"] is None
        and told["sandbox"] is None
    )


def test_delete_leaves_nothing(server: Server, lessons: Catalog) -> None:
    laptop, other = Learner(server), Learner(server)
    for who in (laptop, other):
        do_everything(who, lessons)
    words, id, before = new_code(laptop), laptop.start(), progress(other)
    told = laptop.http.delete("/api/me")
    assert told.status_code == 204 and told.content == b"" and len(told.headers.get_list("set-cookie")) == 1
    assert rows(server, laptop.id) == [] and server.driver.sandboxes[id].gone
    assert whoami(laptop) != laptop.id and progress(laptop)["done"]["steps"] == [0, 4]
    assert resume(laptop, words).status_code == 404
    assert progress(other) == before


def test_delete_without_anything(server: Server) -> None:
    assert Learner(server).http.delete("/api/me").status_code == 204
    assert httpx.delete(f"{server.origin}/api/me", headers={"Origin": server.origin}).status_code == 204


def test_delete_while_the_spawner_is_away_is_to_be_tried_again(server: Server, lessons: Catalog) -> None:
    laptop = Learner(server)
    do_everything(laptop, lessons)
    laptop.start()
    server.spawner.stop()
    told = laptop.http.delete("/api/me")
    assert told.status_code == 503 and code(told) == "spawner-gone" and "set-cookie" not in told.headers
    assert rows(server, laptop.id) == []


# --- the throttle by itself ---


def test_a_throttle_fills_up_again() -> None:
    now = 0.0
    throttle = Throttle(3, 10.0, "Too many.", lambda: now)
    for _ in range(3):
        throttle.take("192.0.2.1")
    with pytest.raises(TooMany):
        throttle.take("192.0.2.1")
    throttle.take("192.0.2.2")
    now = 10.0
    throttle.take("192.0.2.1")
    with pytest.raises(TooMany):
        throttle.take("192.0.2.1")
    throttle.give_back("192.0.2.1")
    throttle.take("192.0.2.1")


def test_a_throttle_forgets_who_was_longest_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab_server.web.throttle.MOST_ADDRESSES", 10)
    now = 0.0
    throttle = Throttle(1, 1.0, "Too many.", lambda: now)
    for n in range(50):
        now += 1
        throttle.take(f"192.0.2.{n}")
    assert list(throttle._left) == [f"192.0.2.{n}" for n in range(40, 50)]
    with pytest.raises(TooMany):
        throttle.take("192.0.2.49")


def test_whom_a_throttle_counts_as_one() -> None:
    assert network("2001:db8::1") == network("2001:db8::ffff") != network("2001:db8:0:1::1")
    assert network("::ffff:192.0.2.1") == network("192.0.2.1") != network("192.0.2.2")
    assert network("") == "" and network("fe80::1%eth0") == network("fe80::2")
