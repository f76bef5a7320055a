"""What a lesson page costs the network: bytes from an empty cache, in headless Chromium, as its DevTools protocol counts them.

A site built for the occasion, precompressed, served by the real web server; behind it the plain PTY. Loopback, HTTP/1.1.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.figures import Figure
from bench.ours import Ours
from lab_server.build.site import build_site
from lab_server.errors import BuildFailed, LabError, Missing
from lab_server.lessons import catalog
from lab_server.settings import ROOT
from tests.browser.chromium import CHROMIUM

PART = "Lesson page"
QUIET = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"
WITHIN = 30_000  # milliseconds
Tell = Callable[[str], None]


class Transfers:
    """Bytes on the wire (encodedDataLength: heads and encoded bodies) by address, until `stop`."""

    def __init__(self, devtools: Any) -> None:
        self.bytes: Counter[str] = Counter()
        self.stopped = False
        self._paths: dict[str, str] = {}
        devtools.on("Network.responseReceived", self._answered)
        devtools.on("Network.loadingFinished", self._finished)
        devtools.on("Network.webSocketHandshakeResponseReceived", self._opened)
        devtools.send("Network.enable")
        devtools.send("Network.setCacheDisabled", {"cacheDisabled": True})

    def _answered(self, event: dict[str, Any]) -> None:
        self._paths[event["requestId"]] = urlsplit(event["response"]["url"]).path

    def _finished(self, event: dict[str, Any]) -> None:
        if not self.stopped:
            self.bytes[self._paths.get(event["requestId"], "?")] += int(event["encodedDataLength"])

    def _opened(self, event: dict[str, Any]) -> None:
        self.stopped = True

    @property
    def kb(self) -> float:
        return sum(self.bytes.values()) / 1e3


def measure(tell: Tell) -> list[Figure]:
    """One figure a lesson and moment. Raises Missing, BuildFailed."""
    if not CHROMIUM:
        raise Missing("There is no Chromium.", "apt-get install chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise Missing("playwright is not installed.", "pip install playwright") from None
    with tempfile.TemporaryDirectory(prefix="labs-bench-") as name:
        place = Path(name)
        tell("page: building the site")
        site = place / "built" / "site"
        try:
            build_site(ROOT, site, lambda share, what: None)
        except BuildFailed as why:
            raise LabError(f"The site can't be built: {why}") from why
        peer = Ours(place)
        (place / "data").mkdir()
        (place / "data" / "site").symlink_to(site)
        try:
            peer.start()
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET.split())
                found = []
                for lesson in catalog.load(ROOT).lessons:
                    tell(f"page: {lesson.id}")
                    found += _lesson(browser, f"http://127.0.0.1:{peer.port}/{lesson.url.lstrip('/')}", lesson.title)
                browser.close()
                return found
        finally:
            peer.stop()


def _lesson(browser: Any, url: str, title: str) -> list[Figure]:
    """Loaded and quiet; then, by the button that opens the terminal, until its websocket is open."""
    context = browser.new_context()
    page = context.new_page()
    transfers = Transfers(context.new_cdp_session(page))
    page.goto(url, wait_until="networkidle", timeout=WITHIN)
    loaded = transfers.kb
    page.get_by_role("button", name="Terminal", exact=True).click(timeout=WITHIN)
    # not wait_for_function: the page's own policy forbids evaluating text
    page.locator(".lab-dock .xterm-screen").first.wait_for(timeout=WITHIN)
    until = 100
    while not transfers.stopped and until:
        page.wait_for_timeout(100)
        until -= 1
    opened, most = transfers.kb, transfers.bytes.most_common(5)
    context.close()
    largest = ", ".join(f"{Path(path).name or 'the page'} {size / 1e3:.0f}" for path, size in most)
    note = f"the largest: {largest} kB"
    detail = {"bytes": dict(transfers.bytes), "loaded_kb": loaded}
    return [
        Figure(PART, f"{title}: loaded", loaded, "kB"),
        Figure(PART, f"{title}: until its terminal opens", opened, "kB", 700, note=note, detail=detail),
    ]
