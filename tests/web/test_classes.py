"""Classes through the whole server: making, joining, the roster; bad input, two at once, restarts."""

from __future__ import annotations

import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab_server.lessons.catalog import Catalog
from lab_server.web.models_classes import Roster
from tests.conftest import LESSON, Make, Server
from tests.web import course
from tests.web.course import STEPS_ONLY, TASK
from tests.web.instructor import Instructor, account, instructor
from tests.web.learner import Learner
from tests.web.test_api import code
from tests.web.test_me import new_code, resume
from tests.web.test_progress import do_everything, passed, step

Json = dict[str, Any]


@pytest.fixture
def lessons(tmp_path: Path) -> Catalog:
    return course.make(tmp_path / "course")


@pytest.fixture
def server(make_server: Make, lessons: Catalog) -> Server:
    return make_server(course=lessons)


@pytest.fixture
def ina(server: Server) -> Instructor:
    return instructor(server)


def join(who: Learner, of: Json, name: str) -> httpx.Response:
    return who.http.post("/api/memberships", json={"code": of["code"], "name": name})


def joined(server: Server, of: Json, name: str) -> Learner:
    who = Learner(server)
    told = join(who, of, name)
    assert told.status_code == 201, told.text
    return who


def classes(who: Learner) -> list[Json]:
    return list(who.http.get("/api/memberships").json()["classes"])


# --- making and changing ---


def test_a_class_is_made_joined_and_shows_how_far_everybody_is(
    server: Server, ina: Instructor, lessons: Catalog
) -> None:
    made = ina.make("Containers for all", lessons=[LESSON, STEPS_ONLY], seats=20)
    assert made["state"] == "open" and made["role"] == "instructor" and made["learners"] == 0
    assert made["link"] == f"{server.origin}/join/{made['code']}"
    ann, bob = joined(server, made, "Ann"), joined(server, made, "Bob")
    do_everything(ann, lessons)
    one, two = ina.roster(made)
    assert (one["name"], two["name"]) == ("Ann", "Bob") and one["at"] and two["at"] is None
    assert one["lessons"] == {
        LESSON: {
            "done": {"steps": [4, 4], "tasks": [1, 1], "questions": [2, 2], "predictions": [2, 2]},
            "complete": True,
        },
        STEPS_ONLY: {
            "done": {"steps": [0, 1], "tasks": [0, 0], "questions": [0, 0], "predictions": [0, 0]},
            "complete": False,
        },
    }
    mine = ann.http.get("/api/progress").json()
    assert one["lessons"][LESSON]["done"] == mine["lessons"][LESSON]["done"]
    assert mine["classes"] == [{"id": made["id"], "title": "Containers for all", "state": "open"}]
    told = ina.http.get(f"/api/classes/{made['id']}/roster")
    assert Roster.model_validate(told.json()).model_dump(mode="json") == told.json(), "written by hand, as promised"
    assert ann.id not in told.text and bob.id not in told.text
    assert ina.get(made)["learners"] == 2


def test_a_roster_has_the_lessons_of_its_class_only(server: Server, ina: Instructor) -> None:
    made, all_of_it = ina.make(lessons=[STEPS_ONLY]), ina.make()
    ann = joined(server, made, "Ann")
    assert join(ann, all_of_it, "Ann").status_code == 201
    passed(ann)
    (there,) = ina.roster(made)
    assert set(there["lessons"]) == {STEPS_ONLY} and there["at"] is None
    (there,) = ina.roster(all_of_it)
    assert set(there["lessons"]) == {LESSON, STEPS_ONLY} and there["at"]


def test_a_roster_that_was_looked_at_shows_what_was_done_since(
    server: Server, ina: Instructor, lessons: Catalog
) -> None:
    made = ina.make(lessons=[LESSON])
    ann, bob = joined(server, made, "Ann"), joined(server, made, "Bob")

    def steps(n: int) -> list[int]:
        return list(ina.roster(made)[n]["lessons"][LESSON]["done"]["steps"])

    assert [steps(0), steps(1)] == [[0, 4], [0, 4]]
    for n in range(1, 5):
        step(ann, n)
        assert [steps(0), steps(1)] == [[n, 4], [0, 4]]
    step(bob, 1)
    assert steps(1) == [1, 4] and ina.roster(made)[0]["lessons"] != ina.roster(made)[1]["lessons"]
    for outcome in (False, True):  # the same record, which gets further
        picked = course.options(lessons, 0, outcome)[:1]
        bob.http.post(
            "/api/progress/answers",
            json={"lesson": LESSON, "question": course.question(lessons, 0).id, "picked": picked},
        )
        assert ina.roster(made)[1]["lessons"][LESSON]["done"]["questions"] == [int(outcome), 2]
    assert bob.http.delete("/api/me").status_code == 204
    assert [one["name"] for one in ina.roster(made)] == ["Ann"] and steps(0) == [4, 4]


def test_changes_name_what_they_change(ina: Instructor) -> None:
    made = ina.make("One", seats=5, closes=time.time() + 3600)
    changed = ina.change(made, title=" Two ", lessons=[LESSON]).json()
    assert changed | {"title": "One", "lessons": [], "version": 1} == made
    assert (changed["title"], changed["lessons"], changed["version"]) == ("Two", [LESSON], 2)
    assert ina.change(changed, closes=None).json()["closes"] is None
    assert [one["title"] for one in ina.http.get("/api/classes").json()] == ["Two"]


def test_of_two_instructors_at_once_the_second_is_told(server: Server, ina: Instructor) -> None:
    made = ina.make("One")
    eve = instructor(server, "Eve")
    assert ina.http.post(f"/api/classes/{made['id']}/staff", json={"name": "eve", "role": "instructor"}).is_success
    assert ina.change(made, title="By Ina").status_code == 200
    late = eve.change(made, title="By Eve")
    assert late.status_code == 409 and code(late) == "conflict" and "Somebody else changed" in late.text
    assert eve.get(made)["title"] == "By Ina" and eve.change(eve.get(made), title="By Eve").status_code == 200
    with ThreadPoolExecutor(8) as pool:
        there = ina.get(made)
        told = list(pool.map(lambda n: ina.change(there, seats=n + 1).status_code, range(8)))
    assert sorted(told) == [200] + [409] * 7


@pytest.mark.parametrize(
    "given",
    [
        {"title": ""},
        {"title": "..."},
        {"title": "A\u202eB"},
        {"title": "x" * 81},
        {"title": "x", "lessons": ["concepts/99-none"]},
        {"title": "x", "seats": 0},
        {"title": "x", "seats": 1001},
        {"title": "x", "opens": 20, "closes": 10},
        {"title": "x", "opens": -1},
        {"title": "x", "opens": "tomorrow"},
        {"title": "x", "code": "123456789"},
        {},
    ],
)
def test_classes_that_can_not_be(ina: Instructor, given: Json) -> None:
    told = ina.http.post("/api/classes", json=given)
    assert told.status_code == 422 and code(told) == "bad-input"
    assert ina.http.get("/api/classes").json() == []


def test_states_by_hand_and_by_the_clock(server: Server, ina: Instructor) -> None:
    now = time.time()
    planned = ina.make("Later", opens=now + 3600, closes=now + 7200)
    over = ina.make("Before", opens=now - 7200, closes=now - 3600)
    assert (planned["state"], over["state"]) == ("planned", "closed")
    for made, words in ((planned, "not open yet"), (over, "is closed")):
        told = join(Learner(server), made, "Ann")
        assert told.status_code == 409 and words in told.text
        opened = ina.change(made, state="open").json()
        assert opened["state"] == "open"
        late = joined(server, made, "Late")
        closed = ina.change(opened, state="closed").json()
        assert closed["state"] == "closed" and join(Learner(server), made, "Later").status_code == 409
        assert classes(late)[0]["state"] == "closed" and ina.roster(made)[0]["name"] == "Late"
        archived = ina.change(closed, state="archived").json()
        told = join(Learner(server), made, "Later")
        assert archived["state"] == "archived" and told.status_code == 409 and "is over" in told.text
        assert late.http.get("/api/progress").json()["classes"] == []
        assert ina.change(archived, state="open").json()["state"] == "open"


def test_a_new_code_voids_the_earlier(server: Server, ina: Instructor) -> None:
    made = ina.make()
    ann = joined(server, made, "Ann")
    changed = ina.http.post(f"/api/classes/{made['id']}/code", json={"version": made["version"]}).json()
    assert changed["code"] != made["code"] and classes(ann)[0]["id"] == made["id"]
    assert join(Learner(server), made, "Bob").status_code == 404
    assert join(Learner(server), changed, "Bob").status_code == 201
    stale = ina.http.post(f"/api/classes/{made['id']}/code", json={"version": made["version"]})
    assert stale.status_code == 409


def test_the_picture_is_of_the_link(server: Server, ina: Instructor) -> None:
    one, other = ina.make(), ina.make()
    told = [ina.http.get(f"/api/classes/{made['id']}/qr.svg") for made in (one, other, one)]
    assert {answer.headers["content-type"] for answer in told} == {"image/svg+xml"}
    assert told[0].text == told[2].text != told[1].text
    assert ET.fromstring(told[0].text).tag == "{http://www.w3.org/2000/svg}svg"


def test_links_have_the_address_that_learners_open(make_server: Make) -> None:
    server = make_server(origins="https://course.example.org, https://other.example.org")
    account(server, "Ina")
    who = Instructor(server)
    who.http.headers["Origin"] = "https://other.example.org"
    told = who.sign_in("Ina")
    (cookie,) = [one.split(";")[0] for one in told.headers.get_list("set-cookie") if "room" in one]
    made = who.http.post("/api/classes", json={"title": "x"}, headers={"Cookie": cookie}).json()
    assert made["link"] == f"https://course.example.org/join/{made['code']}"


# --- who may ---


def test_what_each_role_may(server: Server, ina: Instructor) -> None:
    made = ina.make()
    joined(server, made, "Ann")
    (learner,) = ina.roster(made)
    path = f"/api/classes/{made['id']}"
    asa, eve, ada = instructor(server, "Asa"), instructor(server, "Eve"), instructor(server, "Ada", admin=True)
    assert ina.http.post(f"{path}/staff", json={"name": "Asa", "role": "assistant"}).status_code == 200
    changing: list[tuple[str, str, Json | None]] = [
        ("PATCH", path, {"version": 1, "title": "Mine"}),
        ("POST", f"{path}/code", {"version": 1}),
        ("POST", f"{path}/staff", {"name": "Eve", "role": "instructor"}),
        ("DELETE", f"{path}/learners/{learner['id']}", None),
        ("DELETE", path, None),
    ]
    for method, where, given in changing:
        assert asa.http.request(method, where, json=given).status_code == 403, where
        assert eve.http.request(method, where, json=given).status_code == 404, where
        assert Learner(server).http.request(method, where, json=given).status_code == 401, where
    for where in (path, f"{path}/roster", f"{path}/qr.svg"):
        assert asa.http.get(where).status_code == ada.http.get(where).status_code == 200
        assert eve.http.get(where).status_code == 404 and Learner(server).http.get(where).status_code == 401
    assert asa.get(made)["role"] == "assistant" and ada.get(made)["role"] == "admin"
    assert [len(who.http.get("/api/classes").json()) for who in (ina, asa, eve, ada)] == [1, 1, 0, 1]
    for method, where, given in changing:
        if given and "version" in given:
            given["version"] = ada.get(made)["version"]
        assert ada.http.request(method, where, json=given).is_success, where


def test_staff_come_and_go_and_one_instructor_stays(server: Server, ina: Instructor) -> None:
    made = ina.make()
    path = f"/api/classes/{made['id']}/staff"
    (me,) = made["staff"]
    assert me["name"] == "Ina" and me["role"] == "instructor"
    assert ina.http.delete(f"{path}/{me['account']}").status_code == 409
    asa = instructor(server, "Asa")
    (_, other) = ina.http.post(path, json={"name": "asa", "role": "assistant"}).json()["staff"]
    assert asa.http.delete(f"{path}/{me['account']}").status_code == 403
    assert asa.http.delete(f"{path}/{other['account']}").status_code == 204
    assert asa.http.get(f"/api/classes/{made['id']}").status_code == 404
    assert ina.http.post(path, json={"name": "Nobody", "role": "assistant"}).status_code == 404
    assert ina.http.post(path, json={"name": "Asa", "role": "admin"}).status_code == 422


def test_deleting_a_class_leaves_learners_their_progress(server: Server, ina: Instructor) -> None:
    made = ina.make()
    ann = joined(server, made, "Ann")
    passed(ann)
    assert ina.http.delete(f"/api/classes/{made['id']}").status_code == 204
    assert ina.http.get(f"/api/classes/{made['id']}").status_code == 404 and classes(ann) == []
    assert ann.http.get("/api/progress").json()["lessons"][LESSON]["tasks"] == {TASK: {"passed": True}}


# --- joining ---


def test_what_a_learner_reads_before_joining(server: Server, ina: Instructor) -> None:
    made = ina.make("Containers", lessons=[LESSON], seats=2)
    ann = Learner(server)
    told = ann.http.get(f"/api/join/{made['code'].replace('-', ' ')}").json()
    assert told["title"] == "Containers" and told["free"] == 2 and told["name"] is None
    assert [lesson["id"] for lesson in told["lessons"]] == [LESSON]
    assert any("name" in words for words in told["seen"]) and any("password" in words for words in told["unseen"])
    assert ina.roster(made) == [] and classes(ann) == [], "looking is not joining"
    join(ann, made, "Ann")
    told = ann.http.get(f"/api/join/{made['code']}").json()
    assert told["name"] == "Ann" and told["free"] == 1
    assert ann.http.get("/api/memberships").json()["seen"] == told["seen"]


def test_joining_is_one_step_for_who_was_never_here(server: Server, ina: Instructor) -> None:
    made = ina.make()
    with httpx.Client(base_url=server.origin, headers={"Origin": server.origin}) as new:
        told = new.post("/api/memberships", json={"code": made["code"], "name": "Ann"})
        assert told.status_code == 201 and told.json()["title"] == "A class"
        assert new.get("/api/memberships").json()["classes"][0]["name"] == "Ann"


def test_a_name_that_is_taken_is_refused_and_another_offered(server: Server, ina: Instructor) -> None:
    made = ina.make()
    ann = joined(server, made, "Ann")
    told = join(Learner(server), made, " ANN ")
    assert told.status_code == 409 and code(told) == "conflict" and "'ANN 2'" in told.json()["error"]["remedy"]
    assert join(ann, made, "Anna").status_code == 200 and classes(ann)[0]["name"] == "Anna"
    assert join(Learner(server), made, "ann").status_code == 201


@pytest.mark.parametrize(
    "name", ["", " ", "A\u202eB", "A\nB", "A\0", "\u200d", "x" * 41, "x" * 161, "Z" + "\u0301" * 9]
)
def test_names_that_can_not_be(server: Server, ina: Instructor, name: str) -> None:
    made = ina.make()
    told = join(Learner(server), made, name)
    assert told.status_code == 422 and code(told) == "bad-input" and ina.roster(made) == []


def test_a_full_class_is_told_and_a_seat_that_is_left_is_free(server: Server, ina: Instructor) -> None:
    made = ina.make(seats=2)
    guests = [Learner(server) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(lambda n: join(guests[n], made, f"Guest {n}").status_code, range(6)))
    assert sorted(told) == [201, 201, 409, 409, 409, 409]
    inside, outside = guests[told.index(201)], guests[told.index(409)]
    assert "Every seat" in join(outside, made, "Again").text
    assert inside.http.delete(f"/api/memberships/{made['id']}").status_code == 204
    assert inside.http.delete(f"/api/memberships/{made['id']}").status_code == 404
    assert join(outside, made, "Again").status_code == 201


def test_who_is_taken_out_or_leaves_is_seen_no_more(server: Server, ina: Instructor) -> None:
    made, other = ina.make(), ina.make()
    ann, bob = joined(server, made, "Ann"), joined(server, made, "Bob")
    (first, _) = ina.roster(made)
    assert ina.http.delete(f"/api/classes/{other['id']}/learners/{first['id']}").status_code == 404
    assert ina.http.delete(f"/api/classes/{made['id']}/learners/{first['id']}").status_code == 204
    assert classes(ann) == [] and ann.http.get("/api/progress").json()["classes"] == []
    bob.http.delete(f"/api/memberships/{made['id']}")
    assert ina.roster(made) == []


def test_wrong_codes_end_soon_and_right_ones_do_not_count(server: Server, ina: Instructor) -> None:
    made = ina.make(seats=100)
    for n in range(40):
        joined(server, made, f"Learner {n}")
    with ThreadPoolExecutor(5) as pool:
        guesser = Learner(server)

        def guess(n: int) -> int:
            if n % 2:
                return guesser.http.get(f"/api/join/{n:09d}").status_code
            return guesser.http.post("/api/memberships", json={"code": f"{n:09d}", "name": "Eve"}).status_code

        told = list(pool.map(guess, range(50)))
    assert sorted(told) == [404] * 30 + [429] * 20
    refused = join(Learner(server), made, "Late")
    assert refused.status_code == 429 and "retry-after" in refused.headers


@pytest.mark.parametrize("words", ["-", "12345678", "é", "' OR 1=1 --", "%00", "9" * 64])
def test_codes_that_are_none(server: Server, ina: Instructor, words: str) -> None:
    ina.make()
    assert Learner(server).http.get(f"/api/join/{words}").status_code in (404, 422)
    told = Learner(server).http.post("/api/memberships", json={"code": words, "name": "Eve"})
    assert told.status_code == 404


def test_a_learner_who_goes_on_elsewhere_is_still_in_the_class(server: Server, ina: Instructor) -> None:
    made = ina.make()
    phone, laptop = joined(server, made, "Ann"), Learner(server)
    step(laptop, 1)
    assert resume(phone, new_code(laptop)).status_code == 200
    assert [one["id"] for one in classes(laptop)] == [made["id"]]
    (there,) = ina.roster(made)
    assert there["lessons"][LESSON]["done"]["steps"] == [1, 4]


def test_the_export_has_classes_and_forgetting_leaves_them(server: Server, ina: Instructor) -> None:
    made = ina.make("Containers")
    ann = joined(server, made, "Ann")
    (kept,) = ann.http.get("/api/me/export").json()["classes"]
    assert (kept["title"], kept["name"]) == ("Containers", "Ann")
    assert ann.http.delete("/api/me").status_code == 204 and ina.roster(made) == []


def test_a_restart_in_the_middle_of_a_class_loses_nothing(server: Server, ina: Instructor) -> None:
    made = ina.make()
    ann = joined(server, made, "Ann")
    passed(ann)
    before = ina.roster(made)
    server.stop_web()
    server.start_web()
    assert ina.roster(made) == before and ina.get(made) == made | {"learners": 1}
    assert classes(ann)[0]["id"] == made["id"] and join(ann, made, "Ann").status_code == 200
    joined(server, made, "Late")
