"""The whole way of a class on two real pages, on `labs serve` with the driver of this host. Under compose: tests/compose."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.classroom import WORDS
from tests.browser.conftest import Open
from tests.browser.course import Course, account
from tests.browser.journey import PICTURES, Journey


@pytest.mark.timeout(600)
def test_from_joining_to_the_export(open_page: Open, course: Course) -> None:
    account(course, "Ina", WORDS)
    Journey(open_page, WORDS, print, Path(PICTURES) if PICTURES else None).go()
