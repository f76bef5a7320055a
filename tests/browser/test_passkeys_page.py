"""Passkeys in the room, with Chromium's own authenticator (WebDriver's virtual one): added, signed in with, removed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import axe
from tests.browser.conftest import ANY, Open, watched
from tests.browser.pages import PHONE, WIDE, sign_in
from tests.conftest import Server


@pytest.fixture
def named(browser: Browser, room: Server) -> Iterator[Open]:
    """As `visit`, at an address that has a name."""
    with watched(browser, room.origin.replace("127.0.0.1", "localhost"), ANY) as make:
        yield make


def authenticator(page: Page) -> None:
    """From here on the page's browser has one that says yes to all."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    kind = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    given = {"options": kind | {"isUserVerified": True, "automaticPresenceSimulation": True}}
    session.send("WebAuthn.addVirtualAuthenticator", given)


@pytest.mark.parametrize(("palette", "size"), [("light", WIDE), ("dark", PHONE)], ids=["light-wide", "dark-phone"])
def test_a_passkey_is_added_signed_in_with_and_removed(named: Open, palette: str, size: object) -> None:
    page = named("/room/", color_scheme=palette, viewport=size)
    authenticator(page)
    axe.check(page)
    sign_in(page)
    page.get_by_role("button", name="Passkeys").click()
    dialog = page.locator("dialog.lab-room__dialog")
    dialog.get_by_label("Name").fill(f"My laptop, {palette}")
    dialog.get_by_role("button", name="Add a passkey").click()
    mine = dialog.get_by_role("listitem").filter(has_text=f"My laptop, {palette}")
    expect(mine).to_contain_text("not used yet")
    axe.check(page)
    dialog.get_by_role("button", name="Add a passkey").click()
    expect(dialog.locator(".lab-room__line[data-wrong]")).to_contain_text("has a passkey of yours already")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.locator(".lab-room__bar")).to_contain_text("Signed in as Ina")
    page.get_by_role("button", name="Passkeys").click()
    expect(mine).to_contain_text("last used")
    mine.get_by_role("button", name="Remove the passkey").click()
    expect(mine).to_have_count(0)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.locator(".lab-room__line[data-wrong]")).to_contain_text("This passkey is not known here.")


def test_where_there_can_be_none_the_page_says_why(visit: Open) -> None:
    page = visit("/room/")
    sign_in(page)
    page.get_by_role("button", name="Passkeys").click()
    expect(page.locator("dialog.lab-room__dialog")).to_contain_text("None can be made here")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in").wait_for()
    assert page.get_by_role("button", name="Use a passkey").count() == 0
