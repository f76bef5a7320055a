"""What a browser, and a machine, is told while the course is being built; real sockets."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator

import pytest

from lab_server import listening
from lab_server.waiting import WaitingRoom


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with listening.listen("127.0.0.1", 0) as found:
        yield found


@pytest.fixture
def room(listener: socket.socket) -> Iterator[WaitingRoom]:
    found = WaitingRoom(listener)
    yield found
    found.close()


def ask(listener: socket.socket, path: str) -> tuple[http.client.HTTPResponse, str]:
    host, port = listener.getsockname()[:2]
    connection = http.client.HTTPConnection(host, port, timeout=20)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer, answer.read().decode()


def test_a_browser_sees_how_far_it_is_and_tries_again(listener: socket.socket, room: WaitingRoom) -> None:
    room.now = "guest: Unpacking <kernel>"
    answer, page = ask(listener, "/concepts/")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert "Unpacking &lt;kernel&gt;" in page
    assert 'http-equiv="refresh"' in page


@pytest.mark.parametrize("path", ["/api/me", "/readyz", "/healthz"])
def test_a_machine_gets_an_error_as_the_api_gives_them(listener: socket.socket, room: WaitingRoom, path: str) -> None:
    answer, body = ask(listener, path)
    assert answer.status == 503
    assert set(json.loads(body)["error"]) == {"code", "message", "remedy"}


def test_who_says_nothing_or_nonsense_holds_nobody_up(listener: socket.socket, room: WaitingRoom) -> None:
    with (
        socket.create_connection(listener.getsockname()[:2]),
        socket.create_connection(listener.getsockname()[:2]) as other,
    ):
        other.sendall(b"\0" * 9000)
        answer, _ = ask(listener, "/")
    assert answer.status == 503


def test_afterwards_the_socket_is_its_next_users(listener: socket.socket) -> None:
    WaitingRoom(listener).close()
    with socket.create_connection(listener.getsockname()[:2]) as connection:
        accepted, _ = listener.accept()
        with accepted:
            connection.sendall(b"for web")
            assert accepted.recv(100) == b"for web"
