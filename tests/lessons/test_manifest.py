"""What verify noted → the line in the page: read, written, and never shown for what has changed since."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from markdown import Markdown

from lab_server.build import verified
from lab_server.build.site import inputs
from lab_server.errors import CatalogError
from lab_server.lessons.catalog import load
from lab_server.lessons.fences import Mistake
from lab_server.lessons.manifest import Verified, dump, parse, shown
from lab_server.lessons.markdown import makeExtension
from tests.lessons.helpers import BLOCK, HEAD, course

ID = "concepts/01-a-lesson"
ENTRY = Verified(date(2026, 11, 23), "d1", "vm", "6.12.117+deb13-cloud-amd64", "podman 5.4.2", 23, 3)


def test_a_manifest_is_read_as_it_was_written():
    manifest = {ID: ENTRY, "concepts/02-more": replace(ENTRY, skipped_steps=2, tasks=0, skipped_tasks=1)}
    assert parse(dump(manifest)) == manifest
    assert dump(dict(reversed(manifest.items()))) == dump(manifest)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (ENTRY, "Verified on 23 November 2026 · Linux 6.12.117 · podman 5.4.2 · 23 steps, 3 tasks"),
        (replace(ENTRY, tasks=0, steps=1, engine=""), "Verified on 23 November 2026 · Linux 6.12.117 · 1 step"),
        (
            replace(ENTRY, skipped_steps=2, skipped_tasks=1, kernel="plan9"),
            "Verified on 23 November 2026 · Linux plan9 · podman 5.4.2 · 23 steps, 3 tasks · skipped: 3",
        ),
    ],
)
def test_how_an_entry_reads(entry, words):
    assert entry.words() == words


@pytest.mark.parametrize(
    ("change", "line", "message"),
    [
        (lambda text: text.replace(" {\n", " [\n", 1), 4, "Not JSON"),
        (lambda text: text.replace('"version": 1', '"version": 9'), 1, "no manifest of version 1"),
        (lambda text: "[]", 1, "no manifest of version 1"),
        (lambda text: text.replace('"engine"', '"motor"'), 4, "has no 'engine'"),
        (lambda text: text.replace("2026-11-23", "yesterday"), 4, "isoformat"),
        (lambda text: text.replace('"ok": 23', '"ok": -1'), 4, "are counts"),
        (lambda text: text.replace('"vm"', "7"), 4, "are texts"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(change, line, message):
    text = dump({ID: ENTRY})
    assert change(text) != text
    with pytest.raises(Mistake, match=message) as wrong:
        parse(change(text))
    assert wrong.value.line == line


def test_the_newest_that_still_holds_is_shown_and_no_other():
    older, newer = ENTRY, replace(ENTRY, day=date(2026, 12, 1), engine="podman 6")
    assert "podman 6" in shown([{ID: older}, {ID: newer}], {ID: "d1"})[ID]
    assert "podman 5.4.2" in shown([{ID: older}, {ID: replace(newer, digest="d2")}], {ID: "d1"})[ID]
    assert shown([{ID: older}], {ID: "changed"}) == {} == shown([{ID: older}], {})
    for order in ([older, replace(older, skipped_steps=4)], [replace(older, skipped_steps=4), older]):
        assert "skipped" not in shown([{ID: entry} for entry in order], {ID: "d1"})[ID]


def test_where_the_line_stands():
    def page(text, verified):
        return Markdown(extensions=[makeExtension(page=ID, verified=verified)]).convert(text)

    html = page(f"{HEAD}Text.\n", {ID: 'A "line" & more'})
    assert html.index("</blockquote>") < html.index('<p class="lab-verified">A &quot;line&quot; &amp; more</p>')
    assert html.index("lab-verified") < html.index("Text.")
    for text, words in [(HEAD, {}), (HEAD, ""), ("# Title\n\nText.\n", {ID: "words"}), (HEAD, {"concepts/02": "x"})]:
        assert "lab-verified" not in page(text, words)


@pytest.fixture
def place(tmp_path):
    root = course(tmp_path / "root", HEAD + BLOCK, "sessions: [host]\n")
    (root / "mkdocs.yml").write_text("site_name: x\n")
    return root, tmp_path / "data"


def entry_of(root):
    return replace(ENTRY, digest=verified.sources(root, ID))


def test_a_lesson_keeps_its_line_until_its_page_or_folder_changes(place):
    root, data = place
    assert verified.badges(root, data, load(root)) == {}
    assert verified.keep(root, data, {ID: entry_of(root)}, [], record=False) == [data / "verified.json"]
    assert verified.badges(root, data, load(root)) == {ID: ENTRY.words()}
    for file, more in ((root / "docs" / f"{ID}.md", "\nMore.\n"), (root / "labs" / ID / "lab.yml", "# more\n")):
        before = file.read_text()
        file.write_text(before + more)
        assert verified.badges(root, data, load(root)) == {}
        file.write_text(before)
        assert verified.badges(root, data, load(root))


def test_a_lesson_that_failed_loses_its_entry_and_the_others_keep_theirs(place):
    root, data = place
    other = replace(ENTRY, digest="x")
    verified.keep(root, data, {ID: entry_of(root), "concepts/02-more": other}, [], record=True)
    assert verified.keep(root, data, {}, [ID], record=False) == [data / "verified.json"]
    assert parse((data / "verified.json").read_text()) == {"concepts/02-more": other}
    assert verified.badges(root, data, load(root)), "the committed one says so still"
    verified.keep(root, data, {}, [ID], record=True)
    assert parse((root / "labs/verified.json").read_text()) == {}, "of lessons that are gone nothing is kept there"
    assert verified.badges(root, data, load(root)) == {}


def test_a_broken_manifest(place, capsys):
    root, data = place
    verified.keep(root, data, {ID: entry_of(root)}, [], record=True)
    (data / "verified.json").write_text("{\n oops")
    assert verified.badges(root, data, load(root)) == {ID: ENTRY.words()}
    assert f"{data}/verified.json:2: Not JSON" in capsys.readouterr().err
    (root / "labs/verified.json").write_text('{"version": 1,\n "lessons": {"a": 1}}')
    with pytest.raises(CatalogError, match=r"labs/verified\.json:2: The entry of a can't be read"):
        verified.badges(root, data, load(root))


def test_the_site_is_stale_when_a_manifest_changes(place):
    root, data = place
    before = inputs(root, data)
    verified.keep(root, data, {ID: entry_of(root)}, [], record=False)
    noted = inputs(root, data)
    verified.keep(root, data, {ID: entry_of(root)}, [], record=False)
    assert before != noted == inputs(root, data), "the same result is no change"
    verified.keep(root, data, {ID: entry_of(root)}, [], record=True)
    assert inputs(root, data) != noted
