"""The wall: what those who run a class are told of each learner while it happens, whom they see, and whom they don't."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from lab_server.lessons.catalog import Catalog
from lab_server.web import protocol
from lab_server.web import wall as walls
from lab_server.web.clock import Clock
from lab_server.web.miniatures import MOST
from tests.conftest import LESSON, Make, Server
from tests.shell import eventually
from tests.web import course
from tests.web.course import STEPS_ONLY, TASK
from tests.web.instructor import Instructor, instructor
from tests.web.learner import Learner
from tests.web.rooms import Channel
from tests.web.test_classes import joined
from tests.web.test_me import new_code, resume
from tests.web.test_progress import passed, step
from tests.web.walls import Wall

Json = dict[str, Any]


class Running:
    """A clock that runs ahead when told to."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead

    def wall(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def running() -> Running:
    return Running()


@pytest.fixture
def lessons(tmp_path: Path) -> Catalog:
    return course.make(tmp_path / "course")


@pytest.fixture
def server(make_server: Make, lessons: Catalog, running: Running) -> Server:
    return make_server(course=lessons, clock=Clock(running, running.wall), sandboxes=20)


@pytest.fixture
def ina(server: Server) -> Instructor:
    return instructor(server)


def member(ina: Instructor, of: Json, name: str) -> str:
    return next(str(one["id"]) for one in ina.roster(of) if one["name"] == name)


# --- tiles ---


def test_a_tile_says_who_where_how_far_and_since_when(server: Server, ina: Instructor) -> None:
    of = ina.make("Monday", lessons=[LESSON, STEPS_ONLY])
    ada, _ = joined(server, of, "Ada"), joined(server, of, "Bo")
    with Wall(ina, of) as wall:
        tile = wall.until(lambda wall: wall.tile("Ada"))
        room = wall.told["room"]
        assert (room["title"], room["state"], room["learners"]) == ("Monday", "open", 2)
        assert [lesson["id"] for lesson in room["lessons"]] == [LESSON, STEPS_ONLY]
        nothing = {"online": False, "lesson": "", "step": "", "tasks": [0, 1], "share": 0, "active": None, "stuck": ""}
        assert tile.items() >= (nothing | {"sandbox": "", "sessions": []}).items()
        assert wall.until(lambda wall: wall.told["heat"]["tasks"]) == [
            {"lesson": LESSON, "name": TASK, "title": wall.told["heat"]["tasks"][0]["title"]}
        ]
        assert set(wall.passed.values()) == {"0"}
        with Channel(ada) as page:
            page.say(type="at", lesson=LESSON, step="one/2")
            wall.until(lambda wall: wall.tile("Ada")["step"] == "one/2")
            assert wall.tile("Ada")["online"] and wall.tile("Ada")["lesson"] == LESSON
            assert abs(wall.tile("Ada")["active"] - time.time()) < 60
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(walls, "LOOK_AGAIN", 3600.0)
                step(ada, 1)
                wall.until(lambda wall: wall.tile("Ada")["share"])  # told of it: it does not find out by itself
            passed(ada)  # past the server: a backup that was put back, another process
            wall.until(lambda wall: wall.tile("Ada")["tasks"] == [1, 1])
            wall.until(lambda wall: wall.passed[wall.tile("Ada")["id"]] == "1")
        wall.until(lambda wall: not wall.tile("Ada")["online"])
        told = json.dumps([*wall.tiles.values(), wall.told])
        assert ada.id not in told, "a learner's own id is told to nobody"


def test_what_a_learner_does_in_lessons_of_others_is_not_on_the_wall(server: Server, ina: Instructor) -> None:
    of = ina.make(lessons=[STEPS_ONLY])
    ada = joined(server, of, "Ada")
    with ada.terminal(ada.start()) as terminal, Channel(ada) as page, Wall(ina, of) as wall:
        terminal.type("echo se''cret\n")
        terminal.until(b"secret")
        page.say(type="at", lesson=LESSON, step="one/2")
        wall.until(lambda wall: wall.tile("Ada")["active"])
        eventually(lambda: page_is_at(server, of, LESSON), "the server knows where the page is")
        wall.until(lambda wall: not wall.tile("Ada")["sessions"])
        wall.see("Ada")
        page.say(type="did", failed=True)
        for _ in range(3):
            page.say(type="did", failed=True)
        wall.until(lambda wall: wall.tile("Ada")["stuck"])
        assert (wall.tile("Ada")["lesson"], wall.tile("Ada")["step"]) == ("", "")
        assert not wall.screens
        page.say(type="at", lesson=STEPS_ONLY, step="")
        wall.until(lambda wall: wall.tile("Ada")["sessions"] == ["host"])
        wall.until(lambda wall: b"secret" in wall.screen("Ada"))


def page_is_at(server: Server, of: Json, lesson: str) -> bool:
    assert server.app
    room = server.app.state.parts.rooms.get(of["id"])
    return any(live.lesson == lesson for live in room.live.values())


def test_who_may_be_stuck_is_told_with_the_reason(server: Server, ina: Instructor, running: Running) -> None:
    of = ina.make()
    ada, bo = joined(server, of, "Ada"), joined(server, of, "Bo")
    with Channel(ada) as page, Channel(bo) as other, Wall(ina, of) as wall:
        for _ in range(3):
            page.say(type="did", failed=True)
        wall.until(lambda wall: wall.tile("Ada")["stuck"] == "3 commands failed in a row")
        page.say(type="did", failed=False)
        wall.until(lambda wall: wall.tile("Ada")["stuck"] == "")
        for _ in range(3):
            other.say(type="hint")
        wall.until(lambda wall: wall.tile("Bo")["stuck"] == "asked for 3 hints")
        other.say(type="at", lesson=STEPS_ONLY, step="")
        wall.until(lambda wall: wall.tile("Bo")["stuck"] == "")
        for _ in range(3):
            other.say(type="did", failed=True)
        wall.until(lambda wall: wall.tile("Bo")["stuck"])
        passed(bo)
        wall.until(lambda wall: wall.tile("Bo")["stuck"] == "" and wall.tile("Bo")["tasks"] == [1, 1])
        running.ahead = 301.0
        wall.until(lambda wall: wall.tile("Ada")["stuck"] == "silent for over 5 min")
        page.say(type="did", failed=False)
        wall.until(lambda wall: wall.tile("Ada")["stuck"] == "")


def test_a_tile_is_less_than_a_second_old(server: Server, ina: Instructor) -> None:
    of = ina.make()
    ada = joined(server, of, "Ada")
    with Channel(ada) as page, Wall(ina, of) as wall:
        wall.until(lambda wall: wall.tile("Ada"))
        ages = []
        for n in range(5):
            begun = time.monotonic()
            page.say(type="at", lesson=LESSON, step=f"one/{n}")
            wall.until(lambda wall, n=n: wall.tile("Ada")["step"] == f"one/{n}")
            ages.append(time.monotonic() - begun)
        assert sorted(ages)[2] < 1.0, ages


def test_at_rest_nothing_is_sent(server: Server, ina: Instructor) -> None:
    of = ina.make()
    ada = joined(server, of, "Ada")
    with ada.terminal(ada.start()) as terminal, Channel(ada), Wall(ina, of) as wall:
        terminal.type("echo re''ady\n")
        terminal.until(b"ready")
        wall.until(lambda wall: wall.tile("Ada")["sessions"])
        wall.see("Ada")
        wall.until(lambda wall: b"ready" in wall.screen("Ada"))
        with pytest.raises(TimeoutError):
            while True:  # what was on its way comes first
                wall.take(within=2.5)


HOSTILE = ["<img src=x onerror=alert(1)>", "'; DROP TABLE members; --", "{{7*7}}", "Zoë 👩🏽‍💻", "שלום", "a" * 40]


def test_hostile_names_are_names_and_bidi_ones_never_get_there(server: Server, ina: Instructor) -> None:
    of = ina.make()
    for name in HOSTILE:
        joined(server, of, name)
    bad = Learner(server).http.post("/api/memberships", json={"code": of["code"], "name": "Ada\u202egnp.exe"})
    assert bad.status_code == 422
    with Wall(ina, of) as wall:
        wall.until(lambda wall: len(wall.tiles) == len(HOSTILE))
        assert {tile["name"] for tile in wall.tiles.values()} == set(HOSTILE)


# --- terminals ---


def test_a_miniature_is_what_the_terminal_printed_with_its_size(server: Server, ina: Instructor) -> None:
    of = ina.make()
    ada, bo = joined(server, of, "Ada"), joined(server, of, "Bo")
    with ada.terminal(ada.start()) as terminal, bo.terminal(bo.start()) as others, Wall(ina, of) as wall:
        terminal.type("echo fi''rst\n")
        terminal.until(b"first")
        others.type("echo bos''own\n")
        others.until(b"bosown")
        wall.until(lambda wall: wall.tile("Ada")["sessions"] and wall.tile("Bo")["sessions"])
        assert not wall.screens, "nobody is sent that the page doesn't show"
        wall.see("Ada")
        wall.until(lambda wall: b"first" in wall.screen("Ada"))
        terminal.say(type="resize", cols=132, rows=43)
        wall.until(lambda wall: wall.screens[wall.tile("Ada")["id"]][1] == (132, 43))
        terminal.type("echo sec''ond\n")
        wall.until(lambda wall: b"first" in wall.screen("Ada") and b"second" in wall.screen("Ada"))
        assert set(wall.screens) == {wall.tile("Ada")["id"]} and wall.anew == 1
        wall.see("Bo")
        wall.until(lambda wall: b"bosown" in wall.screen("Bo"))


def test_the_session_that_was_typed_in_last_is_the_one_that_is_seen(make_server: Make) -> None:
    server = make_server()  # whose lesson has two
    ina = instructor(server)
    of = ina.make()
    ada = joined(server, of, "Ada")
    id = ada.start()
    with ada.terminal(id) as host, ada.terminal(id, "watch") as watch, Wall(ina, of) as wall:
        host.type("echo in''host\n")
        host.until(b"inhost")
        wall.until(lambda wall: set(wall.tile("Ada")["sessions"]) == {"host", "watch"})
        wall.see("Ada")
        wall.until(lambda wall: b"inhost" in wall.screen("Ada"))
        watch.type("echo in''watch\n")
        wall.until(lambda wall: b"inwatch" in wall.screen("Ada"))
        assert wall.screens[wall.tile("Ada")["id"]][0] == "watch" and b"inhost" not in wall.screen("Ada")
        wall.until(lambda wall: wall.tile("Ada")["sessions"] == ["watch", "host"])


def test_a_flood_is_sent_at_a_modest_rate_and_ends_with_the_newest(server: Server, ina: Instructor) -> None:
    of = ina.make()
    ada = joined(server, of, "Ada")
    with ada.terminal(ada.start()) as terminal, Wall(ina, of) as wall:
        wall.until(lambda wall: wall.tile("Ada")["sessions"])
        wall.see("Ada")
        begun = time.monotonic()
        terminal.type("seq 200000; echo flo''oded\n")
        terminal.until(b"flooded")
        seconds = time.monotonic() - begun
        wall.until(lambda wall: b"flooded" in wall.screen("Ada"))
        assert len(wall.screen("Ada")) <= MOST + 1024, "it began anew rather than send it all"
        assert sum(map(len, wall.frames)) <= 4 * MOST + 8192 * seconds


def test_nobody_is_seen_who_is_not_in_the_class(server: Server, ina: Instructor) -> None:
    of, other = ina.make("Mine"), ina.make("Another")
    ada, eve = joined(server, of, "Ada"), joined(server, other, "Eve")
    stranger = Learner(server)
    terminals = [who.terminal(who.start()) for who in (ada, eve, stranger)]
    for n, terminal in enumerate(terminals):
        terminal.type(f"echo se''cret{n}\n")
        terminal.until(f"secret{n}".encode())
    with Wall(ina, of) as wall:
        wall.until(lambda wall: wall.tile("Ada")["sessions"])
        strangers = [member(ina, other, "Eve"), eve.id, stranger.id, ada.id, "", "../x", "a" * 1000]
        wall.say(type="see", learners=[*strangers, wall.tile("Ada")["id"]])
        wall.until(lambda wall: b"secret0" in wall.screen("Ada"))
        for n, terminal in enumerate(terminals):
            terminal.type(f"echo mo''re{n}\n")
        wall.until(lambda wall: b"more0" in wall.screen("Ada"))
        assert set(wall.screens) == {wall.tile("Ada")["id"]}
    for terminal in terminals:
        terminal.socket.close()


def test_who_leaves_is_taken_out_or_forgotten_is_seen_no_more(server: Server, ina: Instructor) -> None:
    of = ina.make()
    everybody = [joined(server, of, name) for name in ("Ada", "Bo", "Cy", "Di")]
    terminals = [who.terminal(who.start()) for who in everybody]
    with Wall(ina, of) as wall:
        wall.until(lambda wall: all(wall.tile(name)["sessions"] for name in ("Ada", "Bo", "Cy", "Di")))
        ids = {name: wall.tile(name)["id"] for name in ("Ada", "Bo", "Cy", "Di")}
        wall.see(*ids)
        wall.until(lambda wall: len(wall.screens) == 4)
        ada, _, cy, _ = everybody
        assert ada.http.delete(f"/api/memberships/{of['id']}").status_code == 204
        assert ina.http.delete(f"/api/classes/{of['id']}/learners/{ids['Bo']}").status_code == 204
        assert cy.http.delete("/api/me").status_code == 204
        wall.until(lambda wall: set(wall.tiles) == {ids["Di"]})
        wall.screens.clear()
        for terminal in terminals[:2]:
            terminal.type("echo af''ter\n")
            terminal.until(b"after")
        terminals[3].type("clear; echo still he''re\n")
        wall.screens[ids["Di"]] = ("host", (80, 24), b"")
        wall.until(lambda wall: b"still here" in wall.screen("Di"))
        assert set(wall.screens) == {ids["Di"]}
    for terminal in terminals:
        terminal.socket.close()


def test_a_learner_who_is_another_from_here_on_is_one_tile(server: Server, ina: Instructor) -> None:
    of = ina.make()
    ada = joined(server, of, "Ada")
    elsewhere = Learner(server)
    with Wall(ina, of) as wall:
        wall.until(lambda wall: wall.tile("Ada"))
        assert resume(ada, new_code(elsewhere)).status_code == 200
        with Channel(elsewhere):
            wall.until(lambda wall: wall.tile("Ada")["online"])
        assert len(wall.tiles) == 1


# --- who looks, and for how long ---


def test_only_who_has_a_role_in_the_class_sees_its_wall(server: Server, ina: Instructor) -> None:
    of = ina.make()
    joined(server, of, "Ada")
    nobody = Instructor(server)
    with Wall(nobody, of) as wall:
        assert wall.closed() == protocol.CLOSE_NOT_SIGNED_IN and not wall.tiles
    eve = instructor(server, "Eve")
    with Wall(eve, of) as wall:
        assert wall.closed() == protocol.CLOSE_NOT_FOUND and not wall.tiles
    with Wall(ina, {"id": "nonesuch"}) as wall:
        assert wall.closed() == protocol.CLOSE_NOT_FOUND
    given = {"name": "Eve", "role": "assistant"}
    assert ina.http.post(f"/api/classes/{of['id']}/staff", json=given).status_code == 200
    with Wall(eve, of) as wall:
        wall.until(lambda wall: wall.tile("Ada"))
    with pytest.raises(InvalidStatus) as refused:
        Wall(ina, of, origin="http://elsewhere.example")
    assert refused.value.response.status_code == 403


def test_a_wall_ends_with_the_sign_in_and_with_the_role(server: Server, ina: Instructor) -> None:
    of = ina.make()
    joined(server, of, "Ada")
    eve = instructor(server, "Eve")
    given = {"name": "Eve", "role": "assistant"}
    staff = ina.http.post(f"/api/classes/{of['id']}/staff", json=given).json()["staff"]
    id = next(one["account"] for one in staff if one["name"] == "Eve")
    with Wall(ina, of) as mine, Wall(eve, of) as hers:
        for wall in (mine, hers):
            wall.until(lambda wall: wall.tile("Ada"))
        assert ina.http.delete(f"/api/classes/{of['id']}/staff/{id}").status_code == 204
        begun = time.monotonic()
        assert hers.closed() == protocol.CLOSE_NOT_FOUND
        assert ina.http.delete("/api/signin").status_code == 204
        assert mine.closed() == protocol.CLOSE_NOT_SIGNED_IN
        assert time.monotonic() - begun < 20


def test_a_class_that_is_deleted_takes_its_walls_along(server: Server, ina: Instructor) -> None:
    of = ina.make()
    with Wall(ina, of) as one, Wall(ina, of) as two:
        for wall in (one, two):
            wall.until(lambda wall: "tiles" in wall.told)
        assert ina.http.delete(f"/api/classes/{of['id']}").status_code == 204
        assert [wall.closed() for wall in (one, two)] == [protocol.CLOSE_NOT_FOUND] * 2
    assert server.app
    eventually(lambda: not server.app.state.parts.walls._classes, "nothing is kept of it")  # type: ignore[union-attr]


def test_two_walls_are_told_the_same_and_one_that_goes_leaves_the_other(server: Server, ina: Instructor) -> None:
    of = ina.make()
    ada = joined(server, of, "Ada")
    with Channel(ada) as page, Wall(ina, of) as one:
        with Wall(ina, of) as two:
            page.say(type="at", lesson=LESSON, step="one/1")
            for wall in (one, two):
                wall.until(lambda wall: wall.tile("Ada")["step"] == "one/1")
            assert one.tiles == two.tiles
        step(ada, 1)
        one.until(lambda wall: wall.tile("Ada")["share"])


def test_an_archived_class_keeps_its_tiles_and_shows_no_terminal(server: Server, ina: Instructor) -> None:
    of = ina.make()
    ada = joined(server, of, "Ada")
    with ada.terminal(ada.start()), Wall(ina, of) as wall:
        wall.until(lambda wall: wall.tile("Ada")["sessions"])
        assert ina.change(of, state="archived").status_code == 200
        wall.until(lambda wall: wall.told["room"]["state"] == "archived")
        wall.until(lambda wall: wall.tile("Ada")["sessions"] == [])


def test_a_restarted_server_tells_it_all_again_and_shows_the_screens(server: Server, ina: Instructor) -> None:
    of = ina.make()
    ada = joined(server, of, "Ada")
    passed(ada)
    with ada.terminal(ada.start()) as terminal, Wall(ina, of) as wall:
        terminal.type("echo be''fore\n")
        terminal.until(b"before")
        wall.until(lambda wall: wall.tile("Ada")["tasks"] == [1, 1])
        server.stop_web()
        assert wall.closed() == protocol.CLOSE_RESTARTING
    server.start_web()
    with Wall(ina, of) as wall:
        wall.until(lambda wall: wall.tile("Ada")["tasks"] == [1, 1] and wall.tile("Ada")["sessions"])
        wall.see("Ada")
        wall.until(lambda wall: b"before" in wall.screen("Ada"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"type":"watch"}',
        '{"type":"see"}',
        '{"type":"see","learners":"all"}',
        '{"type":"see","learners":[7]}',
        '{"type":"see","learners":[' + ",".join(['""'] * 251) + "]}",
        "[" * 5000,
    ],
)
def test_what_is_not_understood_closes_it_with_its_reason(server: Server, ina: Instructor, text: str) -> None:
    with Wall(ina, ina.make()) as wall:
        wall.socket.send(text)
        assert wall.closed() == protocol.CLOSE_NOT_UNDERSTOOD


def test_two_hundred_learners_are_one_message_and_then_only_what_changed(server: Server, ina: Instructor) -> None:
    of = ina.make(seats=200)
    first = joined(server, of, "Learner 1")
    for n in range(2, 201):
        joined(server, of, f"Learner {n}")
    with Wall(ina, of) as wall:
        wall.until(lambda wall: len(wall.tiles) == 200)
        assert len(wall.told["tiles"]["tiles"]) == 200
        wall.say(type="see", learners=list(wall.tiles))
        with Channel(first) as page:
            page.say(type="at", lesson=LESSON, step="one/1")
            wall.until(lambda wall: wall.tile("Learner 1")["step"] == "one/1")
            assert len(wall.told["tiles"]["tiles"]) == 1
