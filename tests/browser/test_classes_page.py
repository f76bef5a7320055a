"""A class on two real pages: the instructor makes it, a learner joins it, the roster shows. No guest: the driver is PtyDriver."""

from __future__ import annotations

import re

import pytest

from tests.browser import axe
from tests.browser.classroom import WORDS, account, worked
from tests.browser.conftest import Open
from tests.browser.pages import PHONE, WIDE, make_class, sign_in
from tests.conftest import Server


def test_an_instructor_makes_a_class_a_learner_joins_and_the_roster_shows(visit: Open, room: Server) -> None:
    teacher = visit("/room/", viewport=WIDE)
    sign_in(teacher, "wrong words entirely")
    teacher.locator(".lab-room__line[data-wrong]", has_text="wrong").wait_for()
    teacher.locator("input[type=password]:focus").wait_for()
    teacher.keyboard.type(WORDS)
    teacher.keyboard.press("Enter")
    code = make_class(teacher, "Containers on two pages")
    assert re.fullmatch(r"(\d{3}-){2}\d{3}", code)
    teacher.locator(".lab-room__empty:visible", has_text="Nobody is here yet").wait_for()
    assert teacher.locator("img.lab-room__qr").evaluate("image => image.decode().then(() => image.naturalWidth > 0)")

    learner = visit("/join/", viewport=PHONE)
    learner.get_by_label("Code").fill(code.replace("-", " "))
    learner.keyboard.press("Enter")
    learner.wait_for_url(re.compile(f"/join/{code}$"))
    learner.locator("h1", has_text="Containers on two pages").wait_for()
    learner.locator(".lab-room__seen", has_text="the name that you choose").wait_for()
    learner.locator(".lab-room__unseen", has_text="such as a password").wait_for()
    learner.get_by_label("Your name in this class").fill("Zoe\u0308 <b>")
    learner.keyboard.press("Enter")
    learner.locator(".lab-room__in", has_text="You are in as Zoë <b>.").wait_for()

    teacher.get_by_role("tab", name="Progress").click()
    row = teacher.locator(".lab-room__roster tbody tr")
    row.get_by_role("rowheader", name="Zoë <b>").wait_for()
    teacher.locator(".lab-room__count", has_text="1 of 30 seats taken").wait_for()
    worked(room, teacher.url.rsplit("/", 1)[-1], {"Zoë <b>": 1.0})
    row.locator("td[data-full]", has_text="complete").first.wait_for()

    learner.locator("a.lab-button--main:focus").wait_for()
    learner.keyboard.press("Enter")
    chip = learner.locator(".lab-class-chip", has_text="Containers on two pages")
    chip.click()
    dialog = learner.get_by_role("dialog")
    dialog.locator(".lab-room__seen").wait_for()
    axe.check(learner)
    dialog.get_by_role("button", name="Leave this class").click()
    learner.locator("dialog.lab-dialog:not(.lab-mine)").get_by_role("button", name="Leave").click()
    dialog.get_by_role("status").filter(has_text="You have left").wait_for()
    learner.keyboard.press("Escape")
    chip.wait_for(state="detached")
    teacher.locator(".lab-room__empty:visible", has_text="Nobody is here yet").wait_for()


def test_names_and_states_that_stand_in_the_way_are_told(visit: Open) -> None:
    teacher = visit("/room/")
    sign_in(teacher)
    code = make_class(teacher, "A class that closes")
    early, late = visit(f"/join/{code}"), visit(f"/join/{code}")
    name = early.get_by_label("Your name in this class")
    for typed, told in (("Ann\u202eeve", "no invisible characters"), ("Ann", None)):
        name.fill(typed)
        early.keyboard.press("Enter")
        if told:
            early.locator(".lab-room__line[data-wrong]", has_text=told).wait_for()
    early.locator(".lab-room__in").wait_for()
    late.get_by_label("Your name in this class").fill("ANN")
    late.keyboard.press("Enter")
    late.locator(".lab-room__line[data-wrong]", has_text="'ANN 2'").wait_for()

    teacher.get_by_role("button", name="Close the class").click()
    teacher.locator(".lab-room__state[data-state=closed]").wait_for()
    late.get_by_label("Your name in this class").fill("Ann 2")
    late.keyboard.press("Enter")
    late.locator(".lab-room__line[data-wrong]", has_text="is closed").wait_for()
    late.reload()
    late.locator(".lab-room__line", has_text="The class is closed.").wait_for()
    teacher.get_by_role("button", name="Open now").click()
    late.get_by_label("Your name in this class").fill("Ann 2")  # the page has looked again by itself
    late.keyboard.press("Enter")
    late.locator(".lab-room__in").wait_for()

    wrong = visit("/join/000-000-000")
    wrong.locator(".lab-room__line[data-wrong]", has_text="No class has this code").wait_for()
    teacher.get_by_role("tab", name="Progress").click()
    out = teacher.get_by_role("button", name="Take out Ann 2")
    out.click()
    teacher.get_by_role("dialog").get_by_role("button", name="Take out").click()
    out.wait_for(state="detached")


def test_two_instructors_at_once_and_a_restart(visit: Open, room: Server) -> None:
    one = visit("/room/")
    sign_in(one)
    make_class(one, "Before")
    other = visit("/room/")
    sign_in(other)
    other.get_by_role("button", name="New class").wait_for()
    other.goto(one.url)
    for page, title in ((one, "From one"), (other, "From the other")):
        page.get_by_role("button", name="Change").click()
        page.get_by_role("dialog").get_by_label("Title").fill(title)
    one.get_by_role("button", name="Save").click()
    one.locator("h1", has_text="From one").wait_for()
    other.get_by_role("button", name="Save").click()
    other.locator("dialog .lab-room__line", has_text="Somebody else changed this class").wait_for()
    room.stop_web()
    room.start_web()
    other.get_by_role("button", name="Save").click()
    other.locator("h1", has_text="From the other").wait_for()
    one.locator("h1", has_text="From the other").wait_for()


def test_signing_out_and_ending_a_sign_in_elsewhere(visit: Open) -> None:
    here, there = visit("/room/"), visit("/room/")
    for page in (here, there):
        sign_in(page)
        page.get_by_role("button", name="New class").wait_for()
    here.get_by_role("button", name="Where I am signed in").click()
    ends = here.get_by_role("dialog").get_by_role("button", name="End the sign-in")
    ends.first.wait_for()
    axe.check(here)
    while ends.count():
        before = ends.count()
        ends.first.click()
        here.wait_for_function("n => document.querySelectorAll('.lab-room__signins button').length < n", arg=before)
    here.keyboard.press("Escape")
    there.reload()
    there.get_by_role("button", name="Sign in").wait_for()
    here.get_by_role("button", name="Sign out").click()
    here.get_by_role("button", name="Sign in").wait_for()


def test_another_password_by_keyboard_alone(visit: Open, room: Server) -> None:
    account(room, "Uma")
    here, there = visit("/room/", viewport=WIDE), visit("/room/")
    sign_in(here, name="Uma")
    here.get_by_role("button", name="Change password").click()
    dialog = here.locator("dialog.lab-room__dialog")
    dialog.locator("input[type=password]:focus").wait_for()
    axe.check(here)
    here.keyboard.type("wrong words entirely")
    here.keyboard.press("Tab")
    here.keyboard.type("four words that differ")
    here.keyboard.press("Enter")
    dialog.locator(".lab-room__line[data-wrong]", has_text="is wrong").wait_for()
    dialog.get_by_label("Password now").fill(WORDS)
    here.keyboard.press("Enter")
    dialog.locator(".lab-room__line", has_text="It is changed.").wait_for()
    dialog.locator("button:focus").wait_for()
    here.keyboard.press("Enter")
    dialog.wait_for(state="detached")
    sign_in(there, "four words that differ", name="Uma")
    there.get_by_role("button", name="New class").wait_for()


@pytest.mark.parametrize("palette", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_pages_are_accessible_and_fit_their_window(
    visit: Open, room: Server, palette: str, size: dict[str, int]
) -> None:
    options = {"color_scheme": palette, "viewport": size, "reduced_motion": "reduce"}
    page = visit("/room/", **options)
    page.get_by_role("button", name="Sign in").wait_for()
    axe.check(page)
    sign_in(page)
    page.get_by_role("button", name="New class").wait_for()
    axe.check(page)
    code = make_class(page, f"Axe {palette} {size['width']}")
    guest = visit(f"/join/{code}", **options)
    guest.get_by_role("button", name="Join").wait_for()
    axe.check(guest)
    guest.get_by_label("Your name in this class").fill("A name that is rather long, as it goes")
    guest.keyboard.press("Enter")
    guest.locator(".lab-room__in").wait_for()
    axe.check(guest)
    page.get_by_role("tab", name="Progress").click()
    page.locator(".lab-room__roster").wait_for()
    worked(room, page.url.rsplit("/", 1)[-1], {"A name that is rather long, as it goes": 0.5})
    page.locator(".lab-room__words", has_text="%").first.wait_for()
    axe.check(page)
    page.get_by_role("button", name="Change").click()
    page.get_by_role("dialog").get_by_label("Title").wait_for()
    axe.check(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Show to the class").click()
    page.locator("dialog img").evaluate("image => image.decode()")
    axe.check(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Archive").click()
    page.get_by_role("dialog").get_by_role("button", name="Archive").click()
    page.locator(".lab-room__state[data-state=archived]").wait_for()
    axe.check(page)


def test_a_class_gets_limits_and_the_host_has_the_last_word(visit: Open) -> None:
    page = visit("/room/", viewport=PHONE, color_scheme="dark")
    sign_in(page)
    make_class(page, "Short")
    page.get_by_role("button", name="Change").click()
    dialog = page.get_by_role("dialog", name="Change the class")
    limits = dialog.get_by_role("group", name="Sandboxes of its learners")
    limits.get_by_label("Minutes until the end").fill("90")
    limits.get_by_label("Extensions").fill("99")
    axe.check(page)
    dialog.get_by_role("button", name="Save").click()
    dialog.get_by_text("can be extended 8 times at the most. Choose that, or less.").wait_for()
    limits.get_by_label("Extensions").fill("0")
    dialog.get_by_role("button", name="Save").click()
    dialog.wait_for(state="detached")
    page.get_by_role("button", name="Change").click()
    values = [
        dialog.get_by_label(name).input_value() for name in ("Minutes until the end", "Minutes unused", "Extensions")
    ]
    assert values == ["90", "", "0"]


def test_a_class_that_is_over_is_found_again_and_left(visit: Open) -> None:
    page = visit("/room/")
    sign_in(page)
    code = make_class(page, "Done with")
    guest = visit(f"/join/{code}", viewport=PHONE)
    guest.get_by_label("Your name in this class").fill("Late")
    guest.keyboard.press("Enter")
    guest.locator(".lab-room__in").wait_for()
    page.locator(".lab-tile", has_text="Late").wait_for()
    page.get_by_role("button", name="Archive").click()
    page.get_by_role("dialog").get_by_role("button", name="Archive").click()
    page.locator(".lab-room__state[data-state=archived]").wait_for()
    page.locator(".lab-tile", has_text="Late").wait_for()
    guest.get_by_role("link", name="Start with").click()
    guest.locator(".lab-progress__mine").wait_for()
    guest.locator(".lab-class-chip").wait_for(state="detached")
    guest.locator(".lab-progress__mine").click()
    guest.get_by_role("button", name="My classes").click()
    classes = guest.get_by_role("dialog", name="My classes")
    classes.get_by_role("heading", name="Over").wait_for()
    axe.check(guest)
    classes.get_by_role("button", name="Leave this class").click()
    told = guest.get_by_role("dialog", name="Leave Done with?")
    assert "only if its instructor opens it again" in told.inner_text()
    told.get_by_role("button", name="Leave").click()
    classes.get_by_text("You are in no class.").wait_for()
    page.locator(".lab-tile", has_text="Late").wait_for(state="detached")


def test_without_a_server_the_pages_say_so(visit: Open) -> None:
    for path in ("/room/", "/join/123-456-789"):
        page = visit("/")
        page.route("**/api/**", lambda route: route.fulfill(status=200, content_type="text/html", body="<p>a page</p>"))
        page.goto(page.url.rstrip("/") + path)
        page.locator(".lab-room", has_text="No course server answers here").wait_for()
