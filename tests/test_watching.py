"""What happens when an author saves a file: the real watcher over a scratch course; only the build is counted, not made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab_server.errors import BuildFailed
from lab_server.settings import Settings, load
from lab_server.watching import Watcher
from tests.shell import eventually

PAGE = """# A Lesson

> **Module:** concepts | **Level:** Foundation | **Time:** 5 minutes

```bash {.lab #first}
true
```
"""


class Author:
    """A course being written. `built` counts builds, `renewed` how often readers got one, `said` is what the console shows."""

    def __init__(self, root: Path) -> None:
        self.root, self.page = root, root / "docs" / "concepts" / "01-a-lesson.md"
        self.lab = root / "labs" / "concepts" / "01-a-lesson" / "lab.yml"
        for file in (self.page, self.lab):
            file.parent.mkdir(parents=True)
        (root / "docs" / "assets" / "built").mkdir(parents=True)
        self.page.write_text(PAGE)
        self.settings: Settings = load(data=root / ".labs")
        self.built = self.renewed = 0
        self.fails = False
        self.said: list[str] = []

    def build(self) -> None:
        self.built += 1
        if self.fails:
            raise BuildFailed("The pages could not be built.", "Mend them.")

    def renew(self) -> None:
        self.renewed += 1

    def problem(self) -> str:
        return str(json.loads(self.settings.watch_note.read_text())["problem"])


@pytest.fixture
def author(tmp_path: Path) -> Iterator[Author]:
    one = Author(tmp_path)
    watcher = Watcher(tmp_path, one.settings, one.build, one.renew, one.said.append)
    yield one
    watcher.close()
    assert not one.settings.watch_note.exists(), "nobody is writing any more"


def test_a_saved_page_is_built_and_put_before_readers(author: Author) -> None:
    author.page.write_text(PAGE + "\nMore.\n")
    eventually(lambda: author.renewed == 1)
    assert author.built == 1
    assert author.problem() == ""


def test_an_editors_way_of_saving_counts_as_one_change_and_its_own_files_as_none(author: Author) -> None:
    (author.page.parent / ".01-a-lesson.md.swp").write_text("x")
    (author.page.parent / "4913").write_text("")
    (author.root / "docs" / "assets" / "built" / "course.js").write_text("x")
    (author.root / "README.md").write_text("x")
    new = author.page.with_name("01-a-lesson.md~")
    new.write_text(PAGE + "\nMore.\n")
    new.rename(author.page)
    eventually(lambda: author.renewed == 1)
    author.page.write_text(PAGE)
    eventually(lambda: author.renewed == 2)
    assert author.built == 2


def test_a_wrong_page_is_told_with_its_line_and_readers_keep_the_last_good_one(author: Author) -> None:
    author.page.write_text(PAGE.replace("{.lab #first}", "{.lab}"))
    eventually(lambda: "docs/concepts/01-a-lesson.md:5" in author.problem())
    assert author.built == author.renewed == 0
    assert any("01-a-lesson.md:5" in line for line in author.said)
    author.page.write_text(PAGE)
    eventually(lambda: author.renewed == 1)
    assert author.problem() == ""


def test_a_build_that_fails_is_told_too(author: Author) -> None:
    author.fails = True
    author.page.write_text(PAGE + "\nMore.\n")
    eventually(lambda: "could not be built" in author.problem())
    assert author.renewed == 0


def test_limits_that_the_spawner_does_not_know_yet_are_named(author: Author) -> None:
    author.lab.write_text("limits: {memory: 128M}\n")
    eventually(lambda: any("Limits" in line for line in author.said))
