"""Help through the whole server: hands, watching a real shell on a real PTY, typing together; who may, and what ends it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from lab_server.store import audit
from lab_server.store.audit import Entry
from lab_server.store.engine import Store
from lab_server.web import protocol
from lab_server.web.help import Help
from tests.conftest import PATIENCE, Make, Server
from tests.shell import eventually
from tests.web.instructor import Instructor, instructor
from tests.web.learner import Learner, Terminal, refusal
from tests.web.rooms import Channel
from tests.web.test_api import code
from tests.web.test_classes import join, joined
from tests.web.test_me import new_code, resume

Json = dict[str, Any]
SOON = 15.0  # seconds; what ends "within a second or so" does so in this on a busy machine


@pytest.fixture(params=[True, False], ids=["line", "plain"])
def server(request: pytest.FixtureRequest, make_server: Make) -> Server:
    return make_server(takeover=request.param)


@pytest.fixture
def ina(server: Server) -> Instructor:
    return instructor(server)


@pytest.fixture
def of(ina: Instructor) -> Json:
    return ina.make("Monday")


@pytest.fixture
def ada(server: Server, of: Json) -> Learner:
    return joined(server, of, "Ada")


def member(who: Instructor, of: Json, name: str = "Ada") -> str:
    (found,) = [one["id"] for one in who.roster(of) if one["name"] == name]
    return str(found)


def knock(who: Instructor, of: Json, id: str, session: str = "host", query: str = "client=eye") -> ClientConnection:
    """The websocket of a watch; whether it is one, or is closed, is yet to be seen."""
    cookies = "; ".join(f"{name}={value}" for name, value in who.http.cookies.items())
    url = f"{who.server.origin.replace('http', 'ws')}/api/classes/{of['id']}/learners/{id}/terminals/{session}?{query}"
    own: Any = {"origin": Origin(who.server.origin), "additional_headers": {"Cookie": cookies}}
    return connect(url, compression=None, max_size=None, legacy=True, open_timeout=PATIENCE, **own)


def watching(who: Instructor, of: Json, id: str = "", session: str = "host", query: str = "client=eye") -> Terminal:
    return Terminal(knock(who, of, id or member(who, of), session, query))


def now(who: Instructor, of: Json, id: str = "") -> Json:
    told = who.http.get(f"/api/classes/{of['id']}/learners/{id or member(who, of)}")
    assert told.status_code == 200, told.text
    return dict(told.json())


def ask(who: Instructor, of: Json, id: str = "") -> httpx.Response:
    return who.http.post(f"/api/classes/{of['id']}/learners/{id or member(who, of)}/typing")


def allow(who: Learner, of: Json, yes: bool = True, **more: Any) -> httpx.Response:
    return who.http.put(f"/api/memberships/{of['id']}/typing", json={"allow": yes} | more)


def staffed(server: Server, ina: Instructor, of: Json, name: str, role: str = "instructor") -> Instructor:
    made = instructor(server, name)
    given = ina.http.post(f"/api/classes/{of['id']}/staff", json={"name": name, "role": role})
    assert given.status_code == 200, given.text
    return made


def acts(server: Server, of: Json) -> list[Entry]:
    """The audit log of a class, the oldest first."""

    async def read() -> list[Entry]:
        store = Store(server.settings.database_url)
        try:
            async with store.read() as at:
                return (await audit.of_class(at, of["id"]))[::-1]
        finally:
            await store.close()

    return asyncio.run(read())


def helping(server: Server) -> Help:
    assert server.app
    found: Help = server.app.state.parts.help
    return found


# --- hands ---


def raise_hand(who: Learner, of: Json, question: str = "") -> httpx.Response:
    return who.http.put(f"/api/memberships/{of['id']}/hand", json={"question": question})


def test_a_hand_is_raised_kept_lowered_and_helped(server: Server, ina: Instructor, of: Json, ada: Learner) -> None:
    bo = joined(server, of, "Bo")
    with Channel(ada) as page, Channel(bo) as other:
        assert page.until(lambda page: page.view | {"hand": page.view["hand"]})["hand"] is None
        assert raise_hand(bo, of).status_code == 204
        assert raise_hand(ada, of, " Why is  it <b>red</b>? ").status_code == 204
        hand = page.until(lambda page: page.view["hand"])
        assert hand["question"] == "Why is it <b>red</b>?" and abs(hand["since"] - time.time()) < PATIENCE
        assert hand["before"] == 1 and other.until(lambda page: page.view["hand"])["before"] == 0
        assert [one["hand"] and one["hand"]["question"] for one in ina.roster(of)] == ["Why is it <b>red</b>?", ""]
    server.stop_web()
    server.start_web()
    with Channel(ada) as page:
        assert page.until(lambda page: page.view["hand"]) == hand
        assert now(ina, of)["hand"] == {"since": hand["since"], "question": "Why is it <b>red</b>?"}
        path = f"/api/classes/{of['id']}/learners/{member(ina, of, 'Bo')}/hand"
        assert ina.http.delete(path).status_code == 204 and ina.http.delete(path).status_code == 204
        assert page.until(lambda page: page.view["hand"]["before"] == 0)
        assert ada.http.delete(f"/api/memberships/{of['id']}/hand").status_code == 204
        page.until(lambda page: page.view["hand"] is None)


def test_a_hand_raised_twice_keeps_its_place_and_has_the_later_question(
    ina: Instructor, of: Json, ada: Learner
) -> None:
    assert raise_hand(ada, of, "one").status_code == 204
    since = now(ina, of)["hand"]["since"]
    assert raise_hand(ada, of, "two").status_code == 204
    assert now(ina, of)["hand"] == {"since": since, "question": "two"}
    assert raise_hand(ada, of).status_code == 204
    assert now(ina, of)["hand"] == {"since": since, "question": ""}


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("x" * 281, "at most 280 characters"),
        ("x" * 1121, ""),
        ("line\nline", "no invisible characters"),
        ("bell\a", "no invisible characters"),
        ("\x1b[2Jgone", "no invisible characters"),
        ("\u202egnisrever", "no invisible characters"),
        ("nul\0", "no invisible characters"),
        ("e" + "\u0301" * 9, "four marks"),
        ("\udcff", ""),
    ],
)
def test_a_question_that_cannot_be_is_refused_in_words(ada: Learner, of: Json, question: str, told: str) -> None:
    refused = ada.http.put(
        f"/api/memberships/{of['id']}/hand",
        content=f'{{"question": {ascii_json(question)}}}',
        headers={"Content-Type": "application/json"},
    )
    assert refused.status_code in (400, 422), refused.text
    assert told in refused.json()["error"]["message"]
    assert ada.http.get("/api/memberships").status_code == 200


def ascii_json(text: str) -> str:
    return '"' + "".join(f"\\u{ord(char):04x}" for char in text) + '"'


def test_a_question_of_280_characters_is_kept_whole(ina: Instructor, of: Json, ada: Learner) -> None:
    for question in ("ß" * 280, "\"'><img src=x onerror=alert(1)>\\", "なぜ? 🙋🏽‍♀️"):
        assert raise_hand(ada, of, question).status_code == 204
        assert now(ina, of)["hand"]["question"] == question


def test_a_hand_in_a_closed_class_counts_and_in_one_that_is_over_is_refused(
    server: Server, ina: Instructor, of: Json, ada: Learner
) -> None:
    of = ina.change(of, state="closed").json()
    assert raise_hand(ada, of).status_code == 204
    of = ina.change(of, state="archived").json()
    refused = raise_hand(ada, of, "still?")
    assert refused.status_code == 409 and "is over" in refused.json()["error"]["message"]
    assert ada.http.delete(f"/api/memberships/{of['id']}/hand").status_code == 204
    stranger = Learner(server)
    assert raise_hand(stranger, of).status_code == 404
    assert stranger.http.delete(f"/api/memberships/{of['id']}/hand").status_code == 404


def test_who_may_lower_a_hand(server: Server, ina: Instructor, of: Json, ada: Learner) -> None:
    assistant, stranger = staffed(server, ina, of, "Asa", "assistant"), instructor(server, "Sam")
    path = f"/api/classes/{of['id']}/learners/{member(ina, of)}/hand"
    raise_hand(ada, of)
    assert stranger.http.delete(path).status_code == 404
    assert httpx.delete(server.origin + path, headers={"Origin": server.origin}).status_code == 401
    assert now(ina, of)["hand"]
    assert assistant.http.delete(path).status_code == 204 and now(ina, of)["hand"] is None


# --- watching ---


def test_a_watcher_sees_what_is_there_and_what_comes_and_the_learner_is_told(
    server: Server, ina: Instructor, of: Json, ada: Learner
) -> None:
    with ada.terminal(ada.start()) as terminal, Channel(ada) as page, Channel(ada) as tab:
        terminal.type("echo be''fore\n")
        terminal.until(b"before\r\n")
        for one in (page, tab):
            assert one.until(lambda page: page.view)["watchers"] == []
        assert now(ina, of)["sessions"] == ["host"] and now(ina, of)["sandbox"] == "ready"
        with watching(ina, of) as eye:
            for one in (page, tab):
                assert one.until(lambda page: page.view["watchers"]) == ["Ina"]
            eye.until(b"before\r\n")
            terminal.type("echo af''ter\n")
            eye.until(b"after\r\n")
            assert now(ina, of)["watchers"] == ["Ina"]
        for one in (page, tab):
            one.until(lambda page: page.view["watchers"] == [], SOON)
    (entry,) = acts(server, of)
    assert (entry.act, entry.name, entry.member, entry.detail) == (
        "watched",
        "Ina",
        member(ina, of),
        {"session": "host"},
    )


def test_what_a_watcher_types_never_arrives(ina: Instructor, of: Json, ada: Learner) -> None:
    id = ada.start()
    with ada.terminal(id) as terminal, watching(ina, of) as eye:
        home = ada.server.driver.sandboxes[id].home
        for text in ("touch intruder\n", "\x03", "x" * 70000):
            eye.type(text)
        eye.say(type="ping")
        eye.message("pong")  # what came before it was dealt with
        terminal.type("echo cl''ean; touch mine\n")
        terminal.until(b"clean\r\n")
        eventually((home / "mine").exists)
        assert not (home / "intruder").exists()
        assert (terminal.said.count(b"xxx") == 0 and eye.messages == []) or all(
            message["type"] != "accepted" for message in eye.messages
        )


def test_a_watcher_has_no_say_in_the_size_and_is_told_it(ina: Instructor, of: Json, ada: Learner) -> None:
    with ada.terminal(ada.start()) as terminal:
        terminal.say(type="resize", cols=101, rows=33)
        terminal.type('while [ "$(stty size)" != "33 101" ]; do sleep 0.05; done; echo si\'\'zed\n')
        terminal.until(b"sized")
        with watching(ina, of, query="client=eye&cols=10&rows=5") as eye:
            assert eye.message("size") == {"type": "size", "cols": 101, "rows": 33}
            eye.say(type="resize", cols=20, rows=10)
            eye.say(type="ping")
            eye.message("pong")
            terminal.type("stty size; echo as''ked\n")
            terminal.until(b"asked")
            assert b"33 101" in terminal.said
            terminal.say(type="resize", cols=90, rows=20)
            assert eye.message("size") == {"type": "size", "cols": 90, "rows": 20}
        assert [message for message in terminal.messages if message["type"] == "size"] == []


def test_a_query_of_a_program_has_one_answer_however_many_watch(ina: Instructor, of: Json, ada: Learner) -> None:
    """The answer is the learner's emulator's; a watcher's that answered all the same (a page of somebody else's) is not heard."""
    with ada.terminal(ada.start()) as terminal, watching(ina, of) as eye:
        terminal.type("stty raw -echo; printf '\\033[c\\033[6n'; head -c 22 | od -An -c; stty sane; echo an''swered\n")
        for one in (terminal, eye):
            one.until(b"\x1b[6n")
        eye.type("\x1b[?65;4;6;18;22c\x1b[9;9R")
        eye.say(type="ping")
        eye.message("pong")
        terminal.type("\x1b[?1;2c\x1b[24;80R")
        terminal.type("0123456")
        terminal.until(b"answered\r\n")
        shown = terminal.said.decode()
        assert shown.count("[   2   4   ;   8   0   R") == 1 and "9   ;   9" not in shown and "6   5" not in shown


def test_looking_counts_as_no_use_and_typing_does(ina: Instructor, of: Json, ada: Learner) -> None:
    id = ada.start()
    assert ada.server.app
    lease = ada.server.app.state.parts.leases.by_id(id)
    with ada.terminal(id), Channel(ada) as page, watching(ina, of) as eye:
        page.until(lambda page: page.view["watchers"])
        before = lease.lasting.active
        eye.type("dropped\n")
        eye.say(type="ping")
        eye.message("pong")
        assert lease.lasting.active == before
        assert ask(ina, of).status_code == 200 and allow(ada, of).status_code == 200
        eye.type("echo ty''ped\n")
        eye.until(b"typed\r\n")
        assert lease.lasting.active > before


@pytest.mark.parametrize("session", ["watch", "nowhere", "UPPER", "..", "x" * 40, "%00"])
def test_watching_opens_nothing(ina: Instructor, of: Json, ada: Learner, session: str) -> None:
    id = ada.start()
    with ada.terminal(id):
        with knock(ina, of, member(ina, of), session) as socket:
            assert refusal(socket) == protocol.CLOSE_NOT_FOUND
        assert len(ada.server.driver.sandboxes[id].terminals) == 1


def test_without_a_sandbox_there_is_nothing_to_watch(ina: Instructor, of: Json, ada: Learner) -> None:
    with knock(ina, of, member(ina, of)) as socket:
        assert refusal(socket) == protocol.CLOSE_NOT_FOUND
    assert now(ina, of) | {"id": ""} == {
        "id": "",
        "name": "Ada",
        "online": False,
        "place": None,
        "sandbox": "",
        "sessions": [],
        "hand": None,
        "watchers": [],
        "typing": None,
    }


def test_who_may_watch_whom(server: Server, ina: Instructor, of: Json, ada: Learner) -> None:
    other = instructor(server, "Oda")
    theirs = other.make("Tuesday")
    bo = joined(server, theirs, "Bo")
    id, bos = member(ina, of), member(other, theirs, "Bo")
    nobody = Instructor(server)
    with ada.terminal(ada.start()), bo.terminal(bo.start()):
        for who, where, whom, closed in (
            (ina, of, bos, protocol.CLOSE_NOT_FOUND),  # another class's
            (ina, of, "0" * 12, protocol.CLOSE_NOT_FOUND),
            (ina, of, "%27%00", protocol.CLOSE_NOT_FOUND),
            (ina, of, ada.id, protocol.CLOSE_NOT_FOUND),
            (ina, theirs, bos, protocol.CLOSE_NOT_FOUND),
            (other, of, id, protocol.CLOSE_NOT_FOUND),
            (nobody, of, id, protocol.CLOSE_NOT_SIGNED_IN),
        ):
            with knock(who, where, whom) as socket:
                assert refusal(socket) == closed
            told = who.http.get(f"/api/classes/{where['id']}/learners/{whom}").status_code
            assert told in (404, 400, 422, 401)
        assert acts(server, of) == acts(server, theirs) == []
        admin = instructor(server, "Root", admin=True)
        for who, where in ((staffed(server, ina, of, "Asa", "assistant"), of), (admin, of)):
            with watching(who, where, id) as eye:
                assert eye.hello["type"] == "hello"
    assert [entry.name for entry in acts(server, of)] == ["Asa", "Root"]


def test_a_learner_in_two_classes_is_told_in_the_one_where_it_is(
    server: Server, ina: Instructor, of: Json, ada: Learner
) -> None:
    other = instructor(server, "Oda")
    theirs = other.make("Tuesday")
    assert join(ada, theirs, "Ada").status_code == 201

    def told(page: Channel) -> dict[str, list[str]]:
        return {view["title"]: view["watchers"] for view in page.told["room"]["classes"]}

    with ada.terminal(ada.start()), Channel(ada) as page, watching(ina, of):
        page.until(lambda page: told(page) == {"Monday": ["Ina"], "Tuesday": []})
        with watching(other, theirs):
            page.until(lambda page: told(page) == {"Monday": ["Ina"], "Tuesday": ["Oda"]})
            assert now(ina, of)["watchers"] == ["Ina"], "one class isn't told of another"


def test_two_watch_and_one_of_them_in_two_terminals(server: Server, ina: Instructor, of: Json, ada: Learner) -> None:
    eve = staffed(server, ina, of, "Eve")
    id = ada.start()
    with ada.terminal(id) as terminal, ada.terminal(id, "watch"), Channel(ada) as page:
        assert now(ina, of)["sessions"] == ["host", "watch"]
        with watching(ina, of) as one, watching(ina, of, session="watch"), watching(eve, of) as other:
            page.until(lambda page: page.view["watchers"] == ["Ina", "Eve"])
            terminal.type("echo bo''th\n")
            for eye in (one, other):
                eye.until(b"both\r\n")
        page.until(lambda page: page.view["watchers"] == [])
    seen = sorted((entry.name, entry.detail["session"]) for entry in acts(server, of))
    assert seen == [("Eve", "host"), ("Ina", "host"), ("Ina", "watch")]


def test_who_comes_back_after_a_cut_goes_on_with_the_same_watch(
    server: Server, ina: Instructor, of: Json, ada: Learner
) -> None:
    with ada.terminal(ada.start()) as terminal, Channel(ada) as page:
        terminal.type("echo on''e\n")
        with watching(ina, of) as eye:
            eye.until(b"one\r\n")
            eye.until(b"133;B", start=eye.said.rindex(b"one"))
            offset = eye.offset
            page.until(lambda page: page.view["watchers"])
            eye.socket.socket.close()  # cut, without a word
        page.until(lambda page: page.view["watchers"] == [], SOON)
        with watching(ina, of, query=f"client=eye&output={offset}") as again:
            assert again.hello["output"] == offset
            page.until(lambda page: page.view["watchers"] == ["Ina"])
    assert len(acts(server, of)) == 1


def test_a_page_cannot_take_a_watchers_place_nor_a_watcher_a_pages(ina: Instructor, of: Json, ada: Learner) -> None:
    with ada.terminal(ada.start(), client="page") as terminal, watching(ina, of, query="client=page") as eye:
        terminal.type("echo he''re\n")
        for one in (terminal, eye):
            one.until(b"here\r\n")
    assert "~" not in "".join(filter(protocol.CLIENT.fullmatch, map(chr, range(128))))


def test_a_slow_watcher_slows_nobody_and_holds_nothing(ina: Instructor, of: Json, ada: Learner) -> None:
    with ada.terminal(ada.start()) as terminal, watching(ina, of) as slow:
        slow.acknowledge = False
        terminal.type("head -c 3000000 /dev/zero | tr '\\0' 'x' | fold -w 99; echo do''ne\n")
        terminal.until(b"done")
        while slow.offset - slow._acked < protocol.MAX_BEHIND:
            slow.take()
        slow.ack()
        slow.acknowledge = True
        assert slow.message("gap")["output"] > 1 << 20
        slow.until(b"done")


def test_a_fast_watcher_does_not_make_a_slow_page_miss_anything(ina: Instructor, of: Json, ada: Learner) -> None:
    """The terminal stops for its learner's page as if nobody watched, though the watcher has read everything."""
    with ada.terminal(ada.start()) as terminal, watching(ina, of) as eye:
        terminal.acknowledge = False
        terminal.type("head -c 3000000 /dev/zero | tr '\\0' 'x' | fold -w 99; echo do''ne\n")
        while terminal.offset - terminal._acked < protocol.MAX_BEHIND:
            terminal.take()
        while eye.offset < terminal.offset:
            eye.take()
        terminal.acknowledge = True
        terminal.ack()
        terminal.until(b"done")
        assert all(message["type"] != "gap" for message in terminal.messages)


def test_with_no_page_open_a_terminal_is_read_for_a_watcher(ina: Instructor, of: Json, ada: Learner) -> None:
    id = ada.start()
    with ada.terminal(id) as terminal:
        terminal.type("sleep 0.3; seq 1 200000; echo do''ne\n")
        terminal.until(b"133;C")
    with watching(ina, of) as eye:
        eye.until(b"done\r\n")


def test_the_end_of_the_shell_and_a_reset_end_the_watch(
    server: Server, ina: Instructor, of: Json, ada: Learner
) -> None:
    id = ada.start()
    with Channel(ada) as page:
        with ada.terminal(id) as terminal, watching(ina, of) as eye:
            terminal.type("exit 3\n")
            assert eye.message("exit")["code"] == 3 and eye.closed() == protocol.CLOSE_DONE
            page.until(lambda page: page.view["watchers"] == [])
        with ada.terminal(id), watching(ina, of) as eye:
            page.until(lambda page: page.view["watchers"])
            assert ask(ina, of).status_code == 200 and allow(ada, of).status_code == 200
            assert ada.http.post(f"/api/sandboxes/{id}/reset").status_code == 200
            assert eye.closed() == protocol.CLOSE_ENDED
            page.until(lambda page: page.view["watchers"] == [] and page.view["typing"] is None)
        ada.wait(id)
        with ada.terminal(id), watching(ina, of) as eye:
            assert page.until(lambda page: page.view["watchers"]) and page.view["typing"] is None


def leaves(ada: Learner, ina: Instructor, of: Json) -> None:
    assert ada.http.delete(f"/api/memberships/{of['id']}").status_code == 204


def is_taken_out(ada: Learner, ina: Instructor, of: Json) -> None:
    assert ina.http.delete(f"/api/classes/{of['id']}/learners/{member(ina, of)}").status_code == 204


def is_archived(ada: Learner, ina: Instructor, of: Json) -> None:
    assert ina.change(ina.get(of), state="archived").status_code == 200


def is_deleted(ada: Learner, ina: Instructor, of: Json) -> None:
    assert ina.http.delete(f"/api/classes/{of['id']}").status_code == 204


def forgets_all(ada: Learner, ina: Instructor, of: Json) -> None:
    assert ada.http.delete("/api/me").status_code == 204


def is_another(ada: Learner, ina: Instructor, of: Json) -> None:
    assert resume(ada, new_code(Learner(ada.server))).status_code == 200


@pytest.mark.parametrize("how", [leaves, is_taken_out, is_archived, is_deleted, forgets_all, is_another])
def test_what_ends_a_class_for_a_learner_ends_the_watch(
    ina: Instructor, of: Json, ada: Learner, how: Callable[[Learner, Instructor, Json], None]
) -> None:
    id = ada.start()
    with ada.terminal(id), watching(ina, of) as eye:
        assert ask(ina, of).status_code == 200 and allow(ada, of).status_code == 200
        how(ada, ina, of)
        began = time.monotonic()
        assert eye.closed() in (protocol.CLOSE_NOT_FOUND, protocol.CLOSE_NOT_READY, protocol.CLOSE_ENDED)
        assert time.monotonic() - began < SOON
        eventually(lambda: helping(ina.server)._watches == {} and helping(ina.server)._typing == {})


def test_the_role_taken_away_and_signing_out_end_the_watch(
    server: Server, ina: Instructor, of: Json, ada: Learner
) -> None:
    eve = staffed(server, ina, of, "Eve", "assistant")
    (account,) = [one["account"] for one in ina.get(of)["staff"] if one["name"] == "Eve"]
    with ada.terminal(ada.start()):
        with watching(eve, of) as eye:
            assert ina.http.delete(f"/api/classes/{of['id']}/staff/{account}").status_code == 204
            began = time.monotonic()
            assert eye.closed() == protocol.CLOSE_NOT_FOUND and time.monotonic() - began < SOON
        with watching(ina, of) as eye:
            assert ina.http.delete("/api/signin").status_code == 204
            began = time.monotonic()
            assert eye.closed() == protocol.CLOSE_NOT_SIGNED_IN and time.monotonic() - began < SOON


def test_a_restarted_server_shows_the_banner_as_soon_as_the_watcher_is_back(
    server: Server, ina: Instructor, of: Json, ada: Learner
) -> None:
    id = ada.start()
    whom = member(ina, of)
    with ada.terminal(id), Channel(ada) as page, watching(ina, of) as eye:
        page.until(lambda page: page.view["watchers"])
        assert ask(ina, of).status_code == 200 and allow(ada, of).status_code == 200
        server.stop_web()
        assert eye.closed() in (protocol.CLOSE_RESTARTING, 1006)
    server.start_web()
    ada.wait(id)
    with Channel(ada) as page:
        assert page.until(lambda page: page.view)["watchers"] == []
        eventually(lambda: now(ina, of, whom)["sessions"] == ["host"], "its shell was taken up again")
        with watching(ina, of, whom) as eye:
            view = page.until(lambda page: page.view["watchers"] and page.view)
            assert view["watchers"] == ["Ina"] and view["typing"] is None, "what was allowed is not remembered"


def test_a_reload_of_the_learners_page_shows_the_banner_at_once(ina: Instructor, of: Json, ada: Learner) -> None:
    with ada.terminal(ada.start()), watching(ina, of):
        for _ in range(2):
            with Channel(ada) as page:
                page.until(lambda page: "room" in page.told)
                assert page.view["watchers"] == ["Ina"], "in the very first message"


def test_an_archived_class_can_not_be_watched(ina: Instructor, of: Json, ada: Learner) -> None:
    is_archived(ada, ina, of)
    with ada.terminal(ada.start()), knock(ina, of, member(ina, of)) as socket:
        assert refusal(socket) == protocol.CLOSE_NOT_READY


# --- typing together ---


def test_typing_is_asked_allowed_stopped_and_noted(server: Server, ina: Instructor, of: Json, ada: Learner) -> None:
    id = ada.start()
    with ada.terminal(id) as terminal, Channel(ada) as page, watching(ina, of) as eye:
        home = server.driver.sandboxes[id].home
        asked = ask(ina, of)
        assert asked.json() == {"by": "Ina", "state": "asked", "mine": True} and ask(ina, of).json() == asked.json()
        assert page.until(lambda page: page.view["typing"]) == {"by": "Ina", "state": "asked"}
        eye.type("touch early\n")
        eye.say(type="ping")
        eye.message("pong")
        assert allow(ada, of, by="Ina").json() == {"by": "Ina", "state": "granted"}
        page.until(lambda page: page.view["typing"] == {"by": "Ina", "state": "granted"})
        eye.type("touch allowed\n")
        eventually((home / "allowed").exists, "what they type arrives")
        assert eye.message("accepted")["input"] == len("touch allowed\n"), "counted for themselves alone"
        terminal.type("echo mi''ne\n")
        eye.until(b"mine\r\n")
        assert terminal.message("accepted")["input"] == len("echo mi''ne\n")
        assert ada.http.delete(f"/api/memberships/{of['id']}/typing").status_code == 204
        eye.type("touch late\n")
        eye.say(type="ping")
        eye.message("pong")
        page.until(lambda page: page.view["typing"] is None)
        assert now(ina, of)["typing"] is None and now(ina, of)["watchers"] == ["Ina"], "they still look on"
        terminal.type("echo pa''st\n")
        terminal.until(b"past\r\n")
        assert not (home / "early").exists() and not (home / "late").exists()
    assert [entry.act for entry in acts(server, of)] == ["watched", "typed"]


def test_a_no_and_what_is_not_asked(ina: Instructor, of: Json, ada: Learner) -> None:
    with ada.terminal(ada.start()), Channel(ada) as page:
        assert ask(ina, of).status_code == 409, "who doesn't watch can't ask"
        assert allow(ada, of).status_code == 409 and code(allow(ada, of)) == "conflict"
        with watching(ina, of):
            assert allow(ada, of).status_code == 409
            assert ask(ina, of).status_code == 200
            assert allow(ada, of, by="Eve").status_code == 409, "they answered another's question"
            told = allow(ada, of, False)
            assert told.status_code == 200 and told.json() is None
            page.until(lambda page: page.view["typing"] is None)
            assert allow(ada, of).status_code == 409, "a no can't become a yes"
            assert ask(ina, of).status_code == 200, "but they may ask again"
            page.until(lambda page: page.view["typing"])
        page.until(lambda page: page.view["typing"] is None and not page.view["watchers"], SOON)
        assert allow(ada, of).status_code == 409, "who asked has gone"
        with watching(ina, of):
            assert page.until(lambda page: page.view["watchers"]) and page.view["typing"] is None


def test_of_two_who_ask_the_second_is_told(server: Server, ina: Instructor, of: Json, ada: Learner) -> None:
    eve = staffed(server, ina, of, "Eve", "assistant")
    id = ada.start()
    with ada.terminal(id), watching(ina, of) as one, watching(eve, of) as other:
        home = server.driver.sandboxes[id].home
        assert ask(ina, of).status_code == 200
        late = ask(eve, of)
        assert late.status_code == 409 and "Ina asks to type" in late.json()["error"]["message"]
        assert allow(ada, of).status_code == 200
        assert "Ina types there already" in ask(eve, of).json()["error"]["message"]
        other.type("touch other\n")
        other.say(type="ping")
        other.message("pong")
        one.type("touch one\n")
        eventually((home / "one").exists)
        assert not (home / "other").exists()
        assert now(eve, of)["typing"] == {"by": "Ina", "state": "granted", "mine": False}
        path = f"/api/classes/{of['id']}/learners/{member(ina, of)}/typing"
        assert eve.http.delete(path).status_code == 204 and now(ina, of)["typing"] is None
        assert ask(eve, of).status_code == 200


def test_a_grant_holds_in_each_terminal_that_is_watched_and_ends_with_the_last(
    ina: Instructor, of: Json, ada: Learner
) -> None:
    id = ada.start()
    home = ada.server.driver.sandboxes[id].home
    with ada.terminal(id), ada.terminal(id, "watch"), Channel(ada) as page:
        with watching(ina, of, session="watch") as second:
            with watching(ina, of):
                assert ask(ina, of).status_code == 200 and allow(ada, of).status_code == 200
            second.type("touch second\n")
            eventually((home / "second").exists)
            page.until(lambda page: (page.view["typing"] or {}).get("state") == "granted")
        page.until(lambda page: page.view["typing"] is None and page.view["watchers"] == [], SOON)


def test_nobody_types_for_a_learner_who_has_gone(
    server: Server, ina: Instructor, of: Json, ada: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab_server.web.help.AWAY", 0.5)
    with ada.terminal(ada.start()), watching(ina, of):
        with Channel(ada) as page:
            assert ask(ina, of).status_code == 200 and allow(ada, of).status_code == 200
            page.until(lambda page: page.view["typing"])
        eventually(lambda: now(ina, of)["typing"] is None, "it ended by itself")
        assert now(ina, of)["watchers"] == ["Ina"]


def test_calls_of_strangers_are_refused(server: Server, ina: Instructor, of: Json, ada: Learner) -> None:
    sam, bo = instructor(server, "Sam"), Learner(server)
    id = member(ina, of)
    assert ask(sam, of, id).status_code == 404
    assert sam.http.delete(f"/api/classes/{of['id']}/learners/{id}/typing").status_code == 404
    assert allow(bo, of).status_code == 404
    assert bo.http.delete(f"/api/memberships/{of['id']}/typing").status_code == 404
    foreign = partial(ada.http.put, f"/api/memberships/{of['id']}/hand", json={})
    assert foreign(headers={"Origin": "http://elsewhere.example"}).status_code == 403
    assert re.fullmatch("[0-9a-f]+", id)
