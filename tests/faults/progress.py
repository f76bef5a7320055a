"""A learner's progress as a page tells it: steps that ended, one call each, tried again when it is told to.

Knows the API. Doesn't know databases.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import httpx

from tests.compose.learner import Learner

PATIENCE = 60.0  # seconds


@dataclass(frozen=True)
class Step:
    lesson: str
    block: str
    step: int

    @property
    def key(self) -> str:
        return f"{self.block}/{self.step}"


def steps(learner: Learner) -> list[Step]:
    """Every step of the course, in order."""
    return [
        Step(lesson["id"], block["id"], step["n"])
        for lesson in learner.call("GET", "/api/lessons")
        for block in lesson["blocks"]
        for step in block["steps"]
    ]


def tell(learner: Learner, step: Step) -> httpx.Response:
    """What is answered to one call."""
    body = {"lesson": step.lesson, "block": step.block, "step": step.step, "exit": 0, "output": ""}
    headers = {"Origin": learner.origin, "Cookie": learner.cookie}
    return httpx.post(f"{learner.origin}/api/progress/steps", json=body, headers=headers, timeout=PATIENCE)


def tell_until_kept(learner: Learner, step: Step) -> list[int]:
    """Tell it again as long as the answer says so; every status that was answered."""
    said: list[int] = []
    until = time.monotonic() + 3 * PATIENCE
    while True:
        answer = tell(learner, step)
        said.append(answer.status_code)
        if answer.status_code != 503:
            assert answer.status_code == 200, answer.text
            return said
        assert answer.json()["error"]["code"] == "store-failed", answer.text
        assert time.monotonic() < until, said
        time.sleep(float(answer.headers["Retry-After"]))  # as it was told, not to wait for something


def kept(learner: Learner) -> dict[str, int]:
    """Every step that is kept, by lesson and key, and how often it was counted."""
    exported: list[dict[str, Any]] = learner.call("GET", "/api/me/export")["progress"]
    return {f"{one['lesson']} {one['item']}": int(one["tries"]) for one in exported if one["kind"] == "step"}


def named(step: Step) -> str:
    return f"{step.lesson} {step.key}"
