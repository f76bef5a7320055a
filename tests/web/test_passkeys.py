"""Passkeys through the whole server, with an authenticator of our own: made, signed in with, removed; and what is no passkey."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from lab_server.errors import Conflict, Refused
from lab_server.store import accounts
from lab_server.store import passkeys as kept
from lab_server.store.engine import Store
from lab_server.web.faults import Unfit
from lab_server.web.passkeys import GOOD_FOR, Passkeys
from tests.conftest import Make, Server
from tests.web.authenticator import Authenticator
from tests.web.instructor import Instructor, account, instructor
from tests.web.test_signin import whoami

Json = dict[str, Any]


@pytest.fixture
def server(make_server: Make) -> Server:
    """One whose address has a name."""
    return make_server()


def named(server: Server) -> str:
    return server.origin.replace("127.0.0.1", "localhost")


def browser(server: Server, name: str = "") -> Instructor:
    """A browser that opened the server by its name; signed in, if there is whom."""
    made = instructor(server, name) if name else Instructor(server)
    cookies = made.http.cookies
    origin = named(server)
    made.http = httpx.Client(base_url=origin, timeout=30, headers={"Origin": origin})
    made.http.cookies.update({one.name: str(one.value) for one in cookies.jar})
    return made


def authenticator(server: Server, **more: Any) -> Authenticator:
    return Authenticator(named(server), "localhost", **more)


def add(who: Instructor, key: Authenticator, name: str = "My phone") -> httpx.Response:
    options = who.http.post("/api/passkeys/options")
    assert options.status_code == 200, options.text
    return who.http.post("/api/passkeys", json={"name": name, "credential": key.make(options.json())})


def asked(who: Instructor) -> Json:
    options = who.http.post("/api/signin/passkey/options")
    assert options.status_code == 200, options.text
    return dict(options.json())


def enter(who: Instructor, credential: Json) -> httpx.Response:
    return who.http.post("/api/signin/passkey", json={"credential": credential})


def test_a_passkey_is_made_signed_in_with_and_removed(server: Server) -> None:
    ina, key = browser(server, "Ina"), authenticator(server)
    assert ina.http.get("/api/passkeys").json() == []
    made = add(ina, key)
    assert made.status_code == 201, made.text
    assert (made.json()["name"], made.json()["used"]) == ("My phone", None)
    assert "key" not in made.json() and "credential" not in made.json()
    there = browser(server)
    told = enter(there, key.sign(asked(there)))
    assert told.status_code == 200, told.text
    assert told.json()["account"]["name"] == whoami(there) == "Ina"
    (one,) = ina.http.get("/api/passkeys").json()
    assert one["used"] is not None
    assert ina.http.delete(f"/api/passkeys/{one['id']}").status_code == 204
    assert ina.http.delete(f"/api/passkeys/{one['id']}").status_code == 404
    assert enter(browser(server), key.sign(asked(there))).status_code == 403
    assert whoami(there) == "Ina", "who is signed in already stays so; that is ended where one is signed in"


def test_each_passkey_is_of_one_account(server: Server) -> None:
    ina, eve, key = browser(server, "Ina"), browser(server, "Eve"), authenticator(server)
    assert add(ina, key).status_code == 201
    again = add(eve, key)
    assert again.status_code == 409 and "already" in again.text
    (one,) = ina.http.get("/api/passkeys").json()
    assert eve.http.delete(f"/api/passkeys/{one['id']}").status_code == 404
    other = authenticator(server)
    assert add(eve, other).status_code == 201
    page = browser(server)
    assert enter(page, other.sign(asked(page))).json()["account"]["name"] == "Eve"


def test_without_a_sign_in_nobody_makes_one_and_a_number_is_no_name(server: Server) -> None:
    assert browser(server).http.post("/api/passkeys/options").status_code == 401
    assert browser(server).http.get("/api/passkeys").status_code == 401
    ina = instructor(server)  # by its number
    for path in ("/api/passkeys/options", "/api/signin/passkey/options"):
        told = ina.http.post(path)
        assert told.status_code == 409 and "localhost" in told.text


def another_site(key: Authenticator, options: Json) -> Json:
    key.site = "example.org"
    return key.sign(options)


def another_origin(key: Authenticator, options: Json) -> Json:
    key.origin = "https://localhost.example.org"
    return key.sign(options)


def unverified(key: Authenticator, options: Json) -> Json:
    key.verifies = False
    return key.sign(options)


def another_key(key: Authenticator, options: Json) -> Json:
    return Authenticator(key.origin, key.site, credential=key.credential).sign(options)


def its_own_challenge(key: Authenticator, options: Json) -> Json:
    return key.sign({"challenge": bytes_to_base64url(b"x" * 56)})


def put_off(key: Authenticator, options: Json) -> Json:
    """Its time is written anew, and the seal is not."""
    given = bytearray(base64url_to_bytes(options["challenge"]))
    given[16:24] = b"\x42" * 8
    return key.sign({"challenge": bytes_to_base64url(bytes(given))})


def a_copy(key: Authenticator, options: Json) -> Json:
    """Its counter went back: there are two of it."""
    key.count = 0
    return key.sign(options)


def cut(key: Authenticator, options: Json) -> Json:
    given = copy.deepcopy(key.sign(options))
    del given["response"]["signature"]
    return given


def nonsense(key: Authenticator, options: Json) -> Json:
    return {"id": [1], "response": {"clientDataJSON": "e30"}}


def empty(key: Authenticator, options: Json) -> Json:
    return {}


FORGED = [
    another_site,
    another_origin,
    unverified,
    another_key,
    its_own_challenge,
    put_off,
    a_copy,
    cut,
    nonsense,
    empty,
]


@pytest.mark.parametrize("forged", FORGED)
def test_what_did_not_sign_this_here_signs_nobody_in(
    server: Server, forged: Callable[[Authenticator, Json], Json]
) -> None:
    ina, key, page = browser(server, "Ina"), authenticator(server, count=5), browser(server)
    assert add(ina, key).status_code == 201
    told = enter(page, forged(key, asked(page)))
    assert told.status_code == 403 and told.json()["error"]["message"], told.text
    assert whoami(page) is None


def test_an_answer_is_good_once_and_for_what_it_was_asked(server: Server) -> None:
    ina, key, page = browser(server, "Ina"), authenticator(server, counts=False), browser(server)
    assert add(ina, key).status_code == 201
    answer = key.sign(asked(page))
    assert enter(page, answer).status_code == 200
    assert enter(browser(server), answer).status_code == 403, "a copy of it"
    made_for_another = ina.http.post("/api/passkeys/options").json()
    assert enter(browser(server), key.sign(made_for_another)).status_code == 403
    eve = browser(server, "Eve")
    stolen = authenticator(server).make(made_for_another)
    assert eve.http.post("/api/passkeys", json={"name": "x", "credential": stolen}).status_code == 422


@pytest.mark.parametrize("name", ["", " ", "\u200b", "x" * 41, "x" * 161])
def test_a_name_that_is_none(server: Server, name: str) -> None:
    told = add(browser(server, "Ina"), authenticator(server), name)
    assert told.status_code == 422 and told.json()["error"]["message"]


def test_tries_are_throttled_as_passwords_are(server: Server) -> None:
    page = browser(server)
    account(server, "Ina")
    codes = [enter(page, {}).status_code for _ in range(11)]
    assert codes == [403] * 10 + [429]
    assert page.sign_in("Ina").status_code == 429, "they are counted together"


async def test_an_answer_that_comes_late_and_too_many(tmp_path: Path) -> None:
    store, now = Store(f"sqlite:///{tmp_path / 'course.sqlite3'}"), [1000.0]
    await store.open()
    try:
        async with store.write() as at:
            ina = await accounts.make(at, "Ina", "hash", False, 0)
        them, origin = Passkeys(store, lambda: now[0]), "https://course.example.org"
        key = Authenticator(origin, "course.example.org")
        options = await them.offer(ina, origin)
        now[0] += GOOD_FOR
        with pytest.raises(Unfit):
            await them.add(ina, "late", key.make(options), origin)
        made = await them.add(ina, "in time", key.make(await them.offer(ina, origin)), origin)
        assert [one.id for one in await them.all(ina)] == [made.id]
        asked = them.ask(origin)
        now[0] += GOOD_FOR - 1
        assert (await them.whose(key.sign(asked), origin)).name == "Ina"
        asked = them.ask(origin)
        now[0] -= 7200  # the clock was set back: it would be good for hours
        with pytest.raises(Refused):
            await them.whose(key.sign(asked), origin)
        for n in range(kept.MOST - 1):
            await them.add(ina, str(n), Authenticator(origin, key.site).make(await them.offer(ina, origin)), origin)
        with pytest.raises(Conflict, match="the most"):
            await them.add(ina, "more", Authenticator(origin, key.site).make(await them.offer(ina, origin)), origin)
        async with store.write() as at:
            await accounts.make(at, "Eve", "hash", True, 0)
            await accounts.remove(at, "Ina")
        with pytest.raises(Refused):
            await them.whose(key.sign(them.ask(origin)), origin)
    finally:
        await store.close()
