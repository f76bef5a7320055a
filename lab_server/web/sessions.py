"""Leases: which learner has which sandbox. One a learner, however often and from wherever it is asked for.

Knows learners' ids, the spawner's list and its labels, in which everything is kept: a web server that is started anew
finds every lease there. Doesn't know HTTP, cookies or terminals' bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from dataclasses import dataclass

import structlog

from lab_server.errors import LabError, NotFound, SandboxFailed, SpawnerGone
from lab_server.lessons.catalog import DEFAULT_TEMPLATE, Catalog
from lab_server.web import protocol
from lab_server.web.hub import Hub
from lab_server.web.protocol import Close
from lab_server.web.service import Service

log = structlog.get_logger()

START_WITHIN = 240.0  # seconds from the request to a sandbox, the driver's own start included
ASK_EVERY = 0.5  # seconds between two looks at a driver that is starting
WATCH_EVERY = 3.0  # seconds between two looks at what became of the sandboxes
KNOWN_WITHIN = 10.0  # seconds that a request waits for a spawner that does not answer


@dataclass
class Lease:
    """A learner's sandbox. `state`: starting, ready or failed; `detail` is a sentence for the learner."""

    id: str
    owner: str
    lesson: str
    since: float
    driver: str = ""
    state: str = "starting"
    detail: str = "Your sandbox is being started."
    work: asyncio.Task[None] | None = None

    @property
    def labels(self) -> dict[str, str]:
        return {"owner": self.owner, "lesson": self.lesson, "since": str(int(self.since))}


class Leases:
    """Use it between `open` and `close`."""

    def __init__(self, service: Service, hub: Hub, catalog: Catalog) -> None:
        self._service, self._hub, self._catalog = service, hub, catalog
        self._leases: dict[str, Lease] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._known = asyncio.Event()  # the spawner's list was read
        self._watcher: asyncio.Task[None] | None = None
        hub.lost = self._lost

    def open(self) -> None:
        self._watcher = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Sandboxes stay; only this process's knowledge of them goes."""
        works = [lease.work for lease in self._leases.values() if lease.work]
        for task in [self._watcher, *works]:
            if task:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    # --- what a learner can do ---

    async def find(self, owner: str) -> Lease | None:
        """The learner's sandbox. Raises SpawnerGone as long as nobody can know."""
        try:
            async with asyncio.timeout(KNOWN_WITHIN):
                await self._known.wait()
        except TimeoutError:
            raise SpawnerGone("The spawner does not answer.", "It is being restarted; try again in a moment.") from None
        return self._leases.get(owner)

    async def get(self, owner: str, id: str) -> Lease:
        """Raises NotFound, also for another learner's."""
        lease = await self.find(owner)
        if lease is None or lease.id != id:
            raise NotFound("You have no such sandbox.", "Start one from a lesson.")
        return lease

    async def start(self, owner: str, lesson: str) -> tuple[Lease, bool]:
        """The learner's sandbox, and whether it was started now. Returns at once; raises NotFound for an unknown lesson."""
        self._catalog.lesson(lesson)
        async with self._lock(owner):
            lease = await self.find(owner)
            if lease and lease.state != "failed":
                return lease, False
            if lease:
                await self._remove(lease)
            lease = self._leases[owner] = Lease(secrets.token_hex(8), owner, lesson, time.time())
            self._begin(lease)
            return lease, True

    async def reset(self, owner: str, id: str) -> Lease:
        """A new sandbox under the same id. Returns when the old one is gone and the new one is on its way."""
        async with self._lock(owner):
            lease = await self.get(owner, id)
            await self._remove(lease, "The sandbox was reset.")
            lease.state, lease.detail, lease.since = "starting", "Your sandbox is being made anew.", time.time()
            self._begin(lease)
            return lease

    async def end(self, owner: str, id: str) -> None:
        """Raises NotFound. Returns when it is gone."""
        async with self._lock(owner):
            lease = await self.get(owner, id)
            await self._remove(lease)
            del self._leases[owner]

    def _lock(self, owner: str) -> asyncio.Lock:
        return self._locks.setdefault(owner, asyncio.Lock())

    async def _remove(self, lease: Lease, reason: str = "The sandbox was ended.") -> None:
        if lease.work:
            lease.work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await lease.work
        self._hub.end(lease.id, reason, Close(protocol.CLOSE_ENDED, reason))
        await self._service.destroy(lease.id)

    # --- making ---

    def _begin(self, lease: Lease) -> None:
        lease.work = asyncio.create_task(self._make(lease))

    async def _make(self, lease: Lease) -> None:
        try:
            async with asyncio.timeout(START_WITHIN):
                await self._create(lease)
            lease.state, lease.detail = "ready", ""
        except TimeoutError:
            lease.state, lease.detail = "failed", "The sandbox did not start in time. Try again."
        except LabError as why:
            lease.state, lease.detail = "failed", str(why)
        except Exception as why:
            log.exception("sandbox could not be started", sandbox=lease.id)
            lease.state, lease.detail = "failed", f"The server broke ({type(why).__name__}). Try again."

    async def _create(self, lease: Lease) -> None:
        def ahead(count: int) -> None:
            waiting = f"{count + 1} others go first." if count else "one other goes first."
            lease.detail = f"Waiting for a free place: {waiting}" if count >= 0 else "Your sandbox is being started."

        while True:
            info = await self._service.info()
            lease.driver = str(info.get("driver", ""))
            if info.get("failed"):
                raise SandboxFailed(f"This host can't make sandboxes: {info['detail']}", "Tell whoever runs it.")
            if not info["ready"]:
                lease.detail = str(info["detail"]) or "The host is getting ready."
                await asyncio.sleep(ASK_EVERY)
                continue
            try:
                await self._service.create(lease.id, self._template(lease), lease.labels, ahead)
                return
            except SpawnerGone as why:  # the same name again: one sandbox or none
                lease.detail = str(why)
                await asyncio.sleep(ASK_EVERY)

    def _template(self, lease: Lease) -> str:
        try:
            return self._catalog.lesson(lease.lesson).template
        except NotFound:
            return DEFAULT_TEMPLATE  # the lesson is no longer there; its sandbox may go on

    # --- watching ---

    async def _watch(self) -> None:
        """Know the sandboxes there are, and learn of those that went. What can't be asked is unknown, not gone."""
        while True:
            before = {lease.id for lease in self._leases.values() if lease.state == "ready"}
            try:
                there = await self._service.list()
            except LabError:
                await asyncio.sleep(ASK_EVERY)
                continue
            for found in there:
                self._take_up(found)
            self._known.set()
            for id in before - {str(found["sandbox"]) for found in there}:
                self._lost(id, "The sandbox is gone: the part of the server that keeps it was restarted.")
            await asyncio.sleep(WATCH_EVERY)

    def _take_up(self, found: dict[str, object]) -> None:
        labels = found["labels"]
        assert isinstance(labels, dict)
        owner, lesson = labels.get("owner"), labels.get("lesson")
        if not owner or lesson is None or "since" not in labels or owner in self._leases or self._known.is_set():
            return
        lease = Lease(str(found["sandbox"]), owner, lesson, float(labels["since"]))
        self._leases[owner] = lease
        if found["state"] == "ready":
            lease.state, lease.detail = "ready", ""
        lease.work = asyncio.create_task(self._adopt(lease))

    async def _adopt(self, lease: Lease) -> None:
        lease.driver = str((await self._service.info()).get("driver", ""))
        if lease.state != "ready":
            await self._make(lease)
        with contextlib.suppress(NotFound):
            await self._hub.adopt(lease.id, self._catalog.lesson(lease.lesson).sessions)

    def _lost(self, id: str, reason: str) -> None:
        for lease in self._leases.values():
            if lease.id == id and lease.state == "ready":
                lease.state, lease.detail = "failed", f"{reason} Reset it to get a new one."
                self._hub.end(id, reason, Close(protocol.CLOSE_ENDED, reason))
