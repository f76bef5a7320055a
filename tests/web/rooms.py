"""A learner's page in the rooms of its classes, and one of those who run them: channels that keep what they were told last."""

from __future__ import annotations

import json
import time
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.conftest import PATIENCE
from tests.web.instructor import Instructor
from tests.web.learner import Learner

Json = dict[str, Any]


class Channel:
    """`with Channel(who, path) as page`; `told` is the last message of each type."""

    def __init__(self, who: Learner | Instructor, path: str = "/api/room", origin: str = "") -> None:
        cookies = "; ".join(f"{name}={value}" for name, value in who.http.cookies.items())
        url = f"{who.server.origin.replace('http', 'ws')}{path}"
        own = Origin(origin or who.server.origin)
        given: Any = {"additional_headers": {"Cookie": cookies}, "origin": own, "open_timeout": PATIENCE}
        self.socket = connect(url, compression=None, max_size=None, legacy=True, **given)
        self.told: dict[str, Json] = {}
        self.frames: list[bytes] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        self.socket.close()

    def say(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def take(self, within: float = PATIENCE) -> None:
        """One message more."""
        frame = self.socket.recv(timeout=within)
        if isinstance(frame, bytes):
            self.frames.append(frame)
        else:
            message = json.loads(frame)
            self.told[message["type"]] = message

    def until(self, so: Any, within: float = PATIENCE) -> Any:
        """Take messages until `so(self)` is true; what it said. `so` may fail for what isn't there until then."""
        until = time.monotonic() + within
        while True:
            try:
                if found := so(self):
                    return found
            except (KeyError, IndexError, ValueError):
                pass
            assert time.monotonic() < until, self.told
            self.take(max(0.01, until - time.monotonic()))

    @property
    def view(self) -> Json:
        """Of the learner's only class."""
        (view,) = self.told["room"]["classes"]
        return dict(view)

    def closed(self) -> int:
        """Read until the server closes; the code."""
        try:
            while True:
                self.take()
        except ConnectionClosed as why:
            return why.rcvd.code if why.rcvd else 1006
