"""Predictions: what a page says, what is refused, and which answer the real output makes right."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_server.lessons.blocks import Block, parse, parse_text
from lab_server.lessons.fences import Header, Mistake, scan
from lab_server.lessons.predictions import Graded, Prediction, grade, occurs, right
from lab_server.lessons.rewrite import rewrite
from tests.lessons.helpers import HEAD

FREE = """\
# Memory, as free sees it
# needs: limits
# predict: How much memory does free report? 32 MB => Mem: 32 ... | all that the sandbox has => Mem: ...
# | none at all => Mem: 0 ...
# why: free reads `/proc/meminfo`,
# why: and that file knows nothing of cgroups.
free -m
# Mem: ...
"""


def block(text: str, language: str = "bash", predict: str = "") -> Block:
    return parse_text(language, Header("one", "host", "One", (), predict), text.splitlines())


def asked(text: str, predict: str = "") -> Prediction:
    found = block(text, predict=predict).steps[0].predict
    assert found
    return found


def test_a_question_with_options_and_a_reason():
    step = block(FREE).steps[0]
    assert (step.caption, step.needs, step.command, step.expect) == (
        "Memory, as free sees it", ("limits",), "free -m", "Mem: ...",
    )  # fmt: skip
    found = step.predict
    assert found and found.question == "How much memory does free report?" and found.line == 3
    assert [(option.text, option.pattern) for option in found.options] == [
        ("32 MB", "Mem: 32 ..."),
        ("all that the sandbox has", "Mem: ..."),
        ("none at all", "Mem: 0 ..."),
    ]
    assert found.why == "free reads `/proc/meminfo`, and that file knows nothing of cgroups."
    assert len({option.id for option in found.options}) == 3


def test_in_console_too_and_each_step_has_its_own():
    steps = block("# predict: a? x | y\nhost$ id\nout\n\n# Caption\n# predict: b?\nhost$ ls\n", "console").steps
    assert [step.predict.question for step in steps if step.predict] == ["a?", "b?"]
    assert [step.expect for step in steps] == ["out", ""] and steps[1].predict and not steps[1].predict.options


def test_options_may_all_stand_below_the_question():
    found = asked("# predict: Which?\n# | a => x | b => y\n# | c\nid")
    assert [(option.text, option.pattern) for option in found.options] == [("a", "x"), ("b", "y"), ("c", "")]


def test_in_the_braces_with_a_reason_in_the_block():
    text = '```bash {.lab #one predict="How many [x]? one => 1 | many => ..."}\n# why: Because.\nid\n```\n'
    step = parse(scan(HEAD + text)[0]).steps[0]
    assert step.predict and step.predict.question == "How many [x]?" and step.predict.why == "Because."
    assert [option.pattern for option in step.predict.options] == ["1", "..."]


def test_the_public_form_has_neither_patterns_nor_reasons():
    public = json.dumps(block(FREE).public())
    assert "32 MB" in public and "32 ..." not in public and "meminfo" not in public and "pattern" not in public
    assert block("id").steps[0].public()["predict"] is None


def test_ids_stay_when_options_move():
    one, other = asked("# predict: a? x | y\nid"), asked("# predict: a? y => 1 | x\nid")
    assert {option.text: option.id for option in one.options} == {option.text: option.id for option in other.options}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("# predict: How many\nid", 1, "needs a question"),
        ("# predict: ? a | b\nid", 1, "needs a question"),
        ("# Caption\n# predict: How? one\nid", 2, "one option only"),
        ("# predict: How? one | One\nid", 1, "alike: 'One'"),
        ("# predict: How? a => x | b\n# | c => x\nid", 2, "alike: 'c'"),
        ("# predict: How? a | | b\nid", 1, "empty option"),
        ("# predict: How? a |\nid", 1, "empty option"),
        ("# predict: How?\n# |\nid", 2, "empty option"),
        ("# predict: How? a => | b\nid", 1, "Nothing behind"),
        ("# predict: How? => a | b\nid", 1, "empty option"),
        ("# predict: How? / | b\nid", 1, "can't be looked for"),
        ("# predict: a?\n# predict: b?\nid", 2, "one prediction"),
        ("# why: so\nid", 1, "without a prediction"),
        ("# predict: a? x | y\n# Caption\n# | z\nid", 3, "belongs to no prediction"),
        ("# predict: a? x | y\n# why: so\n# | z\nid", 3, "belongs to no prediction"),
        ("id\n# predict: a? x | y\nid", 2, "right under a command"),
        ("id\n\n# predict: a? x | y", 3, "no command under it"),
        ("id\n\n# predict: a? x | y\n# why: so", 4, "no command under it"),
    ],
)
def test_mistakes_name_their_line(text, line, words):
    with pytest.raises(Mistake, match=words) as wrong:
        block(text)
    assert wrong.value.line == line


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("id\n\nls", 0, "one step"),
        ("# predict: a? x | y\nid", 1, "one prediction"),
    ],
)
def test_mistakes_with_a_prediction_in_the_braces(text, line, words):
    with pytest.raises(Mistake, match=words) as wrong:
        block(text, predict="b? x | y")
    assert wrong.value.line == line
    with pytest.raises(Mistake, match="no question"):
        scan('```bash {.lab #one predict=""}\nid\n```\n')


def test_output_is_not_taken_for_a_later_steps():
    with pytest.raises(Mistake, match="Output without a command") as wrong:
        block("host$ id\nout\n\n# predict: a? x | y\nmore\nhost$ ls", "console")
    assert wrong.value.line == 5


def test_the_first_option_that_holds_is_right():
    found = asked(FREE)
    small, all_of_it, none = found.options
    assert right(found, "      total\nMem:     32   1") == small
    assert right(found, "\x1b[1mMem:  3914   1\x1b[0m\r\n") == all_of_it
    assert right(found, "Mem: 0 x") == all_of_it  # `none` comes too late
    assert right(found, "free: not found") is None
    assert grade(found, all_of_it.id, "Mem: 3914 1") == Graded(True, found.why, all_of_it.id)
    assert grade(found, small.id, "Mem: 3914 1") == Graded(False, found.why, all_of_it.id)
    assert grade(found, "p-none", "Mem: 3914 1").right is False
    assert grade(found, none.id, "free: not found") == Graded(None, "")


def test_words_without_a_pattern_and_a_rest():
    found = asked("# predict: What? PID  1 | nothing => ...\nid")
    first, rest = found.options
    assert right(found, "a\n its pid 1.\n") == first
    assert right(found, "pid 12") == rest
    assert right(found, "") == rest


@pytest.mark.parametrize(
    ("answer", "output", "is_right"),
    [
        ("5", "5\n", True),
        ("5", "15\n", False),
        ("  not   Permitted ", "mount: not permitted", True),
        ("permit", "not permitted", False),
        ("a.c", "abc", False),
        ("/proc", "cat: /proc/x", True),
        ("two lines", "two\nlines", True),
        ("", "anything", False),
        (" ", "anything", False),
        ("x", "", False),
    ],
)
def test_free_text(answer, output, is_right):
    found = asked("# predict: What?\n# why: So.\nid")
    assert grade(found, answer, output) == Graded(is_right, "So.")


@given(st.text(max_size=30), st.text(max_size=60))
def test_any_answer_can_be_judged(answer, output):
    occurs(answer, output)
    found = asked(FREE)
    assert grade(found, answer, output).right in (False, None)


def test_verify_can_write_output_above_and_below_a_prediction():
    page = f"{HEAD}```bash {{.lab #one}}\nls\n# a\n\n{FREE}```\n"
    ran = parse(scan(page)[0]).steps
    changed = rewrite(page, "concepts/01-a-lesson", "one", ran[0], "b\nc\n")
    assert changed and "ls\n# b\n# c\n\n# Memory" in changed
    changed = rewrite(page, "concepts/01-a-lesson", "one", ran[1], "no\n")
    assert changed and "free -m\n# no\n```" in changed
