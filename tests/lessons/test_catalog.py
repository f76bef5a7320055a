"""docs/ and labs/ → catalogue, or a refusal with file and line."""

from __future__ import annotations

import dataclasses
import json

import pytest

from lab_server.errors import CatalogError, Missing, NotFound
from lab_server.lessons.catalog import load, templates
from tests.lessons.helpers import BLOCK, FACTS, HEAD, course

QUIZ = "1. Which?\n   - [x] Alpha\n   - [ ] Beta\n     > Surely not.\n"
NOTHING: dict[str, object] = {"expect": "", "caption": "", "needs": [], "predict": None}


def test_one_lesson(tmp_path):
    lab = "title: A Lesson\nsessions: [host, ctr]\nlimits: {memory: 128M}\nneeds: [limits]\n"
    catalog = load(
        course(tmp_path, HEAD + "```console {.lab #one session=ctr}\nhost$ id\n$ ls <dir>\n```\n\n" + QUIZ, lab)
    )
    lesson = catalog.lesson("concepts/01-a-lesson")
    assert (lesson.title, lesson.url, lesson.module, lesson.level, lesson.minutes) == (
        "A Lesson", "/concepts/01-a-lesson/", "concepts", "Foundation", 30,
    )  # fmt: skip
    assert catalog.public() == [
        {
            "id": "concepts/01-a-lesson",
            "title": "A Lesson",
            "url": "/concepts/01-a-lesson/",
            "module": "concepts",
            "level": "Foundation",
            "minutes": 30,
            "sessions": ["host", "ctr"],
            "blocks": [
                {
                    "id": "one",
                    "caption": "One",
                    "session": "ctr",
                    "steps": [
                        NOTHING | {"n": 1, "session": "host", "command": "id", "edit": False},
                        NOTHING | {"n": 2, "session": "ctr", "command": "ls <dir>", "edit": True},
                    ],
                }
            ],
            "quizzes": [lesson.quizzes[0].public()],
            "tasks": [],
        }
    ]  # fmt: skip
    assert templates(catalog) == {"concepts/01-a-lesson": {"limits": {"memory": 128 << 20}}}
    assert json.loads(json.dumps(templates(catalog))) == templates(catalog)


def test_without_a_lab_file_the_template_is_default(tmp_path):
    catalog = load(course(tmp_path, HEAD + "```bash {.lab #one}\n# needs: limits\nid\n```\n"))
    assert templates(catalog) == {}
    assert catalog.lessons[0].template == "default"
    assert catalog.lessons[0].needs == ("limits",)


def test_it_is_frozen_and_says_what_there_is(tmp_path):
    catalog = load(course(tmp_path, HEAD + BLOCK))
    with pytest.raises(dataclasses.FrozenInstanceError):
        catalog.lessons = ()  # type: ignore[misc]
    assert catalog.lessons[0].block("one").id == "one"
    with pytest.raises(NotFound, match="It has one"):
        catalog.lessons[0].block("two")
    with pytest.raises(NotFound, match="concepts/01-a-lesson"):
        catalog.lesson("concepts/09-none")


DOC = "docs/concepts/01-a-lesson.md"
LAB = "labs/concepts/01-a-lesson/lab.yml"


@pytest.mark.parametrize(
    ("page", "lab", "file", "line", "words"),
    [
        (HEAD + BLOCK + "\n" + BLOCK, None, DOC, 9, "is taken by the block on line 5"),
        (HEAD + "```bash {.lab #one session=ctr}\nid\n```\n", None, DOC, 5, "no session 'ctr'"),
        (HEAD + "```console {.lab #one}\nhost$ id\n\nctr$ id\n```\n", "sessions: [host]", DOC, 8, "no session 'ctr'"),
        (HEAD + "```bash {.lab #one}\nid\n", None, DOC, 5, "never closed"),
        (HEAD + "```bash .lab #one\nid\n```\n", None, DOC, 5, "not understood"),
        (HEAD + "```bash {.lab #one}\n# needs: gpu\nid\n```\n", None, DOC, 7, "no capability 'gpu'"),
        (HEAD + "```bash {.lab #one}\n# needs: limits\nid\n```\n", "sessions: [host]", DOC, 7, "needs 'limits'"),
        (HEAD + QUIZ.replace("[x]", "[ ]"), None, DOC, 5, "no right answer"),
        (HEAD + "- [x] Alpha\n", None, DOC, 5, "belongs to no question"),
        (HEAD + "```\n┌──┐\n│ │\n└──┘\n```\n", None, DOC, 6, "crooked"),
        ("Words.\n", None, DOC, 1, "needs a title"),
        ("\n# A Lesson\n\nWords.\n", None, DOC, 2, "line of facts"),
        (f"# A Lesson\n\n{FACTS.replace('concepts', 'other')}\n", None, DOC, 3, "is in 'concepts', not 'other'"),
        (f"# A Lesson\n\n{FACTS.replace('30 minutes', 'a while')}\n", None, DOC, 3, "module, level and time"),
        (HEAD + BLOCK, "limits:\n  memory: lots\n", LAB, 2, "no amount"),
        (HEAD + BLOCK, "sessions: [host]\ntitle: Another\n", LAB, 2, "title is 'A Lesson'"),
    ],
)  # fmt: skip
def test_refusals_name_file_and_line(tmp_path, page, lab, file, line, words):
    with pytest.raises(CatalogError, match=words) as wrong:
        load(course(tmp_path, page, lab))
    assert (wrong.value.file, wrong.value.line) == (file, line)
    assert str(wrong.value).startswith(f"{file}:{line}: ")


def test_a_lab_without_a_lesson_is_refused(tmp_path):
    course(tmp_path, HEAD)
    course(tmp_path, HEAD, "sessions: [host]", "concepts/02-b")
    (tmp_path / "docs/concepts/02-b.md").unlink()
    with pytest.raises(CatalogError, match=r"no lesson docs/concepts/02-b\.md") as wrong:
        load(tmp_path)
    assert wrong.value.file == "labs/concepts/02-b/lab.yml"


def test_only_lessons_have_live_blocks(tmp_path):
    with pytest.raises(CatalogError, match="Only a lesson") as wrong:
        load(course(tmp_path, HEAD + BLOCK, id_="concepts/index"))
    assert (wrong.value.file, wrong.value.line) == ("docs/concepts/index.md", 5)


def test_a_page_that_is_no_text_is_refused(tmp_path):
    course(tmp_path, HEAD)
    (tmp_path / DOC).write_bytes(HEAD.encode() + b"\xff\n")
    with pytest.raises(CatalogError, match="not UTF-8") as wrong:
        load(tmp_path)
    assert wrong.value.line == 5


def test_no_docs_at_all(tmp_path):
    with pytest.raises(Missing, match="no folder"):
        load(tmp_path)
