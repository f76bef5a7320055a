"""Control of a room, through the whole server: what learners' pages are told, what becomes of real shells, what is refused and why."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab_server.sandbox.client import SpawnerClient
from lab_server.store import audit
from lab_server.store.engine import Store
from lab_server.web import applies
from lab_server.web.caretaker import PAUSED_MOST, Caretaker
from lab_server.web.protocol import CLOSE_ENDED
from tests.conftest import LESSON, Make, Server
from tests.shell import eventually
from tests.web import course
from tests.web.instructor import Instructor, account, instructor
from tests.web.learner import Learner
from tests.web.rooms import Channel
from tests.web.test_classes import join, joined
from tests.web.test_leases import HOUR, MINUTE, Bench

Json = dict[str, Any]
COUNT = "sh -c 'n=0; while :; do n=$((n + 1)); echo count $n; sleep 0.05; done'\n"


@pytest.fixture
def ina(server: Server) -> Instructor:
    return instructor(server)


def ask(who: Instructor, method: str, of: Json, what: str, **body: Any) -> httpx.Response:
    return who.http.request(method, f"/api/classes/{of['id']}/{what}", json=body or None)


def done(who: Instructor, method: str, of: Json, what: str, **body: Any) -> Json:
    told = ask(who, method, of, what, **body)
    assert told.status_code == 200, told.text
    return dict(told.json())


def frozen(server: Server) -> dict[str, bool]:
    """Sandbox → whether it stands still, as the spawner has it."""
    return {one["sandbox"]: one["frozen"] for one in server_client(server).list()}


def server_client(server: Server) -> SpawnerClient:
    return SpawnerClient(server.settings.socket)


def caretaker(server: Server) -> Caretaker:
    assert server.app
    return server.app.state.parts.conduct._caretaker  # type: ignore[no-any-return]


def acts(server: Server, of: Json) -> list[tuple[str, str, Any]]:
    async def read() -> list[tuple[str, str, Any]]:
        store = Store(server.settings.database_url)
        try:
            async with store.read() as at:
                return [(one.name, one.act, one.detail) for one in await audit.of_class(at, of["id"])]
        finally:
            await store.close()

    return asyncio.run(read())


def member(ina: Instructor, of: Json, name: str) -> str:
    return str(next(one["id"] for one in ina.roster(of) if one["name"] == name))


# --- a message ---


def test_a_message_is_on_every_page_also_of_who_comes_late_until_it_is_taken_back(
    server: Server, ina: Instructor
) -> None:
    of = ina.make("Monday")
    with Channel(joined(server, of, "Ada")) as page:
        page.until(lambda page: page.view["message"] is None)
        text = "Break until half past: <b>coffee</b> at https://example.org/coffee"
        told = done(ina, "PUT", of, "message", text=text)
        assert (told["message"]["text"], told["message"]["by"]) == (text, "Ina")
        page.until(lambda page: page.view["message"] and page.view["message"]["text"] == text)
        with Channel(joined(server, of, "Bo")) as late:
            assert late.until(lambda page: page.told["room"]["classes"] and page.view["message"])["text"] == text
        first = page.view["message"]["at"]
        done(ina, "PUT", of, "message", text="Go on")
        page.until(lambda page: page.view["message"]["text"] == "Go on" and page.view["message"]["at"] > first)
        assert done(ina, "DELETE", of, "message")["message"] is None
        page.until(lambda page: page.view["message"] is None)
        done(ina, "DELETE", of, "message")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a\u202eb\x00c\ud7ff\u2066d", "abcd"),
        ("one\r\ntwo\u2028three\x0bfour\n\n\n\nfive", "one\ntwo\nthree\nfour\n\nfive"),
        ("  tabs\tand   blanks \n", "tabs and blanks"),
        ("e\u0301", "\u00e9"),
        ("👩\u200d🚀 نص\u200cها", "👩\u200d🚀 نص\u200cها"),
        ("x" * 500, "x" * 500),
    ],
)
def test_what_a_message_keeps(given: str, kept: str) -> None:
    assert applies.words(given) == kept


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b\u2060", "\u200d", "x" * 501, "<script>" * 70, 7, None, ["a"]])
def test_what_is_no_message_is_refused_in_words(server: Server, ina: Instructor, text: object) -> None:
    of = ina.make()
    told = ask(ina, "PUT", of, "message", text=text)
    assert told.status_code == 422 and told.json()["error"]["message"], told.text
    assert done(ina, "GET", of, "room")["message"] is None


# --- everybody here ---


def test_everybody_is_pointed_at_a_place_that_is_there(make_server: Make, tmp_path: Path) -> None:
    server = make_server(course=course.make(tmp_path / "course"))
    ina = instructor(server)
    of = ina.make()
    with Channel(joined(server, of, "Ada")) as page:
        done(ina, "PUT", of, "here", lesson=LESSON, step="one/2")
        here = page.until(lambda page: page.view["here"])
        assert here["title"] == "A Lesson" and here["part"].startswith("step 2 of ") and here["by"] == "Ina"
        assert here["url"].endswith("#lab-one-2")
        done(ina, "PUT", of, "here", lesson=LESSON, step=course.TASK)
        page.until(lambda page: page.view["here"]["url"].endswith(f"#task-{course.TASK}"))
        assert page.view["here"]["part"] == "the task Something"
        done(ina, "PUT", of, "here", lesson=LESSON)
        page.until(lambda page: page.view["here"]["part"] == "")
        for lesson, step, says in (
            ("concepts/99-none", "", LESSON),
            (LESSON, "one/9", "one/1, one/2, one/3"),
            (LESSON, "two/1", course.TASK),
            ("\u202e<b>", "", "no lesson"),
        ):
            told = ask(ina, "PUT", of, "here", lesson=lesson, step=step)
            assert told.status_code == 422 and says in told.text
        assert done(ina, "DELETE", of, "here")["here"] is None
        page.until(lambda page: page.view["here"] is None)


# --- pause ---


def test_all_stands_still_and_goes_on_where_it_was(server: Server, ina: Instructor) -> None:
    of = ina.make()
    ada, other = joined(server, of, "Ada"), Learner(server)
    id, elsewhere = ada.start(), other.start()
    with Channel(ada) as page, ada.terminal(id) as shell:
        shell.type(COUNT)
        shell.until(b"count 3\r")
        told = done(ina, "PUT", of, "pause")
        assert told["paused"]["by"] == "Ina"
        assert frozen(server) == {id: True, elsewhere: False}, "the answer comes when they stand still"
        page.until(lambda page: page.view["paused"] and page.view["paused"]["by"] == "Ina")
        bo = instructor(server, "Bo", admin=True)
        assert done(bo, "PUT", of, "pause")["paused"]["by"] == "Ina", "it is paused already, by whom it was"
        answer = ada.http.post(f"/api/sandboxes/{id}/check", json={"lesson": LESSON, "tasks": ["01-a-task"]})
        assert answer.status_code in (404, 409)
        start = len(shell.said)
        assert done(bo, "DELETE", of, "pause")["paused"] is None, "another may let them go on"
        assert frozen(server)[id] is False
        shell.until(b"count ", start=start)
        page.until(lambda page: page.view["paused"] is None)
        done(bo, "DELETE", of, "pause")
    assert acts(server, of) == [("Bo", "paused", {"on": False}), ("Ina", "paused", {"on": True})]


def test_who_comes_or_starts_meanwhile_stands_still_too_and_who_goes_goes_on(server: Server, ina: Instructor) -> None:
    of = ina.make()
    ada, bo = joined(server, of, "Ada"), Learner(server)
    one = bo.start()
    done(ina, "PUT", of, "pause")
    two = ada.start()
    eventually(lambda: frozen(server) == {one: False, two: True}, "a sandbox that gets ready is paused")
    join(bo, of, "Bo")
    eventually(lambda: frozen(server)[one], "who joins is paused")
    new = ada.http.post(f"/api/sandboxes/{two}/reset")
    assert new.status_code == 200
    ada.wait(two)
    eventually(lambda: frozen(server)[two], "a new one under the same id is")
    assert bo.http.delete(f"/api/memberships/{of['id']}").status_code == 204
    eventually(lambda: not frozen(server)[one], "who leaves goes on")
    taken = ina.http.delete(f"/api/classes/{of['id']}/learners/{member(ina, of, 'Ada')}")
    assert taken.status_code == 204
    eventually(lambda: not frozen(server)[two], "who is taken out goes on")


def test_of_two_classes_any_that_is_paused_pauses(server: Server, ina: Instructor) -> None:
    monday, tuesday = ina.make("Monday"), ina.make("Tuesday")
    ada = joined(server, monday, "Ada")
    join(ada, tuesday, "Ada")
    id = ada.start()
    for of in (monday, tuesday):
        done(ina, "PUT", of, "pause")
    done(ina, "DELETE", monday, "pause")
    assert frozen(server) == {id: True}
    done(ina, "DELETE", tuesday, "pause")
    assert frozen(server) == {id: False}


@pytest.mark.parametrize("how", ["deleted", "archived", "closed"])
def test_a_class_that_is_no_more_pauses_nobody(server: Server, ina: Instructor, how: str) -> None:
    of = ina.make()
    id = joined(server, of, "Ada").start()
    done(ina, "PUT", of, "pause")
    assert frozen(server) == {id: True}
    if how == "deleted":
        assert ina.http.delete(f"/api/classes/{of['id']}").status_code == 204
    else:
        assert ina.change(ina.get(of), state=how).status_code == 200
    eventually(lambda: frozen(server) == {id: False}, "they go on")
    if how == "closed":
        ina.change(ina.get(of), state="open")
        assert done(ina, "GET", of, "room")["paused"] is None, "opened again it isn't paused"


def test_a_closed_class_is_not_paused(server: Server, ina: Instructor) -> None:
    of = ina.change(ina.make(), state="closed").json()
    assert "not open" in ask(ina, "PUT", of, "pause").json()["error"]["message"]
    of = ina.change(of, state="archived").json()
    for method, what, body in (
        ("PUT", "message", {"text": "a"}),
        ("POST", "end", {"seconds": 5}),
        ("PUT", "pause", {}),
    ):
        told = ask(ina, method, of, what, **body)
        assert told.status_code == 409 and "archived" in told.text


def test_twenty_are_paused_though_one_dies_meanwhile(server: Server, ina: Instructor) -> None:
    of = ina.make()
    learners = [joined(server, of, f"L{n}") for n in range(20)]
    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(Learner.start, learners))
    server_client(server).destroy(ids[7])  # behind the server's back
    done(ina, "PUT", of, "pause")
    assert frozen(server) == {id: True for id in ids if id != ids[7]}
    done(ina, "DELETE", of, "pause")
    assert not any(frozen(server).values())


def test_a_server_that_starts_anew_leaves_it_paused_and_makes_good_what_it_missed(
    server: Server, ina: Instructor
) -> None:
    of = ina.make()
    ada, bo = joined(server, of, "Ada"), joined(server, of, "Bo")
    one, two = ada.start(), bo.start()
    done(ina, "PUT", of, "pause")
    server.stop_web()
    assert frozen(server) == {one: True, two: True}
    server_client(server).freeze(two, False)  # as if it had been made while nobody looked
    server.start_web()
    eventually(lambda: frozen(server) == {one: True, two: True}, "it is seen to")
    with Channel(ada) as page:
        page.until(lambda page: page.view["paused"] and page.view["paused"]["by"] == "Ina")
    done(ina, "DELETE", of, "pause")
    assert frozen(server) == {one: False, two: False}


def test_time_stands_still_too(make_server: Make) -> None:
    bench = Bench(make_server, idle=60, limit=240)
    ina = instructor(bench.server)
    of = ina.make()
    ada = joined(bench.server, of, "Ada")
    id = ada.start()
    bench.pass_by(10 * MINUTE)
    done(ina, "PUT", of, "pause")
    bench.pass_by(2 * HOUR)
    assert ada.http.get(f"/api/sandboxes/{id}").json()["ends_in"] == 50 * MINUTE
    bench.flush()
    bench.hands.wall += 5 * MINUTE
    bench.restart()
    assert ada.http.get(f"/api/sandboxes/{id}").json()["ends_in"] == 50 * MINUTE, "nor did it while no server was there"
    done(ina, "DELETE", of, "pause")
    bench.pass_by(49 * MINUTE)
    assert ada.http.get(f"/api/sandboxes/{id}").json()["state"] == "ready"
    bench.pass_by(2 * MINUTE)
    assert ada.http.get(f"/api/sandboxes/{id}").json()["state"] == "ended"


def test_nobody_is_paused_for_ever(make_server: Make) -> None:
    bench = Bench(make_server)
    ina = instructor(bench.server)
    of = ina.make()
    id = joined(bench.server, of, "Ada").start()
    done(ina, "PUT", of, "pause")
    bench.hands.running += PAUSED_MOST + 1
    bench.on_loop(caretaker(bench.server).tick())
    assert frozen(bench.server) == {id: False}
    assert done(ina, "GET", of, "room")["paused"] is None


# --- extend, reset ---


def test_all_are_extended_beyond_what_learners_can(make_server: Make) -> None:
    bench = Bench(make_server, idle=0, limit=10, extension=5, extensions=0)
    ina = instructor(bench.server)
    of = ina.make()
    ada, bo = joined(bench.server, of, "Ada"), joined(bench.server, of, "Bo")
    joined(bench.server, of, "Cy")
    one, two, other = ada.start(), bo.start(), Learner(bench.server)
    three = other.start()
    assert ada.http.post(f"/api/sandboxes/{one}/extend").status_code == 409
    with ada.terminal(one) as shell:
        bench.pass_by(400)
        assert shell.message("lease")["ends_in"] <= 300
        assert done(ina, "POST", of, "extend") == {"extended": 2, "sandboxes": 2, "seconds": 300.0}
        assert shell.message("lease")["ends_in"] is None
    for who, id, left in ((ada, one, 500), (bo, two, 500), (other, three, 200)):
        assert who.http.get(f"/api/sandboxes/{id}").json()["ends_in"] == left
    for _ in range(400):
        done(ina, "POST", of, "extend")
    assert ada.http.get(f"/api/sandboxes/{one}").json()["ends_in"] == 600, "as a new one, and no more"
    bench.flush()
    bench.restart()
    assert ada.http.get(f"/api/sandboxes/{one}").json()["ends_in"] == 600


def test_extending_what_has_no_end_says_so(server: Server, ina: Instructor) -> None:
    of = ina.make()
    joined(server, of, "Ada")
    assert done(ina, "POST", of, "extend") == {"extended": 0, "sandboxes": 0, "seconds": 0.0}


@pytest.mark.parametrize("paused", [False, True])
def test_one_is_reset_and_told_by_whom(server: Server, ina: Instructor, paused: bool) -> None:
    of = ina.make()
    ada, bo = joined(server, of, "Ada"), joined(server, of, "Bo")
    id, other = ada.start(), bo.start()
    with Channel(ada) as page, Channel(bo) as others, ada.terminal(id) as shell:
        shell.type("echo mine > $HOME/mark; echo d''one\n")
        shell.until(b"done")
        if paused:
            done(ina, "PUT", of, "pause")
        told = ask(ina, "POST", of, f"learners/{member(ina, of, 'Ada')}/reset")
        assert told.status_code == 204, told.text
        assert shell.message("exit")["reason"] == "Ina reset your sandbox: you get a new one."
        assert shell.closed() == CLOSE_ENDED
        assert page.until(lambda page: page.view["reset"])["by"] == "Ina"
        assert others.until(lambda page: page.view)["reset"] is None
    ada.wait(id)
    if paused:
        eventually(lambda: frozen(server)[id], "the new one stands still as the old one did")
        done(ina, "DELETE", of, "pause")
    with ada.terminal(id, client="again") as shell:
        shell.type("ls $HOME/mark; echo d''one\n")
        shell.until(b"done")
        assert b"No such file" in shell.said
    assert bo.http.get(f"/api/sandboxes/{other}").json()["state"] == "ready"
    assert [act for _, act, _ in acts(server, of)].count("reset") == 1


def test_a_reset_that_can_not_be_is_in_the_log_as_that_and_told_to_nobody(server: Server, ina: Instructor) -> None:
    of = ina.make()
    ada = joined(server, of, "Ada")
    ada.start()
    server.spawner.stop()
    eventually(lambda: not server.settings.socket.exists(), "the spawner is gone")
    told = ask(ina, "POST", of, f"learners/{member(ina, of, 'Ada')}/reset")
    assert told.status_code == 503, told.text
    entries = ina.http.get(f"/api/classes/{of['id']}/audit").json()
    assert [(one["act"], one["detail"].get("failed")) for one in entries] == [
        ("reset", "spawner-gone"),
        ("reset", None),
    ]
    with Channel(ada) as page:
        assert page.until(lambda page: page.view)["reset"] is None


def test_who_has_no_sandbox_or_is_not_there_is_not_reset(server: Server, ina: Instructor) -> None:
    of, other = ina.make(), ina.make("Other")
    joined(server, of, "Ada")
    told = ask(ina, "POST", of, f"learners/{member(ina, of, 'Ada')}/reset")
    assert told.status_code == 409 and "Ada has no sandbox" in told.text
    assert ask(ina, "POST", other, f"learners/{member(ina, of, 'Ada')}/reset").status_code == 404
    assert ask(ina, "POST", of, "learners/00ff/reset").status_code == 404
    assert acts(server, of) == []


# --- the end ---


def ended(who: Learner, id: str) -> Json:
    return dict(who.http.get(f"/api/sandboxes/{id}").json())


def test_a_class_is_ended_with_a_countdown_and_sandboxes_with_it(make_server: Make) -> None:
    bench = Bench(make_server, idle=0, limit=0)
    ina = instructor(bench.server)
    of, other = ina.make("Monday"), ina.make("Tuesday")
    ada, bo, cy = (joined(bench.server, of, name) for name in ("Ada", "Bo", "Cy"))
    join(bo, other, "Bo")
    one, two = ada.start(), bo.start()
    with Channel(ada) as page, ada.terminal(one) as shell:
        assert done(ina, "POST", of, "end", seconds=120)["ending"]["by"] == "Ina"
        assert page.until(lambda page: page.view["ending"] and page.view["closes_in"]) == 120
        bench.hands.running += 60
        bench.hands.wall += 60
        bench.on_loop(caretaker(bench.server).tick())
        assert done(ina, "GET", of, "room")["closes_in"] == 60
        assert ended(ada, one)["state"] == "ready"
        bench.hands.running += 61
        bench.hands.wall += 61
        bench.on_loop(caretaker(bench.server).tick())
        assert shell.message("exit")["reason"] == "Your class has ended."
        assert shell.closed() == CLOSE_ENDED
        page.until(lambda page: page.view["state"] == "closed" and page.view["closes_in"] is None)
    assert (ended(ada, one)["state"], ended(bo, two)["state"]) == ("ended", "ready")
    assert ended(ada, one)["detail"].startswith("Your class has ended. What you did in the course is kept")
    assert bench.parts.leases.ends == {"class": 1}
    assert "ended already" in ask(ina, "DELETE", of, "end").text
    assert ask(ina, "POST", of, "end", seconds=5).status_code == 409
    cy.start()  # a closed class keeps nobody from learning
    assert ina.change(ina.get(of), state="open").json()["state"] == "open"
    assert [act for _, act, _ in acts(bench.server, of)] == ["ended"]


def test_an_end_can_be_called_off_and_said_twice(make_server: Make) -> None:
    bench = Bench(make_server, idle=0, limit=0)
    ina = instructor(bench.server)
    closes = bench.hands.wall + HOUR
    of = ina.make(closes=closes)
    ada = joined(bench.server, of, "Ada")
    id = ada.start()
    done(ina, "POST", of, "end", seconds=60)
    bo = instructor(bench.server, "Bo", admin=True)
    assert done(bo, "POST", of, "end", seconds=300)["ending"]["by"] == "Bo", "the last has their way"
    bench.hands.running += 100
    bench.hands.wall += 100
    bench.on_loop(caretaker(bench.server).tick())
    assert done(ina, "GET", of, "room")["closes_in"] == 200
    told = done(ina, "DELETE", of, "end")
    assert (told["ending"], told["closes_in"]) == (None, None)
    assert ina.get(of)["closes"] == closes, "it closes when it would have"
    done(ina, "DELETE", of, "end")
    bench.hands.running += 300
    bench.on_loop(caretaker(bench.server).tick())
    assert ended(ada, id)["state"] == "ready"
    assert acts(bench.server, of)[0][2] == {"called_off": True}


def test_an_end_at_once(server: Server, ina: Instructor) -> None:
    of = ina.make()
    ada = joined(server, of, "Ada")
    id = ada.start()
    assert done(ina, "POST", of, "end", seconds=0)["state"] == "closed"
    assert ended(ada, id)["detail"].startswith("Your class has ended.")
    assert frozen(server) == {}


def test_a_sandbox_that_stands_still_ends_with_its_class(server: Server, ina: Instructor) -> None:
    of = ina.make()
    ada = joined(server, of, "Ada")
    id = ada.start()
    done(ina, "PUT", of, "pause")
    done(ina, "POST", of, "end", seconds=0)
    assert ended(ada, id)["state"] == "ended"


@pytest.mark.parametrize("seconds", [-1, 3601, "soon", None, 1e999, True])
def test_no_end_in_the_past_or_tomorrow(server: Server, ina: Instructor, seconds: object) -> None:
    of = ina.make()
    body = '{"seconds": 1e999}' if seconds == 1e999 else None
    if body:
        told = ina.http.post(f"/api/classes/{of['id']}/end", content=body, headers={"Content-Type": "application/json"})
    else:
        told = ask(ina, "POST", of, "end", seconds=seconds)
    assert told.status_code == 422
    assert done(ina, "GET", of, "room")["state"] == "open"


def test_an_end_comes_though_the_server_was_away(make_server: Make) -> None:
    bench = Bench(make_server, idle=0, limit=0)
    ina = instructor(bench.server)
    of = ina.make()
    ada = joined(bench.server, of, "Ada")
    id = ada.start()
    done(ina, "POST", of, "end", seconds=300)
    bench.hands.wall += 100
    bench.restart()
    assert done(ina, "GET", of, "room")["closes_in"] == 200
    bench.hands.wall += 1000
    bench.restart()
    eventually(lambda: ended(ada, id)["state"] == "ended", "it ended while nobody looked")
    eventually(lambda: done(ina, "GET", of, "room")["ending"] is None, "and that is done")


def test_a_clock_that_jumps_ends_nobodys_work(make_server: Make) -> None:
    bench = Bench(make_server, idle=0, limit=0)
    ina = instructor(bench.server)
    of = ina.make()
    ada = joined(bench.server, of, "Ada")
    id = ada.start()
    done(ina, "POST", of, "end", seconds=300)
    bench.hands.wall += 24 * HOUR
    bench.on_loop(caretaker(bench.server).tick())
    assert ended(ada, id)["state"] == "ready"
    bench.hands.wall -= 48 * HOUR
    bench.hands.running += 301
    bench.on_loop(caretaker(bench.server).tick())
    assert ended(ada, id)["state"] == "ended"
    assert done(ina, "GET", of, "room")["state"] == "closed", "whatever the clock on the wall says"


def test_a_class_that_closes_by_itself_says_so_and_ends_no_sandbox(make_server: Make) -> None:
    bench = Bench(make_server, idle=0, limit=0)
    ina = instructor(bench.server)
    of = ina.make(closes=bench.hands.wall + HOUR)
    ada = joined(bench.server, of, "Ada")
    id = ada.start()
    with Channel(ada) as page:
        assert page.until(lambda page: page.view)["closes_in"] is None
        bench.on_loop(caretaker(bench.server).tick())
        bench.hands.wall += HOUR - 540
        bench.on_loop(caretaker(bench.server).tick())
        page.until(lambda page: page.view["closes_in"] == 540 and page.view["ending"] is None)
        bench.hands.wall += 541
        bench.on_loop(caretaker(bench.server).tick())
        page.until(lambda page: page.view["state"] == "closed" and page.view["closes_in"] is None)
    assert ended(ada, id)["state"] == "ready"


def test_a_time_that_is_changed_by_hand_voids_an_end(make_server: Make) -> None:
    bench = Bench(make_server, idle=0, limit=0)
    ina = instructor(bench.server)
    of = ina.make()
    ada = joined(bench.server, of, "Ada")
    id = ada.start()
    done(ina, "POST", of, "end", seconds=60)
    assert ina.change(ina.get(of), closes=None).status_code == 200
    bench.hands.running += 100
    bench.on_loop(caretaker(bench.server).tick())
    assert ended(ada, id)["state"] == "ready" and done(ina, "GET", of, "room")["ending"] is None


# --- who may ---


def test_an_assistant_may_say_and_point_and_nothing_else(server: Server, ina: Instructor) -> None:
    of = ina.make()
    account(server, "Tom")
    ina.http.post(f"/api/classes/{of['id']}/staff", json={"name": "Tom", "role": "assistant"})
    tom = Instructor(server)
    tom.sign_in("Tom")
    joined(server, of, "Ada").start()
    assert done(tom, "PUT", of, "message", text="Hello")["message"]["by"] == "Tom"
    done(tom, "DELETE", of, "message")
    done(tom, "PUT", of, "here", lesson=LESSON)
    done(tom, "DELETE", of, "here")
    for method, what, body in (
        ("PUT", "pause", {}),
        ("DELETE", "pause", {}),
        ("POST", "extend", {}),
        ("POST", "end", {"seconds": 60}),
        ("DELETE", "end", {}),
        ("POST", f"learners/{member(ina, of, 'Ada')}/reset", {}),
    ):
        told = ask(tom, method, of, what, **body)
        assert told.status_code == 403, (what, told.text)
        assert "An assistant can't" in told.text and "ask its instructor" in told.text, what
    assert not any(frozen(server).values()) and acts(server, of) == []


def test_strangers_and_learners_may_nothing(server: Server, ina: Instructor) -> None:
    of = ina.make()
    account(server, "Eve")
    eve = Instructor(server)
    for status in (401, 404):
        for method, what, body in (
            ("GET", "room", {}),
            ("PUT", "message", {"text": "Hi"}),
            ("PUT", "here", {"lesson": LESSON}),
            ("PUT", "pause", {}),
            ("POST", "extend", {}),
            ("POST", "end", {"seconds": 0}),
        ):
            assert ask(eve, method, of, what, **body).status_code == status, what
        eve.sign_in("Eve")
    assert done(ina, "GET", of, "room")["state"] == "open"
