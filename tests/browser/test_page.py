"""The page as a learner meets it: once and only once, what survives what, who can use it, and that it reads without a script."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from lab_server.lessons.catalog import load
from tests.browser import axe
from tests.browser.course import ROOT
from tests.browser.listener import Listener

LESSON = "/concepts/02-how-containers-work/"
PALETTES = ("light", "dark")
SIZES = {"wide": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}


def step(page, block, number):
    return page.locator(f'[data-block="{block}"] [data-step="{number}"]')


def run(page, block, number):
    step(page, block, number).locator('[data-action="run"]').click()


def done(page, block, number, within=90_000):
    page.locator(f'[data-block="{block}"] [data-step="{number}"][data-exit]').wait_for(timeout=within)


def screen(page, session="host"):
    """The terminal's rows as they are on the screen."""
    return page.locator(f"#lab-panel-{session} .xterm-rows").inner_text().replace("\xa0", " ")


def until_screen(page, text, session="host"):
    page.locator(f"#lab-panel-{session} .xterm-rows", has_text=text).wait_for(timeout=60_000)


def test_a_click_types_its_command_once_even_when_clicked_thrice(open_page, course):
    page = open_page("/")
    listener = Listener(page)
    page.goto(course.url + LESSON)
    button = step(page, "namespaces", 2).locator('[data-action="run"]')
    button.click()
    button.click(force=True)
    button.dispatch_event("click")
    done(page, "namespaces", 2)
    assert listener.typed["host"].count(b"readlink /proc/1/ns/pid") == 1
    assert len(listener.commands("host")) == 1


def test_a_reload_shows_everything_again_and_types_nothing(open_page):
    page = open_page(LESSON)
    run(page, "namespaces", 2)
    done(page, "namespaces", 2)
    listener = Listener(page)
    page.reload()
    until_screen(page, "readlink /proc/1/ns/pid")
    run(page, "namespaces", 2)
    done(page, "namespaces", 2)
    assert listener.typed["host"] == b"readlink /proc/1/ns/pid\r"


def test_web_killed_is_back_with_the_same_shell(open_page, course):
    page = open_page(LESSON)
    run(page, "namespaces", 2)
    done(page, "namespaces", 2)
    listener = Listener(page)
    terminal = page.locator("#lab-panel-host .xterm-helper-textarea")
    terminal.focus()
    page.keyboard.type("echo shell-$$-one\n")
    until_screen(page, re.compile(r"shell-\d+-one"))
    before = re.findall(r"shell-(\d+)-one", screen(page))[-1]
    os.kill(web_process(course.process.pid), signal.SIGKILL)
    with page.expect_websocket(lambda socket: "/terminals/host" in socket.url):
        pass
    page.locator('#lab-panel-host[data-link="open"]').wait_for()
    assert listener.typed.get("host", b"") == b""  # the new socket was given nothing by itself
    terminal.focus()
    page.keyboard.type("echo again-$$-two\n")
    until_screen(page, re.compile(r"again-\d+-two"))
    assert re.findall(r"again-(\d+)-two", screen(page))[-1] == before


def test_a_terminal_that_only_tasks_use_can_be_opened(open_page):
    page = open_page("/concepts/05-build-a-container/")
    page.get_by_role("button", name="Terminal").click()
    tabs = page.get_by_role("tablist", name="Terminals").get_by_role("tab")
    tabs.first.wait_for()
    assert tabs.all_inner_texts() == ["host", "box", "mine"]
    page.get_by_role("tab", name="mine").click()
    page.locator('#lab-panel-mine[data-link="open"]').wait_for()
    page.locator("#lab-panel-mine .xterm-helper-textarea").focus()
    page.keyboard.type("echo mine-$((6 * 7))\n")
    until_screen(page, "mine-42", "mine")


def web_process(supervisor):
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            if parent == supervisor and b"lab_server.web" in words:
                return int(entry.name)
    raise AssertionError("there is no web process")


def test_the_terminal_survives_going_to_another_page(open_page):
    page = open_page(LESSON)
    run(page, "namespaces", 2)
    done(page, "namespaces", 2)
    page.evaluate("window.stillHere = true")
    page.get_by_role("link", name="Course overview").first.click()
    page.wait_for_url("**/course_overview/")
    assert page.evaluate("window.stillHere") is True, "the page was loaded anew: instant navigation is broken"
    assert "pid:[" in screen(page)
    page.go_back()
    page.wait_for_url(re.compile(LESSON))
    run(page, "namespaces", 2)
    done(page, "namespaces", 2)


def test_two_windows_of_different_sizes_show_the_same_terminal(open_page, course):
    page = open_page(LESSON, viewport=SIZES["wide"])
    run(page, "namespaces", 2)
    done(page, "namespaces", 2)
    other = page.context.new_page()
    other.set_viewport_size({"width": 1000, "height": 600})
    other.goto(course.url + LESSON)
    run(other, "namespaces", 2)
    done(other, "namespaces", 2)
    use = page.locator("#lab-panel-host .lab-strip", has_text="another window").get_by_role(
        "button", name="Use this one"
    )
    use.wait_for()
    rows = [window.locator("#lab-panel-host .xterm-rows > div").count() for window in (page, other)]
    assert rows[0] == rows[1], "one of the two shows another size"
    use.click()
    other.locator("#lab-panel-host .lab-strip", has_text="another window").wait_for()
    page.keyboard.type("stty size\n")
    columns = page.locator("#lab-panel-host .xterm-rows", has_text=re.compile(r"\d+ \d{2,}"))
    columns.wait_for()
    until_screen(other, "stty size")
    other.locator("#lab-panel-host .xterm-helper-textarea").focus()
    page.locator("#lab-panel-host .lab-strip", has_text="another window").wait_for()


def test_reset_asks_first_and_gives_a_new_machine(open_page):
    page = open_page(LESSON)
    run(page, "namespaces", 2)
    done(page, "namespaces", 2)
    page.locator("#lab-panel-host .xterm-helper-textarea").focus()
    page.keyboard.type("touch /root/mine; echo files-$(ls /root | wc -l)\n")
    until_screen(page, "files-1")
    reset = page.get_by_role("toolbar", name="Terminal tools").get_by_role("button", name=re.compile("reset", re.I))
    reset.click()
    dialog = page.locator("dialog.lab-dialog")
    dialog.get_by_role("button", name="Cancel").click()
    dialog.wait_for(state="hidden")
    reset.click()
    dialog.get_by_role("button", name=re.compile("reset", re.I)).click()
    page.locator("#lab-panel-host .xterm-rows", has_not_text="touch /root/mine").wait_for(timeout=60_000)
    until_screen(page, "root@lab")
    page.locator('#lab-panel-host[data-link="open"]').wait_for()
    page.locator("#lab-panel-host .xterm-helper-textarea").focus()
    page.keyboard.type("echo files-$(ls /root | wc -l)\n")
    until_screen(page, "files-0")


def test_escape_twice_leaves_the_terminal(open_page):
    page = open_page(LESSON)
    run(page, "namespaces", 2)
    done(page, "namespaces", 2)
    page.locator("#lab-panel-host .xterm-helper-textarea").focus()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.wait_for_function("!document.activeElement.closest('.xterm')")


def test_the_dock_is_resized_with_the_keyboard_and_by_pointer(open_page):
    page = open_page(LESSON, viewport=SIZES["wide"])
    run(page, "namespaces", 2)
    done(page, "namespaces", 2)
    grip = page.locator(".lab-dock [role=separator]")
    dock = page.locator(".lab-dock")
    before = dock.bounding_box()["height"]
    grip.focus()
    for _ in range(5):
        page.keyboard.press("ArrowUp")
    taller = dock.bounding_box()["height"]
    assert taller > before + 20
    box = grip.bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 5, box["y"] + 150, steps=4)
    page.mouse.up()
    assert dock.bounding_box()["height"] < taller - 80


def test_without_a_script_it_reads_as_a_page(open_page):
    page = open_page(LESSON, java_script_enabled=False)
    assert page.locator('[data-block="namespaces"] code').first.inner_text().strip() == "ls -la /proc/self/ns/"
    assert page.locator('[data-block="namespaces"] details').count() == 3
    assert page.locator("[data-action]:visible").count() == 0
    questions = [question for quiz in load(ROOT).lesson(LESSON.strip("/")).quizzes for question in quiz.questions]
    assert page.locator("form.lab-quiz legend").count() == len(questions) > 3
    assert page.locator("form.lab-quiz input").count() == sum(len(question.options) for question in questions)
    assert page.locator("fieldset.lab-predict:visible").count() == 0


def test_no_answer_is_in_what_the_browser_gets(open_page, course):
    page = open_page(LESSON)
    entries = page.request.get(course.url + "/search/search_index.json").json()["docs"]
    searchable = "".join(entry["text"] for entry in entries if entry["location"].startswith(LESSON.strip("/")))
    assert "Which namespace gives containers their own hostname?" in searchable
    for text in (searchable, *(page.request.get(course.url + path).text() for path in (LESSON, "/api/lessons"))):
        assert not re.search(r'"correct"|\[[xX ]\]|data-correct|"answer', text)
    (lesson,) = (x for x in page.request.get(course.url + "/api/lessons").json() if x["id"].startswith("concepts/02"))
    assert set(lesson["quizzes"][0]["questions"][0]) == {"id", "text", "multiple", "options"}
    assert all(set(option) == {"id", "text"} for q in lesson["quizzes"][0]["questions"] for option in q["options"])


@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize("size", SIZES)
def test_it_is_accessible_and_fits(open_page, palette, size):
    page = open_page(LESSON, color_scheme=palette, viewport=SIZES[size], reduced_motion="reduce")
    page.locator("div.mermaid svg").nth(2).wait_for()
    run(page, "namespaces", 2)
    done(page, "namespaces", 2)
    axe.check(page)


@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize("path", ["/", "/course_overview/", *(lesson.url for lesson in load(ROOT).lessons)])
def test_every_page_of_the_course_is_accessible_and_fits_a_phone(open_page, palette, path):
    page = open_page(path, color_scheme=palette, viewport=SIZES["phone"], reduced_motion="reduce")
    page.locator("article h1").wait_for()
    axe.check(page)


def test_diagrams_are_drawn_again_when_the_palette_changes(open_page):
    page = open_page(LESSON, color_scheme="light")
    page.locator("div.mermaid svg").nth(2).wait_for()
    first = page.locator("div.mermaid").first
    light = first.inner_html()
    page.locator("label[title*='dark' i]:visible").click()
    page.wait_for_function("old => document.querySelector('div.mermaid').innerHTML !== old", arg=light)
    assert page.locator("div.mermaid svg").count() == 3
