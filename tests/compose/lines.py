"""A learner types numbered lines, and goes on while something under them is restarted: none may be lost, or come twice.

Knows what is typed and what a shell then says. Doesn't know what is restarted, or how a terminal is kept up (page.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from tests.compose.learner import Learner
from tests.compose.page import KEEPALIVE, Page
from tests.compose.stack import Failed, say

PACE = 0.05  # seconds between two lines: somebody types, and doesn't wait for answers
BEFORE, AFTER = 20, 20  # lines that are answered before the disturbance, and typed after it
# without echo: what the terminal's driver puts among a program's bytes is never twice the same
LOOP = (
    'cd; rm -f lines; stty -echo; echo ready; while read -r n && [ "$n" != end ]; do echo "got $n"; echo "$n" >>lines; done; '
    'stty echo; echo "$(cksum <lines) in $$."'
)
BEGUN = rb"ready\r\n"
TOLD = rb"(\d+ \d+) in (\d+)\.\r\n"
EXPECT = 'echo "$(seq {count} | cksum) in $$."'


@dataclass(frozen=True)
class Seen:
    """What it was like: lines typed, and of them while it was disturbed; bytes of output; when the page was joined again, by the
    monotonic clock."""

    lines: int
    during: int
    bytes: int
    joined: float


def undisturbed(
    learner: Learner,
    sandbox: str,
    disturb: Callable[[], float],
    *,
    cut: bool,
    keepalive: tuple[float, float] = KEEPALIVE,
) -> Seen:
    """`disturb` while lines are typed. `cut`: it takes the connection away, and the page must come back by itself. Raises Failed."""
    page = Page(learner, sandbox, "host", keepalive)
    try:
        page.greeted(1)
        shell = _shell(page)
        start = len(page.said)
        page.type(f"{LOOP}\r".encode())
        begun = page.match(BEGUN, start).end()
        typing = _Typing(page)
        typing.start()
        page.match(rb"got %d\r\n" % BEFORE, begun)
        took = disturb()
        during = typing.count
        if cut:
            page.greeted(2)
        typing.until(typing.count + AFTER)
        page.type(b"end\r")
        page.taken()
        told = page.match(TOLD, begun)
        _nothing_lost(page, page.said[begun : told.start()], typing.count, cut)
        page.type(EXPECT.format(count=typing.count).encode() + b"\r")
        should = page.match(TOLD, told.end())
        if told[1] != should[1] or told[2] != shell or should[2] != shell:
            raise Failed(f"the shell's own list of lines is {told[0]!r}, not {should[0]!r}; it was shell {shell!r}")
        _same_bytes(learner, sandbox, page)
        text = f"{typing.count} lines typed, {during} of them before it was over ({took:.1f} s)"
        say(f"  {text}; all there, once, {len(page.said)} bytes alike")
        return Seen(typing.count, during, len(page.said), float(page.hellos[-1]["at"]))
    finally:
        page.close()


class _Typing(threading.Thread):
    def __init__(self, page: Page) -> None:
        super().__init__(name="typing", daemon=True)
        self._page, self.count, self._most = page, 0, 0
        self._pause = threading.Event()

    def run(self) -> None:
        while not self._most or self.count < self._most:
            self.count += 1
            self._page.type(f"{self.count}\r".encode())
            self._pause.wait(PACE)

    def until(self, most: int) -> None:
        self._most = most
        self.join()


def _shell(page: Page) -> bytes:
    """The number of its process."""
    start = len(page.said)
    page.type(b'echo "shell $$."\r')
    return page.match(rb"shell (\d+)\.\r\n", start)[1]


def _nothing_lost(page: Page, said: bytes, count: int, cut: bool) -> None:
    should = b"".join(b"got %d\r\n" % number for number in range(1, count + 1))
    if said != should:
        at = next((i for i, (one, other) in enumerate(zip(said, should, strict=False)) if one != other), len(said))
        raise Failed(
            f"{count} lines were typed, and the shell said otherwise from byte {at}: {said[max(0, at - 40) :][:200]!r}"
        )
    if page.breaks:
        raise Failed(f"a learner noticed: {'; '.join(page.breaks)}")
    if (len(page.hellos) > 1) != cut:
        raise Failed(f"{len(page.hellos)} connections were made")


def _same_bytes(learner: Learner, sandbox: str, page: Page) -> None:
    """Another window that opens now is shown the very bytes that came here one by one."""
    other = Page(learner, sandbox, "host")
    try:
        other.greeted(1)
        other.length(int(other.hellos[0]["end"]) - other.begin)
        at = page.begin - other.begin
        if at < 0 or other.said[at : at + len(page.said)] != page.said:
            raise Failed(
                f"what came here ({len(page.said)} bytes from {page.begin}) is not what a second window is shown"
            )
    finally:
        other.close()
