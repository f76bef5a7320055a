"""lab.yml: fields, units, and the line of what is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_server.lessons.fences import Mistake
from lab_server.lessons.labfile import Declared, Lab, read, size

MIB = 1 << 20


def test_everything():
    text = """\
# a comment
title: "A Lesson"
sessions: [host, ctr]
limits:
  memory: 1.5G
  cpus: 0.5
  pids: 64
  disk: 512MiB
  io: 20M/s
needs: [limits, nested_engine]
tasks:
  02-later: {title: Later, needs: [limits], timeout_seconds: 60}
  01-some-task:
    title: "Some: task"
"""
    limits = {"memory": 1536 * MIB, "cpus": 0.5, "pids": 64, "disk": 512 * MIB, "io": 20 * MIB}
    tasks = (Declared("02-later", "Later", ("limits",), 60, 12), Declared("01-some-task", "Some: task", (), 15, 13))
    lab = read(text)
    assert lab == Lab("A Lesson", 2, ("host", "ctr"), limits, ("limits", "nested_engine"), tasks)
    assert all(isinstance(lab.limits[name], int) for name in ("memory", "pids", "disk", "io"))


def test_nothing():
    assert read("") == read("# only words\n") == Lab()


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("title: a\nsesions: [a]", 2, "no field 'sesions'"),
        ("title: a\ntitle: b", 2, "given twice"),
        ("- a", 1, "fields and their values"),
        ("title: [a]", 1, "must be a value"),
        ("sessions: host", 1, "must be a list"),
        ("sessions:\n  - host\n  - Ctr", 3, "'Ctr' can't be a session"),
        ("sessions: [a, a]", 1, "different names"),
        ("sessions: []", 1, "different names"),
        ("sessions: [a, b, c, d, e, f, g]", 1, "1 to 6"),
        ("limits:\n  memory: lots", 2, "'lots' is no amount"),
        ("limits:\n  memory: 768X", 2, "no amount"),
        ("limits:\n  memory: 1M", 2, "out of range"),
        ("limits:\n  memory: 9999999G", 2, "out of range"),
        ("limits:\n  cpus: -1", 2, "out of range"),
        ("limits:\n  cpus: nan", 2, "out of range"),
        ("limits:\n  pids: 1.5", 2, "no amount"),
        ("limits:\n  swap: 1G", 2, "no field 'swap'"),
        ("limits: 1G", 1, "fields and their values"),
        ("needs:\n  - limits\n  - gpu", 3, "no capability 'gpu'"),
        ("tasks: [01-a]", 1, "names and what belongs"),
        ("tasks:\n  1-a: {title: A}", 2, "'1-a' can't be a task"),
        ("tasks:\n  01-A: {title: A}", 2, "can't be a task"),
        (f"tasks:\n  01-{'a' * 70}: {{title: A}}", 2, "can't be a task"),
        ("tasks:\n  01-a: {title: A}\n  01-a: {title: B}", 3, "given twice"),
        ("tasks:\n  01-a: A", 2, "fields and their values"),
        ("tasks:\n  01-a: {}", 2, "has no title"),
        ("tasks:\n  01-a:\n    title: [A]", 3, "must be a value"),
        ("tasks:\n  01-a:\n    title: A\n    hint: no", 4, "has no field 'hint'"),
        ("tasks:\n  01-a:\n    title: A\n    needs: [gpu]", 4, "no capability 'gpu'"),
        ("tasks:\n  01-a:\n    title: A\n    needs: [limits]\nneeds: [nested_engine]", 4, "needs 'limits'"),
        ("tasks:\n  01-a:\n    title: A\n    timeout_seconds: 61", 4, "whole number from 1 to 60"),
        ("tasks:\n  01-a:\n    title: A\n    timeout_seconds: 1.5", 4, "whole number from 1 to 60"),
        ("tasks:\n" + "".join(f"  {n}-a: {{title: A}}\n" for n in range(10, 27)), 2, "at most 16"),
        ("title: a\nneeds: [limits", 2, "Not YAML"),
        ("title: a\n\tneeds: b", 2, "Not YAML"),
    ],
)
def test_refusals_name_the_line(text, line, words):
    with pytest.raises(Mistake, match=words) as wrong:
        read(text)
    assert wrong.value.line == line


@given(st.integers(0, 1 << 20), st.sampled_from(["", "K", "M", "G", "k"]), st.sampled_from(["", "B", "iB"]))
def test_sizes(number, unit, tail):
    factor = {"": 1, "k": 1 << 10, "m": MIB, "g": 1 << 30}[unit.lower()]
    assert size(f"{number}{unit}{tail}") == number * factor
