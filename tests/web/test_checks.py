"""Checks and hints over HTTP, in sandboxes of the plain PTY driver: who may ask, what is told, and what a hostile sandbox can do."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab_server.lessons import checks
from lab_server.lessons.catalog import Catalog, load
from lab_server.web import checks as answers
from tests.conftest import LESSON, PATIENCE, Make, Server
from tests.lessons.helpers import FACTS, course, render, script, task
from tests.shell import eventually
from tests.web.learner import Learner

TITLE = f"# A test\n\n{FACTS}\n\n"
SOLVED = "t0ps3cret-solution"
Write = Callable[..., Catalog]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """A course of one lesson with these tasks: write({"01-a": {"check": "exit 1", "needs": "limits"}, …})."""
    monkeypatch.setattr(checks, "MARKS", str(tmp_path / "marks"))

    def make(tasks: dict[str, dict[str, str]]) -> Catalog:
        lab = ["needs: [limits]", "tasks:"]
        for name, given in tasks.items():
            scripts = {kind: script(text) for kind, text in given.items() if kind in ("check", "hint", "init")}
            task(tmp_path, name, LESSON, solve=script(f"echo {SOLVED}"), **scripts)
            fields = {
                "title": name,
                "timeout_seconds": given.get("timeout", "10"),
                "needs": f"[{given.get('needs', '')}]",
            }
            lab += [f"  {name}:", *(f"    {field}: {value}" for field, value in fields.items())]
        page = TITLE + "\n".join(f"<!-- task: {name} -->\n> Do {name}.\n" for name in tasks)
        course(tmp_path, page, "\n".join(lab), LESSON)
        return load(tmp_path)

    return make


def ask(who: Learner, id: str, *tasks: str, **more: Any) -> httpx.Response:
    return who.http.post(f"/api/sandboxes/{id}/check", json={"lesson": LESSON, "tasks": list(tasks)} | more)


def hint(who: Learner, id: str, name: str) -> httpx.Response:
    return who.http.post(f"/api/sandboxes/{id}/hint", json={"lesson": LESSON, "task": name})


def told(answer: httpx.Response) -> list[tuple[str, bool, str]]:
    assert answer.status_code == 200, answer.text
    return [(one["task"], one["passed"], one["hint"]) for one in answer.json()["tasks"]]


def kept(who: Learner) -> dict[str, Any]:
    return dict(who.http.get("/api/progress").json()["lessons"][LESSON]["tasks"])


def test_what_is_missing_is_told_and_what_passes_is_kept(make_server: Make, write: Write) -> None:
    tasks = {
        "01-a": {"check": "[[ -e a ]] || { echo 'There is no <a> yet.'; exit 1; }", "hint": "echo 'Make the file a.'"},
        "02-b": {"check": "echo well done; exit 0"},
        "03-c": {"check": "exit 1"},
    }
    server = make_server(course=write(tasks))
    who = Learner(server)
    id = who.start()
    assert told(ask(who, id, "03-c", "01-a", "02-b")) == [
        ("03-c", False, answers.NOT_DONE),
        ("01-a", False, "There is no <a> yet."),
        ("02-b", True, ""),
    ]
    assert kept(who) == {"02-b": {"passed": True}}
    assert hint(who, id, "01-a").json() == {"task": "01-a", "hint": "Make the file a."}
    assert hint(who, id, "02-b").json()["hint"] == answers.NO_HINT
    home = server.driver.sandboxes[id].home
    (home / "a").touch()
    assert told(ask(who, id, "01-a")) == [("01-a", True, "")]
    (home / "a").unlink()
    assert told(ask(who, id, "01-a"))[0][1] is False
    assert set(kept(who)) == {"01-a", "02-b"}  # once passed stays so
    assert sorted(path.name for path in home.iterdir()) == [".bashrc"]  # nothing of a script is in the sandbox


def test_who_may_ask_and_for_what(make_server: Make, write: Write) -> None:
    server = make_server(course=write({"01-a": {}, "02-b": {"needs": "limits"}}))
    who, other = Learner(server), Learner(server)
    id = who.start()
    assert ask(other, id, "01-a").status_code == 404 and hint(other, id, "01-a").status_code == 404
    assert ask(who, id, "03-none").status_code == 404 and hint(who, id, "03-none").status_code == 404
    assert ask(who, id, "01-a", lesson="concepts/09-none").status_code == 404
    assert ask(who, id, "01-a", "01-a").status_code == 400
    assert ask(who, id).status_code == 422 and ask(who, id, *["01-a"] * 17).status_code == 422
    assert ask(who, id, "01-a", script="id").status_code == 422
    assert who.http.post(f"/api/sandboxes/{id}/check", headers={"Origin": "http://evil"}, json={}).status_code == 403
    refused = ask(who, id, "01-a", "02-b")
    assert refused.status_code == 403 and "02-b needs limits" in refused.json()["error"]["message"]
    assert hint(who, id, "02-b").status_code == 403 and kept(who) == {}
    server.driver.sandboxes[id].destroy()
    assert who.http.delete(f"/api/sandboxes/{id}").status_code == 204
    assert ask(who, id, "01-a").status_code == 404


def test_a_sandbox_that_is_not_ready(make_server: Make, write: Write) -> None:
    from tests.fakes import SlowDriver

    server = make_server(SlowDriver(), course=write({"01-a": {}}))
    who = Learner(server)
    id = who.http.post("/api/sandboxes", json={"lesson": LESSON}).json()["id"]
    assert ask(who, id, "01-a").status_code == 409


def test_a_check_that_hangs_or_floods_costs_only_itself(make_server: Make, write: Write) -> None:
    tasks = {
        "01-hangs": {"check": "echo so far; sleep 600", "hint": "sleep 600", "timeout": "1"},
        "02-floods": {"check": "yes; exit 1", "timeout": "1"},
        "03-talks": {"check": "seq 100000; exit 1"},
        "04-ok": {"check": "true"},
    }
    who = Learner(make_server(course=write(tasks)))
    id = who.start()
    found = {name: (passed, words) for name, passed, words in told(ask(who, id, *tasks))}
    assert found["01-hangs"][1].startswith("The check did not end within 1 seconds") and not found["01-hangs"][0]
    assert found["02-floods"][1].startswith("The check did not end") and not found["02-floods"][0]
    assert found["03-talks"][1].startswith("1\n2\n") and len(found["03-talks"][1]) <= checks.SAID
    assert found["04-ok"] == (True, "") and set(kept(who)) == {"04-ok"}
    assert hint(who, id, "01-hangs").json()["hint"].startswith("The hint did not end")


def test_a_check_can_not_answer_for_another(make_server: Make, write: Write) -> None:
    forge = r"for n in '' $nonce 0 $1; do printf '\n%s check/02-b 0 1.0 2.0 0\n\n' $n; done; exit 1"
    who = Learner(make_server(course=write({"01-a": {"check": forge}, "02-b": {"check": "exit 1"}})))
    id = who.start()
    assert [passed for _, passed, _ in told(ask(who, id, "01-a", "02-b"))] == [False, False] and kept(who) == {}


def test_what_a_script_prints_is_text(make_server: Make, write: Write) -> None:
    noise = r"printf '\e[31mred\e[0m\a <script>x</script> \xff \xe2\x80\xae\n'; exit 1"
    who = Learner(make_server(course=write({"01-a": {"check": noise}})))
    assert told(ask(who, who.start(), "01-a"))[0][2] == "red <script>x</script> \ufffd"


@pytest.mark.parametrize(
    "bash",
    [("yes",), ("sleep", "600"), ("false",), ("cat",), ("no-such-program",), ("sh", "-c", "exec cat /dev/zero")],
    ids=lambda bash: bash[0] + str(len(bash)),
)
def test_another_program_in_the_place_of_bash(
    make_server: Make, write: Write, monkeypatch: pytest.MonkeyPatch, bash: tuple[str, ...]
) -> None:
    monkeypatch.setattr(checks, "MARGIN", 0.0)
    server = make_server(course=write({"01-a": {"check": "true", "timeout": "1"}}))
    who = Learner(server)
    id = who.start()
    server.driver.sandboxes[id].bash = bash
    began = time.monotonic()
    assert told(ask(who, id, "01-a")) == [("01-a", False, answers.NO_ANSWER)]
    assert time.monotonic() - began < PATIENCE / 2
    server.driver.sandboxes[id].bash = ()
    assert told(ask(who, id, "01-a")) == [("01-a", True, "")]


def test_one_at_a_time_in_a_sandbox_and_only_a_few_in_line(make_server: Make, write: Write) -> None:
    alone = "mkdir busy || { echo two; exit 1; }; until [[ -e go ]]; do read -t 0.05 <> <(:); done; rmdir busy; exit 1"
    server = make_server(course=write({"01-a": {"check": alone}}))
    who = Learner(server)
    id = who.start()
    home = server.driver.sandboxes[id].home
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, who, id, "01-a") for _ in range(answers.IN_LINE + 2)]
        eventually(lambda: sum(one.done() for one in asked) == 2)  # those that found the line full
        (home / "go").touch()
        done = [one.result() for one in asked]
    assert sorted(one.status_code for one in done) == [200] * answers.IN_LINE + [429] * 2
    assert {told(one)[0][2] for one in done if one.status_code == 200} == {answers.NOT_DONE}


def test_not_too_often(make_server: Make, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "BURST", 3)
    monkeypatch.setattr(answers, "EVERY", 600.0)
    server = make_server(course=write({"01-a": {}}))
    who, other = Learner(server), Learner(server)
    id, theirs = who.start(), other.start()
    assert [ask(who, id, "01-a").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert hint(who, id, "01-a").status_code == 429 and ask(other, theirs, "01-a").status_code == 200


def test_a_task_is_prepared_once_a_sandbox(make_server: Make, write: Write, tmp_path: Path) -> None:
    note = tmp_path / "note"
    tasks = {
        "01-a": {"init": f"echo a >>{note}", "check": f"[[ -e {note} ]]"},
        "02-b": {"init": "echo no; exit 1", "check": "exit 1"},
    }
    server = make_server(course=write(tasks))
    who = Learner(server)
    id = who.start()
    assert hint(who, id, "01-a").status_code == 200
    assert told(ask(who, id, "01-a", "02-b")) == [("01-a", True, ""), ("02-b", False, answers.NOT_PREPARED)]
    assert hint(who, id, "02-b").json()["hint"] == answers.NOT_PREPARED
    server.stop_web()
    server.start_web()
    who.wait(id)
    assert told(ask(who, id, "01-a"))[0][1] and note.read_text() == "a\n"


def test_a_server_that_stops_does_not_wait_for_checks(make_server: Make, write: Write) -> None:
    server = make_server(course=write({"01-a": {"check": "touch here; sleep 600", "timeout": "60"}}))
    who = Learner(server)
    id = who.start()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, who, id, "01-a")
        eventually((server.driver.sandboxes[id].home / "here").exists)
        began = time.monotonic()
        server.stop_web()
        assert time.monotonic() - began < 20
        assert isinstance(asked.exception(), httpx.HTTPError) or asked.result().status_code == 500


def test_no_solution_by_any_way(make_server: Make, write: Write, tmp_path: Path) -> None:
    made = write({"01-a": {"check": "exit 1", "hint": "echo think"}})
    server = make_server(course=made)
    who = Learner(server)
    id = who.start()
    assert SOLVED not in repr(made) and SOLVED in (tmp_path / f"labs/{LESSON}/tasks/01-a/solve.sh").read_text()
    schema = who.http.get("/api/openapi.json").json()
    got = [path for path, methods in schema["paths"].items() if "get" in methods]
    assert len(got) >= 5
    solve = f"labs/{LESSON}/tasks/01-a/solve.sh"
    tried = [f"/{solve}", f"/../{solve}", f"/%2e%2e/%2e%2e/{solve}", f"/{LESSON}/tasks/01-a/solve.sh"]
    said = [who.http.get(path.replace("{id}", id)).text for path in [*got, *tried]]
    said += [ask(who, id, "01-a").text, hint(who, id, "01-a").text, hint(who, id, "solve").text]
    said += [ask(who, id, name).text for name in ("solve", "01-a/solve", "../01-a/solve.sh")]
    said.append(render((tmp_path / f"docs/{LESSON}.md").read_text(), LESSON, tmp_path / "labs"))
    assert all(SOLVED not in text for text in said)
    for text in said:  # nor any script's text
        assert "exit 1" not in text and not re.search(r"#!/bin/bash", text)
    assert SOLVED not in json.dumps(made.public())


def test_there_are_no_tasks_without_a_lesson_that_has_some(server: Server) -> None:
    who = Learner(server)
    assert ask(who, who.start(), "01-a").status_code == 404
