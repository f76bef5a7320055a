"""What every route is given: the learner who asks, and the parts that `create_app` joined.

Knows where they are kept on a request. Doesn't know what routes do with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from lab_server.lessons.catalog import Catalog
from lab_server.web.auth import Learner
from lab_server.web.guards import Seats
from lab_server.web.hub import Hub
from lab_server.web.service import Service
from lab_server.web.sessions import Lease, Leases


@dataclass(frozen=True)
class Parts:
    catalog: Catalog
    service: Service
    hub: Hub
    leases: Leases
    seats: Seats

    def sessions(self) -> frozenset[str]:
        """Every session that any lesson declares: a learner's one sandbox serves them all."""
        return frozenset(name for lesson in self.catalog.lessons for name in lesson.sessions)

    def public(self, lease: Lease) -> dict[str, object]:
        """A sandbox as the API gives it."""
        declared = [lesson.sessions for lesson in self.catalog.lessons if lesson.id == lease.lesson]
        return {
            "id": lease.id,
            "state": lease.state,
            "lesson": lease.lesson,
            "driver": lease.driver,
            "detail": lease.detail,
            "since": lease.since,
            "sessions": list(declared[0]) if declared else [],
        }


def _parts(connection: HTTPConnection) -> Parts:
    parts: Parts = connection.app.state.parts
    return parts


def _learner(connection: HTTPConnection) -> Learner:
    learner: Learner = connection.state.learner
    return learner


Joined = Annotated[Parts, Depends(_parts)]
Who = Annotated[Learner, Depends(_learner)]
