"""A learner's calls to the course: a cookie, an Origin, JSON in and out. With urllib, as only the image's packages are at hand.

Knows the API (docs/develop/protocol.md). Doesn't know terminals (page.py).
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http.cookiejar import CookieJar
from typing import Any

from tests.compose.stack import ORIGIN, PATIENCE, Failed, eventually


class Learner:
    def __init__(self, origin: str = ORIGIN) -> None:
        self.origin = origin
        self._jar = CookieJar()
        self._open = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._jar)).open
        self.id = str(self.call("GET", "/api/me")["learner"])

    @property
    def cookie(self) -> str:
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._jar)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """The answer. Raises Failed with what was answered where it is no success."""
        given = urllib.request.Request(f"{self.origin}{path}", method=method, headers={"Origin": self.origin})
        if body is not None:
            given.data = json.dumps(body).encode()
            given.add_header("Content-Type", "application/json")
        try:
            with self._open(given, timeout=PATIENCE) as answer:
                told = answer.read()
        except urllib.error.HTTPError as why:
            with why:
                raise Failed(f"{method} {path}: {why.code} {why.read(2000).decode(errors='replace')}") from None
        return json.loads(told) if told else None

    def start(self, lesson: str) -> str:
        """A sandbox that is ready; its id."""
        sandbox = str(self.call("POST", "/api/sandboxes", {"lesson": lesson})["id"])
        self.wait(sandbox)
        return sandbox

    def wait(self, sandbox: str) -> None:
        def ready() -> bool:
            found = self.call("GET", f"/api/sandboxes/{sandbox}")
            if found["state"] == "failed":
                raise Failed(f"the sandbox failed: {found['detail']}")
            return bool(found["state"] == "ready")

        eventually("the sandbox is ready", ready)

    def end(self, sandbox: str) -> None:
        self.call("DELETE", f"/api/sandboxes/{sandbox}")

    def check(self, sandbox: str, lesson: str, task: str) -> tuple[bool, str]:
        """Whether the task is passed, and the hint."""
        answer = self.call("POST", f"/api/sandboxes/{sandbox}/check", {"lesson": lesson, "tasks": [task]})
        (told,) = answer["tasks"]
        return bool(told["passed"]), str(told["hint"])
