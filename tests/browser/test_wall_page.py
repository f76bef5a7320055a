"""The wall on a real page beside a learner's: tiles that follow what learners do, terminals in miniature, and who may be seen."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser import axe
from tests.browser.classroom import worked
from tests.browser.conftest import Open
from tests.browser.pages import PHONE, WIDE, make_class, picture, sign_in
from tests.conftest import Server
from tests.web.learner import Learner
from tests.web.rooms import Channel

LESSON = "concepts/02-how-containers-work"
NAMES = [
    "Ada",
    "Björn",
    "Chiara",
    "Dmitri",
    "Edith",
    "Farid",
    "Grace",
    "Hedy",
    "Ines",
    "Jun",
    "Katherine",
    "Linus",
    "<b>Mallory</b>",
]
SCREEN = "([id]) => document.querySelector(`.lab-tile[data-learner='${id}'] canvas`)?.screenText?.() ?? ''"


@pytest.fixture
def everybody(room: Server) -> Iterator[Callable[[str], dict[str, Any]]]:
    """everybody(code): a whole class is there and works, as its pages tell it; name → (channel, terminal)."""
    with ExitStack() as held:

        def come(code: str) -> dict[str, Any]:
            there: dict[str, Any] = {}
            for n, name in enumerate(NAMES):
                who = Learner(room)
                told: httpx.Response = who.http.post("/api/memberships", json={"code": code, "name": name})
                assert told.status_code == 201, told.text
                if n == len(NAMES) - 1:
                    break  # who joined, and has no page open
                page = held.enter_context(Channel(who))
                page.say(type="at", lesson=LESSON, step=f"namespaces/{1 + n % 3}")
                terminal = who.terminal(who.start(LESSON))
                held.callback(terminal.socket.close)
                terminal.type(f"clear; echo I am {name}; ls --color=always /; printf '\\e[42;97m done \\e[0m\\n'\n")
                terminal.until(b"done")
                there[name] = page, terminal
            return there

        yield come


def ids(page: Page) -> dict[str, str]:
    rows = page.locator(".lab-tile").evaluate_all(
        "tiles => tiles.map(tile => [tile.querySelector('bdi').textContent, tile.dataset.learner])"
    )
    return dict(rows)


def seen(page: Page, id: str) -> str:
    """What the learner's miniature has on it."""
    return str(page.evaluate(SCREEN, [id]))


def shows(page: Page, id: str, words: str) -> None:
    """Wait until the learner's miniature has these words on it."""
    page.wait_for_function(f"([id, words]) => ({SCREEN})([id]).includes(words)", arg=[id, words])


def test_the_wall_follows_a_learner_on_their_page(visit: Open, room: Server) -> None:
    teacher = visit("/room/", viewport=WIDE)
    sign_in(teacher)
    code = make_class(teacher, "A class on the wall")
    teacher.locator(".lab-wall .lab-room__empty", has_text="Nobody is here yet").wait_for()

    learner = visit(f"/join/{code}", viewport=WIDE)
    learner.locator(".lab-room__seen", has_text="screens of your terminals").wait_for()
    learner.get_by_label("Your name in this class").fill("Zoë <b>")
    learner.keyboard.press("Enter")
    learner.locator(".lab-room__in").wait_for()
    tile = teacher.locator(".lab-tile")
    tile.get_by_text("Zoë <b>", exact=True).wait_for()
    learner.goto(f"{room.origin}/{LESSON}/")
    block = learner.locator('[data-block="namespaces"]')
    block.locator('[data-step="1"] [data-action="run"]').click()
    block.locator('[data-step="1"][data-exit]').wait_for()
    expect(tile).to_have_attribute("data-online", "")
    tile.locator(".lab-tile__place", has_text=re.compile("step 1$")).wait_for()
    id = ids(teacher)["Zoë <b>"]
    learner.locator(".xterm-helper-textarea").first.focus()
    learner.keyboard.type("echo se''en\n")
    shows(teacher, id, "seen")
    drawn = "canvas => new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).size"
    assert tile.locator("canvas").evaluate(drawn) > 10, "there is a picture, too"
    for _ in range(3):
        learner.keyboard.type("false\n")
    tile.locator(".lab-tile__call", has_text=re.compile("commands failed in a row")).wait_for()
    teacher.locator(".lab-wall__counts", has_text="1 learner, 1 online, 1 maybe stuck").wait_for()

    room.stop_web()
    teacher.locator(".lab-room > .lab-room__late:visible").wait_for()
    room.start_web()
    teacher.locator(".lab-room > .lab-room__late").wait_for(state="hidden")
    learner.keyboard.type("echo af''ter\n")
    shows(teacher, id, "after")

    learner.goto(f"{room.origin}/")
    teacher.locator(".lab-wall__counts", has_text="1 learner, 1 online").wait_for()
    learner.context.close()
    expect(tile).not_to_have_attribute("data-online", "")
    teacher.get_by_role("tab", name="Progress").click()
    teacher.get_by_role("button", name="Take out Zoë").click()
    teacher.get_by_role("dialog").get_by_role("button", name="Take out").click()
    teacher.get_by_role("tab", name="Wall").click()
    tile.wait_for(state="detached")


def test_a_whole_class_is_sorted_found_and_seen(
    visit: Open, room: Server, everybody: Callable[[str], dict[str, Any]]
) -> None:
    teacher = visit("/room/", viewport=WIDE | {"height": 500})  # no room for all of them
    sign_in(teacher)
    there = everybody(make_class(teacher, "A whole class"))
    teacher.locator(".lab-wall__counts", has_text="13 learners, 12 online").wait_for()
    known = ids(teacher)
    assert set(known) == set(NAMES), "names are text"
    shows(teacher, known["Ada"], "I am Ada")
    assert not seen(teacher, known["Linus"]), "what is out of view is not sent"
    teacher.locator(".lab-tile", has_text="Linus").scroll_into_view_if_needed()
    shows(teacher, known["Linus"], "I am Linus")

    for _ in range(4):
        there["Jun"][0].say(type="did", failed=True)
    teacher.locator(".lab-tile").first.get_by_text("4 commands failed in a row").wait_for()
    status = teacher.get_by_role("status").filter(has_text="Jun: 3 commands failed in a row.")
    status.or_(teacher.get_by_role("status").filter(has_text="Jun: 4 commands")).first.wait_for()
    teacher.get_by_label("Sort by").select_option(label="Name")
    assert list(ids(teacher))[:3] == ["<b>Mallory</b>", "Ada", "Björn"]
    teacher.get_by_label("Show").select_option(label="Maybe stuck")
    assert list(ids(teacher)) == ["Jun"]
    teacher.get_by_label("Show").select_option(label="Everybody")
    teacher.get_by_label("Find learners").fill("bjorn")
    assert list(ids(teacher)) == ["Björn"]
    teacher.get_by_label("Find learners").fill("")
    teacher.locator(".lab-wall__spot", has_text="step 2").click()
    assert len(ids(teacher)) == 4

    teacher.get_by_label("Find learners").fill("")
    worked(room, teacher.url.rsplit("/", 1)[-1], {"Ada": 1.0, "Grace": 0.5})
    teacher.get_by_role("tab", name="Tasks").click()
    row = teacher.locator(".lab-heat__table tbody tr", has_text="Ada")
    row.locator("td[data-passed]").first.wait_for()
    assert row.locator("td:not([data-passed])").count() == 0
    teacher.get_by_role("tab", name="Tasks").press("ArrowRight")
    teacher.locator(".lab-room__roster tbody tr").nth(12).wait_for()


@pytest.mark.parametrize("palette", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_wall_is_accessible_and_fits_its_window(
    visit: Open,
    room: Server,
    everybody: Callable[[str], dict[str, Any]],
    palette: str,
    size: dict[str, int],
) -> None:
    teacher = visit("/room/", color_scheme=palette, viewport=size, reduced_motion="reduce")
    sign_in(teacher)
    there = everybody(make_class(teacher, f"Containers, {palette} {size['width']}"))
    worked(room, teacher.url.rsplit("/", 1)[-1], {"Ada": 1.0, "Grace": 0.5, "Hedy": 0.3, "Jun": 0.1})
    for _ in range(4):
        there["Jun"][0].say(type="did", failed=True)
    teacher.locator(".lab-tile", has_text="Jun").get_by_text("4 commands failed").wait_for()
    teacher.locator(".lab-tile", has_text="Ada").get_by_text("100 % done").wait_for()
    axe.check(teacher)
    settled(teacher, f"wall-{palette}-{size['width']}")
    teacher.get_by_role("tab", name="Tasks").click()
    teacher.locator(".lab-heat__table td[data-passed]").first.wait_for()
    axe.check(teacher)
    settled(teacher, f"heat-{palette}-{size['width']}")


def settled(page: Page, name: str) -> None:
    page.locator(".lab-room__view").evaluate("view => view.scrollIntoView()")
    page.wait_for_timeout(1500 if os.environ.get("LABS_PICTURES") else 0)
    picture(page, name)
