"""`labs new`: what it makes loads, builds and verifies as it is, and nothing of an author's is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer.main

from lab_server import cli, scaffolds
from lab_server.build.site import build_site
from lab_server.commands import common
from lab_server.errors import BadInput, CatalogError, Conflict, NotFound
from lab_server.lessons.catalog import load
from lab_server.lessons.fences import Mistake
from lab_server.scaffolds import insert
from tests.lessons.helpers import BLOCK, HEAD, ROOT, course
from tests.lessons.test_site import repository, silent

ID = "concepts/96-signals"


def files(root: Path) -> dict[str, bytes]:
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def test_a_lesson_and_its_tasks_in_a_copy_of_the_course(tmp_path):
    root = repository(tmp_path)
    before = files(root)
    made = scaffolds.lesson(root, ID, "Signals: who gets one?")
    assert made.made == (f"docs/{ID}.md", f"labs/{ID}/lab.yml") and made.changed == ("mkdocs.yml",) and not made.nav
    for name in ("01-a-child", "02-its-end"):
        assert scaffolds.task(root, f"{ID}/{name}").changed == (f"docs/{ID}.md", f"labs/{ID}/lab.yml")
    lesson = load(root).lesson(ID)
    assert lesson.title == "Signals: who gets one?" and lesson.blocks and lesson.quizzes
    assert [(task.name, task.title) for task in lesson.tasks] == [("01-a-child", "A child"), ("02-its-end", "Its end")]
    after = files(root)
    assert {name for name in before if after[name] != before[name]} == {"mkdocs.yml"}
    added = set(after["mkdocs.yml"].decode().split("\n")) - set(before["mkdocs.yml"].decode().split("\n"))
    assert added == {f"      - 'Signals: who gets one?': {ID}.md"}
    build_site(root, root / ".labs" / "site", silent)
    html = (root / ".labs/site" / ID / "index.html").read_text()
    assert html.count('class="lab-task"') == 2 and "Signals: who gets one?" in html
    assert html.index('id="task-02-its-end"') < html.index('id="key-takeaways"')


def test_the_command_says_what_it_made_and_what_comes_next(tmp_path, monkeypatch, capsys):
    root = repository(tmp_path)
    monkeypatch.setattr(common, "ROOT", root)

    def labs(*words):
        with pytest.raises(SystemExit) as ended:
            cli.main(["new", *words], run=typer.main.get_command(cli.app))
        told = capsys.readouterr()
        return int(str(ended.value.code or 0)), told.out, told.err

    code, out, _ = labs("lesson", ID, "--title", "Signals")
    assert code == 0 and f"made     docs/{ID}.md" in out and "changed  mkdocs.yml" in out
    assert f"labs verify docs/{ID}.md" in out and "scripts/serve --watch" in out
    code, out, _ = labs("task", f"{ID}/01-a-child")
    assert code == 0 and f"made     labs/{ID}/tasks/01-a-child/check.sh" in out
    before = files(root)
    for words, told in [
        (("lesson", ID), "is there already"),
        (("task", f"{ID}/01-a-child"), "is there already"),
        (("lesson", "concepts/signals"), "Name it <module>/<NN-name>"),
        (("task", "concepts/signals/x"), "Name it <module>/<NN-lesson>/<NN-name>"),
    ]:
        code, out, err = labs(*words)
        assert (code, out, err.count("\n")) == (1, "", 1) and told in err
    assert files(root) == before


@pytest.mark.parametrize(
    "name", ["Concepts/01-a", "concepts/1-a", "concepts/01-", "concepts/01-a/b", "../01-a", "concepts/01-ä"]
)
def test_names_that_are_no_lessons(tmp_path, name):
    with pytest.raises(BadInput, match="can't be a lesson"):
        scaffolds.lesson(tmp_path, name)
    assert not files(tmp_path)


def test_what_can_not_be_made_changes_nothing(tmp_path):
    lab = "sessions: [host]\ntasks: {}\n"
    root = course(tmp_path, HEAD + BLOCK, lab)
    before = files(root)
    with pytest.raises(NotFound, match="labs new lesson concepts/09-none"):
        scaffolds.task(root, "concepts/09-none/01-a")
    with pytest.raises(CatalogError, match=r"lab\.yml:2: tasks must be fields"):
        scaffolds.task(root, "concepts/01-a-lesson/01-a")
    with pytest.raises(BadInput, match="one line"):
        scaffolds.lesson(root, "concepts/02-b", "two\nlines")
    (root / "docs/concepts/01-a-lesson.md").write_text(f"{HEAD}<!-- task: 01-a -->\n> x\n")
    with pytest.raises(Conflict, match="has a task 01-a already"):
        scaffolds.task(root, "concepts/01-a-lesson/01-a")
    assert set(files(root)) == set(before)


def test_without_a_lab_file_or_a_navigation(tmp_path):
    root = course(tmp_path, HEAD + BLOCK)
    assert scaffolds.task(root, "concepts/01-a-lesson/01-a", "It's: #1").made[-1] == "labs/concepts/01-a-lesson/lab.yml"
    assert load(root).lessons[0].tasks[0].title == "It's: #1"
    assert scaffolds.lesson(root, "other/02-more").nav == "- More: other/02-more.md"
    assert load(root).lesson("other/02-more").title == "More"


# --- pure ---

LABS = {
    "": "tasks:\n  02-b:\n    title: B\n",
    "title: x  # why\n": "title: x  # why\n\ntasks:\n  02-b:\n    title: B\n",
    "title: x": "title: x\n\ntasks:\n  02-b:\n    title: B\n",
    "tasks:  # mine\nneeds: []\n": "tasks:  # mine\n  02-b:\n    title: B\nneeds: []\n",
    "tasks:\n    01-a:\n        title: A  # first\n        needs: [limits]\n\n# of the sandbox\nneeds: [limits]  # all\n": (
        "tasks:\n    01-a:\n        title: A  # first\n        needs: [limits]\n    02-b:\n      title: B\n"
        "\n# of the sandbox\nneeds: [limits]  # all\n"
    ),
    "tasks:\n  01-a: {title: A,\n    needs: []}\n": "tasks:\n  01-a: {title: A,\n    needs: []}\n  02-b:\n    title: B\n",
    "tasks:\n  01-a:\n    title: >\n      A long\n      one\n": (
        "tasks:\n  01-a:\n    title: >\n      A long\n      one\n  02-b:\n    title: B\n"
    ),
}


@pytest.mark.parametrize("before", LABS)
def test_a_lab_file_takes_a_task_and_keeps_its_comments(before):
    assert insert.into_lab(before, "02-b", "title: B") == LABS[before]


@pytest.mark.parametrize(
    ("lab", "line"),
    [("tasks: [a]", 1), ("a: 1\ntasks: {01-a: {}}", 2), ("{title: x}", 1), ("a: b: c", 1), ("tasks:\n  02-b:\n", 1)],
)
def test_a_lab_file_that_can_not_take_it(lab, line):
    with pytest.raises(Mistake) as wrong:
        insert.into_lab(lab, "02-b", "title: B")
    assert wrong.value.line == line


@pytest.mark.parametrize(
    ("page", "after"),
    [
        ("a\n", "a\n\nQ\n"),
        ("a\n\n---\n\n## Key Takeaways\n\nk\n", "a\n\nQ\n\n---\n\n## Key Takeaways\n\nk\n"),
        ("a\n## Key takeaways of it\nk", "a\n\nQ\n\n## Key takeaways of it\nk\n"),
        ("a\n```\n## Key Takeaways\n```\n", "a\n```\n## Key Takeaways\n```\n\nQ\n"),
        ("a\r\n\r\n## Key Takeaways\r\n", "a\r\n\r\nQ\r\n\r\n## Key Takeaways\r\n"),
    ],
)
def test_where_a_task_goes_in_a_page(page, after):
    assert insert.into_page(page, "Q\n") == after


NAV = "nav:\n  - Home: index.md\n  - One:\n      - A: one/02-a.md\n      - B: one/05-b.md  # b\n  - Last: last.md\n"


@pytest.mark.parametrize(
    ("lesson", "line", "new"),
    [
        ("one/03-x", 4, ["      - X: one/03-x.md"]),
        ("one/09-x", 5, ["      - X: one/09-x.md"]),
        ("one/01-x", 3, ["      - X: one/01-x.md"]),
        ("my-two/01-x", 5, ["  - My two:", "      - X: my-two/01-x.md"]),
    ],
)
def test_where_a_lesson_goes_in_the_navigation(lesson, line, new):
    lines = NAV.split("\n")
    assert insert.nav(NAV, "X", lesson) == "\n".join([*lines[:line], *new, *lines[line:]])


def test_a_navigation_that_names_it_or_no_lesson():
    assert (
        insert.nav(NAV, "X", "one/02-a") is None and insert.nav("nav:\n  - Home: index.md\n", "X", "one/02-a") is None
    )
    flat = "nav:\n  - A: one/02-a.md\n"
    assert insert.nav(flat, "X", "two/01-x") == f"{flat}  - X: two/01-x.md\n"


def test_the_templates_are_in_the_package():
    import tomllib

    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["lab_server"]
    package = ROOT / "lab_server"
    packed = {file for pattern in data for file in package.glob(pattern) if file.is_file()}
    assert {file for file in scaffolds.TEMPLATES.rglob("*") if file.is_file()} <= packed
