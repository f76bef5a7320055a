"""How long a lease lasts: pure, by a clock that the test turns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lab_server.errors import Conflict
from lab_server.web.protocol import Close
from lab_server.web.terms import LEFT_LEAST, Lasting, Terms, span, typed

HOUR = 3600.0
TERMS = Terms(idle=HOUR, limit=4 * HOUR, extension=HOUR, extensions=2)


def test_what_is_not_used_ends_and_what_is_used_goes_on() -> None:
    lasting = Lasting.begin(TERMS, 0)
    end = lasting.end()
    assert end and (end.at, end.near, end.why) == (HOUR, HOUR - 300, "idle")
    lasting.touch(HOUR - 1)
    end = lasting.end()
    assert end and end.at == 2 * HOUR - 1
    lasting.touch(10)  # told late of something early
    assert lasting.end() == end


def test_the_limit_comes_whatever_is_done_and_is_extended_as_often_as_said() -> None:
    lasting = Lasting.begin(TERMS, 0)
    lasting.touch(3.5 * HOUR)
    end = lasting.end()
    assert end and (end.at, end.why) == (4 * HOUR, "limit") and lasting.extendable
    for n in (1, 2):
        lasting.touch((3.5 + n) * HOUR - 1)
        lasting.extend((3.5 + n) * HOUR)
        assert lasting.limit_at == (4 + n) * HOUR and lasting.extended == n
        lasting.touch((3.6 + n) * HOUR)
    assert not lasting.extendable
    with pytest.raises(Conflict, match="twice") as why:
        lasting.extend(5.9 * HOUR)
    assert "progress is kept" in why.value.remedy
    assert lasting.limit_at == 6 * HOUR


def test_extending_what_is_idle_only_says_that_it_is_used() -> None:
    lasting = Lasting.begin(TERMS, 0)
    lasting.extend(HOUR - 10)
    assert (lasting.active, lasting.limit_at, lasting.extended) == (HOUR - 10, 4 * HOUR, 0)


def test_no_terms_no_end() -> None:
    lasting = Lasting.begin(Terms(), 0)
    assert lasting.end() is None and lasting.left(1e9) == (None, None) and not lasting.extendable
    lasting.extend(5)


def test_a_limit_without_extensions_is_no_button() -> None:
    for terms in (Terms(limit=10, extension=0, extensions=5), Terms(limit=10, extension=5, extensions=0)):
        lasting = Lasting.begin(terms, 0)
        assert not lasting.extendable
        with pytest.raises(Conflict):
            lasting.extend(1)


def test_a_short_term_is_not_announced_for_all_of_it() -> None:
    end = Lasting.begin(Terms(idle=60), 0).end()
    assert end and end.near == 30


def test_time_in_which_the_server_stood_still_does_not_count() -> None:
    lasting = Lasting.begin(TERMS, 0)
    lasting.pause(5 * HOUR)
    assert lasting.left(5 * HOUR) == (HOUR, 4 * HOUR)


@given(
    idle=some.floats(-1e6, 1e6),
    limit=some.floats(-1e6, 1e6),
    away=some.floats(-1e9, 1e9),
    extended=some.integers(0, 5),
)
def test_after_a_restart_nobody_ends_at_once_or_has_more_than_there_is(
    idle: float, limit: float, away: float, extended: int
) -> None:
    lasting = Lasting.resume(TERMS, 1000.0, idle, limit, extended, away)
    left = lasting.left(1000.0)
    assert left[0] is not None and LEFT_LEAST - 1e-6 <= left[0] <= HOUR + 1e-6
    assert left[1] is not None and LEFT_LEAST - 1e-6 <= left[1] <= 6 * HOUR + 1e-6


@pytest.mark.parametrize("day", [-86400.0, 86400.0])
def test_a_clock_set_by_a_day_takes_ten_minutes_at_the_most(day: float) -> None:
    lasting = Lasting.resume(TERMS, 0, HOUR, 3 * HOUR, 1, day)
    idle, limit = lasting.left(0)
    assert idle and limit and idle >= HOUR - 600 and limit >= 3 * HOUR - 600 and lasting.extended == 1


def test_classes_make_less_of_the_hosts_terms_and_the_kindest_counts() -> None:
    assert TERMS.within([]) is TERMS and TERMS.within([{}]) == TERMS
    short, long = {"idle": 10, "limit": 30, "extensions": 0}, {"idle": 20, "limit": 15, "record": True}
    assert TERMS.within([short]) == Terms(600, 1800, HOUR, 0)
    assert TERMS.within([short, long]) == Terms(1200, 1800, HOUR, 2)
    assert TERMS.within([short, {}]) == TERMS, "one that says nothing leaves everything"
    beyond = {"idle": 999, "limit": 999, "extensions": 99}
    assert TERMS.within([beyond]) == TERMS, "also where the host had more once"
    assert Terms().within([short]) == Terms(600, 1800, 0, 0) and Terms().within([{}]) == Terms()


def test_other_terms_move_the_end_and_leave_time_to_be_told() -> None:
    lasting = Lasting.begin(TERMS, 0)
    assert not lasting.become(TERMS, 5) and lasting.become(Terms(idle=1200), 600)
    end = lasting.end()
    assert end and (end.at, end.why) == (1200, "idle")
    assert lasting.become(Terms(idle=600), 600)
    end = lasting.end()
    assert end and end.at == 600 + LEFT_LEAST, "it would have been over already"
    assert lasting.become(TERMS, 700)
    end = lasting.end()
    assert end and end.at == HOUR, "and all is as it was"


def test_a_limit_that_came_short_is_put_off_from_where_it_was_told_to_be() -> None:
    lasting = Lasting.begin(Terms(limit=4 * HOUR, extension=HOUR, extensions=1), 0)
    lasting.become(Terms(limit=HOUR, extension=HOUR, extensions=1), 2 * HOUR)
    end = lasting.end()
    assert end and end.at == 2 * HOUR + LEFT_LEAST
    lasting.extend(2 * HOUR + 1)
    end = lasting.end()
    assert end and end.at == 3 * HOUR + LEFT_LEAST and not lasting.extendable


def test_terms_that_came_or_went_with_a_restart() -> None:
    assert Lasting.resume(Terms(), 0, 5, 5, 0, 0).end() is None
    assert Lasting.resume(TERMS, 0, None, None, 0, 0) == Lasting.begin(TERMS, 0)


@pytest.mark.parametrize(
    "data",
    [
        b"ls\r",
        b"\x1b",
        b"\x1b[A",
        b"\x1bOP",
        b"\x03",
        b"\x1b[200~echo\x1b[201~",
        b"\x1b[<0;5;5M",
        b"\x1b[5;7Rx",
        b"\xff",
    ],
)
def test_keys_are_typed(data: bytes) -> None:
    assert typed(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\x1b[24;80R",  # where the cursor is
        b"\x1b[?1;2c",  # what the terminal is
        b"\x1b[>0;276;0c",
        b"\x1b[0n",
        b"\x1b[?2026;2$y",
        b"\x1b[I",  # it has the focus
        b"\x1b[O",
        b"\x1b]11;rgb:1111/2222/3333\x1b\\",
        b"\x1bP1$r0m\x1b\\",
        b"\x1b[24;80R\x1b[?1;2c",
    ],
)
def test_what_a_terminal_answers_by_itself_is_not(data: bytes) -> None:
    assert not typed(data)


def test_words() -> None:
    lengths = (1, 40, 60, 90, 150, 1800, 3600, 5400, 7200)
    assert [span(seconds) for seconds in lengths] == [
        "1 second",
        "40 seconds",
        "1 minute",
        "90 seconds",
        "2 minutes",
        "30 minutes",
        "1 hour",
        "90 minutes",
        "2 hours",
    ]
    for why in ("idle", "limit"):
        words = Terms(idle=525600 * 60 - 7.25, limit=1).words(why)
        assert Close(4410, words).clipped() == words
