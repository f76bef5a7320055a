"""The network goes for a while, between a learner who types on and the server. tests/browser has the page itself in the learner's place."""

from __future__ import annotations

import select
import socket
import threading
import time

import pytest

from tests.compose.learner import Learner
from tests.compose.lines import undisturbed
from tests.compose.page import Page
from tests.faults.conftest import LONG, Serve, Tell
from tests.faults.proxy import Proxy

KEEPALIVE = (1.0, 2.0)  # seconds; the page's own are 25 and 15
NOTICED = 90.0  # seconds in which the server must see that nobody is there any more
SPANS = (1.0, 60.0, 600.0) if LONG else (1.0,)


@pytest.mark.parametrize("span", SPANS)
@pytest.mark.parametrize("kind", ["cut", "hole"])
def test_the_network_goes_and_comes(serve: Serve, lesson: str, figure: Tell, kind: str, span: float) -> None:
    serving = serve("pty")
    with Proxy(serving.origin) as proxy:
        learner = Learner(proxy.origin)
        sandbox = learner.start(lesson)
        back: list[float] = []

        def disturb() -> float:
            (proxy.cut if kind == "cut" else proxy.hole)()
            threading.Event().wait(span + (sum(KEEPALIVE) if kind == "hole" else 0))  # a hole has to be noticed
            (proxy.mend if kind == "cut" else proxy.fill)()
            back.append(time.monotonic())
            return span

        seen = undisturbed(learner, sandbox, disturb, cut=True, keepalive=KEEPALIVE)
    figure(
        f"{kind} of {span:.0f} s: joined {max(0.0, seen.joined - back[0]):.1f} s after it was back; "
        f"{seen.lines} lines typed, {seen.during} of them by then, each there once"
    )


@pytest.mark.skipif(not LONG, reason="takes as long as the server's keepalive: LABS_FAULTS_LONG=1")
def test_the_server_lets_go_of_a_learner_who_never_comes_back(serve: Serve, lesson: str, figure: Tell) -> None:
    """Half a connection would keep its seat, and hold up what runs in the terminal once it is MAX_BEHIND bytes behind."""
    serving = serve("pty")
    with Proxy(serving.origin) as proxy:
        learner = Learner(proxy.origin)
        sandbox = learner.start(lesson)
        page = Page(learner, sandbox)
        page.type(b"yes\r")
        page.match(rb"y\r\ny\r\n")
        proxy.hole()
        left = time.monotonic()
        proxy.fill()
        proxy.cut()  # the page doesn't come back
        (end,) = proxy.stale
        assert _closed(end, NOTICED), f"the server kept the connection for {NOTICED:.0f} s"
        gone = time.monotonic() - left
        page.close()
    figure(f"half a connection is closed by the server after {gone:.0f} s")


def _closed(end: socket.socket, within: float) -> bool:
    """Whether the server closed its side of the connection."""
    until = time.monotonic() + within
    while (left := until - time.monotonic()) > 0:
        if not select.select([end], [], [], left)[0]:
            return False
        try:
            if not end.recv(65536):
                return True
        except OSError:
            return True
    return False
