"""A page's channel into its rooms: what it is told, what it tells, and what becomes of it when things change or break."""

from __future__ import annotations

from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from lab_server.web import protocol
from lab_server.web.room import Live, Room
from tests.conftest import LESSON, Server
from tests.shell import eventually
from tests.web.instructor import Instructor, instructor
from tests.web.learner import Learner
from tests.web.rooms import Channel
from tests.web.test_classes import joined

Json = dict[str, Any]


@pytest.fixture
def ina(server: Server) -> Instructor:
    return instructor(server)


def room_of(server: Server, of: Json) -> Room:
    assert server.app
    room = server.app.state.parts.rooms.get(of["id"])
    assert isinstance(room, Room)
    return room


def doing(server: Server, of: Json) -> Live:
    """What the class's only learner does."""
    room = room_of(server, of)
    (member,) = room.there.values()
    return room.doing(member.id)


def test_a_page_is_told_its_class_whole_and_again_when_it_changes(server: Server, ina: Instructor) -> None:
    of = ina.make("Monday")
    with Channel(joined(server, of, "Ada")) as page:
        view = page.until(lambda page: page.view)
        assert (view["title"], view["state"], view["name"]) == ("Monday", "open", "Ada")
        of = ina.change(of, title="Tuesday").json()
        page.until(lambda page: page.view["title"] == "Tuesday")
        ina.change(of, state="closed")
        page.until(lambda page: page.view["state"] == "closed")


def test_where_a_learner_is_and_how_commands_end_is_kept_in_the_room_only(server: Server, ina: Instructor) -> None:
    of = ina.make()
    ada = joined(server, of, "Ada")
    with Channel(ada) as page:
        page.until(lambda page: page.view)
        page.say(type="at", lesson=LESSON, step="one/2")
        for failed in (False, True, True):
            page.say(type="did", failed=failed)
        page.say(type="hint")
        eventually(lambda: doing(server, of).hints == 1, "it is heard")
        live = doing(server, of)
        assert (live.lesson, live.step, live.failing) == (LESSON, "one/2", 2)
        page.say(type="at", lesson="concepts/02-other", step="")
        eventually(lambda: doing(server, of).lesson == "concepts/02-other", "it is heard")
        assert (doing(server, of).failing, doing(server, of).hints) == (0, 0), "another lesson begins anew"
    assert server.app
    eventually(
        lambda: server.app and server.app.state.parts.rooms.get(of["id"]) is None, "the last one closes the door"
    )


def test_who_leaves_or_is_taken_out_sees_the_room_no_more(server: Server, ina: Instructor) -> None:
    of = ina.make()
    ada, bo = joined(server, of, "Ada"), joined(server, of, "Bo")
    with Channel(ada) as one, Channel(bo) as other:
        for page in (one, other):
            page.until(lambda page: page.view)
        assert ada.http.delete(f"/api/memberships/{of['id']}").status_code == 204
        one.until(lambda page: page.told["room"]["classes"] == [])
        (member,) = ina.roster(of)
        assert ina.http.delete(f"/api/classes/{of['id']}/learners/{member['id']}").status_code == 204
        other.until(lambda page: page.told["room"]["classes"] == [])
        assert room_of(server, of).live == {}


def test_a_class_that_is_deleted_is_gone_from_open_pages(server: Server, ina: Instructor) -> None:
    of = ina.make()
    with Channel(joined(server, of, "Ada")) as page:
        page.until(lambda page: page.view)
        assert ina.http.delete(f"/api/classes/{of['id']}").status_code == 204
        page.until(lambda page: page.told["room"]["classes"] == [])


def test_who_is_in_no_class_has_an_empty_room(server: Server) -> None:
    with Channel(Learner(server)) as page:
        page.until(lambda page: "room" in page.told)
        page.say(type="at", lesson=LESSON, step="")
        page.say(type="did", failed=True)
        assert page.told["room"]["classes"] == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"type":"watch"}',
        '{"type":"at","lesson":7}',
        '{"type":"did"}',
        '{"type":"at","step":"' + "x" * 200 + '"}',
        "[" * 4000,
        '{"type":"did","failed":' + "1" * 5000 + "}",
    ],
)
def test_what_is_not_understood_closes_the_channel_with_its_reason(server: Server, text: str) -> None:
    with Channel(Learner(server)) as page:
        page.socket.send(text)
        assert page.closed() == protocol.CLOSE_NOT_UNDERSTOOD


def test_a_foreign_page_gets_no_channel(server: Server) -> None:
    with pytest.raises(InvalidStatus) as refused:
        Channel(Learner(server), origin="http://elsewhere.example")
    assert refused.value.response.status_code == 403


def test_a_restarted_server_tells_it_all_again(server: Server, ina: Instructor) -> None:
    of = ina.make("Monday")
    ada = joined(server, of, "Ada")
    with Channel(ada) as page:
        page.until(lambda page: page.view)
        server.stop_web()
        assert page.closed() == protocol.CLOSE_RESTARTING
    server.start_web()
    with Channel(ada) as page:
        assert page.until(lambda page: page.view)["title"] == "Monday"
