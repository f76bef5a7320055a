"""Those who are in a class: a pupil with a page and perhaps a sandbox, an instructor with the wall open.

Knows the API and the channels of docs/develop/protocol.md. Doesn't know what happens in a class (hour.py).
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.compose.learner import Learner
from tests.compose.page import OPEN_WITHIN, Page
from tests.compose.stack import PATIENCE, Failed

Json = dict[str, Any]


class Channel:
    """A page's channel, read by a thread. `told` is the last message of each type, `frames` every binary one."""

    def __init__(self, who: Learner, path: str) -> None:
        self._changed = threading.Condition()
        self.told: dict[str, Json] = {}
        self.tiles: dict[str, Json] = {}
        self.frames: list[bytes] = []
        self.said = b""  # of a terminal that is watched
        self.over = ""
        given: Any = {"origin": Origin(who.origin), "additional_headers": {"Cookie": who.cookie}}
        self._link = connect(
            f"{who.origin.replace('http', 'ws')}{path}",
            open_timeout=OPEN_WITHIN,
            compression=None,
            max_size=None,
            legacy=True,
            **given,
        )
        self._thread = threading.Thread(target=self._listen, name=path, daemon=True)
        self._thread.start()

    def say(self, **message: Any) -> None:
        self._link.send(json.dumps(message))

    def type(self, keys: bytes) -> None:
        self._link.send(keys)

    def until(self, what: str, so: Callable[[Channel], Any], within: float = PATIENCE) -> Any:
        """Wait until it is so; what `so` said. What it looks for and does not find yet means: not yet. Raises Failed."""

        def asked() -> Any:
            with contextlib.suppress(KeyError, IndexError, TypeError, ValueError):
                return so(self)
            return None

        with self._changed:
            self._changed.wait_for(lambda: asked() or self.over, within)
            if not (found := asked()):
                raise Failed(f"never {what}: {self.over or ''} {json.dumps(self.told)[-1500:]}")
            return found

    @property
    def view(self) -> Json:
        """Of a pupil's only class."""
        (view,) = self.told["room"]["classes"]
        return dict(view)

    def close(self) -> None:
        self._link.close()
        self._thread.join(PATIENCE)

    def _listen(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            for frame in self._link:
                with self._changed:
                    self._hear(frame)
                    self._changed.notify_all()
        with self._changed:
            self.over = f"closed with {self._link.close_code}: {self._link.close_reason}"
            self._changed.notify_all()

    def _hear(self, frame: str | bytes) -> None:
        if isinstance(frame, bytes):
            self.frames.append(frame)
            self.said += frame
            return
        message = json.loads(frame)
        self.told[message["type"]] = message
        if message["type"] == "tiles":
            self.tiles |= {tile["id"]: tile for tile in message["tiles"]}
            for gone in message["gone"]:
                self.tiles.pop(gone, None)


class Pupil:
    """Who joined by the code. `page` is the channel of a lesson's page that is open."""

    def __init__(self, origin: str, code: str, name: str) -> None:
        self.name = name
        self.learner = Learner(origin)
        told = self.learner.call("GET", f"/api/join/{code}")
        if not told["seen"] or not told["unseen"]:
            raise Failed(f"not told what is seen: {told}")
        self.of = str(self.learner.call("POST", "/api/memberships", {"code": code, "name": name})["id"])
        self.page = Channel(self.learner, "/api/room")
        self.sandbox = ""
        self.terminal: Page | None = None

    def at(self, lesson: str, step: str) -> None:
        self.page.say(type="at", lesson=lesson, step=step)

    def work(self, lesson: str, session: str) -> Page:
        """A sandbox, a terminal in it, a command that ran there."""
        self.sandbox = self.learner.start(lesson)
        self.terminal = Page(self.learner, self.sandbox, session)
        self.terminal.type(f"echo wor''king {self.name}\r".encode())
        self.terminal.match(f"working {self.name}\r\n".encode())
        self.page.say(type="did", failed=False)
        return self.terminal

    def call(self, method: str, path: str, body: object = None) -> Any:
        return self.learner.call(method, path, body)

    def leave(self) -> None:
        if self.terminal:
            self.terminal.close()
        self.page.close()


class Staff(Learner):
    """Who is signed in; raises Failed where they can't be."""

    def __init__(self, origin: str, name: str, password: str) -> None:
        super().__init__(origin)
        self.call("POST", "/api/signin", {"name": name, "password": password})

    def wall(self, of: str) -> Channel:
        return Channel(self, f"/api/classes/{of}/wall")

    def watch(self, of: str, member: str, session: str) -> Channel:
        return Channel(self, f"/api/classes/{of}/learners/{member}/terminals/{session}?cols=80&rows=24&client=watcher")
