"""Signing in with a provider, in the room: there and back, connected and disconnected, and told where it came to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import axe
from tests.browser.classroom import account, classroom
from tests.browser.pages import PHONE, WIDE, picture, sign_in
from tests.conftest import Server
from tests.web.provider import Provider, providing


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """Another site than the course, for a browser: what it lets across is part of the flow."""
    with providing("localhost") as made:
        yield made


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Server]:
    with classroom(tmp_path_factory.mktemp("room"), **provider.settings) as server:
        account(server, "Ina")
        yield server


@pytest.fixture
def page(browser: Browser, known: Server, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The room; it may lead to the provider and back."""
    scheme, size = cast("tuple[Any, Any]", getattr(request, "param", ("light", WIDE)))
    context = browser.new_context(color_scheme=scheme, viewport=size)
    made = context.new_page()
    made.goto(f"{known.origin}/room/")
    yield made
    context.close()


def palette(page: Page) -> str:
    return str(page.locator("body").get_attribute("data-md-color-scheme"))


WITH = "Sign in with Example University"


@pytest.mark.parametrize("page", [("light", WIDE), ("dark", PHONE)], ids=["light-wide", "dark-phone"], indirect=True)
def test_an_account_is_connected_signed_in_with_and_disconnected(page: Page, known: Server) -> None:
    axe.check(page)
    page.get_by_role("button", name=WITH).click()
    told = page.locator(".lab-room__line[data-wrong]")
    expect(told).to_contain_text("Example University knows you, but no account here is yours.")
    assert page.url == f"{known.origin}/room/", "a reload doesn't say it again"
    picture(page, f"oidc-unknown-{palette(page)}")
    axe.check(page)
    sign_in(page)
    page.get_by_role("button", name="Example University", exact=True).click()
    dialog = page.locator("dialog.lab-room__dialog")
    axe.check(page)
    dialog.get_by_role("button", name="Connect with Example University").click()
    page.locator(".lab-room > .lab-room__line", has_text="Your account is connected").wait_for()
    picture(page, f"oidc-connected-{palette(page)}")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name=WITH).click()
    expect(page.locator(".lab-room__bar")).to_contain_text("Signed in as Ina")
    page.get_by_role("button", name="Example University", exact=True).click()
    mine = dialog.get_by_role("listitem").filter(has_text="ada@example.org")
    expect(mine).to_contain_text("last used")
    picture(page, f"oidc-dialog-{palette(page)}")
    axe.check(page)
    mine.get_by_role("button", name="Disconnect").click()
    expect(mine).to_have_count(0)


def test_what_came_to_nothing_is_told(page: Page, provider: Provider) -> None:
    told = page.locator(".lab-room__line[data-wrong]")
    for spoil, words in (("refuse", "signed nobody in"), ("key", "can’t be trusted")):
        provider.spoil = spoil
        page.get_by_role("button", name=WITH).click()
        expect(told).to_contain_text(words)
    provider.spoil = ""
    page.goto(page.url.split("?")[0] + "?signin=%3Cb%3Emade-up")
    page.get_by_role("button", name=WITH).wait_for()
    expect(told).to_have_count(0)
