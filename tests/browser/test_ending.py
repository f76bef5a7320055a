"""A sandbox's end as a learner meets it: counted down, put off, explained. The clock is the test's; the shells are PtyDriver's."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from lab_server import builds
from lab_server.lessons.catalog import load
from tests.browser import axe
from tests.browser.conftest import Open, watched
from tests.browser.course import DATA, ROOT
from tests.conftest import Make
from tests.shell import eventually
from tests.web.test_leases import MINUTE, Bench

LESSON = "/concepts/02-how-containers-work/"
SIZES = {"wide": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
SHOTS = os.environ.get("LABS_SHOTS")  # a folder for pictures of what is tested


@pytest.fixture(scope="session")
def site() -> Path:
    """The site as it is now, built where it is stale."""
    builds.site(ROOT, DATA).build(lambda done, what: None)
    return DATA / "site"


@dataclass
class Course:
    bench: Bench
    open_page: Open

    def terminal(self, **options: object) -> Page:
        """A page whose terminal is open."""
        page = self.open_page(LESSON, reduced_motion="reduce", **options)
        page.get_by_role("button", name="Terminal").click()
        connected(page)
        return page


def connected(page: Page) -> None:
    page.locator('#lab-panel-host[data-link="open"]').wait_for()


def bar(page: Page):
    return page.get_by_role("region", name="The end of your sandbox")


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png")


@pytest.fixture
def make_course(make_server: Make, browser: Browser, site: Path) -> Iterator[object]:
    """make_course(any setting=…)"""
    opened = []

    def make(**given: object) -> Course:
        bench = Bench(make_server, course=load(ROOT), **given)
        shutil.rmtree(bench.server.settings.site)
        bench.server.settings.site.symlink_to(site)
        pages = watched(browser, bench.server.origin, "409 (Conflict)")  # a check by itself may be too late
        opened.append(pages)
        return Course(bench, pages.__enter__())

    yield make
    for pages in opened:
        pages.__exit__(None, None, None)


@pytest.mark.parametrize("palette", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_an_idle_sandbox_counts_down_and_is_kept(make_course, palette: str, size: str) -> None:
    course = make_course()
    page = course.terminal(color_scheme=palette, viewport=SIZES[size])
    expect(bar(page)).to_have_count(0)
    course.bench.pass_by(55 * MINUTE)
    expect(bar(page)).to_contain_text(re.compile(r"ends in [45]:\d\d because nobody has typed"))
    expect(page.get_by_role("status").filter(has_text="Your sandbox ends in 5 minutes because nobody")).to_have_count(1)
    shot(page, f"idle-{palette}-{size}")
    course.bench.pass_by(4 * MINUTE)
    expect(bar(page)).to_have_attribute("data-urgent", "")
    expect(page.get_by_role("alert").filter(has_text="Your sandbox ends in 1 minute")).to_have_count(1)
    shot(page, f"urgent-{palette}-{size}")
    axe.check(page)
    bar(page).get_by_role("button", name="Keep it").focus()
    page.keyboard.press("Enter")
    expect(bar(page)).to_have_count(0)
    expect(page.get_by_role("status").filter(has_text="Your sandbox goes on.")).to_have_count(1)
    course.bench.pass_by(58 * MINUTE)
    bar(page).wait_for()
    page.locator("#lab-panel-host .xterm-helper-textarea").focus()
    page.keyboard.type("echo a-ke''y\n")
    page.locator("#lab-panel-host .xterm-rows", has_text="a-key").wait_for()
    course.bench.pass_by(1)
    expect(bar(page)).to_have_count(0)


@pytest.mark.parametrize("palette", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_after_the_end_the_reason_stays_and_a_new_one_is_one_click_away(make_course, palette: str, size: str) -> None:
    course = make_course()
    page = course.terminal(color_scheme=palette, viewport=SIZES[size])
    course.bench.pass_by(60 * MINUTE)
    cover = page.locator("#lab-panel-host .lab-cover")
    for _ in range(2):
        expect(cover).to_contain_text("Your sandbox has ended.")
        expect(cover).to_contain_text("Nobody typed in it for 1 hour. What you did in the course is kept;")
        expect(bar(page)).to_have_count(0)
        shot(page, f"ended-{palette}-{size}")
        page.reload()
    axe.check(page)
    assert len(course.bench.server.driver.created) == 1, "a reload started a sandbox"
    cover.get_by_role("button", name="Start a new one").click()
    connected(page)
    expect(cover).to_be_hidden()
    assert len(course.bench.server.driver.created) == 2
    page.keyboard.type("echo ne''w\n")
    page.locator("#lab-panel-host .xterm-rows", has_text="new").wait_for()


def test_a_limit_is_extended_until_it_can_be_no_more(make_course) -> None:
    course = make_course(idle=0, limit=60, extension=30, extensions=1)
    page = course.terminal()
    course.bench.pass_by(57 * MINUTE)
    expect(bar(page)).to_contain_text("because its time is up.")
    shot(page, "limit")
    bar(page).get_by_role("button", name="Extend by 30 minutes").click()
    expect(bar(page)).to_have_count(0)
    course.bench.pass_by(30 * MINUTE)
    expect(bar(page)).to_contain_text("can’t be extended any more. Copy what you need")
    assert bar(page).get_by_role("button").count() == 0
    shot(page, "limit-last")
    course.bench.pass_by(3 * MINUTE)
    expect(page.locator("#lab-panel-host .lab-cover")).to_contain_text("Its time was up.")


@pytest.mark.parametrize("size", SIZES)
def test_a_hidden_dock_hides_no_end(make_course, size: str) -> None:
    course = make_course()
    page = course.terminal(viewport=SIZES[size])
    page.get_by_role("button", name="Hide the terminals").click()
    course.bench.pass_by(57 * MINUTE)
    bar(page).wait_for()
    shot(page, f"hidden-{size}")
    axe.check(page)
    bar(page).get_by_role("button", name="Keep it").click()
    expect(bar(page)).to_have_count(0)


@pytest.mark.parametrize("palette", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_a_page_without_a_terminal_counts_down_too(make_course, palette: str, size: str) -> None:
    course = make_course()
    learner = course.terminal(color_scheme=palette, viewport=SIZES[size])
    course.bench.pass_by(57 * MINUTE)
    page = learner.context.new_page()
    page.goto(learner.url)
    learner.close()
    expect(bar(page)).to_contain_text(re.compile(r"ends in [23]:\d\d because nobody has typed"))
    assert page.locator(".lab-dock").count() == 0, "no terminal was loaded for it"
    shot(page, f"alone-{palette}-{size}")
    axe.check(page)
    bar(page).get_by_role("button", name="Keep it").click()
    expect(bar(page)).to_have_count(0)
    expect(page.get_by_role("status").filter(has_text="Your sandbox goes on.")).to_have_count(1)
    page.get_by_role("button", name="Terminal").click()
    connected(page)
    course.bench.pass_by(57 * MINUTE)
    bar(page).wait_for()
    assert len(course.bench.server.driver.created) == 1


def test_a_page_that_lies_open_looks_again_by_itself(make_course) -> None:
    course = make_course()
    learner = course.terminal()
    page = learner.context.new_page()
    page.clock.install()
    page.goto(learner.url)
    page.locator(".lab-launcher").wait_for()
    learner.close()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/sandboxes/" in request.url else None)
    page.clock.fast_forward(9 * 60_000)
    assert not asked, "far from its end nobody asks"
    course.bench.pass_by(59 * MINUTE)
    page.clock.fast_forward(2 * 60_000)
    expect(bar(page)).to_contain_text("because nobody has typed")
    assert len(asked) == 1
    course.bench.pass_by(2 * MINUTE)
    page.clock.fast_forward(60_000)
    expect(bar(page)).to_have_count(0)


def test_every_open_page_counts_down_and_one_press_is_for_all(make_course) -> None:
    course = make_course()
    page = course.terminal()
    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_role("button", name="Terminal").click()
    connected(other)
    course.bench.pass_by(57 * MINUTE)
    bar(page).wait_for()
    bar(other).get_by_role("button", name="Keep it").click()
    for one in (page, other):
        expect(bar(one)).to_have_count(0)
    assert len(course.bench.server.driver.created) == 1


def test_a_sandbox_that_dies_is_explained(make_course) -> None:
    course = make_course()
    page = course.terminal()
    (box,) = course.bench.server.driver.sandboxes.values()
    box.gone = True
    for terminal in box.terminals:
        terminal.process.kill()
    cover = page.locator("#lab-panel-host .lab-cover")
    expect(cover).to_contain_text("The sandbox ended.")
    eventually(lambda: course.bench.server.spawner._sandboxes.all() == [])
    cover.get_by_role("button", name="Start a new one").click()
    connected(page)
