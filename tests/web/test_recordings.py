"""Recordings as those who run a class and their learners have them: listed, played, deleted, kept for so long; and who may not."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from lab_server.errors import NotFound
from lab_server.store import accounts, audit, classes
from lab_server.store.engine import Store
from lab_server.web.clock import Clock
from lab_server.web.retention import DAY, JUMP, Retention
from lab_server.web.tapes import Tapes
from tests.conftest import Make, Server
from tests.shell import eventually
from tests.web.instructor import Instructor, account, instructor
from tests.web.learner import Learner
from tests.web.recorded import agree, agreed, asking, ended, files, lines, recorder, recordings, written
from tests.web.rooms import Channel
from tests.web.test_classes import joined
from tests.web.test_leases import Hands
from tests.web.test_recorder import say, terminal

Json = dict[str, Any]


@pytest.fixture
def ina(server: Server) -> Instructor:
    return instructor(server)


def a_recording(server: Server, ina: Instructor, of: Json, name: str = "Ann", word: str = "a-word") -> Any:
    """The learner whose it is; it has ended."""
    who = agreed(server, of, name)
    before = len(files(server))
    with terminal(who) as page:
        say(page, word)
        eventually(lambda: len(files(server)) > before, "it is written")
        assert agree(who, of, False) == 204
    ended(ina, of)
    return who


def path(of: Json, recording: str, more: str = ".cast") -> str:
    return f"/api/classes/{of['id']}/recordings/{recording}{more}"


def test_it_is_played_as_asciicast_and_that_is_in_the_log(server: Server, ina: Instructor) -> None:
    of = asking(ina)
    a_recording(server, ina, of)
    (one,) = recordings(ina, of)
    told = ina.http.get(path(of, one["id"]))
    assert told.status_code == 200 and told.headers["content-type"] == "application/x-asciicast"
    assert [json.loads(line) for line in told.text.splitlines()] == lines(files(server)[0])
    entry = ina.http.get(f"/api/classes/{of['id']}/audit").json()[0]
    assert (entry["act"], entry["by"], entry["name"], entry["member"]) == ("played", "Ina", "Ann", one["member"])
    assert entry["detail"] == {"recording": one["id"]}


def test_one_that_goes_on_is_played_as_far_as_it_goes(server: Server, ina: Instructor) -> None:
    of = asking(ina)
    with terminal(agreed(server, of)) as page:
        say(page, "so-far")
        written(server, "so-far")
        (one,) = recordings(ina, of)
        told = ina.http.get(path(of, one["id"])).text
        assert "so-far" in told and [json.loads(line) for line in told.splitlines()]


def test_deleting_one_deletes_its_file_and_is_for_no_assistant(server: Server, ina: Instructor) -> None:
    of = asking(ina)
    a_recording(server, ina, of)
    account(server, "Ossi")
    ina.http.post(f"/api/classes/{of['id']}/staff", json={"name": "Ossi", "role": "assistant"})
    ossi = Instructor(server)
    ossi.sign_in("Ossi")
    (one,) = recordings(ossi, of)
    assert ossi.http.get(path(of, one["id"])).status_code == 200
    assert ossi.http.delete(path(of, one["id"], "")).status_code == 403 and len(files(server)) == 1
    assert ina.http.delete(path(of, one["id"], "")).status_code == 204 and files(server) == []
    assert ina.http.delete(path(of, one["id"], "")).status_code == 404 and recordings(ina, of) == []
    assert [entry["act"] for entry in ina.http.get(f"/api/classes/{of['id']}/audit").json()] == ["deleted", "played"]


def test_another_class_and_a_learner_get_nothing(server: Server, ina: Instructor) -> None:
    of, other = asking(ina), ina.make("Another")
    ann = a_recording(server, ina, of)
    (one,) = recordings(ina, of)
    assert ina.http.get(path(other, one["id"])).status_code == 404
    assert ina.http.delete(path(other, one["id"], "")).status_code == 404
    eve = instructor(server, "Eve")
    for who, status in ((eve, 404), (ann, 401), (joined(server, other, "Bob"), 401)):
        assert who.http.get(path(of, one["id"])).status_code == status
        assert who.http.get(f"/api/classes/{of['id']}/recordings").status_code == status
        assert who.http.delete(path(of, one["id"], "")).status_code == status
    assert len(files(server)) == 1
    assert ina.http.get(f"/api/classes/{of['id']}/audit").json() == []


def test_a_learner_plays_their_own_and_nobody_elses(server: Server, ina: Instructor) -> None:
    of = asking(ina)
    ada = a_recording(server, ina, of)
    (one,) = ada.http.get(f"/api/memberships/{of['id']}/recordings").json()
    (same,) = ina.http.get(f"/api/classes/{of['id']}/recordings").json()
    assert one == same
    file = f"/api/memberships/{of['id']}/recordings/{one['id']}.cast"
    played = ada.http.get(file)
    assert played.status_code == 200 and played.headers["content-type"] == "application/x-asciicast"
    assert played.content == ina.http.get(f"/api/classes/{of['id']}/recordings/{one['id']}.cast").content
    acts = [entry["act"] for entry in ina.http.get(f"/api/classes/{of['id']}/audit").json()]
    assert acts == ["played"], "the instructor's look; a learner's own is nobody's affair"
    bo = joined(server, of, "Bo")
    assert bo.http.get(f"/api/memberships/{of['id']}/recordings").json() == []
    for who, at in ((bo, file), (Learner(server), file), (Learner(server), file.rpartition("/")[0])):
        assert who.http.get(at).status_code == 404, at
    assert ada.http.delete(f"/api/memberships/{of['id']}/recordings").status_code == 204
    assert ada.http.get(file).status_code == 404


@pytest.mark.parametrize(
    "name",
    ["%2E%2E", "../../course.sqlite3", "..%2F..%2Fkey", "%2Fetc%2Fpasswd", "a" * 24 + "%00", "A" * 24, "f" * 23, "*"],
)
def test_no_name_leads_out_of_the_folder(server: Server, ina: Instructor, name: str) -> None:
    of = asking(ina)
    for told in (ina.http.get(path(of, name)), ina.http.delete(path(of, name, ""))):
        assert told.status_code in (404, 405, 422), told.text
        assert "sqlite" not in told.text.lower().replace(name, "")


def test_tapes_know_no_name_but_their_own(tmp_path: Path) -> None:
    there = Tapes(tmp_path / "recordings")
    for name in ("", "..", "../" + "0" * 24, "0" * 24 + "/..", "0" * 24 + "\n", "G" * 24):
        with pytest.raises(NotFound):
            there.path(name)
    there.append("0" * 24, b"{}\n")
    (tmp_path / "outside").write_text("mine")
    (tmp_path / "recordings" / f"{'1' * 24}.cast").symlink_to(tmp_path / "outside")
    with pytest.raises(Exception, match="can't be written"):
        there.append("1" * 24, b"evil\n")
    there.remove(["../outside", "0" * 24, "2" * 24])
    assert (tmp_path / "outside").read_text() == "mine" and there.ids() == {"1" * 24}


# --- what a learner decides ---


def test_a_learner_deletes_theirs_and_goes_on_as_agreed(server: Server, ina: Instructor) -> None:
    of = asking(ina)
    ann = agreed(server, of)
    with terminal(ann) as page:
        say(page, "before")
        written(server, "before")
        told = ann.http.get("/api/memberships").json()["classes"][0]["recording"]
        assert told == {"asked": True, "consented": True, "kept": 1}
        assert ann.http.delete(f"/api/memberships/{of['id']}/recordings").status_code == 204
        eventually(lambda: recorder(server)._takes, "it goes on, in a new one")
        say(page, "after-it")
        assert "before" not in written(server, "after-it").read_text()
    assert len(recordings(ina, of)) == 1


def test_my_data_has_what_is_kept_and_deleting_it_leaves_no_file(server: Server, ina: Instructor) -> None:
    of = asking(ina)
    ann = agreed(server, of)
    with terminal(ann) as page:
        say(page, "my-words")
        written(server, "my-words")
        (one,) = recordings(ina, of)
        (mine,) = ann.http.get("/api/me/export").json()["classes"]
        assert (mine["name"], mine["member"]) == ("Ann", one["member"]) and mine["consented"] > 1e9
        assert [(it["id"], it["session"]) for it in mine["recordings"]] == [(one["id"], "host")]
        assert ann.http.delete("/api/me").status_code == 204
    eventually(lambda: files(server) == [], "no file is left")
    assert recordings(ina, of) == []
    log = ina.http.get(f"/api/classes/{of['id']}/audit").text
    assert "Ann" not in log and ann.id not in log


def test_a_page_is_told_whether_it_is_asked_and_what_was_said(server: Server, ina: Instructor) -> None:
    of = ina.make()
    ann = joined(server, of, "Ann")
    with Channel(ann) as page:
        assert "recording" not in page.until(lambda page: page.view)
        ina.change(of, limits={"record": True})
        page.until(lambda page: page.view["recording"] == {"asked": True, "consented": False})
        assert agree(ann, of) == 204
        page.until(lambda page: page.view["recording"]["consented"])
        assert agree(ann, of, False) == 204
        page.until(lambda page: not page.view["recording"]["consented"])


def test_a_class_asks_only_where_it_was_told_to(server: Server, ina: Instructor) -> None:
    of = ina.make()
    assert of["limits"]["record"] is False
    assert ina.change(of, limits={"record": "perhaps"}).status_code == 422
    assert ina.change(of, limits={"recrod": True}).status_code == 422
    of = ina.change(of, limits={"record": True}).json()
    assert of["limits"]["record"] is True
    assert ina.change(of, title="Another").json()["limits"]["record"] is True, "what is left out stays"


# --- how long ---


def test_what_is_too_old_goes_while_the_server_runs_and_when_it_starts(make_server: Make) -> None:
    server = make_server(recordings_days=2)
    ina = instructor(server)
    of = asking(ina)
    a_recording(server, ina, of)
    stray = server.settings.recordings / f"{'9' * 24}.cast"
    stray.write_text("nobody knows it\n")
    note = server.settings.recordings / "README"
    note.write_text("not ours\n")
    server.stop_web()
    server.start_web()
    eventually(lambda: not stray.exists(), "a file of no recording is swept at the start")
    assert len(recordings(ina, of)) == 1 and note.exists()
    server.stop_web()
    with sqlite3.connect(server.settings.web_data / "course.sqlite3") as there:
        there.execute("UPDATE recordings SET begun = begun - ?", (2 * DAY + 60,))
    server.start_web()
    eventually(lambda: not list(server.settings.recordings.glob("*.cast")), "what is too old goes at the start")
    assert recordings(ina, of) == []


async def test_a_clock_that_was_set_drops_nothing_at_first(tmp_path: Path) -> None:
    store, hands = Store(f"sqlite:///{tmp_path / 'x.sqlite3'}"), Hands()
    clock = Clock(lambda: hands.running, lambda: hands.wall)
    kept = Retention(store, Tapes(tmp_path / "r"), clock, 30, 365)
    async with store.write() as at:
        who = await accounts.make(at, "Ina", "a hash", True, hands.wall)
        of = await classes.make(at, "Monday", (), 3, None, None, hands.wall)
        await audit.add(at, of, who, audit.WATCHED, hands.wall)

    async def there() -> int:
        async with store.read() as at:
            return len(await audit.of_class(at, of.id))

    await kept.look()
    hands.wall += 3650 * DAY
    await kept.look()
    assert await there() == 1, "an hour in which it can be set right"
    hands.wall -= 3650 * DAY
    await kept.look()
    await kept.look()
    assert await there() == 1
    for _ in range(366 * 24):  # a year goes by, hour by hour
        hands.wall += 3600
        hands.running += 3600
    await kept.look()
    assert await there() == 0
    assert JUMP < 3600
    await store.close()
    await asyncio.sleep(0)


def test_the_clock_of_what_was_begun_in_the_future_is_put_right(make_server: Make) -> None:
    server = make_server()
    ina = instructor(server)
    of = asking(ina)
    a_recording(server, ina, of)
    server.stop_web()
    with sqlite3.connect(server.settings.web_data / "course.sqlite3") as there:
        there.execute("UPDATE recordings SET begun = begun + ?", (1000 * DAY,))
    server.start_web()
    eventually(lambda: recordings(ina, of)[0]["begun"] < time.time() + 60, "it counts from now")
