"""Terminals in miniature: where they begin, how much is sent, and in which turn; a bare ring for a terminal."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lab_server.sandbox import ring as rings
from lab_server.sandbox.ring import Ring
from lab_server.web.bridge import Bridge
from lab_server.web.miniatures import ANEW, MOST, ONCE, RATE, Miniatures, beginning, record
from tests.web.walls import records

Make = Callable[..., Bridge]


@pytest.fixture
def terminal() -> Iterator[Make]:
    """terminal(bytes): what miniatures ask of a bridge, around a real ring."""
    made: list[Ring] = []

    def make(said: bytes = b"", size: tuple[int, int] = (80, 24)) -> Bridge:
        fd = rings.create(64 * 1024)
        ring = Ring(fd)
        os.close(fd)
        made.append(ring)
        ring.write(said)
        return cast(Bridge, SimpleNamespace(ring=ring, size=size))

    yield make
    for ring in made:
        ring.close()


def told(frames: list[bytes]) -> list[Any]:
    return [one for frame in frames for one in records(frame)]


def test_a_terminal_is_told_once_and_then_what_is_new(terminal: Make) -> None:
    one, miniatures = terminal(b"hello"), Miniatures()
    screens = {"ada": [("host", one)], "bo": [("host", terminal(b"not asked for"))]}
    assert miniatures.frames(screens, 0.0) == []
    miniatures.see(["ada", "nobody"])
    assert told(miniatures.frames(screens, 0.0)) == [(ANEW, "ada", "host", (80, 24), b"hello")]
    assert miniatures.frames(screens, 1.0) == []
    one.ring.write(b" again")
    assert told(miniatures.frames(screens, 2.0)) == [(0, "ada", "host", (80, 24), b" again")]
    one.size = (100, 30)
    assert told(miniatures.frames(screens, 3.0)) == [(0, "ada", "host", (100, 30), b"")]


def test_another_terminal_or_one_seen_again_begins_anew(terminal: Make) -> None:
    one, miniatures = terminal(b"hello"), Miniatures()
    miniatures.see(["ada"])
    miniatures.frames({"ada": [("host", one)]}, 0.0)
    other = [("watch", terminal(b"other")), ("host", one)]
    assert told(miniatures.frames({"ada": other}, 1.0)) == [(ANEW, "ada", "watch", (80, 24), b"other")]
    assert miniatures.frames({}, 2.0) == [], "nothing may be seen of her"
    assert told(miniatures.frames({"ada": other}, 3.0)) == [(ANEW, "ada", "watch", (80, 24), b"other")]
    miniatures.see([])
    miniatures.see(["ada"])
    assert told(miniatures.frames({"ada": other}, 4.0)) == [(ANEW, "ada", "watch", (80, 24), b"other")]


def test_no_more_than_the_rate_is_sent_and_then_the_newest(terminal: Make) -> None:
    one, miniatures, sent = terminal(), Miniatures(), 0
    miniatures.see(["ada"])
    for tick in range(40):
        one.ring.write(b"x" * 79 + b"\n" if tick < 20 else b"y" * 5000 + b"\n")
        for flags, _, _, _, data in told(miniatures.frames({"ada": [("host", one)]}, tick / 2)):
            sent += len(data)
            assert len(data) <= MOST and (tick > 20 or not flags or tick == 0)
    assert sent <= MOST + RATE * 20


def test_all_together_are_sent_in_turns(terminal: Make) -> None:
    ids = [f"learner{n}" for n in range(40)]
    screens = {id: [("host", terminal(b"x" * MOST))] for id in ids}
    miniatures = Miniatures()
    miniatures.see(ids)
    rounds = [told(miniatures.frames(screens, float(n))) for n in range(3)]
    assert all(sum(len(one[4]) for one in some) <= ONCE + MOST for some in rounds)
    assert [one[1] for some in rounds for one in some] == ids, "each once, nobody is passed over"


@pytest.mark.parametrize(
    ("said", "at"),
    [
        (b"short", 0),
        (b"a" * 9000 + b"\n" + b"b" * 8000, 9001),
        (b"\x1b[1;1H" + "é".encode() * 500 + b"\x1b[2;2H" + b"z" * (MOST - 100), 1006),
        (b"x" + "é".encode() * MOST, None),
    ],
)
def test_it_begins_where_nothing_is_cut(terminal: Make, said: bytes, at: int | None) -> None:
    ring = terminal(said).ring
    begun = beginning(ring)
    assert at in (None, begun) and ring.end - begun <= MOST
    (ring.read(begun, 4096) + ring.read(begun, 1)).decode(errors="replace")
    assert ring.read(begun, 1)[0] & 0xC0 != 0x80, "no letter is cut"


def test_a_ring_that_has_come_round_is_read_over_its_edge(terminal: Make) -> None:
    one, miniatures = terminal(b"line\n" * 40_000), Miniatures()
    miniatures.see(["ada"])
    for n in range(1, 40):
        one.ring.write(b"%d%s\n" % (n, b"." * 4000))
        ((_, _, _, _, data),) = told(miniatures.frames({"ada": [("host", one)]}, float(n)))
        assert data.endswith(b"%d%s\n" % (n, b"." * 4000))


def test_a_record_says_whose_it_is() -> None:
    frame = bytes((1,)) + record("abc", "host", (120, 40), b"\xff\x00", ANEW) + record("d", "", (1, 1), b"")
    assert records(frame) == [(ANEW, "abc", "host", (120, 40), b"\xff\x00"), (0, "d", "", (1, 1), b"")]
