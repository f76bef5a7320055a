"""Which sandboxes are to stand still, and seeing to it.

Knows leases, and the spawner's verb. Doesn't know classes, or who paused one (conduct.py). What is wanted is compared with what the
spawner has at every look at it (keeper.py): so neither a server nor a spawner that starts anew changes any of it, and a call that
failed is made again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

import structlog

from lab_server.errors import LabError, NotFound
from lab_server.web.service import Service
from lab_server.web.sessions import Lease, Leases

log = structlog.get_logger()


class Freezer:
    """As long as nobody said what is wanted, nothing is done: what stands still goes on doing so."""

    def __init__(self, leases: Leases, service: Service) -> None:
        self._leases, self._service = leases, service
        self._still: frozenset[str] | None = None  # learners whose sandbox stands still; None: not known yet
        self._known: dict[str, bool] = {}  # sandbox → whether it stands still, as far as one knows
        self._tasks: dict[str, asyncio.Task[None]] = {}
        leases.on_ready = self._ready

    def want(self, owners: Iterable[str]) -> None:
        """The sandboxes of these learners are to stand still, and no others; also those that get ready later."""
        self._still = frozenset(owners)
        for lease in self._leases.all():
            self._set(lease)

    def looked(self, frozen: Mapping[str, bool]) -> None:
        """Every sandbox there is, and whether it stands still."""
        self._known = dict(frozen)
        for id in frozen:
            if lease := self._leases.by_id(id):
                self._set(lease)

    async def settled(self, within: float) -> None:
        """Returns when all is as it is wanted, or can't be now, or the time is up."""
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=within)

    async def close(self) -> None:
        for task in list(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _ready(self, lease: Lease) -> None:
        """It is another than before, under the same id or a new one; or one that an earlier server made."""
        self._known.pop(lease.id, None)
        self._set(lease)

    def _set(self, lease: Lease) -> None:
        if self._still is None:
            return
        lease.paused = lease.owner in self._still
        if self._due(lease) and lease.id not in self._tasks:
            task = self._tasks[lease.id] = asyncio.create_task(self._see_to(lease.id))
            task.add_done_callback(lambda _: self._tasks.pop(lease.id, None))

    def _due(self, lease: Lease) -> bool:
        return lease.state == "ready" and lease.paused != self._known.get(lease.id, False)

    async def _see_to(self, id: str) -> None:
        """One call after the other: what was wanted last is what is done last."""
        while (lease := self._leases.by_id(id)) and self._due(lease):
            on = lease.paused
            self._known[id] = on
            try:
                await self._service.freeze(id, on)
            except NotFound:
                return  # it ended meanwhile, which is found out elsewhere
            except LabError as why:  # the next look finds it as it is
                log.warning("a sandbox could not be paused, or go on", sandbox=id, on=on, why=str(why))
                return
