"""Expected output against actual output."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_server.lessons.matching import matches


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ("", "whatever\nat all", True),
        ("a", "a\n", True),
        ("a", "b", False),
        ("a", "a\nb", False),
        ("a\nb", "a", False),
        ("...", "", True),
        ("...", "a\nb", True),
        ("a\n...\nz", "a\nz", True),
        ("a\n...\nz", "a\nb\nz\nc\nz", True),
        ("a\n...\nz", "a\nz\nb", False),
        ("...\nmid\n...", "x\nmid", True),
        ("...\nmid\n...", "x\nmiddle", False),
        ("pid:[...]", "pid:[4026531836]", True),
        ("pid:[...]", "pid:[1] pid:[2]", False),
        ("pid:[...]", "pid:4026531836", False),
        ("overlay on / type overlay (rw,...)", "overlay on / type overlay (rw,relatime,lowerdir=/a)", True),
        ("overlay on / type overlay (rw,...)", "overlay on /x type overlay (rw,relatime)", False),
        ("a...b...c", "a b c", True),
        ("a...b...c", "acb", False),
        (
            "lrwx 1 root root 0 ... cgroup -> 'cgroup:[...]'",
            "lrwx 1 root root 0 Nov  3 10:00 cgroup -> 'cgroup:[42]'",
            True,
        ),
        ("1 root ...ps aux", "    1 root      0:00 ps aux", True),
        ("1 root ...ps aux", "    1 root     ps aux", True),
        ("268435456", "\x1b[32m268435456\x1b[0m\r\n", True),
        ("a+b (c) ^$", "a+b (c) ^$", True),
        ("a.b", "axb", False),
    ],
)
def test_wildcards(expected, actual, same):
    assert matches(expected, actual) is same


def test_many_wildcards_take_no_exponential_time():
    begun = time.process_time()
    assert not matches("a..." * 30 + "b", "a" * 3000)
    assert not matches("\n".join(["...", "a"] * 30 + ["b"]), "a\n" * 1000)
    assert time.process_time() - begun < 5


line = st.text("ab [].", max_size=8).filter(lambda text: "..." not in text and text.strip())


@given(st.lists(line, max_size=6))
def test_output_matches_itself_and_any_part_left_to_wildcards(lines):
    text = "\n".join(lines)
    assert matches(text, text)
    assert matches("...\n" + text + "\n...", "before\n" + text + "\nafter") or not text.strip()
    for cut in range(len(lines) + 1):
        assert matches("\n".join([*lines[:cut], "..."]), text)


@given(st.lists(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=5), st.text("abc", min_size=1, max_size=3))
def test_another_line_is_noticed(lines, extra):
    assert not matches("\n".join(lines), "\n".join([*lines, extra]))
