"""Signing in with a provider, through the whole server and a provider that speaks real HTTP; and everything that is no sign-in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from lab_server.errors import BadInput, Conflict
from lab_server.settings import load
from lab_server.store import accounts, identities
from lab_server.store.engine import Store
from lab_server.web.oidc import GOOD_FOR
from tests.conftest import PATIENCE, Make, Server
from tests.web.instructor import Instructor, account, instructor
from tests.web.provider import CLIENT, Provider, providing
from tests.web.test_signin import whoami

BACK = "/api/signin/oidc/back"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with providing() as made:
        yield made


@pytest.fixture
def server(make_server: Make, provider: Provider) -> Server:
    return make_server(**provider.settings)


def waiting(server: Server, name: str = "Ada", email: str = "ada@example.org") -> None:
    """As `labs admin create --oidc` makes one."""

    async def make() -> None:
        store = Store(server.settings.database_url)
        try:
            async with store.write() as at:
                made = await accounts.make(at, name, "nobody knows it", False, time.time())
                await identities.expect(at, made.id, email, time.time())
        finally:
            await store.close()

    asyncio.run(make())


def go(who: Instructor, path: str = "/api/signin/oidc") -> str:
    """To the provider; where that sends the browser back to."""
    begun = who.http.post(path)
    assert begun.status_code == 200, begun.text
    there = httpx.get(begun.json()["to"], timeout=PATIENCE)
    assert there.status_code == 303, there.text
    return there.headers["Location"]


def come_back(who: Instructor, to: str) -> str:
    """What the room is told of it: what stands behind `/room/`."""
    there = who.http.get(to.removeprefix(who.server.origin), headers={"Origin": ""})
    assert there.status_code == 303, there.text
    return there.headers["Location"].removeprefix("/room/")


def entered(server: Server) -> tuple[Instructor, str]:
    who = Instructor(server)
    return who, come_back(who, go(who))


def test_who_is_waited_for_signs_in_and_is_known_from_then_on(server: Server, provider: Provider) -> None:
    waiting(server)
    ada, told = entered(server)
    assert (told, whoami(ada)) == ("", "Ada")
    assert provider.backs == [f"{server.origin}{BACK}"]
    (one,) = ada.http.get("/api/identities").json()
    assert one["email"] == "ada@example.org" and one["used"] is not None
    provider.person |= {"email": "ada.new@example.org", "email_verified": False}
    again, told = entered(server)
    assert (told, whoami(again)) == ("", "Ada"), "by what nobody chooses"
    assert ada.http.get("/api/signin").json()["provider"] == "Example University"


def test_the_address_waits_for_one_person_only(server: Server, provider: Provider) -> None:
    waiting(server)
    assert entered(server)[1] == ""
    provider.person["sub"] = "another who has the same address now"
    other, told = entered(server)
    assert (told, whoami(other)) == ("?signin=unknown", None)


@pytest.mark.parametrize(
    "person",
    [
        {"email": "eve@example.org"},
        {"email_verified": False},
        {"email_verified": "true"},  # a string is no yes
        {"email": ""},
        {"email": None},
    ],
    ids=str,
)
def test_nobody_who_is_not_waited_for_gets_in(server: Server, provider: Provider, person: dict[str, object]) -> None:
    waiting(server)
    provider.person |= person
    who, told = entered(server)
    assert (told, whoami(who)) == ("?signin=unknown", None)


@pytest.mark.parametrize(
    "spoil", ["nonce", "audience", "issuer", "old", "key", "none", "hs256", "nobody", "unsigned-in"]
)
def test_what_the_provider_did_not_say_to_us_now_is_not_believed(
    server: Server, provider: Provider, spoil: str
) -> None:
    waiting(server)
    provider.spoil = spoil
    who, told = entered(server)
    assert (told, whoami(who)) == ("?signin=wrong", None)
    provider.spoil = ""
    assert entered(server)[1] == "", "and it is not the end of it"


def test_who_declines_there_is_told(server: Server, provider: Provider) -> None:
    provider.spoil = "refuse"
    assert entered(server)[1] == "?signin=declined"


def test_a_key_that_is_new_is_asked_for(server: Server, provider: Provider) -> None:
    waiting(server)
    assert entered(server)[1] == ""
    provider.another_key()
    assert entered(server)[1] == ""
    assert provider.asked.count("/jwks") == 2 and provider.asked.count("/.well-known/openid-configuration") == 1


def test_an_end_belongs_to_its_beginning(server: Server, provider: Provider) -> None:
    waiting(server)
    mine, other = Instructor(server), Instructor(server)
    to = go(other)
    assert come_back(mine, to) == "?signin=late", "a browser that began nothing"
    go(mine)
    assert come_back(mine, to) == "?signin=late", "another one's end in a browser that began one"
    assert come_back(other, to) == "" and whoami(other) == "Ada"
    assert come_back(other, to) == "?signin=late", "twice"
    assert whoami(mine) is None
    who = Instructor(server)
    state = parse_qs(urlsplit(go(who)).query)["state"][0]
    assert come_back(who, f"{BACK}?state={state}&code=guessed") == "?signin=wrong"
    assert come_back(who, BACK) == "?signin=late"


def test_a_beginning_does_not_last(server: Server, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    who = Instructor(server)
    to = go(who)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + GOOD_FOR + 2)
    assert come_back(who, to) == "?signin=late"


def test_an_account_is_connected_and_disconnected(server: Server, provider: Provider) -> None:
    ina = instructor(server, "Ina")
    assert ina.http.get("/api/identities").json() == []
    assert come_back(ina, go(ina, "/api/identities")) == "?signin=connected"
    assert whoami(ina) == "Ina"
    assert come_back(ina, go(ina, "/api/identities")) == "?signin=connected", "and once more is the same"
    (one,) = ina.http.get("/api/identities").json()
    assert (one["email"], one["used"]) == ("ada@example.org", None)
    there, told = entered(server)
    assert (told, whoami(there)) == ("", "Ina")
    uma = instructor(server, "Uma")
    assert come_back(uma, go(uma, "/api/identities")) == "?signin=taken"
    assert uma.http.delete(f"/api/identities/{one['id']}").status_code == 404
    assert ina.http.delete(f"/api/identities/{one['id']}").status_code == 204
    assert ina.http.get("/api/identities").json() == []
    assert entered(server)[1] == "?signin=unknown"
    assert whoami(there) == "Ina", "who is in stays so"


def test_who_connects_needs_no_verified_address(server: Server, provider: Provider) -> None:
    provider.person = {"sub": "one without any"}
    ina = instructor(server, "Ina")
    assert come_back(ina, go(ina, "/api/identities")) == "?signin=connected"
    assert entered(server)[1] == ""


def test_connecting_takes_a_sign_in_and_a_page_of_ours(server: Server) -> None:
    nobody = Instructor(server)
    assert nobody.http.post("/api/identities").status_code == 401
    for path in ("/api/signin/oidc", "/api/identities"):
        told = instructor(server, path).http.post(path, headers={"Origin": "https://elsewhere.example.org"})
        assert told.status_code == 403, path


def test_what_ends_in_nothing_is_counted(server: Server, provider: Provider) -> None:
    who = Instructor(server)
    for _ in range(10):
        assert come_back(who, BACK) == "?signin=late"
    assert come_back(who, BACK) == "?signin=many"
    account(server, "Ina")
    assert who.sign_in("Ina").status_code == 429


def test_a_provider_that_is_silent_is_told_and_asked_again(make_server: Make) -> None:
    with providing() as gone:
        pass
    server = make_server(**gone.settings)
    told = Instructor(server).http.post("/api/signin/oidc")
    assert told.status_code == 503 and "does not answer" in told.json()["error"]["message"]
    assert instructor(server, "Ina").http.get("/api/identities").json() == []


def test_a_provider_that_is_another_is_not_asked(make_server: Make, provider: Provider) -> None:
    server = make_server(**provider.settings | {"oidc_issuer": f"{provider.issuer}/"})
    assert Instructor(server).http.post("/api/signin/oidc").status_code == 503
    assert "/authorize" not in provider.asked


def test_without_a_provider_there_is_none(make_server: Make) -> None:
    server = make_server()
    who = instructor(server, "Ina")
    assert who.http.get("/api/signin").json()["provider"] is None
    for told in (who.http.post("/api/signin/oidc"), who.http.get(BACK), who.http.get("/api/identities")):
        assert told.status_code == 404 and "LABS_OIDC_ISSUER" in told.json()["error"]["remedy"]


def test_it_comes_back_to_the_address_that_learners_have(make_server: Make, provider: Provider) -> None:
    server = make_server(**provider.settings, origins=("https://course.example.org",))
    who = Instructor(server)
    begun = who.http.post("/api/signin/oidc", headers={"Origin": "https://course.example.org"})
    to = parse_qs(urlsplit(begun.json()["to"]).query)
    assert to["redirect_uri"] == [f"https://course.example.org{BACK}"]
    assert to["client_id"] == [CLIENT] and "secret" not in begun.json()["to"]


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"oidc_issuer": "https://login.example.org"}, "LABS_OIDC_CLIENT"),
        ({"oidc_issuer": "https://login.example.org", "oidc_client": "course"}, "LABS_OIDC_SECRET"),
        ({"oidc_client": "course"}, "LABS_OIDC_CLIENT"),
        ({"oidc_secret": "hushed"}, "LABS_OIDC_SECRET"),
        ({"oidc_issuer": "http://login.example.org", "oidc_client": "a", "oidc_secret": "hushed"}, "LABS_OIDC_ISSUER"),
        ({"oidc_issuer": "login.example.org", "oidc_client": "a", "oidc_secret": "hushed"}, "LABS_OIDC_ISSUER"),
    ],
)
def test_settings_that_can_not_be_name_what_is_wrong(given: dict[str, str], names: str) -> None:
    with pytest.raises(BadInput) as why:
        load(**given)
    assert f"setting {names} can't" in str(why.value) and "hushed" not in str(why.value)


async def test_an_address_is_waited_for_once(server: Server) -> None:
    store = Store(server.settings.database_url)
    async with store.write() as at:
        one = await accounts.make(at, "One", "x", False, 0.0)
        await identities.expect(at, one.id, " Ada@Example.org ", 0.0)
        for wrong in (
            "ada",
            "@example.org",
            "ada@",
            "a da@example.org",
            "ada\n@example.org",
            "x" * 250 + "@a.de",
        ):
            with pytest.raises(BadInput):
                await identities.expect(at, one.id, wrong, 0.0)
        with pytest.raises(Conflict):
            await identities.expect(at, one.id, "ada@example.ORG", 0.0)
        assert await identities.claim(at, "https://a", "1", "ADA@example.org")
        assert await identities.claim(at, "https://a", "2", "ada@example.org") is None
        found = await identities.find(at, "https://a", "1")
        assert found and found[1].name == "One"
        assert await identities.find(at, "https://a1", "") is None, "issuer and subject are not run together"
    await store.close()
