"""The HTTP side: who may ask what, and what each wrong request gets."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.conftest import LESSON, PATIENCE, Make, Server
from tests.fakes import FailingDriver, NeverDriver, SlowDriver
from tests.shell import eventually
from tests.web.learner import Learner


@pytest.fixture
def learner(server: Server) -> Learner:
    return Learner(server)


def code(answer: httpx.Response) -> str:
    body = answer.json()
    assert set(body) == {"error"} and set(body["error"]) == {"code", "message", "remedy"}, body
    assert "Traceback" not in answer.text
    return str(body["error"]["code"])


def test_health_and_readiness(server: Server) -> None:
    assert httpx.get(f"{server.origin}/healthz").json() == {"status": "ok"}
    eventually(lambda: httpx.get(f"{server.origin}/readyz").status_code == 200)
    assert httpx.get(f"{server.origin}/readyz").json() == {"ready": True, "reason": "", "driver": "pty"}


def test_me_makes_a_learner_and_knows_them_again(server: Server) -> None:
    with httpx.Client(base_url=server.origin) as http:
        first = http.get("/api/me")
        cookie = first.headers["set-cookie"]
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
        assert "Secure" not in cookie
        again = http.get("/api/me")
        assert again.json()["learner"] == first.json()["learner"] and "set-cookie" not in again.headers
        assert first.json()["host"]["driver"] == "pty" and first.json()["host"]["reason"] == "it is a test"
    assert httpx.get(f"{server.origin}/api/me").json()["learner"] != first.json()["learner"]


def test_a_forged_cookie_is_nobodys(server: Server, learner: Learner) -> None:
    name, value = next(iter(learner.http.cookies.items()))
    forged = httpx.get(f"{server.origin}/api/me", cookies={name: "0" * 24 + value[24:]})
    assert forged.json()["learner"] not in (learner.id, "0" * 24)


def test_behind_https_the_cookie_is_bound_to_the_host(make_server: Make) -> None:
    server = make_server(origins="https://course.example.org")
    cookie = httpx.get(f"{server.origin}/api/me").headers["set-cookie"]
    assert cookie.startswith("__Host-labs=") and "; Secure" in cookie
    name, _, value = cookie.split(";")[0].partition("=")
    for origin, status in ((server.origin, 403), ("https://course.example.org", 201)):
        headers = {"Cookie": f"{name}={value}", "Origin": origin}
        answer = httpx.post(f"{server.origin}/api/sandboxes", json={"lesson": LESSON}, headers=headers)
        assert answer.status_code == status


def test_lessons(learner: Learner) -> None:
    assert [lesson["id"] for lesson in learner.http.get("/api/lessons").json()] == [LESSON]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"},
        {"Origin": "http://evil.example:80", "Host": "evil.example"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "not an origin"},
        {"Referer": "http://127.0.0.1/"},
    ],
)
def test_changing_something_needs_this_very_origin(server: Server, learner: Learner, headers: dict[str, str]) -> None:
    answer = httpx.post(
        f"{server.origin}/api/sandboxes", json={"lesson": LESSON}, headers=headers, cookies=dict(learner.http.cookies)
    )
    assert answer.status_code == 403 and code(answer) == "refused"
    assert server.driver.created == []


def test_a_secret_in_an_address_is_refused_and_not_logged(learner: Learner, capfd: pytest.CaptureFixture[str]) -> None:
    answer = learner.http.get("/api/me?token=hunter2")
    assert answer.status_code == 400 and code(answer) == "bad-input" and "hunter2" not in answer.text
    captured = capfd.readouterr()
    assert "hunter2" not in captured.out + captured.err


def test_fifty_starts_are_one_sandbox(learner: Learner) -> None:
    gate = threading.Barrier(10)

    def start(_: int) -> httpx.Response:
        gate.wait(PATIENCE)
        return learner.http.post("/api/sandboxes", json={"lesson": LESSON})

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(start, range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [201]
    ids = {answer.json()["id"] for answer in answers}
    learner.wait(ids.pop())
    assert not ids and len(learner.server.driver.created) == 1


def test_a_sandbox_from_start_to_end(learner: Learner) -> None:
    assert learner.http.get("/api/me").json()["sandbox"] is None
    id = learner.start()
    there = learner.http.get(f"/api/sandboxes/{id}").json()
    assert there["sessions"] == ["host", "watch"] and there["lesson"] == LESSON and there["driver"] == "pty"
    assert learner.http.get("/api/me").json()["sandbox"] == there
    assert learner.http.delete(f"/api/sandboxes/{id}").status_code == 204
    assert learner.http.get(f"/api/sandboxes/{id}").status_code == 404
    assert not learner.server.driver.sandboxes[id].home.exists()
    assert learner.http.get("/api/me").json()["sandbox"] is None


def test_a_learners_sandbox_is_nobody_elses(server: Server, learner: Learner) -> None:
    id, other = learner.start(), Learner(server)
    for method, path in [("GET", ""), ("DELETE", ""), ("POST", "/reset")]:
        answer = other.http.request(method, f"/api/sandboxes/{id}{path}")
        assert answer.status_code == 404 and code(answer) == "not-found"
        assert answer.json() == other.http.request(method, f"/api/sandboxes/{'0' * 16}{path}").json()
    assert learner.http.get(f"/api/sandboxes/{id}").status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"lesson": "concepts/99-nowhere"}, 404),
        ({"lesson": "../../etc/passwd"}, 404),
        ({"lesson": LESSON, "image": "evil"}, 422),
        ({"lesson": LESSON, "mounts": ["/"]}, 422),
        ({"lesson": LESSON, "capabilities": ["CAP_SYS_ADMIN"]}, 422),
        ({"lesson": 7}, 422),
        ({"lesson": "x" * 10_000}, 422),
        ({}, 422),
        ([], 422),
    ],
)
def test_what_is_wrong_is_said(learner: Learner, body: object, status: int) -> None:
    answer = learner.http.post("/api/sandboxes", json=body)
    assert answer.status_code == status and code(answer) in ("bad-input", "not-found")
    assert learner.server.driver.created == []


def test_a_body_that_is_no_json_or_too_big(learner: Learner) -> None:
    assert learner.http.post("/api/sandboxes", content=b"\xff{").status_code == 422
    big = learner.http.post("/api/sandboxes", content=b"x" * 100_000)
    assert big.status_code == 400 and code(big) == "bad-input"

    def chunks() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * 1000

    assert learner.http.post("/api/sandboxes", content=chunks()).status_code == 400


def test_unknown_routes_and_methods_are_json_below_api(learner: Learner) -> None:
    assert code(learner.http.get("/api/nothing")) == "not-found"
    assert learner.http.put("/api/me").status_code == 405


def test_an_id_that_is_none_is_refused(learner: Learner) -> None:
    assert learner.http.get("/api/sandboxes/..%2f..").status_code == 404
    assert learner.http.get("/api/sandboxes/UPPER").status_code == 422


def test_a_driver_that_takes_its_time_is_told_about(make_server: Make) -> None:
    server = make_server(SlowDriver())
    learner = Learner(server)
    not_yet = httpx.get(f"{server.origin}/readyz")
    assert not_yet.status_code == 503 and "takes its time" in not_yet.json()["reason"]
    id = learner.http.post("/api/sandboxes", json={"lesson": LESSON}).json()["id"]
    eventually(lambda: "takes its time" in learner.http.get(f"/api/sandboxes/{id}").json()["detail"])
    assert learner.http.get(f"/api/sandboxes/{id}").json()["state"] == "starting"
    server.driver.go.set()  # type: ignore[attr-defined]
    learner.wait(id)


def test_a_driver_that_never_starts_says_so(make_server: Make) -> None:
    learner = Learner(make_server(NeverDriver()))
    id = learner.http.post("/api/sandboxes", json={"lesson": LESSON}).json()["id"]
    learner.wait(id, "failed")
    assert "never starts" in learner.http.get(f"/api/sandboxes/{id}").json()["detail"]


def test_a_sandbox_that_fails_says_why_and_can_be_tried_again(make_server: Make) -> None:
    driver = FailingDriver()
    learner = Learner(make_server(driver))
    id = learner.http.post("/api/sandboxes", json={"lesson": LESSON}).json()["id"]
    learner.wait(id, "failed")
    assert "out of luck" in learner.http.get(f"/api/sandboxes/{id}").json()["detail"]
    again = learner.http.post("/api/sandboxes", json={"lesson": LESSON})
    assert again.status_code == 201 and again.json()["id"] != id


def test_a_spawner_that_is_away_is_no_error_of_the_learner(learner: Learner) -> None:
    id = learner.start()
    learner.server.spawner.stop()
    eventually(lambda: not learner.server.settings.socket.exists())
    eventually(lambda: httpx.get(f"{learner.server.origin}/readyz").status_code == 503)
    assert learner.http.get("/api/me").status_code == 200
    assert learner.http.get(f"/api/sandboxes/{id}").status_code == 200  # unknown is not gone
    answer = learner.http.delete(f"/api/sandboxes/{id}")
    assert answer.status_code == 503 and code(answer) == "spawner-gone"


def test_every_answer_has_the_headers(learner: Learner) -> None:
    for path in ("/", "/api/me", "/nothing", "/api/nothing"):
        headers = learner.http.get(path).headers
        assert "frame-ancestors 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers
    assert learner.http.get("/api/me").headers["cache-control"] == "no-store"


def test_the_schema_is_complete(learner: Learner) -> None:
    schema = learner.http.get("/api/openapi.json").json()
    assert set(schema["paths"]) == {
        "/healthz",
        "/readyz",
        "/api/me",
        "/api/me/code",
        "/api/me/export",
        "/api/me/resume",
        "/api/classes",
        "/api/classes/{id}",
        "/api/classes/{id}/code",
        "/api/classes/{id}/audit",
        "/api/classes/{id}/end",
        "/api/classes/{id}/export.csv",
        "/api/classes/{id}/export.json",
        "/api/classes/{id}/export.xapi.json",
        "/api/classes/{id}/extend",
        "/api/classes/{id}/here",
        "/api/classes/{id}/learners/{learner}/hand",
        "/api/classes/{id}/learners/{learner}/typing",
        "/api/memberships/{id}/hand",
        "/api/memberships/{id}/typing",
        "/api/classes/{id}/learners/{learner}",
        "/api/classes/{id}/learners/{learner}/reset",
        "/api/classes/{id}/message",
        "/api/classes/{id}/pause",
        "/api/classes/{id}/present",
        "/api/classes/{id}/qr.svg",
        "/api/classes/{id}/recordings",
        "/api/classes/{id}/recordings/{recording}",
        "/api/classes/{id}/recordings/{recording}.cast",
        "/api/classes/{id}/room",
        "/api/classes/{id}/roster",
        "/api/classes/{id}/staff",
        "/api/classes/{id}/staff/{account}",
        "/api/join/{code}",
        "/api/memberships",
        "/api/memberships/{id}",
        "/api/memberships/{id}/recording",
        "/api/memberships/{id}/recordings",
        "/api/memberships/{id}/recordings/{recording}.cast",
        "/api/signin",
        "/api/signin/oidc",
        "/api/signin/oidc/back",
        "/api/identities",
        "/api/identities/{id}",
        "/api/signin/passkey",
        "/api/signin/passkey/options",
        "/api/passkeys",
        "/api/passkeys/options",
        "/api/passkeys/{id}",
        "/api/signin/password",
        "/api/signins",
        "/api/signins/{id}",
        "/api/lessons",
        "/api/progress",
        "/api/progress/answers",
        "/api/progress/predictions",
        "/api/progress/steps",
        "/api/site",
        "/api/sandboxes",
        "/api/sandboxes/{id}",
        "/api/sandboxes/{id}/reset",
        "/api/sandboxes/{id}/extend",
        "/api/sandboxes/{id}/check",
        "/api/sandboxes/{id}/hint",
    }
    for path, methods in schema["paths"].items():
        for method, about in methods.items():
            for status, answer in about["responses"].items():
                file = path.endswith(("/qr.svg", "/export.csv", "/export.json", "/export.xapi.json", ".cast"))
                if status not in ("204", "303") and not (file and status == "200"):
                    assert answer["content"]["application/json"]["schema"], (path, method, status)
    assert "HTTPValidationError" not in json.dumps(schema["paths"])


def test_a_request_that_never_ends_is_closed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    from lab_server.web import server as web

    monkeypatch.setattr(web, "REQUEST_WITHIN", 0.2)
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
        assert slow.recv(100) == b""
