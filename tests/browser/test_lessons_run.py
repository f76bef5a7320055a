"""Every step of a lesson, by click in a browser: what the terminal then says is what the lesson states.

One lesson, the one that everything started from: `labs verify` types the steps of all of them, which takes a third of the time.
"""

from __future__ import annotations

import pytest

from lab_server.lessons.catalog import load
from lab_server.lessons.matching import matches
from tests.browser.course import ROOT
from tests.browser.listener import Listener

CATALOG = load(ROOT)
STEP_WITHIN = 120_000  # milliseconds; a container starts in seconds under emulation
ENDED = ", ".join(
    f'[data-step="{{n}}"][data-state="{state}"]' for state in ("ok", "failed", "inside", "lost", "refused", "skipped")
)


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("lesson", [CATALOG.lesson("concepts/02-how-containers-work")], ids=lambda lesson: lesson.id)
def test_every_step_of_the_lesson_says_what_the_lesson_states(open_page, course, lesson):
    page = open_page("/")
    listener = Listener(page)
    page.goto(f"{course.url}/{lesson.url.lstrip('/')}")
    wrong, ran = [], 0
    for block in lesson.blocks:
        section = page.locator(f'[data-block="{block.id}"]')
        for step in block.steps:
            if step.edit:
                continue
            before = len(listener.commands(step.session))
            section.locator(f'[data-step="{step.n}"] [data-action="run"]').click()
            if step.predict:
                section.locator(f'[data-step="{step.n}"] [data-action="skip"]').click()
            item = section.locator(ENDED.format(n=step.n))
            item.wait_for(timeout=STEP_WITHIN)
            after = listener.commands(step.session)
            where = f"{lesson.id}#{block.id} step {step.n}: {step.command}"
            if item.get_attribute("data-exit") is None:
                wrong.append(
                    f"{where}\n  {item.get_attribute('data-state')}: {item.locator('.lab-status').inner_text()}"
                )
                continue
            ran += 1
            if len(after) != before + 1:
                wrong.append(f"{where}\n  ran {len(after) - before} times")
                continue
            output, code = after[-1]
            if str(code) != item.get_attribute("data-exit"):
                wrong.append(f"{where}\n  the page says exit {item.get_attribute('data-exit')}, the shell {code}")
            if not matches(step.expect, output):
                wrong.append(f"{where}\n  stated:\n{step.expect}\n  said (exit {code}):\n{output}")
    assert not wrong, "\n\n".join(wrong)
    assert ran == sum(not step.edit for block in lesson.blocks for step in block.steps)
