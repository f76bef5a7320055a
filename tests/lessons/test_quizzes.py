"""Question lists → quizzes, and grading."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_server.lessons.fences import Mistake
from lab_server.lessons.quizzes import Found, find, grade

TEXT = """## Quiz

1. Which one?
   - [ ] First
     > Not this,
     > really.
   - [x] Second
   > Because.

2. Which two
   of these?

   - [x] A
   - [X] B
   - [ ] C

Text after.

1. An ordinary list
2. stays one
"""


def quiz(text: str = TEXT, page: str = "concepts/01-a") -> list[Found]:
    return find(text.splitlines(), page)


def test_questions_options_and_reasons():
    (found,) = quiz()
    one, two = found.quiz.questions
    assert (found.quiz.id, one.text, one.multiple, one.why, one.line) == (
        "concepts/01-a/quiz-1",
        "Which one?",
        False,
        "Because.",
        3,
    )
    assert [(o.text, o.right, o.why) for o in one.options] == [
        ("First", False, "Not this, really."),
        ("Second", True, ""),
    ]
    assert (two.text, two.multiple, [o.right for o in two.options]) == (
        "Which two of these?",
        True,
        [True, True, False],
    )
    assert TEXT.splitlines()[found.end :][:2] == ["", "Text after."]


def test_ids_stay_when_questions_move_and_differ_between_pages():
    one, two = quiz()[0].quiz.questions
    moved = quiz("1. New?\n   - [ ] a\n   - [x] b\n\n" + TEXT.split("\n", 2)[2])[0].quiz.questions
    assert {one.id, two.id} < {q.id for q in moved}
    other = quiz(page="concepts/02-b")[0].quiz.questions
    assert not {one.id, two.id} & {q.id for q in other}
    ids = [one.id, two.id] + [o.id for q in (one, two) for o in q.options]
    assert len(set(ids)) == len(ids)


def test_what_is_published_tells_no_answer():
    public = json.dumps(quiz()[0].quiz.public())
    assert "Second" in public
    for secret in ("right", "why", "Because", "really", "true,", "[x]"):
        assert secret not in public.replace('"multiple": true', "")


def test_grading():
    one, two = quiz()[0].quiz.questions
    first, second = one.options
    assert grade(one, [second.id]).right and grade(one, [second.id]).why == "Because."
    wrong = grade(one, [first.id])
    assert (wrong.right, wrong.why, wrong.options) == (False, "", {first.id: (False, "Not this, really.")})
    a, b, c = (o.id for o in two.options)
    assert grade(two, {a, b}).right
    assert not any(grade(two, picked).right for picked in ([], [a], [a, c], [a, b, c], [a, b, "nonsense"]))


@given(st.lists(st.booleans(), min_size=2, max_size=6).filter(any), st.data())
def test_only_exactly_the_right_options_are_right(marks, data):
    text = ["1. Which?"] + [f"   - [{'x' if mark else ' '}] option {i}" for i, mark in enumerate(marks)]
    question = find(text, "p")[0].quiz.questions[0]
    picked = data.draw(st.sets(st.sampled_from([o.id for o in question.options])))
    assert grade(question, picked).right == (picked == {o.id for o in question.options if o.right})


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("\n1. Which?\n   - [ ] a\n   - [ ] b", 2, "no right answer"),
        ("1. Which?\n   - [x] a", 1, "at least two"),
        ("1. Which?\n   - [x] a\n   - [ ] a", 1, "no two alike"),
        ("1. Which?\n   - [x] a\n   - [ ] b\n\n2. None?\n\n", 5, "without options"),
        ("1. Which?\n   - [x] a\n   - [ ] b\n2. Which?\n   - [x] a\n   - [ ] b", 4, "on line 1 too"),
        ("1. Which?\n- [x] a\n- [ ] b", 2, "belongs to no question"),
        ("Text\n\n- [x] done", 3, "belongs to no question"),
    ],
)
def test_refusals_name_the_line(text, line, words):
    with pytest.raises(Mistake, match=words) as wrong:
        find(text.splitlines(), "p")
    assert wrong.value.line == line


def test_boxes_in_a_fence_are_an_example():
    assert find(["```markdown", "1. Which?", "   - [x] a", "- [x] b", "```"], "p") == []
