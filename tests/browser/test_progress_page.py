"""Quizzes, predictions, tasks and progress as a learner meets them in the page: graded by the server, kept, carried, deleted."""

from __future__ import annotations

import json
import re

import pytest

from lab_server.lessons.catalog import load
from tests.browser import axe
from tests.browser.course import ROOT

LESSON = "/concepts/02-how-containers-work/"
ID = LESSON.strip("/")
QUESTIONS = [question for quiz in load(ROOT).lesson(ID).quizzes for question in quiz.questions]
NAMESPACE = next(question for question in QUESTIONS if question.text.startswith("Which namespace gives"))
SEVERAL = next(question for question in QUESTIONS if question.multiple)
TERMINAL = "#lab-panel-host .xterm-helper-textarea"


@pytest.fixture
def open_lesson(open_page):
    """open_lesson(**options) → a page at the lesson, once its progress is there."""

    def make(**options):
        page = open_page(LESSON, **options)
        page.locator(".lab-progress__counts").wait_for()
        return page

    return make


def fieldset(page, question):
    return page.locator(f'fieldset[data-question="{question.id}"]')


def choose(page, question, right):
    """Select an option by keyboard: the first that is right, or wrong."""
    at = next(i for i, option in enumerate(question.options) if option.right is right)
    page.keyboard.press("ArrowDown")  # selects the second, or the next
    while page.evaluate("document.activeElement.value") != question.options[at].id:
        page.keyboard.press("ArrowDown")


def kept(page):
    return page.evaluate("fetch('/api/progress').then(answer => answer.json())")["lessons"][ID]


def type_in_terminal(page, text):
    page.locator(TERMINAL).focus()
    page.keyboard.type(text)


def open_mine(page):
    page.locator(".lab-mine-open").click()
    return page.locator("dialog.lab-mine")


def answer_wrong_then_right(page):
    """By keyboard alone."""
    box = fieldset(page, NAMESPACE)
    box.locator("input").first.focus()
    choose(page, NAMESPACE, right=False)
    page.keyboard.press("Enter")
    page.locator(f'fieldset[data-question="{NAMESPACE.id}"][data-result="wrong"]').wait_for()
    assert box.locator(".lab-quiz__mark").all_inner_texts() == ["not this"]
    choose(page, NAMESPACE, right=True)
    assert box.get_attribute("data-result") is None, "a verdict stays although something else is picked"
    page.keyboard.press("Enter")
    page.locator(f'fieldset[data-question="{NAMESPACE.id}"][data-result="right"]').wait_for()


def test_a_quiz_is_answered_wrong_then_right_by_keyboard_and_is_there_after_a_reload(open_lesson):
    page = open_lesson()
    answer_wrong_then_right(page)
    said = page.locator("form.lab-quiz [role=status]")
    said.filter(has_text=f"1 of {len(QUESTIONS)} right").wait_for(state="attached")
    right = next(option for option in NAMESPACE.options if option.right)
    assert said.inner_text().startswith("Right.")
    assert fieldset(page, NAMESPACE).locator(".lab-quiz__why").all_inner_texts() == [right.why]
    page.reload()
    page.locator(f'fieldset[data-question="{NAMESPACE.id}"][data-result="right"]').wait_for()
    box = fieldset(page, NAMESPACE)
    assert box.locator("input:checked").get_attribute("value") == right.id
    assert page.locator(".lab-quiz__score").inner_text() == f"1 of {len(QUESTIONS)} right"
    assert page.locator("form.lab-quiz [role=status]").inner_text() == "", "what is restored is not announced"
    assert f"Quiz 1/{len(QUESTIONS)}" in page.locator(".lab-progress__counts").inner_text()
    box.get_by_role("button", name=re.compile("^Answer again")).press("Enter")
    assert page.evaluate("document.activeElement.name") == NAMESPACE.id, "the focus is lost"
    axe.check(page)


def test_a_question_of_several_answers_says_how_near_one_is(open_lesson):
    page = open_lesson()
    box = fieldset(page, SEVERAL)
    right = [option for option in SEVERAL.options if option.right]
    box.locator(f'input[value="{right[0].id}"]').check()
    box.get_by_role("button").click()
    box.locator(".lab-quiz__verdict", has_text="more to pick").wait_for()
    assert box.locator(".lab-quiz__mark").all_inner_texts() == ["right"]
    for option in right[1:]:
        box.locator(f'input[value="{option.id}"]').check()
    box.get_by_role("button").click()
    page.locator(f'fieldset[data-question="{SEVERAL.id}"][data-result="right"]').wait_for()
    assert kept(page)["done"]["questions"] == [1, len(QUESTIONS)]


def test_no_answer_is_in_the_page_before_it_was_given(open_lesson, course):
    page = open_lesson()
    gets = [LESSON, "/api/lessons", "/api/progress", "/search/search_index.json"]
    told = {path: page.request.get(course.url + path).text() for path in gets}
    told["the page as it is"] = page.content()
    lesson = load(ROOT).lesson(ID)
    whys = {why for question in QUESTIONS for why in (question.why, *(option.why for option in question.options))}
    whys |= {step.predict.why for block in lesson.blocks for step in block.steps if step.predict}
    secrets = {why[:40] for why in whys if why}
    assert len(secrets) > len(QUESTIONS)
    for path, text in told.items():
        plain = re.sub(r"\\u[0-9a-f]{4}|<[^>]*>", "", text)
        assert not [secret for secret in secrets if secret in text or secret in plain], path


def test_a_prediction_is_asked_for_graded_and_there_after_a_reload(open_lesson):
    page = open_lesson()
    step = page.locator("#lab-isolated-view-3")
    assert "ps aux" in step.locator(".lab-line code").inner_text()
    step.locator("details.lab-expect").wait_for(state="hidden")
    step.locator('[data-action="run"]').click()
    question = step.locator("fieldset.lab-predict")
    question.wait_for()
    assert page.evaluate("document.activeElement.closest('fieldset.lab-predict') !== null"), "the focus is elsewhere"
    assert step.get_by_role("button", name=re.compile("^Run without predicting")).is_visible()
    page.keyboard.press("Enter")
    step.locator(".lab-predict__note", has_text="Pick one").wait_for()
    assert step.get_attribute("data-state") is None, "it ran before there was an answer"
    axe.check(page)
    page.keyboard.press("Space")  # the first: an init, which is wrong
    page.keyboard.press("Enter")
    page.locator("#lab-isolated-view-3[data-exit]").wait_for(timeout=90_000)
    step.locator(".lab-predict__verdict", has_text="Not as you predicted.").wait_for()
    assert step.locator(".lab-predict__holds").count() == 1
    assert "There is no init" in step.locator(".lab-predict__verdict").inner_text()
    assert step.locator("details.lab-expect").is_visible()
    step.locator(".lab-match", has_text="as the lesson says").wait_for()
    page.reload()
    step.locator(".lab-predict__verdict", has_text="Not as you predicted.").wait_for()
    assert step.locator("fieldset.lab-predict input:checked").evaluate("input => input.parentElement.innerText").strip()
    assert step.locator(".lab-before").is_visible()
    assert kept(page)["done"]["predictions"][0] == 1


def test_run_without_predicting_runs_and_run_all_does_not_ask(open_lesson):
    page = open_lesson()
    step = page.locator("#lab-copy-on-write-3")
    page.locator('[data-block="copy-on-write"] [data-action="run-all"]').click()
    page.locator("#lab-copy-on-write-5[data-exit]").wait_for(timeout=120_000)
    assert step.locator("fieldset.lab-predict").is_hidden()
    step.locator('[data-action="run"]').click()
    step.get_by_role("button", name=re.compile("^Run without predicting")).click()
    step.locator("fieldset.lab-predict").wait_for(state="hidden")
    assert step.locator("details.lab-expect").is_visible()
    page.locator('#lab-copy-on-write-3:not([data-state="waiting"]):not([data-state="running"])').wait_for()
    assert kept(page)["done"]["predictions"][0] == 0


def test_a_task_is_passed_while_the_learner_works(open_lesson):
    page = open_lesson()
    card = page.locator('[data-task="01-own-hostname"]')
    checks: list[str] = []
    page.on("request", lambda asked: checks.append(asked.url) if asked.url.endswith("/check") else None)
    card.get_by_role("button", name=re.compile("^Check")).click()  # starts the sandbox
    card.locator(".lab-status", has_text="Not yet. There is no process").wait_for(timeout=90_000)
    card.get_by_role("button", name=re.compile("^Hint")).click()
    card.locator(".lab-task__hint-text", has_text="unshare").wait_for()
    assert len(checks) == 1
    axe.check(page)
    page.locator(".lab-launcher").click()
    page.locator("#lab-panel-host .xterm-rows", has_text="root@").wait_for(timeout=60_000)
    type_in_terminal(page, "setsid unshare --uts sh -c 'hostname box; exec sleep 3600' >/dev/null 2>&1 </dev/null &\n")
    page.locator('[data-task="01-own-hostname"][data-state="passed"]').wait_for(timeout=60_000)
    assert card.locator("[role=status]").last.inner_text().startswith("Passed.")
    assert card.get_by_role("button", name=re.compile("^Check")).count() == 0
    page.locator(".lab-progress__counts", has_text="Tasks 1/3").wait_for()
    page.reload()
    page.locator('[data-task="01-own-hostname"][data-state="passed"]').wait_for()
    assert card.locator(".lab-status").inner_text() == "", "what is restored is not announced"


def test_nothing_starts_a_sandbox_by_itself(open_lesson):
    page = open_lesson()
    answer_wrong_then_right(page)
    assert page.evaluate("fetch('/api/me').then(answer => answer.json())")["sandbox"] is None


def test_another_browser_goes_on_by_a_code_and_data_is_deleted(open_lesson):
    first, second = open_lesson(), open_lesson()
    answer_wrong_then_right(first)
    box = fieldset(second, SEVERAL)
    box.locator("input").first.check()
    box.get_by_role("button").click()
    second.locator(f'fieldset[data-question="{SEVERAL.id}"][data-result]').wait_for()

    dialog = open_mine(first)
    dialog.get_by_role("button", name="Make a resume code").click()
    code = dialog.locator(".lab-mine__code").inner_text()
    assert re.fullmatch(r"([0-9A-Z]{4}-){3}[0-9A-Z]{4}", code)
    axe.check(first)
    first.keyboard.press("Escape")

    dialog = open_mine(second)
    dialog.get_by_label("I have a code").fill("abcd")
    dialog.get_by_role("button", name="Continue with this code").click()
    dialog.locator("[role=status]", has_text="16 letters").wait_for()
    dialog.get_by_label("I have a code").fill(" " + code.lower().replace("-", " ") + "\t")
    dialog.get_by_role("button", name="Continue with this code").click()
    dialog.locator("[role=status]", has_text="Merged 1 item").wait_for()
    with second.expect_navigation():
        dialog.get_by_role("button", name="Continue", exact=True).click()
    second.locator(f'fieldset[data-question="{NAMESPACE.id}"][data-result="right"]').wait_for()
    second.locator(f'fieldset[data-question="{SEVERAL.id}"][data-result]').wait_for()

    dialog = open_mine(second)
    with second.expect_download() as download:
        dialog.get_by_role("link", name="Download my data").click()
    assert NAMESPACE.id in json.dumps(json.loads(download.value.path().read_text()))
    dialog.get_by_role("button", name=re.compile("^Delete my data")).click()
    asked = second.locator("dialog.lab-dialog:not(.lab-mine)")
    asked.get_by_role("button", name="Cancel").click()
    assert kept(second)["done"]["questions"][0] >= 1
    dialog.get_by_role("button", name=re.compile("^Delete my data")).click()
    asked.get_by_role("button", name="Delete").click()
    dialog.locator("[role=status]", has_text="is deleted").wait_for()
    with second.expect_navigation():
        dialog.get_by_role("button", name="Continue", exact=True).click()
    second.locator(".lab-progress__counts", has_text="Quiz 0/").wait_for()
    assert second.locator("fieldset[data-question] input:checked").count() == 0


def test_how_far_it_is_shows_in_the_navigation_and_leads_on(open_lesson, course):
    page = open_lesson(viewport={"width": 1440, "height": 900})
    ring = page.locator(".md-nav--primary a.md-nav__link--active .lab-ring").first
    assert ring.inner_text().strip() == "(not begun)"
    answer_wrong_then_right(page)
    page.locator(".md-nav--primary .lab-ring[data-begun]", has_text="% done").first.wait_for(state="attached")
    page.get_by_role("link", name="Course overview").first.click()
    page.locator("article td a .lab-ring[data-begun]", has_text="% done").wait_for()
    page.goto(course.url + "/")
    page.locator(".lab-continue a").click()
    page.wait_for_url(re.compile(LESSON))
    page.locator(".lab-progress__next a").click()
    page.wait_for_function("document.activeElement.closest('.lab-step, .lab-task, fieldset') !== null")
    assert page.url.endswith(LESSON)


def test_without_a_server_a_quiz_is_for_reading(open_page, course):
    page = open_page("/")
    page.route("**/api/**", lambda route: route.fulfill(status=200, content_type="text/html", body="<p>a page</p>"))
    page.goto(course.url + LESSON)
    page.locator(".lab-quiz__score", has_text="Answers are checked where a course server runs").wait_for()
    assert page.locator("form.lab-quiz").get_by_role("button").count() == 0
    assert page.locator(".lab-mine-open").is_hidden()
    assert page.locator("#lab-isolated-view-3 details.lab-expect").is_visible()


def test_a_failing_store_breaks_nothing(open_page, course):
    page = open_page("/")
    page.route(re.compile("/api/progress"), lambda route: route.fulfill(content_type="application/json", body="null"))
    page.goto(course.url + LESSON)
    box = fieldset(page, NAMESPACE)
    box.locator("input").first.check()
    box.get_by_role("button").click()
    box.locator(".lab-quiz__note", has_text="Try again").wait_for()
    assert page.locator(".lab-progress__counts").count() == 0
    page.locator('[data-block="namespaces"] [data-step="2"] [data-action="run"]').click()
    page.locator('[data-block="namespaces"] [data-step="2"][data-exit]').wait_for(timeout=90_000)
    assert page.locator('[data-block="namespaces"] [data-step="2"] .lab-match').inner_text() == ""


@pytest.mark.parametrize("palette", ["light", "dark"])
def test_it_is_accessible_and_fits_a_phone(open_lesson, palette):
    page = open_lesson(color_scheme=palette, viewport={"width": 390, "height": 844}, reduced_motion="reduce")
    answer_wrong_then_right(page)
    page.locator("#lab-isolated-view-3 [data-action=run]").click()
    page.locator("#lab-isolated-view-3 fieldset.lab-predict").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page scrolls sideways"
    axe.check(page)
    open_mine(page)
    axe.check(page)
