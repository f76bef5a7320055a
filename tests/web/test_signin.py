"""Signing in: cookies, wrong passwords, other sites, other browsers; through the whole server."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from lab_server.errors import Refused, StoreFailed
from lab_server.store.engine import Store
from lab_server.web.signin import SignIns
from lab_server.web.throttle import Throttle
from tests.conftest import Make, Server
from tests.web.instructor import WORDS, Instructor, account, instructor
from tests.web.learner import Learner
from tests.web.test_api import code
from tests.web.test_progress import database


def whoami(who: Instructor) -> str | None:
    found = who.http.get("/api/signin").json()["account"]
    return str(found["name"]) if found else None


def test_without_an_account_nobody_can_sign_in_and_the_page_is_told(server: Server) -> None:
    who = Instructor(server)
    assert who.http.get("/api/signin").json() == {"account": None, "possible": False, "provider": None}
    for name in ("admin", "Ina", "root"):
        for words in ("admin", "password", "labs", ""):
            assert who.sign_in(name, words).status_code in (403, 422, 429)
    account(server, "Ina")
    assert who.http.get("/api/signin").json() == {"account": None, "possible": True, "provider": None}


def test_signing_in_and_out(server: Server) -> None:
    id, who = account(server, "Ina"), Instructor(server)
    told = who.sign_in("INA")
    assert told.json() == {"account": {"id": id, "name": "Ina", "admin": False}, "possible": True, "provider": None}
    assert whoami(who) == "Ina" and who.http.get("/api/classes").json() == []
    out = who.http.delete("/api/signin")
    assert out.status_code == 204 and "Max-Age=0" in out.headers["set-cookie"]
    assert whoami(who) is None and who.http.delete("/api/signin").status_code == 204
    refused = who.http.get("/api/classes")
    assert refused.status_code == 401 and code(refused) == "not-signed-in"


def test_the_cookie_is_for_this_site_and_no_script(make_server: Make) -> None:
    plain = make_server()
    account(plain, "Ina")
    cookie = Instructor(plain).sign_in("Ina").headers.get_list("set-cookie")[0]
    assert cookie.startswith(f"labs-room-{plain.port}=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Secure" not in cookie
    secure = make_server(origins="https://course.example.org")
    account(secure, "Ina")
    given = {"name": "Ina", "password": WORDS}
    headers = {"Origin": "https://course.example.org"}
    told = httpx.post(f"{secure.origin}/api/signin", json=given, headers=headers)
    (cookie,) = [one for one in told.headers.get_list("set-cookie") if "room" in one]
    assert cookie.startswith("__Host-labs-room=") and "; Secure" in cookie and "Domain" not in cookie


def test_signing_in_again_gives_another_cookie_and_ends_the_former(server: Server) -> None:
    account(server, "Ina")
    who = Instructor(server)
    who.sign_in("Ina")
    former = dict(who.http.cookies)
    who.sign_in("Ina")
    name = f"labs-room-{server.port}"
    assert who.http.cookies[name] != former[name] and whoami(who) == "Ina"
    told = httpx.get(f"{server.origin}/api/signin", cookies=former)
    assert told.json()["account"] is None
    assert len(who.http.get("/api/signins").json()) == 1


@pytest.mark.parametrize("value", ["", "x", "0" * 43, "é", "'; DROP TABLE signins; --", "x" * 3000])
def test_cookies_that_are_nobodys(server: Server, value: str) -> None:
    instructor(server)
    raw = f"labs-room-{server.port}={value}".encode("latin-1")
    told = httpx.get(f"{server.origin}/api/signin", headers=[(b"cookie", raw)])
    assert told.status_code == 200 and told.json()["account"] is None


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/signin"),
        ("DELETE", "/api/signin"),
        ("POST", "/api/classes"),
        ("DELETE", "/api/signins/00"),
        ("PATCH", "/api/classes/00"),
    ],
)
def test_another_sites_page_can_do_nothing(server: Server, method: str, path: str) -> None:
    who = instructor(server)
    for origin in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": ""}):
        told = who.http.request(method, path, json={"title": "x"}, headers=origin)
        assert told.status_code == 403 and code(told) == "refused"
    assert whoami(who) == "Ina"


def test_a_wrong_name_and_a_wrong_password_are_not_told_apart(server: Server) -> None:
    account(server, "Ina")
    who = Instructor(server)
    known, unknown = who.sign_in("Ina", "wrong"), who.sign_in("Nobody", "wrong")
    assert known.status_code == unknown.status_code == 403 and known.json() == unknown.json()
    assert not [one for one in known.headers.get_list("set-cookie") if "room" in one]


def test_ten_wrong_passwords_are_enough_and_right_ones_do_not_count(server: Server) -> None:
    account(server, "Ina")
    for _ in range(12):
        assert Instructor(server).sign_in("Ina").status_code == 200
    with ThreadPoolExecutor(5) as pool:
        told = list(pool.map(lambda n: Instructor(server).sign_in("Ina", f"wrong {n}").status_code, range(20)))
    assert sorted(told) == [403] * 10 + [429] * 10
    refused = Instructor(server).sign_in("Ina")
    assert refused.status_code == 429 and "retry-after" in refused.headers


async def test_names_that_read_alike_are_one_account_for_the_throttle_too(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'course.sqlite3'}")
    await store.open()
    signins = SignIns(store, 8000, Throttle(10, 60.0, "many"), Throttle(3, 60.0, "many"))
    try:
        for n, name in enumerate(("admin", "Ad\u200dmin", "\uff41dmin ")):
            with pytest.raises(Refused, match="wrong"):
                await signins.sign_in(name, "wrong", f"10.0.0.{n}", "", "")
        with pytest.raises(Refused, match="many"):
            await signins.sign_in("ADMIN", "wrong", "10.0.0.9", "", "")
    finally:
        await store.close()


async def test_a_database_that_is_away_is_no_wrong_password(tmp_path: Path) -> None:
    signins = SignIns(
        Store(f"sqlite:///{tmp_path / 'no' / 'folder'}"), 8000, Throttle(1, 60.0, "many"), Throttle(1, 60.0, "many")
    )
    for _ in range(3):
        with pytest.raises(StoreFailed):
            await signins.sign_in("admin", "wrong", "10.0.0.1", "", "")


def test_names_that_can_be_nobodys(server: Server) -> None:
    who = Instructor(server)
    for name in ("A\0na", "\u202eanI", "' OR 1=1 --", "x" * 160):
        assert who.sign_in(name, "wrong").status_code == 403


def test_sign_ins_elsewhere_are_listed_and_ended(server: Server) -> None:
    here = instructor(server)
    there = Instructor(server)
    there.http.headers["User-Agent"] = "Another Browser/7"
    there.sign_in("Ina")
    listed = here.http.get("/api/signins").json()
    assert [one["here"] for one in listed] in ([False, True], [True, False])
    (other,) = [one for one in listed if not one["here"]]
    assert other["agent"] == "Another Browser/7" and other["made"] <= other["seen"] < other["expires"]
    assert here.http.delete(f"/api/signins/{other['id']}").status_code == 204
    assert whoami(there) is None and whoami(here) == "Ina"
    assert here.http.delete(f"/api/signins/{other['id']}").status_code == 404
    eve = instructor(server, "Eve")
    (mine,) = here.http.get("/api/signins").json()
    assert eve.http.delete(f"/api/signins/{mine['id']}").status_code == 404 and whoami(here) == "Ina"


def test_a_sign_in_ends_by_the_clock(server: Server) -> None:
    who = instructor(server)
    with closing(sqlite3.connect(database(server))) as there, there:
        there.execute("UPDATE signins SET seen = seen - 12 * 3600")
    assert whoami(who) is None and who.http.get("/api/classes").status_code == 401


def test_use_is_noted_now_and_then(server: Server) -> None:
    who = instructor(server)
    with closing(sqlite3.connect(database(server))) as there, there:
        there.execute("UPDATE signins SET seen = seen - 3600")
    (before,) = who.http.get("/api/signins").json()
    (after,) = who.http.get("/api/signins").json()
    assert after["seen"] == before["seen"] and after["expires"] > after["seen"] + 11 * 3600
    with closing(sqlite3.connect(database(server))) as there:
        ((seen, made),) = there.execute("SELECT seen, made FROM signins")
    assert abs(seen - made) < 60


def test_a_learner_is_no_instructor_and_an_instructor_is_a_learner_too(server: Server) -> None:
    assert Learner(server).http.get("/api/classes").status_code == 401
    who = instructor(server)
    assert who.http.get("/api/me").json()["learner"] == who.http.get("/api/me").json()["learner"]


def test_a_restart_signs_nobody_out(server: Server) -> None:
    who = instructor(server)
    server.stop_web()
    server.start_web()
    assert whoami(who) == "Ina"


# --- another password ---


def change(who: Instructor, old: str = WORDS, new: str = "four words that differ") -> httpx.Response:
    return who.http.put("/api/signin/password", json={"password": old, "new": new})


def test_another_password_holds_at_once_and_ends_every_other_sign_in(server: Server) -> None:
    here, there = instructor(server), Instructor(server)
    assert there.sign_in("Ina").status_code == 200
    other = instructor(server, "Eve")
    assert change(here).status_code == 204
    assert (whoami(here), whoami(there), whoami(other)) == ("Ina", None, "Eve")
    assert there.sign_in("Ina").status_code == 403
    assert there.sign_in("Ina", "four words that differ").status_code == 200
    assert other.sign_in("Eve").status_code == 200, "nobody else's changed"


def test_without_the_old_password_it_stays(server: Server) -> None:
    who = instructor(server)
    assert change(who, "something else entirely").status_code == 403
    assert change(Instructor(server)).status_code == 401
    assert who.sign_in("Ina").status_code == 200


@pytest.mark.parametrize("new", ["", "short", "x" * 11, "x" * 257])
def test_a_new_password_that_cannot_be_says_why_and_costs_no_try(server: Server, new: str) -> None:
    who = instructor(server)
    for _ in range(12):
        told = change(who, "not even looked at", new)
        assert told.status_code in (400, 422) and told.json()["error"]["message"], told.text
    assert who.sign_in("Ina").status_code == 200


def test_guessing_the_old_password_is_throttled_as_signing_in_is(server: Server) -> None:
    who = instructor(server)
    codes = [change(who, f"a wrong password {n}").status_code for n in range(12)]
    assert codes[0] == 403 and codes[-1] == 429
    assert change(who).status_code == 429, "the right one neither"
