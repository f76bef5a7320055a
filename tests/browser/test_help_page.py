"""Helping and conducting on two real pages: the instructor's room beside a learner's lesson."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser import axe
from tests.browser.conftest import Open
from tests.browser.pages import WIDE, make_class, picture, row, sign_in

LESSON = "/concepts/02-how-containers-work/"
Both = tuple[Page, Page]


def pages(visit: Open, title: str, **options: object) -> Both:
    """The room of a new class, and a lesson's page of Zoë, who is in it and has a terminal open."""
    teacher = visit("/room/", viewport=WIDE, **options)
    sign_in(teacher)
    code = make_class(teacher, title)
    learner = visit(f"/join/{code}", **({"viewport": WIDE} | options))
    learner.get_by_label("Your name").fill("Zoë")
    learner.get_by_role("button", name="Join").click()
    learner.locator(".lab-room, .lab-join").get_by_text("You are in").first.wait_for()
    learner.goto(learner.url.split("/join")[0] + LESSON)
    learner.get_by_role("button", name="Terminal", exact=True).click()
    learner.locator(".lab-dock .xterm-screen").first.wait_for()
    learner.wait_for_function("() => window.labs.text('host').includes('#') || window.labs.text('host').includes('$')")
    return teacher, learner


def test_a_hand_a_watch_and_typing_together(visit: Open) -> None:
    teacher, learner = pages(visit, "Help")
    learner.get_by_label("Your question").fill("Why is it PID 1?")
    learner.get_by_role("button", name="Raise your hand").click()
    expect(row(learner, "hand")).to_contain_text("Your hand is up: Why is it PID 1?")
    tile = teacher.locator(".lab-tile", has_text="Zoë")
    expect(tile).to_contain_text("Hand raised: Why is it PID 1?")
    tile.get_by_role("button", name="Zoë").click()
    dialog = teacher.locator("dialog[open]")
    expect(row(learner, "watched")).to_contain_text("Ina is looking at your terminal.")
    dialog.locator(".xterm-screen").click()
    teacher.keyboard.type("echo not allowed\n")
    dialog.get_by_role("button", name="Ask to type").click()
    expect(row(learner, "typing")).to_contain_text("Ina would like to type")
    axe.check(learner)
    axe.check(teacher, ".lab-watch")
    row(learner, "typing").get_by_role("button", name="Allow").click()
    expect(dialog).to_contain_text("You can type here now")
    dialog.locator(".xterm-screen").click()
    teacher.keyboard.type("echo to''gether\n")
    learner.wait_for_function("() => window.labs.text('host').includes('together')")
    assert "not allowed" not in learner.evaluate("() => window.labs.text('host')")
    row(learner, "typing").get_by_role("button", name="Stop").click()
    expect(dialog).to_contain_text("You only look")
    dialog.get_by_role("button", name="Helped").click()
    expect(row(learner, "hand")).to_contain_text("Raise your hand")
    dialog.get_by_role("button", name="Close").click()
    expect(row(learner, "watched")).to_have_count(0)


@pytest.mark.parametrize("palette", ["light", "dark"])
def test_a_message_a_place_a_pause_and_the_end(visit: Open, palette: str) -> None:
    teacher, learner = pages(visit, f"Conduct, {palette}", color_scheme=palette)
    tools = teacher.get_by_role("toolbar", name="Tools of the room")
    tools.get_by_role("button", name="Message").click()
    teacher.locator("dialog[open]").get_by_role("textbox").fill("Look at https://example.org/board")
    teacher.locator("dialog[open]").locator("button[type=submit]").click()
    expect(row(learner, "message").get_by_role("link")).to_have_attribute("href", "https://example.org/board")
    tools.get_by_role("button", name="Pause all").click()
    expect(row(learner, "paused")).to_contain_text("Ina")
    axe.check(learner)
    axe.check(teacher)
    teacher.get_by_role("button", name="Go on").click()
    expect(row(learner, "paused")).to_have_count(0)
    tools.get_by_role("button", name="Extend all").click()
    tools.get_by_role("button", name="End the class").click()
    teacher.locator("dialog[open]").locator("button[type=submit]").click()
    expect(row(learner, "closing")).to_be_visible()
    teacher.get_by_role("button", name="Call it off").click()
    expect(row(learner, "closing")).to_have_count(0)
    learner.set_viewport_size({"width": 390, "height": 844})
    axe.check(learner, ".lab-classbar")


@pytest.mark.parametrize("palette", ["light", "dark"])
def test_a_terminal_that_is_presented(visit: Open, palette: str) -> None:
    teacher, learner = pages(visit, f"Present, {palette}", color_scheme=palette)
    tools = teacher.get_by_role("toolbar", name="Tools of the room")
    room = teacher.locator(".lab-conduct")
    tools.get_by_role("button", name="Present my terminal").click()
    expect(room).to_contain_text("Open a lesson in another tab")
    own = teacher.context.new_page()
    own.goto(learner.url)
    own.get_by_role("button", name="Terminal", exact=True).click()
    own.wait_for_function("() => window.labs.text('host').includes('#') || window.labs.text('host').includes('$')")
    own.locator(".lab-dock .xterm-screen").first.click()
    own.keyboard.type("echo lo''ok here\n")
    tools.get_by_role("button", name="Present my terminal").click()
    expect(room).to_contain_text("Ina presents their terminal host")
    expect(row(learner, "present")).to_contain_text("Ina shows you a terminal.")
    live = own.get_by_role("region", name="You are presenting")
    expect(live).to_contain_text(
        f"Live on every learner’s page of Present, {palette}: what the terminal host shows, they see."
    )
    assert learner.get_by_role("region", name="You are presenting").count() == 0
    own.reload()
    expect(live).to_be_visible()
    axe.check(own)
    picture(own, f"live-{palette}")
    shown = row(learner, "present").locator(".xterm-rows")
    expect(shown).to_contain_text("look here")
    own.locator(".lab-dock .xterm-screen").first.click()
    own.keyboard.type("echo mo''re\n")
    expect(shown).to_contain_text("more")
    axe.check(learner)
    axe.check(teacher)
    learner.reload()
    expect(shown).to_contain_text("more")
    row(learner, "present").get_by_role("button", name="Hide it").click()
    expect(shown).to_have_count(0)
    learner.set_viewport_size({"width": 390, "height": 844})
    row(learner, "present").get_by_role("button", name="Show it").click()
    expect(shown).to_contain_text("more")
    axe.check(learner, ".lab-classbar")
    live.get_by_role("button", name="Stop presenting").click()
    expect(live).to_be_hidden()
    expect(row(learner, "present")).to_have_count(0)
    expect(room).not_to_contain_text("presents their terminal")
