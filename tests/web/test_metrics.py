"""What the server tells of itself: that figures follow what happens, that names are nowhere in them, and who may read them."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from lab_server.errors import LabError, NotFound, Refused
from lab_server.settings import ROOT, Settings, load
from lab_server.web.api import metrics as api
from lab_server.web.counts import Calls, Times
from lab_server.web.metrics import COUNTER, HISTOGRAM, KINDS
from tests.conftest import LESSON, Make, Server
from tests.fakes import FailingDriver
from tests.shell import eventually
from tests.web.learner import Learner

TOKEN = "a-token-of-more-than-16"
PAGE = ROOT / "docs/self-hosting/monitoring.md"
BOARD = ROOT / "docker/grafana/labs.json"


def text(server: Server, **headers: str) -> str:
    answer = httpx.get(f"{server.origin}/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    return answer.text


def scraped(server: Server) -> dict[str, float]:
    """`name{label="value"}` → value, of all samples."""
    found = {}
    for family in text_string_to_metric_families(text(server)):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def names(kind: str) -> set[str]:
    """The samples' names of a metric."""
    if KINDS[kind].kind is HISTOGRAM:
        return {f"{kind}_bucket", f"{kind}_sum", f"{kind}_count"}
    return {f"{kind}_total" if KINDS[kind].kind is COUNTER else kind}


OURS = {name for kind in KINDS for name in names(kind)}


# --- figures ---


def test_figures_follow_what_happens(server: Server) -> None:
    before = scraped(server)
    assert before['labs_leases{state="ready"}'] == before["labs_terminals"] == before["labs_viewers"] == 0
    learner = Learner(server)
    id = learner.start()
    with learner.terminal(id) as terminal, learner.terminal(id, client="other"):
        terminal.type("echo mo''ved\n")
        terminal.until(b"moved")
        now = scraped(server)
        assert now['labs_leases{state="ready"}'] == now["labs_terminals"] == 1 and now["labs_viewers"] == 2
        assert now['labs_starts_total{outcome="ready"}'] == now["labs_start_seconds_count"] == 1
        assert 0 < now["labs_start_seconds_sum"] < 240
        gained = {
            name: now[name] - before[name] for name in before
        }  # these are of the process, and so of other tests too
        assert gained["labs_terminal_input_bytes_total"] == len("echo mo''ved\n")
        assert gained["labs_terminal_output_bytes_total"] >= len("moved")
        assert gained["labs_echo_seconds_count"] >= 1
        assert now['labs_echo_seconds_bucket{le="+Inf"}'] == now["labs_echo_seconds_count"]
        assert now['labs_http_request_seconds_count{method="POST",route="/api/sandboxes",status="201"}'] == 1
        assert now['labs_spawner_call_seconds_count{verb="create"}'] == 1
    eventually(lambda: scraped(server)["labs_viewers"] == 0)
    assert sum(value for name, value in scraped(server).items() if name.startswith("labs_websocket_closes_total")) == 2
    given = scraped(server)["labs_terminal_input_bytes_total"]
    learner.http.delete(f"/api/sandboxes/{id}")
    after = scraped(server)
    assert after['labs_leases{state="ready"}'] == after["labs_terminals"] == 0
    assert after['labs_ends_total{reason="asked"}'] == 1
    assert after["labs_terminal_input_bytes_total"] == given, "what was counted stays, though its terminal is gone"
    counters = [name for name in now if re.search(r"_(total|count|bucket)(\{|$)", name)]
    assert [name for name in counters if after[name] < now[name]] == []


def test_echo_is_timed_once_for_what_is_typed_until_something_comes_back(server: Server) -> None:
    learner = Learner(server)
    with learner.terminal(learner.start()) as terminal:
        terminal.type("stty -echo; echo si''lent; cat >/dev/null\n")
        terminal.until(b"silent\r\n")
        before, seen = scraped(server), len(terminal.said)
        for key in ("a", "b", "c", "\n"):
            terminal.type(key)
        terminal.type("\x03")
        terminal.until(b"$ ", start=seen)
        after = scraped(server)
    assert after["labs_terminal_input_bytes_total"] - before["labs_terminal_input_bytes_total"] == len("abc\n\x03")
    assert after["labs_echo_seconds_count"] - before["labs_echo_seconds_count"] == 1


def test_what_fails_is_counted(make_server: Make) -> None:
    server = make_server(driver=FailingDriver())
    learner = Learner(server)
    learner.wait(learner.http.post("/api/sandboxes", json={"lesson": LESSON}).json()["id"], "failed")
    now = scraped(server)
    assert now['labs_starts_total{outcome="failed"}'] == now['labs_leases{state="failed"}'] == 1
    assert now['labs_spawner_failures_total{code="sandbox-failed",verb="create"}'] == 1
    assert now["labs_start_seconds_count"] == 0 and now['labs_ends_total{reason="failed"}'] == 1
    learner.http.get("/api/sandboxes/nosuchbox")
    assert (
        scraped(server)['labs_http_request_seconds_count{method="GET",route="/api/sandboxes/{id}",status="404"}'] == 1
    )


def test_close_codes_and_refusals_of_websockets(server: Server) -> None:
    learner = Learner(server)
    id = learner.start()
    first = learner.terminal(id)
    with learner.terminal(id):
        assert first.closed() == 4408
    eventually(lambda: scraped(server).get('labs_websocket_closes_total{code="4408"}') == 1)
    answer = httpx.get(
        f"{server.origin}/api/sandboxes/{id}/terminals/host",
        headers={
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
            "Origin": "https://elsewhere.example",
        },
    )
    assert answer.status_code == 403 and re.fullmatch("[0-9a-f]{16}", answer.headers["x-request-id"])
    denied = [name for name in scraped(server) if 'method="websocket"' in name and 'status="403"' in name]
    assert denied


def test_routes_are_templates_and_methods_are_few(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(b"PROPFIND /a/b HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        while raw.recv(4096):
            pass
    for path in ("/api/no-such", "/nothing-here", "/concepts/"):
        httpx.get(f"{server.origin}{path}")
    told = text(server)
    assert 'method="other",route="site"' in told and 'route="none",status="404"' in told
    assert "no-such" not in told and "nothing-here" not in told and "PROPFIND" not in told


def test_figures_name_nobody(server: Server) -> None:
    learner = Learner(server)
    id = learner.start()
    with learner.terminal(id) as terminal:
        terminal.type("echo a-se''cret\n")
        terminal.until(b"a-secret")
        figures, rows = text(server), httpx.get(f"{server.origin}/metrics/sandboxes").text
    for hidden in (learner.id, learner.cookie.partition("=")[2], "a-secret", "page"):
        assert hidden not in figures and hidden not in rows
    assert id not in figures and id in rows


def test_rows_tell_of_each_sandbox(server: Server) -> None:
    learner = Learner(server)
    id = learner.start()
    with learner.terminal(id) as terminal:
        (row,) = httpx.get(f"{server.origin}/metrics/sandboxes").json()["sandboxes"]
        assert (row["id"], row["lesson"], row["state"], row["viewers"]) == (id, LESSON, "ready", 1)
        assert 0 <= row["idle"] <= row["age"] + 1 and 0 <= row["age"] < 60 and row["memory"] is row["cpu"] is None
        terminal.type("echo ty''ped\n")
        terminal.until(b"typed")
        told = httpx.get(f"{server.origin}/metrics/sandboxes").json()
    assert 0 <= told["sandboxes"][0]["idle"] < 60
    server.spawner._sandboxes.end(id)
    learner.wait(id, "failed")
    assert httpx.get(f"{server.origin}/metrics/sandboxes").json()["sandboxes"] == []  # what is over has no row
    assert told["driver"] == "pty" and told["most"] == 500 and told["host"]["memory"] > told["host"]["memory_free"] > 0


def test_a_server_without_a_spawner_tells_what_it_knows(server: Server) -> None:
    server.spawner.stop()
    eventually(lambda: scraped(server)['labs_ready{driver=""}'] == 0)
    assert "labs_http_request_seconds_count" in text(server)


def test_every_metric_is_told_but_what_only_cgroups_know(server: Server) -> None:
    learner = Learner(server)
    with learner.terminal(learner.start()):
        pass
    eventually(lambda: "labs_websocket_closes_total{" in text(server))
    learner.http.delete(f"/api/sandboxes/{learner.http.get('/api/me').json()['sandbox']['id']}")
    told = {name.partition("{")[0] for name in scraped(server)}
    cgroups = {"labs_sandboxes_memory_bytes", "labs_sandboxes_cpu_seconds"}
    assert OURS - told == {
        *cgroups,
        "labs_spawner_failures_total",
        "labs_host_disk_bytes",
    }  # this spawner is given no disk
    assert {name for name in told if name.startswith("labs_")} <= OURS
    assert "process_resident_memory_bytes" in told


def test_times_are_cumulative() -> None:
    times = Times((0.1, 1.0))
    for seconds in (0.1, 0.5, 7.0):
        times.observe(seconds)
    assert times.buckets() == [("0.1", 1.0), ("1.0", 2.0), ("+Inf", 3.0)]
    assert times.count == 3 and times.total == pytest.approx(7.6)


def test_calls_that_fail_are_calls(tmp_path: Path) -> None:
    calls = Calls()
    with pytest.raises(NotFound), calls.timing("open"):
        raise NotFound("No.")
    assert calls.times()["open"].count == 1 and calls.failures() == {("open", "not-found"): 1}


# --- who may ask ---


def status(server: Server, **headers: str) -> int:
    both = [httpx.get(f"{server.origin}{path}", headers=headers) for path in ("/metrics", "/metrics/sandboxes")]
    assert both[0].status_code == both[1].status_code
    assert all("set-cookie" not in answer.headers for answer in both)
    if both[0].status_code != 200:
        assert all("labs_" not in answer.text and "sandboxes" not in answer.json() for answer in both)
    return both[0].status_code


FORGED = [
    {"X-Forwarded-For": "127.0.0.1"},
    {"X-Forwarded-For": "127.0.0.1, 203.0.113.9"},
    {"X-Forwarded-For": "203.0.113.9, 127.0.0.1"},
    {"X-Forwarded-For": ""},
    {"Forwarded": "for=127.0.0.1"},
    {"X-Real-IP": "127.0.0.1"},
    {"X-Forwarded-Proto": "https"},
    {"Via": "1.1 proxy"},
    {"Host": "course.example.org"},
    {"Host": "localhost.evil.example"},
]


@pytest.mark.parametrize("headers", FORGED, ids=str)
def test_who_comes_through_a_proxy_is_no_loopback_peer(server: Server, headers: dict[str, str]) -> None:
    assert status(server) == 200
    assert status(server, **headers) == 403


@pytest.mark.parametrize("headers", [{}, *FORGED], ids=str)
def test_behind_a_proxy_on_this_machine_nobody_is_believed_to_be_here(
    make_server: Make, headers: dict[str, str]
) -> None:
    assert status(make_server(proxies=("127.0.0.1",)), **headers) == 403


def test_with_a_token_it_takes_the_token_wherever_from(make_server: Make) -> None:
    server = make_server(metrics=TOKEN, proxies=("127.0.0.1",))
    assert status(server) == status(server, Authorization="Bearer wrong") == 401
    assert status(server, Authorization=TOKEN) == status(server, Authorization=f"Basic {TOKEN}") == 401
    assert status(server, Authorization=f"Bearer {TOKEN}") == 200
    assert status(server, Authorization=f"Bearer {TOKEN}", **{"X-Forwarded-For": "203.0.113.9"}) == 200
    assert httpx.get(f"{server.origin}/metrics").headers["www-authenticate"] == "Bearer"


def test_off_is_off(make_server: Make) -> None:
    assert status(make_server(metrics="off")) == 404


@pytest.mark.parametrize(
    ("given", "peer", "host", "kind"),
    [
        ({}, "127.0.0.1", "127.0.0.1:8000", None),
        ({}, "127.8.0.1", "localhost:8000", None),
        ({}, "::1", "[::1]:8000", None),
        ({}, "::ffff:127.0.0.1", "localhost", None),
        ({}, "192.0.2.1", "127.0.0.1:8000", Refused),
        ({}, "::ffff:192.0.2.1", "127.0.0.1:8000", Refused),
        ({}, "", "127.0.0.1", Refused),
        ({}, "127.0.0.1", "", Refused),
        ({}, "127.0.0.1", "[", Refused),
        ({"proxies": "172.28.77.2", "origins": "https://course.example.org"}, "127.0.0.1", "localhost", None),
        ({"proxies": "::1"}, "127.0.0.1", "localhost", Refused),
        ({"proxies": "*"}, "127.0.0.1", "localhost", Refused),
        ({"proxies": "127.0.0.0/8"}, "127.0.0.1", "localhost", Refused),
        ({"origins": "https://course.example.org"}, "127.0.0.1", "localhost", Refused),
        ({"metrics": "off"}, "127.0.0.1", "localhost", NotFound),
    ],
)
def test_who_may_ask(given: dict[str, str], peer: str, host: str, kind: type[LabError] | None) -> None:
    settings: Settings = load(**given)
    ask: Callable[[], None] = lambda: api.check(settings, peer, {"host": host})  # noqa: E731
    if kind is None:
        ask()
    else:
        with pytest.raises(kind):
            ask()


@pytest.mark.parametrize("value", ["short", "with a space in it, long", "everybody"])
def test_a_token_has_to_be_one(value: str) -> None:
    with pytest.raises(LabError, match="LABS_METRICS"):
        load(metrics=value)


# --- what is written of it ---


def test_every_metric_is_on_the_page_and_every_one_on_the_page_is_there() -> None:
    named = set(re.findall(r"`(labs_\w+)`", PAGE.read_text()))
    rows = set(re.findall(r"^\| `(labs_\w+)`", PAGE.read_text(), re.M))
    told = {name for kind in KINDS for name in ([kind] if KINDS[kind].kind is HISTOGRAM else names(kind))}
    assert rows == told
    assert named <= told | OURS


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_metrics_labels_are_on_the_page(name: str) -> None:
    (shown,) = names(name) if KINDS[name].kind is not HISTOGRAM else {name}
    (row,) = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| `{shown}` |")]
    assert re.findall(r"`(\w+)`", row.split("|")[2]) == list(KINDS[name].labels)


def expressions(board: object) -> list[str]:
    if isinstance(board, dict):
        own = [
            str(value)
            for key, value in board.items()
            if key in ("expr", "query", "definition") and isinstance(value, str)
        ]
        return own + [found for value in board.values() for found in expressions(value)]
    return [found for value in board for found in expressions(value)] if isinstance(board, list) else []


def test_the_dashboard_shows_what_there_is() -> None:
    board = json.loads(BOARD.read_text())
    asked = expressions(board["panels"])
    named = {name for expression in asked for name in re.findall(r"\b(?:labs|process)_\w+", expression)}
    process = {"process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds", "process_max_fds"}
    assert named <= OURS | process, named - OURS
    unseen = {kind for kind in KINDS if not names(kind) & named}
    assert unseen == set()
    labels = {label for kind in KINDS.values() for label in kind.labels}
    grouped = {
        word
        for expression in asked
        for words in re.findall(r"by \(([^)]*)\)", expression)
        for word in words.split(", ")
    }
    legends = set(re.findall(r"\{\{(\w+)\}\}", BOARD.read_text()))
    assert grouped <= labels | {"le"} and legends <= grouped
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_alerts_are_about_what_there_is() -> None:
    block = re.findall(r"```yaml\n(groups:.*?)```", PAGE.read_text(), re.S)
    assert len(block) == 1
    import yaml

    rules = [rule for group in yaml.safe_load(block[0])["groups"] for rule in group["rules"]]
    assert rules and all(rule["annotations"]["summary"] for rule in rules)
    named = {name for rule in rules for name in re.findall(r"\blabs_\w+", rule["expr"])}
    assert named and named <= OURS, named - OURS
