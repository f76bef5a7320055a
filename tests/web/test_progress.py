"""What learners do, is judged and kept: through the whole server, on a real SQLite file."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab_server.lessons.catalog import Catalog
from lab_server.store.engine import Store
from lab_server.web.progress import Progress
from tests.conftest import LESSON, Make, Server
from tests.web import course
from tests.web.course import STEPS_ONLY, TASK
from tests.web.learner import Learner
from tests.web.test_api import code

ESCAPES = "\x1b[?2004l\r\x1b[01;32mtotal    4\x1b[0m   \r\n"


@pytest.fixture
def lessons(tmp_path: Path) -> Catalog:
    return course.make(tmp_path / "course")


@pytest.fixture
def server(make_server: Make, lessons: Catalog) -> Server:
    return make_server(course=lessons)


@pytest.fixture
def learner(server: Server) -> Learner:
    return Learner(server)


def step(who: Learner, n: int, output: str = "", exit: int | None = 0, **more: object) -> httpx.Response:
    body = {"lesson": LESSON, "block": "one", "step": n, "exit": exit, "output": output} | more
    return who.http.post("/api/progress/steps", json=body)


def predict(who: Learner, n: int, answer: str) -> httpx.Response:
    body = {"lesson": LESSON, "block": "one", "step": n, "answer": answer}
    return who.http.post("/api/progress/predictions", json=body)


def answer(who: Learner, question: str, picked: list[str]) -> httpx.Response:
    body = {"lesson": LESSON, "question": question, "picked": picked}
    return who.http.post("/api/progress/answers", json=body)


def passed(who: Learner, task: str = TASK) -> None:
    """As the task's check does it."""

    async def keep() -> None:
        store = Store(who.server.settings.database_url)
        try:
            await Progress(who.server.course, store).passed(who.id, LESSON, task)
        finally:
            await store.close()

    asyncio.run(keep())


def progress(who: Learner, lesson: str = LESSON) -> dict[str, Any]:
    told = who.http.get("/api/progress")
    assert told.status_code == 200, told.text
    found: dict[str, Any] = told.json()["lessons"][lesson]
    return found


def do_everything(who: Learner, lessons: Catalog) -> None:
    right = course.prediction(lessons, 3).options[1].id
    assert predict(who, 3, right).status_code == 201 and predict(who, 4, "container").status_code == 201
    for n, output in enumerate(("", ESCAPES, "Mem: 64000", "container"), 1):
        assert step(who, n, output).json()["matches"] in (None, True)
    for n in range(2):
        assert answer(who, course.question(lessons, n).id, course.options(lessons, n)).json()["right"] is True
    passed(who)


def database(server: Server) -> Path:
    return server.settings.web_data / "course.sqlite3"


# --- steps ---


def test_who_did_nothing_has_every_lesson_with_nothing_done(learner: Learner) -> None:
    assert learner.http.get("/api/progress").json() == {
        "lessons": {
            LESSON: {
                "steps": {},
                "tasks": {},
                "predictions": {},
                "questions": {},
                "done": {"steps": [0, 4], "tasks": [0, 1], "questions": [0, 2], "predictions": [0, 2]},
                "complete": False,
                "at": None,
            },
            STEPS_ONLY: {
                "steps": {},
                "tasks": {},
                "predictions": {},
                "questions": {},
                "done": {"steps": [0, 1], "tasks": [0, 0], "questions": [0, 0], "predictions": [0, 0]},
                "complete": False,
                "at": None,
            },
        },
        "classes": [],
    }


def test_a_step_is_compared_with_the_page_whatever_the_terminal_adds(learner: Learner) -> None:
    assert step(learner, 1, "anything").json() == {"matches": None, "prediction": None}
    assert step(learner, 2, "nothing of the kind", 1).json() == {"matches": False, "prediction": None}
    assert progress(learner)["steps"] == {"one/1": {"matches": None, "exit": 0}, "one/2": {"matches": False, "exit": 1}}
    assert step(learner, 2, ESCAPES).json()["matches"] is True
    assert step(learner, 2, "nothing again", None).json()["matches"] is False
    told = progress(learner)
    assert told["steps"]["one/2"] == {"matches": True, "exit": 0}  # what was reached stays
    assert told["done"]["steps"] == [2, 4] and told["at"] > 1e9 and not told["complete"]


def test_a_lesson_of_steps_is_complete_when_they_were_run(learner: Learner) -> None:
    assert step(learner, 1, lesson=STEPS_ONLY, block="only").status_code == 200
    assert progress(learner, STEPS_ONLY)["complete"] is True


def test_long_output_is_read_in_part(learner: Learner) -> None:
    assert step(learner, 2, "total 4" + "x" * 60_000).json()["matches"] is True  # `total ...`


# --- quizzes ---


def test_a_verdict_tells_of_what_was_picked_and_no_more(learner: Learner, lessons: Catalog) -> None:
    asked, (wrong,), (right,) = (
        course.question(lessons, 0),
        course.options(lessons, 0, False),
        course.options(lessons, 0),
    )
    first = answer(learner, asked.id, [wrong])
    assert first.json() == {
        "right": False,
        "options": {wrong: {"right": False, "why": "That is not-the-pid you look for."}},
        "why": "",
        "tries": 1,
    }
    assert "it-is-uts" not in first.text + learner.http.get("/api/progress").text
    assert progress(learner)["questions"][asked.id] == first.json() | {"picked": [wrong]}
    second = answer(learner, asked.id, [right]).json()
    assert second["right"] is True and second["tries"] == 2 and "it-is-uts" in second["why"]
    assert set(second["options"]) == {right}
    after = answer(learner, asked.id, [wrong]).json()
    assert after["right"] is False and after["tries"] == 2
    assert progress(learner)["questions"][asked.id] == second | {"picked": [right]}
    assert progress(learner)["done"]["questions"] == [1, 2]


def test_several_answers_are_right_together_only(learner: Learner, lessons: Catalog) -> None:
    asked, both = course.question(lessons, 1), course.options(lessons, 1)
    half = answer(learner, asked.id, both[:1]).json()
    assert half["right"] is False and half["options"][both[0]]["right"] is True and half["why"] == ""
    assert answer(learner, asked.id, both[::-1] + both).json()["right"] is True


def test_answers_are_nowhere_before_they_are_given(learner: Learner, lessons: Catalog) -> None:
    predict(learner, 3, course.prediction(lessons, 3).options[0].id)
    predict(learner, 4, "box")
    step(learner, 1)
    open_to_all = learner.http.get("/api/lessons").text + learner.http.get("/api/progress").text
    open_to_all += learner.http.get("/api/me/export").text
    assert [secret for secret in course.SECRETS if secret in open_to_all] == []
    told = json.loads(learner.http.get("/api/lessons").text)
    keys = {key for lesson in told for quiz in lesson["quizzes"] for one in quiz["questions"] for key in one}
    keys |= {
        key
        for lesson in told
        for quiz in lesson["quizzes"]
        for one in quiz["questions"]
        for option in one["options"]
        for key in option
    }
    assert keys == {"id", "text", "multiple", "options"}
    asked = told[0]["blocks"][0]["steps"][2]["predict"]
    assert set(asked) == {"question", "options"} and set(asked["options"][0]) == {"id", "text"}
    assert set(told[0]["tasks"][0]) == {"name", "title", "needs"}


# --- predictions ---


def test_a_prediction_is_graded_by_what_the_step_prints(learner: Learner, lessons: Catalog) -> None:
    small, all_of_it = (option.id for option in course.prediction(lessons, 3).options)
    kept = predict(learner, 3, small)
    assert kept.status_code == 201 and kept.json() == {"answer": small, "right": None, "holds": "", "why": ""}
    assert progress(learner)["predictions"] == {"one/3": kept.json()}
    assert progress(learner)["done"]["predictions"] == [0, 2]
    graded = step(learner, 3, "Mem: 64000").json()["prediction"]
    why = "Because meminfo-knows-nothing of cgroups."
    assert graded == {"answer": small, "right": False, "holds": all_of_it, "why": why}
    assert progress(learner)["predictions"] == {"one/3": graded}
    again = predict(learner, 3, all_of_it).json()
    assert again == {"answer": all_of_it, "right": None, "holds": "", "why": ""}  # graded by the next run only
    assert progress(learner)["predictions"] == {"one/3": again}
    assert progress(learner)["done"]["predictions"] == [1, 2]
    right = step(learner, 3, "Mem: 64000").json()["prediction"]
    assert right["right"] is True and right["answer"] == all_of_it
    assert predict(learner, 3, small).json() == right  # the first right one stays
    assert step(learner, 3, "Mem: 31 MB").json()["prediction"] == right
    assert progress(learner)["predictions"] == {"one/3": right}


def test_output_that_no_option_foresaw_grades_nothing(learner: Learner, lessons: Catalog) -> None:
    predict(learner, 3, course.prediction(lessons, 3).options[0].id)
    assert step(learner, 3, "free: not found", 127).json() == {"matches": False, "prediction": None}
    assert progress(learner)["predictions"]["one/3"]["right"] is None


def test_free_text_is_right_where_it_occurs(learner: Learner) -> None:
    predict(learner, 4, "  contain  ")
    assert step(learner, 4, "container\r\n").json()["prediction"]["right"] is False
    predict(learner, 4, "CONTAINER")
    graded = step(learner, 4, "\x1b[1mcontainer\x1b[0m\r\n").json()["prediction"]
    assert graded == {"answer": "CONTAINER", "right": True, "holds": "", "why": "Because it was asked-and-answered."}


def test_a_prediction_after_the_run_waits_for_the_next(learner: Learner) -> None:
    assert step(learner, 4, "container").json()["prediction"] is None
    assert predict(learner, 4, "container").json()["right"] is None
    assert step(learner, 4, "container").json()["prediction"]["right"] is True


# --- tasks, and all of it ---


def test_a_lesson_is_complete_and_stays_so(learner: Learner, lessons: Catalog) -> None:
    do_everything(learner, lessons)
    told = progress(learner)
    assert told["complete"] is True and told["tasks"] == {TASK: {"passed": True}}
    assert told["done"] == {"steps": [4, 4], "tasks": [1, 1], "questions": [2, 2], "predictions": [2, 2]}
    answer(learner, course.question(lessons, 0).id, course.options(lessons, 0, False))
    step(learner, 2, "nothing of the kind", 1)
    after = progress(learner)
    assert after["at"] >= told["at"] and {**after, "at": 0} == {**told, "at": 0}


def test_what_the_catalogue_no_longer_has_is_kept_and_not_shown(
    server: Server, learner: Learner, lessons: Catalog
) -> None:
    do_everything(learner, lessons)
    before = progress(learner)
    server.stop_web()
    server.course = Catalog(server.course.lessons[1:])
    server.start_web()
    assert set(learner.http.get("/api/progress").json()["lessons"]) == {STEPS_ONLY}
    assert step(learner, 1).status_code == 404
    server.stop_web()
    server.course = lessons
    server.start_web()
    assert progress(learner) == before


def test_progress_survives_a_restart(server: Server, learner: Learner, lessons: Catalog) -> None:
    do_everything(learner, lessons)
    before = learner.http.get("/api/progress").json()
    server.stop_web()
    server.start_web()
    assert learner.http.get("/api/progress").json() == before


def test_one_learners_progress_is_nobody_elses(server: Server, learner: Learner, lessons: Catalog) -> None:
    do_everything(learner, lessons)
    assert progress(Learner(server))["done"]["steps"] == [0, 4]


# --- input that is wrong ---


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"lesson": "concepts/99-nowhere"}, 404),
        ({"block": "../one"}, 404),
        ({"step": 5}, 404),
        ({"step": 0}, 422),
        ({"step": 10**30}, 422),
        ({"exit": "0; rm"}, 422),
        ({"exit": -1}, 422),
        ({"output": None}, 422),
        ({"outcome": 2}, 422),
        ({"lesson": "x" * 5000}, 422),
    ],
)
def test_a_step_that_is_none(learner: Learner, change: dict[str, object], status: int) -> None:
    body = {"lesson": LESSON, "block": "one", "step": 1, "exit": 0, "output": ""} | change
    answered = learner.http.post(
        "/api/progress/steps", content=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    assert answered.status_code == status and code(answered) in ("bad-input", "not-found")
    assert progress(learner)["steps"] == {}


def test_answers_that_are_none(learner: Learner, lessons: Catalog) -> None:
    asked = course.question(lessons, 0)
    all_of_them = [option.id for option in asked.options]
    for question, picked, status in (
        (asked.id, all_of_them, 400),  # one answer is asked for: all at once would tell which is right
        (asked.id, ["a-nowhere"], 400),
        (asked.id, course.options(lessons, 1)[:1], 400),
        (asked.id, [], 422),
        (asked.id, ["x"] * 33, 422),
        ("q-nowhere", all_of_them[:1], 404),
    ):
        refused = answer(learner, question, picked)
        assert refused.status_code == status, refused.text
        assert not [secret for secret in course.SECRETS if secret in refused.text]
    assert progress(learner)["questions"] == {}


@pytest.mark.parametrize(
    ("n", "given", "status"),
    [
        (1, "p-1", 404),
        (3, "p-nowhere", 400),
        (4, "", 422),
        (4, "  ", 422),
        (4, "a\0b", 422),
        (4, "a\nb", 422),
        (4, "x" * 201, 422),
    ],
)
def test_predictions_that_are_none(learner: Learner, n: int, given: str, status: int) -> None:
    assert predict(learner, n, given).status_code == status
    assert progress(learner)["predictions"] == {}


def test_an_answer_that_is_no_text(learner: Learner) -> None:
    body = json.dumps({"lesson": LESSON, "block": "one", "step": 4, "answer": "\ud800"})
    headers = {"Content-Type": "application/json"}
    assert learner.http.post("/api/progress/predictions", content=body, headers=headers).status_code == 422


def test_words_of_a_learner_come_back_as_they_were(learner: Learner) -> None:
    words = "'); DROP TABLE learners; -- <img src=x onerror=alert(1)> é 🐳"
    assert predict(learner, 4, words).json()["answer"] == words
    assert progress(learner)["predictions"]["one/4"]["answer"] == words


def test_changing_needs_an_origin(server: Server, learner: Learner) -> None:
    for method, path in (
        ("POST", "/api/progress/steps"),
        ("POST", "/api/progress/predictions"),
        ("POST", "/api/progress/answers"),
        ("POST", "/api/me/code"),
        ("POST", "/api/me/resume"),
        ("DELETE", "/api/me"),
    ):
        answered = httpx.request(method, f"{server.origin}{path}", cookies=dict(learner.http.cookies), json={})
        assert answered.status_code == 403 and code(answered) == "refused"


def test_more_than_can_be_kept_is_refused(make_server: Make, lessons: Catalog) -> None:
    server = make_server(course=lessons)
    assert server.app
    writes = server.app.state.parts.writes
    writes._burst, writes._every = 5, 3600
    told = [step(Learner(server), 1).status_code for _ in range(8)]
    assert told == [200] * 5 + [429] * 3
    with sqlite3.connect(database(server)) as other:
        assert other.execute("SELECT count(*) FROM learners").fetchone() == (5,)


# --- a store that fails ---


def test_a_database_that_cannot_be_opened_stops_nothing_else(
    make_server: Make, lessons: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab_server.store.engine.RETRY", 0.0)
    place = tmp_path / "elsewhere" / "p4ssw0rd.sqlite3"
    learner = Learner(make_server(course=lessons, database=f"sqlite:///{place}"))
    for answered in (step(learner, 1), learner.http.get("/api/progress"), learner.http.post("/api/me/code")):
        assert answered.status_code == 503 and code(answered) == "store-failed"
        assert "p4ssw0rd" not in answered.text and str(tmp_path) not in answered.text
    assert learner.http.get("/api/lessons").status_code == 200
    with learner.terminal(learner.start()) as terminal:
        terminal.type("echo $((6*7))\n")
        terminal.until(b"42")
    place.parent.mkdir()
    assert step(learner, 1).status_code == 200  # it came late: nothing had to be started anew


def test_a_database_that_breaks_meanwhile(server: Server, learner: Learner, lessons: Catalog) -> None:
    do_everything(learner, lessons)
    with sqlite3.connect(database(server)) as other:
        other.execute("ALTER TABLE progress RENAME TO gone")
    assert code(step(learner, 1)) == "store-failed" and "SELECT" not in step(learner, 1).text
    assert learner.http.get("/api/lessons").status_code == 200
    with sqlite3.connect(database(server)) as other:
        other.execute("ALTER TABLE gone RENAME TO progress")
    assert progress(learner)["complete"] is True
