"""Present mode through the whole server: an instructor's real shell on a real PTY, on the pages of a class; who may, and what ends it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from lab_server.web import protocol
from tests.conftest import PATIENCE, Server
from tests.shell import eventually
from tests.web.instructor import Instructor, instructor
from tests.web.learner import Learner, Terminal, refusal
from tests.web.rooms import Channel
from tests.web.test_classes import join, joined
from tests.web.test_help import staffed

Json = dict[str, Any]


@pytest.fixture
def ina(server: Server) -> Instructor:
    return instructor(server)


@pytest.fixture
def of(ina: Instructor) -> Json:
    return ina.make("Monday")


@pytest.fixture
def ada(server: Server, of: Json) -> Learner:
    return joined(server, of, "Ada")


@pytest.fixture
def own(ina: Instructor) -> Learner:
    """The learner that the instructor's browser is."""
    made = Learner(ina.server)
    made.http.close()
    made.http = ina.http
    assert ina.http.get("/api/me").status_code == 200
    return made


def put(who: Instructor, of: Json, session: str = "host") -> httpx.Response:
    return who.http.put(f"/api/classes/{of['id']}/present", json={"session": session})


def stop(who: Instructor, of: Json) -> httpx.Response:
    return who.http.delete(f"/api/classes/{of['id']}/present")


def knock(who: Learner, of: Json, query: str = "client=eye") -> ClientConnection:
    """The websocket of a page that is shown a terminal; whether it is one, or is closed, is yet to be seen."""
    cookies = "; ".join(f"{name}={value}" for name, value in who.http.cookies.items())
    url = f"{who.server.origin.replace('http', 'ws')}/api/memberships/{of['id']}/present?{query}"
    given: Any = {"origin": Origin(who.server.origin), "additional_headers": {"Cookie": cookies}}
    return connect(url, compression=None, max_size=None, legacy=True, open_timeout=PATIENCE, **given)


def test_who_presents_is_told_so_where_they_type_and_nobody_else_is(
    ina: Instructor, of: Json, own: Learner, ada: Learner
) -> None:
    sandbox = own.start()
    shown = {"session": "host", "id": of["id"], "title": "Monday"}
    with own.terminal(sandbox) as terminal, Channel(ada) as page:
        assert put(ina, of).status_code == 200
        assert terminal.message("presented")["to"] == [shown]
        with own.terminal(sandbox, "watch") as late:
            assert late.message("presented")["to"] == [shown]
            page.until(lambda page: page.view["present"])
            with Terminal(knock(ada, of)) as eye:
                other = ina.make("Tuesday")
                assert put(ina, other, "watch").status_code == 200
                both = [shown, {"session": "watch", "id": other["id"], "title": "Tuesday"}]
                for one in (terminal, late):
                    assert sorted(one.message("presented")["to"], key=str) == sorted(both, key=str)
                terminal.type("echo se''en\n")
                eye.until(b"seen\r\n")
                assert not [message for message in eye.messages if message["type"] == "presented"]
            assert stop(ina, other).status_code == stop(ina, of).status_code == 200
            assert terminal.message("presented")["to"] == [shown] and terminal.message("presented")["to"] == []
    with own.terminal(sandbox) as terminal:
        terminal.type("echo do''ne\n")
        terminal.until(b"done\r\n")
        assert not [message for message in terminal.messages if message["type"] == "presented"]


def test_a_class_sees_a_terminal_live_until_it_is_stopped(
    server: Server, ina: Instructor, of: Json, own: Learner, ada: Learner
) -> None:
    bo = joined(server, of, "Bo")
    with own.terminal(own.start()) as terminal, Channel(ada) as page, Channel(bo) as other:
        terminal.type("echo be''fore\n")
        terminal.until(b"before\r\n")
        assert ina.http.get(f"/api/classes/{of['id']}/present").json() == {"sessions": ["host"]}
        told = put(ina, of)
        assert told.status_code == 200, told.text
        assert set(told.json()["present"]) == {"by", "at", "session"}, "whose sandbox it is, nobody is told"
        for channel in (page, other):
            assert channel.until(lambda page: page.view["present"])["session"] == "host"
        with Terminal(knock(ada, of)) as eye, Terminal(knock(bo, of)) as second:
            terminal.type("echo af''ter\n")
            for one in (eye, second):
                one.until(b"before\r\n")
                one.until(b"after\r\n")
            assert stop(ina, of).json()["present"] is None
            for channel in (page, other):
                channel.until(lambda page: page.view["present"] is None)
            for one in (eye, second):
                assert one.closed() == protocol.CLOSE_NOT_FOUND, "a page that doesn't end it is ended"
        terminal.type("echo go''es on\n")
        terminal.until(b"goes on\r\n")


def test_what_a_learner_sends_reaches_nothing(ina: Instructor, of: Json, own: Learner, ada: Learner) -> None:
    id = own.start()
    with own.terminal(id) as terminal, Channel(ada):
        assert put(ina, of).status_code == 200
        size = server_size(own, id)
        with Terminal(knock(ada, of, "client=eye&cols=20&rows=5")) as eye:
            for text in ("touch intruder\n", "\x03", "x" * 70000):
                eye.type(text)
            eye.say(type="resize", cols=20, rows=5)
            eye.say(type="ping")
            eye.message("pong")  # what came before it was dealt with
        terminal.type("touch mine\n")
        home = own.server.driver.sandboxes[id].home
        eventually((home / "mine").exists)
        assert not (home / "intruder").exists() and server_size(own, id) == size


def server_size(who: Learner, id: str) -> tuple[int, int]:
    assert who.server.app
    size: tuple[int, int] = who.server.app.state.parts.hub.bridges()[id, "host"].size
    return size


def test_without_an_open_terminal_it_says_what_to_do(ina: Instructor, of: Json, own: Learner) -> None:
    assert ina.http.get(f"/api/classes/{of['id']}/present").json() == {"sessions": []}
    told = put(ina, of)
    assert told.status_code == 409 and "Open a lesson in another tab" in told.text
    with own.terminal(own.start()):
        told = put(ina, of, "nowhere")
        assert told.status_code == 409 and "Open are: host." in told.text
        assert put(ina, of, "x" * 65).status_code == 422


def test_who_may_present_and_who_is_shown(server: Server, ina: Instructor, of: Json, own: Learner) -> None:
    eve, stranger = staffed(server, ina, of, "Eve", "assistant"), instructor(server, "Mallory")
    with own.terminal(own.start()):
        assert put(eve, of).status_code == 403 and stop(eve, of).status_code == 403
        assert put(stranger, of).status_code == 404 and stop(stranger, of).status_code == 404
        nobody = Instructor(server)
        assert put(nobody, of).status_code == 401
        outside = Learner(server)
        outside.http.get("/api/me")
        assert put(ina, of).status_code == 200
        assert refusal(knock(outside, of)) == protocol.CLOSE_NOT_FOUND
        assert stop(staffed(server, ina, of, "Uma"), of).status_code == 200, "another instructor may stop it"
        assert refusal(knock(joined(server, of, "Ada"), of)) == protocol.CLOSE_NOT_FOUND, "nobody presents"


@pytest.mark.parametrize("query", ["", "client=a%20b", "client=eye&more=1", "client=eye&output=-1"])
def test_an_address_that_is_none_is_refused(ina: Instructor, of: Json, own: Learner, ada: Learner, query: str) -> None:
    with own.terminal(own.start()):
        assert put(ina, of).status_code == 200
        assert refusal(knock(ada, of, query)) == protocol.CLOSE_NOT_UNDERSTOOD


def test_a_class_that_is_not_open_has_nobody_to_present_to(
    server: Server, ina: Instructor, of: Json, own: Learner, ada: Learner
) -> None:
    with own.terminal(own.start()), Channel(ada) as page:
        assert put(ina, of).status_code == 200
        page.until(lambda page: page.view["present"])
        assert ina.http.post(f"/api/classes/{of['id']}/end", json={"seconds": 0}).status_code == 200
        page.until(lambda page: page.view["present"] is None)
        assert put(ina, of).status_code == 409
        assert ina.change(ina.get(of), state="open").status_code == 200
        assert page.until(lambda page: page.view["state"] == "open" and page.view)["present"] is None


def test_who_leaves_the_class_is_shown_no_more(ina: Instructor, of: Json, own: Learner, ada: Learner) -> None:
    with own.terminal(own.start()), Channel(ada) as page:
        assert put(ina, of).status_code == 200
        with Terminal(knock(ada, of)) as eye:
            assert ada.http.delete(f"/api/memberships/{of['id']}").status_code == 204
            page.until(lambda page: page.told["room"]["classes"] == [] or None)
            assert eye.closed() == protocol.CLOSE_NOT_FOUND
        assert join(ada, of, "Ada").status_code in (200, 201)


def test_a_terminal_that_is_closed_comes_again_with_the_next_shell(
    ina: Instructor, of: Json, own: Learner, ada: Learner
) -> None:
    id = own.start()
    with own.terminal(id) as terminal:
        assert put(ina, of).status_code == 200
        with Channel(ada), Terminal(knock(ada, of)) as eye:
            terminal.type("exit\n")
            assert eye.message("exit")
    eventually(lambda: refusal(knock(ada, of)) == protocol.CLOSE_NOT_READY, "nobody opens it for a learner")
    with own.terminal(id) as terminal, Channel(ada), Terminal(knock(ada, of)) as eye:
        terminal.type("echo an''ew\n")
        eye.until(b"anew\r\n")


def test_a_restarted_server_goes_on_presenting(
    server: Server, ina: Instructor, of: Json, own: Learner, ada: Learner
) -> None:
    id = own.start()
    with own.terminal(id):
        assert put(ina, of).status_code == 200
        server.stop_web()
    server.start_web()
    own.wait(id)
    with Channel(ada) as page:
        assert page.until(lambda page: page.view["present"])["by"] == "Ina"
        eventually(lambda: ina.http.get(f"/api/classes/{of['id']}/present").json() == {"sessions": ["host"]})
        with Terminal(knock(ada, of)) as eye, own.terminal(id) as terminal:
            terminal.type("echo st''ill\n")
            eye.until(b"still\r\n")
