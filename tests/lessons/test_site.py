"""The built site: whole, offline, without answers, compressed, and replaced in one move. The page's script is a stub here."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from datetime import date
from html import unescape
from pathlib import Path

import brotli  # type: ignore[import-untyped]
import pytest

from lab_server.build import verified
from lab_server.build.site import ASSETS, build_site, inputs
from lab_server.errors import BuildFailed, CatalogError, Missing
from lab_server.lessons.catalog import load
from lab_server.lessons.manifest import Verified
from tests.lessons.helpers import ROOT

LESSON = "concepts/02-how-containers-work"


def silent(fraction: float, text: str) -> None:
    assert 0 <= fraction <= 1 and text


def repository(folder: Path, built: bool = True) -> Path:
    """A copy of what the site is built from, with a stub for the page's script."""
    shutil.copy(ROOT / "mkdocs.yml", folder)
    for name in ("docs", "labs/concepts", "lab_server/lessons", "lab_server/build"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("built", "__pycache__"))
    shutil.copy(ROOT / "lab_server/__init__.py", folder / "lab_server")
    shutil.copy(ROOT / "lab_server/errors.py", folder / "lab_server")
    if built:
        (folder / "docs/assets/built").mkdir()
        for asset in ASSETS:
            (folder / "docs/assets/built" / asset).write_text("/* stub */\n" * 100)
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    root = repository(tmp_path_factory.mktemp("repository"))
    out = root / ".labs" / "site"
    out.mkdir(parents=True)
    (out / "old.html").write_text("old")
    noted = Verified(date(2026, 11, 24), verified.sources(root, LESSON), "vm", "6.12.1", "podman 5.4.2", 32, 3, 0, 0)
    verified.keep(root, root / ".labs", {LESSON: noted}, [], record=False)
    told: list[tuple[float, str]] = []
    build_site(root, out, lambda fraction, text: told.append((fraction, text)))
    assert [fraction for fraction, _ in told] == sorted(fraction for fraction, _ in told)
    assert told[-1][0] == 1.0
    return out


def test_every_page_is_there_and_nothing_of_the_old_one(site):
    for page in ("", "course_overview/", f"{LESSON}/", "authoring/", "self-hosting/", "develop/architecture/"):
        assert (site / page / "index.html").is_file()
    assert not (site / "old.html").exists()
    assert not list(site.parent.glob(".new-*"))


def test_the_lesson_is_live_with_its_own_id(site):
    html = (site / LESSON / "index.html").read_text()
    lesson = load(ROOT).lesson(LESSON)
    assert html.count('class="lab-block"') == len(lesson.blocks)
    assert set(re.findall(r'data-lesson="([^"]+)"', html)) == {LESSON}
    assert html.count('<div class="mermaid">') == 3


def test_a_verified_lesson_says_so_under_its_facts(site):
    said = '<p class="lab-verified">Verified on 24 November 2026 · Linux 6.12.1 · podman 5.4.2 · 32 steps, 3 tasks</p>'
    html = (site / LESSON / "index.html").read_text()
    assert html.index("<strong>Time:</strong>") < html.index(said) < html.index('id="learning-objectives"')


def test_answers_are_in_no_file(site):
    questions = [q for quiz in load(ROOT).lesson(LESSON).quizzes for q in quiz.questions]
    whys = [option.why for question in questions for option in question.options if option.why]
    assert len(questions) >= 4 and whys
    for file in site.rglob("*"):
        if file.suffix in (".html", ".json", ".xml"):
            text = file.read_text()
            assert not [why for why in whys if why in text], file
    page = (site / LESSON / "index.html").read_text()
    (form,) = re.findall(r"<form[^>]*lab-quiz.*?</form>", page, re.S)
    assert (
        "[x]" not in page
        and "checked" not in form
        and form.count("<input") == sum(len(one.options) for one in questions)
    )
    index = json.loads((site / "search/search_index.json").read_text())
    quiz = next(doc["text"] for doc in index["docs"] if doc["location"] == f"{LESSON}/#quick-quiz")
    assert questions[0].text in quiz and "[x]" not in quiz


def test_no_reason_pattern_or_solution_is_in_a_file(site):
    """What predictions depend on, and what solves tasks, of the whole course; not what a page says anyway."""
    pages = "".join(
        re.sub(r"^# (?:predict:|why:|\|).*", "", file.read_text(), flags=re.M) for file in (ROOT / "docs").rglob("*.md")
    )
    lessons = load(ROOT).lessons
    asked = [step.predict for one in lessons for block in one.blocks for step in block.steps if step.predict]
    tasks = [task for one in lessons for task in one.tasks]
    assert asked and tasks
    secret = {part for one in asked for part in re.split(r"[`*]", one.why)}
    secret |= {option.pattern for one in asked for option in one.options}
    secret |= {line.strip() for task in tasks for line in (ROOT / task.files["solve"]).read_text().splitlines()[1:]}
    secret = {part for part in secret if len(part) >= 24 and part not in pages}
    assert len(secret) > len(tasks)
    for file in site.rglob("*"):
        if file.suffix in (".html", ".json", ".xml", ".js"):
            text = unescape(re.sub(r"<[^>]+>", "", file.read_text()))
            assert not [part for part in secret if part in text], file


def test_nothing_is_asked_of_another_origin(site):
    for file in site.rglob("*.html"):
        html = re.sub(
            r'<link[^>]*rel="canonical"[^>]*>|<link[^>]*href="[^"]*"[^>]*rel="canonical"[^>]*>', "", file.read_text()
        )
        assert not re.findall(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="(?:https?:)?//[^"]*"', html), file


def test_text_is_compressed_beside_itself(site):
    html = site / LESSON / "index.html"
    assert gzip.decompress(html.with_name("index.html.gz").read_bytes()) == html.read_bytes()
    assert brotli.decompress(html.with_name("index.html.br").read_bytes()) == html.read_bytes()
    assert html.with_name("index.html.br").stat().st_mtime_ns == html.stat().st_mtime_ns
    assert not list(site.glob("sitemap.xml.*"))  # served with the address that was asked for
    for name in ("assets/built/course.js", "assets/built/course.css", "search/search_index.json"):
        assert (site / f"{name}.gz").is_file() and (site / f"{name}.br").is_file(), name
    assert not list(site.rglob("*.png.gz"))


def test_without_the_pages_script(tmp_path):
    with pytest.raises(Missing, match=r"no course\.js, course\.css, mermaid-glue\.js") as missing:
        build_site(repository(tmp_path, built=False), tmp_path / "site", silent)
    assert "npm" in missing.value.remedy
    assert not (tmp_path / "site").exists()


def test_a_dead_link_stops_the_build_and_leaves_the_old_site(tmp_path):
    (tmp_path / "root").mkdir()
    root = repository(tmp_path / "root")
    out = tmp_path / "data" / "site"
    out.mkdir(parents=True)
    (out / "index.html").write_text("old")
    with (root / "docs/index.md").open("a") as page:
        page.write("\n[gone](gone.md)\n")
    with pytest.raises(BuildFailed) as failed:
        build_site(root, out, silent)
    assert "gone.md" in failed.value.remedy and "Traceback" not in str(failed.value)
    assert (out / "index.html").read_text() == "old"
    assert [path.name for path in out.parent.iterdir() if path.name != ".lock"] == ["site"]


def test_a_wrong_lesson_is_named_before_anything_is_built(tmp_path):
    root = repository(tmp_path)
    with (root / "docs" / f"{LESSON}.md").open("a") as page:
        page.write("\n```bash {.lab #namespaces}\nid\n```\n")
    with pytest.raises(CatalogError, match=rf"docs/{LESSON}\.md:\d+: The id #namespaces is taken"):
        build_site(root, tmp_path / "site", silent)


def test_inputs_tell_a_change(tmp_path):
    root = repository(tmp_path)
    before = inputs(root)
    assert inputs(root) == before
    (root / "docs/index.md").write_text("# Other\n")
    assert inputs(root) != before
