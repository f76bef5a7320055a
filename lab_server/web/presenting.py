"""Tells those who present that they do, where they type: on every page that has a terminal of the sandbox that is shown.

Knows what is presented as the caretaker last read it, leases and the hub. Doesn't know the pages of those who are shown it: their rooms
tell them (caretaker.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from lab_server.store.classes import Class
from lab_server.web import applies, protocol
from lab_server.web.clock import Clock
from lab_server.web.hub import Hub
from lab_server.web.sessions import Leases


class Presenting:
    def __init__(self, leases: Leases, hub: Hub, clock: Clock) -> None:
        self._leases, self._hub, self._clock = leases, hub, clock
        self._told: dict[str, str] = {}  # learner, as whom somebody presents → message

    def follow(self, there: Iterable[Class]) -> None:
        """These are the classes in which something applies."""
        shown: dict[str, list[protocol.Presented]] = {}
        for of in there:
            if what := applies.presented(of, self._clock.wall()):
                told = protocol.Presented(session=what["session"], id=of.id, title=of.title)
                shown.setdefault(what["learner"], []).append(told)
        messages = {learner: protocol.presented(to) for learner, to in shown.items()}
        before, self._told = self._told, messages
        for learner in {*before, *messages}:
            lease = self._leases.by_owner(learner)
            if lease and messages.get(learner) != before.get(learner):
                self._hub.say(lease.id, messages.get(learner) or protocol.presented([]), guests=False)

    def greeting(self, sandbox: str) -> str | None:
        """What a page with a terminal of this sandbox is told first; None where nobody is shown any, as pages take for granted."""
        lease = self._leases.by_id(sandbox)
        return self._told.get(lease.owner) if lease else None
