"""Tasks: page, lab.yml and folder agree, or are refused with file and line; what solves a task stays out of what is published."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from lab_server.errors import CatalogError, NotFound
from lab_server.lessons import taskfiles
from lab_server.lessons.catalog import load
from lab_server.lessons.fences import Mistake
from lab_server.lessons.markdown import LessonMarkup
from lab_server.lessons.tasks import MOST, find
from tests.lessons.helpers import BLOCK, HEAD, ROOT, course, render, script, task
from tests.lessons.test_markdown import shape

DOC = "docs/concepts/01-a-lesson.md"
LAB = "labs/concepts/01-a-lesson/lab.yml"
FOLDER = "labs/concepts/01-a-lesson/tasks"
LAB_TEXT = "tasks:\n  01-a-task:\n    title: A task\n"
PLACE = "<!-- task: 01-a-task -->\n> Do it.\n"


def lesson(root: Path, page: str = HEAD + PLACE, lab: str | None = LAB_TEXT) -> Path:
    course(root, page, lab)
    return root


def test_a_lesson_with_two_tasks(tmp_path):
    page = f"{HEAD}{BLOCK}\n<!-- task: 02-later -->\n> Later\n> on.\n\n```bash {{.lab #two}}\nid\n```\n\n{PLACE}"
    lab = LAB_TEXT + "    timeout_seconds: 3\n  02-later: {title: Later, needs: [limits]}\nneeds: [limits]\n"
    lesson(tmp_path, page, lab)
    task(tmp_path, check=script("exit 1"), solve=script("echo the secret solution"))
    task(tmp_path, "02-later", init=script("echo init"))
    found = load(tmp_path).lessons[0]
    later, first = found.tasks
    assert (later.name, later.title, later.needs, later.timeout, later.line, later.after) == (
        "02-later", "Later", ("limits",), 15, 9, 1,
    )  # fmt: skip
    assert (first.name, first.timeout, first.after, first.needs) == ("01-a-task", 3, 2, ())
    assert first.scripts == {"check": script("exit 1"), "hint": script()}
    assert later.scripts["init"] == script("echo init")
    assert first.files["solve"] == f"{FOLDER}/01-a-task/solve.sh" and "init" not in first.files
    assert taskfiles.script(tmp_path, first.files["solve"]) == script("echo the secret solution")
    assert found.task("01-a-task") == first
    with pytest.raises(NotFound, match="02-later, 01-a-task"):
        found.task("03-none")
    assert found.public()["tasks"] == [
        {"name": "02-later", "title": "Later", "needs": ["limits"]},
        {"name": "01-a-task", "title": "A task", "needs": []},
    ]
    assert "secret" not in repr(load(tmp_path)) and "exit 1" not in json.dumps(found.public())


def test_what_editors_leave_is_left_alone(tmp_path):
    lesson(tmp_path)
    folder = task(tmp_path)
    (folder / ".check.sh.swp").write_bytes(b"\xff")
    (folder / "check.sh~").write_text("")
    assert [one.name for one in load(tmp_path).lessons[0].tasks] == ["01-a-task"]


@pytest.mark.parametrize(
    ("page", "lab", "file", "line", "words"),
    [
        (HEAD, LAB_TEXT, LAB, 2, "stands nowhere in docs/concepts/01-a-lesson.md"),
        (HEAD + PLACE, "", LAB, 1, "has no entry under tasks"),
        (HEAD + PLACE, None, LAB, 1, "has no entry under tasks"),
        (HEAD + PLACE, LAB_TEXT + "  02-b: {title: B}\n", LAB, 4, "no folder labs/concepts/01-a-lesson/tasks/02-b"),
        (HEAD + PLACE + "\n<!-- task: 02-b -->\n> B\n", LAB_TEXT, DOC, 8, "declares no task '02-b'"),
        (HEAD + PLACE + "\n" + PLACE, LAB_TEXT, DOC, 8, "stands on line 5 already"),
        (HEAD + PLACE.replace("> ", "\n> "), LAB_TEXT, DOC, 5, "Nothing is said"),
        (HEAD + PLACE.replace("> Do it.", ">"), LAB_TEXT, DOC, 5, "Nothing is said"),
        (HEAD + PLACE + "goes on\n", LAB_TEXT, DOC, 7, "goes on with a task's text"),
        (HEAD + PLACE.replace("task:", "task"), LAB_TEXT, DOC, 5, "marks no task"),
        (HEAD + PLACE.replace("task:", "Task:"), LAB_TEXT, DOC, 5, "marks no task"),
        (HEAD + PLACE.replace("<!--", "  <!--"), LAB_TEXT, DOC, 5, "marks no task"),
        (HEAD + PLACE.replace("01-a-task", "a task"), LAB_TEXT, DOC, 5, "marks no task"),
        (HEAD + PLACE.replace("01-a-task", "a-task"), LAB_TEXT, DOC, 5, "can't be a task"),
        (HEAD + PLACE + "> 1. Which?\n>    - [x] This\n", LAB_TEXT, DOC, 8, "box to tick"),
        (HEAD + PLACE + "> ```bash {.lab #one}\n> id\n> ```\n", LAB_TEXT, DOC, 7, "live block in the text of a task"),
    ],
)  # fmt: skip
def test_page_and_lab_file_agree_or_are_refused(tmp_path, page, lab, file, line, words):
    lesson(tmp_path, page, lab)
    task(tmp_path)
    with pytest.raises(CatalogError, match=words) as wrong:
        load(tmp_path)
    assert (wrong.value.file, wrong.value.line) == (file, line)


@pytest.mark.parametrize(
    ("kind", "text", "file", "line", "words"),
    [
        ("check", None, LAB, 2, "no .*check.sh"),
        ("solve", None, LAB, 2, "no .*solve.sh"),
        ("hint", None, LAB, 2, "no .*hint.sh"),
        ("check", "", "check.sh", 1, "begins with #!/bin/bash"),
        ("solve", "#!/bin/sh\ntrue\n", "solve.sh", 1, "begins with #!/bin/bash"),
        ("hint", "#!/bin/bash -e\ntrue\n", "hint.sh", 1, "begins with #!/bin/bash"),
        ("init", "#!/bin/bash\n\n# nothing\n", "init.sh", 1, "does nothing"),
        ("check", "#!/bin/bash\ntrue\r\n", "check.sh", 2, "line end of Windows"),
        ("check", "#!/bin/bash\ntrue\nx\x1b[0m\n", "check.sh", 3, "control character"),
        ("solve", "#!/bin/bash\n" + "# words\n" * MOST, "solve.sh", 1, "more than 32 KiB"),
    ],
)
def test_scripts_that_can_be_none(tmp_path, kind, text, file, line, words):
    lesson(tmp_path)
    task(tmp_path, **{kind: text})
    if file != LAB:
        file = f"{FOLDER}/01-a-task/{file}"
    with pytest.raises(CatalogError, match=words) as wrong:
        load(tmp_path)
    assert (wrong.value.file, wrong.value.line) == (file, line)


def test_files_that_can_be_no_script(tmp_path):
    lesson(tmp_path)
    folder = task(tmp_path)
    check = folder / "check.sh"

    def refused(words: str, file: str) -> None:
        with pytest.raises(CatalogError, match=words) as wrong:
            load(tmp_path)
        assert wrong.value.file == file

    check.chmod(0o644)
    refused(r"chmod \+x labs/", f"{FOLDER}/01-a-task/check.sh")
    check.write_bytes(b"#!/bin/bash\n\xff\n")
    check.chmod(0o755)
    refused(":2: This is not UTF-8", f"{FOLDER}/01-a-task/check.sh")
    check.unlink()
    check.symlink_to(folder / "hint.sh")
    refused("ordinary file", f"{FOLDER}/01-a-task/check.sh")
    check.unlink()
    check.mkdir()
    refused("ordinary file", f"{FOLDER}/01-a-task/check.sh")
    (folder / "README").write_text("words")
    refused("no such file", f"{FOLDER}/01-a-task/README")
    (folder.parent / "1-bad").mkdir()
    refused("no task's folder", f"{FOLDER}/1-bad")


def test_tasks_of_no_lesson(tmp_path):
    course(tmp_path, HEAD)
    task(tmp_path, id_="concepts/02-none")
    with pytest.raises(CatalogError, match="no lesson docs/concepts/02-none"):
        load(tmp_path)
    other = tmp_path / "other"
    with pytest.raises(CatalogError, match="Only a lesson") as wrong:
        load(course(other, HEAD + PLACE, id_="concepts/index"))
    assert wrong.value.line == 5


def test_in_a_fence_it_is_an_example():
    assert find(["```markdown", *PLACE.splitlines(), "```"]) == []
    with pytest.raises(Mistake):
        find(["<!-- TASK 01-a -->"])


def test_every_script_of_the_course_is_one_that_bash_understands():
    files = [file for lesson in load(ROOT).lessons for task in lesson.tasks for file in task.files.values()]
    for file in files:
        done = subprocess.run(["bash", "-n", ROOT / file], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


# --- in the page ---


def protocol() -> str:
    text = (ROOT / "docs/develop/protocol.md").read_text()
    found = re.search(r"A task is\n\n```html\n(.*?)```", text, re.S)
    assert found
    return found[1]


def test_a_task_is_written_as_the_protocol_has_it(tmp_path):
    lab = "tasks:\n  01-own-hostname: {title: A hostname of your own, needs: [limits]}\nneeds: [limits]\nsessions: [host, watch]\n"
    course(tmp_path, HEAD, lab)
    html = render("<!-- task: 01-own-hostname -->\n> …\n", labs=tmp_path / "labs")
    wanted = protocol().replace('data-lesson="…"', 'data-lesson="concepts/01-a-lesson"')
    assert shape(html.replace("<p>…</p>", "…")) == shape(wanted.replace('data-needs="…"', 'data-needs="limits"'))


def test_the_text_is_markdown_like_any_other(tmp_path):
    lesson(tmp_path, lab=LAB_TEXT.replace("A task", "A <b>&"))
    quote = '> Name it `box`, as *said* [above](#top).\n>\n> - one\n> - two\n>\n> !!! note "Mind"\n>     that\n'
    quote += ">\n> ```bash\n> id -u\n> ```\n"
    html = render(f"Before.\n\n- list\n\n<!-- task: 01-a-task -->\n{quote}\nAfter, {{x}}.\n", labs=tmp_path / "labs")
    inner = html[html.index('<div class="lab-task-text">') : html.index("</section>")]
    for part in ("<code>box</code>", "<em>said</em>", 'href="#top"', "<li>one</li>", "highlight", "id", "admonition"):
        assert part in inner
    assert "<blockquote>" not in html and "<!--" not in html and "&gt; " not in html
    assert html.index("<p>After, {x}.</p>") > html.index("</section>") and "<p><section" not in html
    assert "<b>" not in html and 'aria-label="Task: A &lt;b&gt;&amp;"' in html and "data-needs" not in html
    assert html.count("<div") == html.count("</div>") and len(re.findall(r"<p[ >]", html)) == html.count("</p>")


def test_what_is_wrong_with_a_task_stops_the_build(tmp_path):
    lesson(tmp_path)
    for text, words in [
        ("<!-- task: 02-b -->\n> B\n", "declares no task '02-b'"),
        ("<!-- task: 01-a-task -->\n", "Nothing is said"),
    ]:
        with pytest.raises(LessonMarkup, match=words):
            render(text, labs=tmp_path / "labs")
    (tmp_path / LAB).write_text("tasks: 1\n")
    with pytest.raises(LessonMarkup, match=r"lab\.yml:1: "):
        render(PLACE, labs=tmp_path / "labs")
