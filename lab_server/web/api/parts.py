"""What every route is given: the learner who asks, and the parts that `create_app` joined.

Knows where they are kept on a request. Doesn't know what routes do with them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from lab_server.lessons.catalog import Catalog
from lab_server.web.afterwards import Afterwards
from lab_server.web.alive import Alive
from lab_server.web.auth import Learner
from lab_server.web.checks import Checks
from lab_server.web.classes import Classes
from lab_server.web.conduct import Conduct
from lab_server.web.counts import Seen
from lab_server.web.guards import Seats
from lab_server.web.hands import Hands
from lab_server.web.help import Help
from lab_server.web.hub import Hub
from lab_server.web.joining import Joining
from lab_server.web.keeper import Keeper
from lab_server.web.oidc import Oidc
from lab_server.web.passkeys import Passkeys
from lab_server.web.progress import Progress
from lab_server.web.retention import Retention
from lab_server.web.room import Rooms
from lab_server.web.service import Service
from lab_server.web.sessions import Lease, Leases
from lab_server.web.signin import SignedIn, SignIns
from lab_server.web.throttle import Throttle
from lab_server.web.usage import Meter
from lab_server.web.wall import Walls


def _writes() -> Throttle:
    return Throttle(1000, 0.02, "There is too much to keep at once from your network.")


def _codes() -> Throttle:
    return Throttle(10, 60.0, "Too many wrong codes came from your network.")


def _joins() -> Throttle:
    # a whole class may sit behind one address, and mistype
    return Throttle(30, 10.0, "Too many wrong class codes came from your network.")


@dataclass(frozen=True)
class Parts:
    catalog: Catalog
    service: Service
    hub: Hub
    leases: Leases
    keeper: Keeper
    seats: Seats
    progress: Progress
    checks: Checks
    signins: SignIns
    passkeys: Passkeys
    oidc: Oidc | None
    classes: Classes
    joining: Joining
    rooms: Rooms
    conduct: Conduct
    walls: Walls
    afterwards: Afterwards
    retention: Retention
    hands: Hands
    help: Help
    seen: Seen
    meter: Meter
    writes: Throttle = field(default_factory=_writes)  # of progress
    codes: Throttle = field(default_factory=_codes)  # wrong ones
    alive: Alive = field(default_factory=Alive)
    joins: Throttle = field(default_factory=_joins)  # wrong codes of classes

    def sessions(self) -> frozenset[str]:
        """Every session that any lesson declares: a learner's one sandbox serves them all."""
        return frozenset(name for lesson in self.catalog.lessons for name in lesson.sessions)

    def public(self, lease: Lease) -> dict[str, object]:
        """A sandbox as the API gives it."""
        place = self.service.queue.place(lease.id)
        declared = [lesson.sessions for lesson in self.catalog.lessons if lesson.id == lease.lesson]
        return {
            "id": lease.id,
            "state": lease.state,
            "lesson": lease.lesson,
            "driver": lease.driver,
            "detail": lease.detail,
            "since": lease.since,
            "place": place.place if place else None,
            "wait": place.wait if place else None,
            "sessions": list(declared[0]) if declared else [],
            **self.leases.ending(lease),
        }

    def open_terminals(self, learner: str) -> list[str]:
        """The learner's terminals that are open, as their lesson has them in order."""
        lease = self.leases.by_owner(learner)
        if lease is None:
            return []
        there = [session for (of, session), bridge in self.hub.bridges().items() if of == lease.id and not bridge.over]
        declared = self.public(lease)["sessions"]
        assert isinstance(declared, list)
        return sorted(there, key=lambda name: (declared.index(name) if name in declared else len(declared), name))


def _parts(connection: HTTPConnection) -> Parts:
    parts: Parts = connection.app.state.parts
    return parts


def _learner(connection: HTTPConnection) -> Learner:
    learner: Learner = connection.state.learner
    return learner


def _become(connection: HTTPConnection) -> Callable[[str], Learner]:
    become: Callable[[str], Learner] = connection.state.become
    return become


def _address(connection: HTTPConnection) -> str:
    return connection.client.host if connection.client else ""


def _token(connection: HTTPConnection) -> str:
    parts = _parts(connection)
    return parts.signins.token(connection.headers.get("cookie", ""), connection.state.secure)


async def _instructor(connection: HTTPConnection) -> SignedIn:
    return await _parts(connection).signins.need(_token(connection))


def _origin(connection: HTTPConnection) -> str:
    """Where learners open the course: as it is configured, else as this very request has it."""
    configured: tuple[str, ...] = connection.app.state.settings.origins
    own = f"{connection.url.scheme}://{connection.headers.get('host', '')}".lower()
    return own if not configured or own in configured else configured[0]


Joined = Annotated[Parts, Depends(_parts)]
Who = Annotated[Learner, Depends(_learner)]
Become = Annotated[
    Callable[[str], Learner], Depends(_become)
]  # this browser is that learner from here on; "": a new one
Address = Annotated[str, Depends(_address)]
Token = Annotated[str, Depends(_token)]  # of who is signed in, or ""
Instructor = Annotated[SignedIn, Depends(_instructor)]  # 401 where nobody is signed in
Origin = Annotated[str, Depends(_origin)]
