"""The built site: whole, offline, without answers, compressed, and replaced in one move. The page's script is a stub here."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from pathlib import Path

import brotli  # type: ignore[import-untyped]
import pytest

from lab_server.build.site import ASSETS, build_site, inputs
from lab_server.errors import BuildFailed, CatalogError, Missing
from lab_server.lessons.catalog import load
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


def test_answers_are_in_no_file(site):
    questions = [q for quiz in load(ROOT).lesson(LESSON).quizzes for q in quiz.questions]
    whys = [option.why for question in questions for option in question.options if option.why]
    assert len(questions) == 4 and whys
    for file in site.rglob("*"):
        if file.suffix in (".html", ".json", ".xml"):
            text = file.read_text()
            assert not [why for why in whys if why in text], file
    html = (site / LESSON / "index.html").read_text()
    (form,) = re.findall(r"<form[^>]*lab-quiz.*?</form>", html, re.S)
    assert "[x]" not in html and "checked" not in form and form.count("<input") == 16
    index = json.loads((site / "search/search_index.json").read_text())
    quiz = next(doc["text"] for doc in index["docs"] if doc["location"] == f"{LESSON}/#quick-quiz")
    assert questions[0].text in quiz and "[x]" not in quiz


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
