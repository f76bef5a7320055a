"""Do the boxes line up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_server.lessons.drawings import check, is_drawing
from lab_server.lessons.fences import Mistake, scan
from tests.lessons.helpers import ROOT

GOOD = """\
┌─────────┐
│ a       │  with words
├────┬────┤
│ b  │ c  │
└──┬─┴────┘
   │
   ▼
┌──────┐
│ root │
│ ├── x│
│ └── y│
└──────┘"""


def test_a_good_one():
    assert is_drawing(GOOD.splitlines())
    check(GOOD.splitlines())


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (2, "│ a        │  with words"),
        (2, "│ a      │   with words"),
        (3, "├────┬───┤"),
        (4, "│ b │  c  │"),
        (5, "└──┬─┴───┘"),
        (1, "┌──────────┐"),
        (1, " ─────────┐"),
    ],
)
def test_crooked_ones_name_a_line_near(row, line):
    lines = GOOD.splitlines()
    lines[row - 1] = line
    with pytest.raises(Mistake, match="crooked") as wrong:
        check(lines, 10)
    assert abs(wrong.value.line - (row + 9)) <= 1


@given(st.data())
def test_moving_any_border_is_noticed(data):
    lines = GOOD.splitlines()
    row = data.draw(st.integers(0, 4))
    column = data.draw(st.sampled_from([i for i, char in enumerate(lines[row]) if char in "│┌┐└┘├┤┬┴"]))
    lines[row] = lines[row][:column] + " " + lines[row][column:]
    with pytest.raises(Mistake):
        check(lines)


def test_the_seeds_crooked_boxes_are_found_and_the_lessons_are_straight():
    seed = (ROOT / "tests/lessons/seed.md").read_text()
    crooked = []
    for fence in scan(seed):
        if fence.language == "" and is_drawing(fence.lines):
            try:
                check(fence.lines)
            except Mistake:
                crooked.append(fence.line + len(fence.lines) + 1)
    assert crooked == [72, 95, 152, 244]
    lesson = (ROOT / "docs/concepts/02-how-containers-work.md").read_text()
    drawings = [fence for fence in scan(lesson) if fence.language == "" and is_drawing(fence.lines)]
    assert len(drawings) == 5
    for fence in drawings:
        check(fence.lines, fence.line + 1)
