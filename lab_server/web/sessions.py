"""Leases: which learner has which sandbox. One a learner, however often and from wherever it is asked for.

Knows learners' ids, the spawner's verbs, and how a lease begins, is used, and ends. Doesn't know HTTP, cookies or terminals'
bytes, nor when an end is due and what became of a sandbox: keeper.py looks after that, from what the spawner has.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

import structlog

from lab_server.errors import Conflict, HostFull, LabError, NotFound, SandboxFailed, SpawnerGone
from lab_server.lessons.catalog import DEFAULT_TEMPLATE, Catalog
from lab_server.web import protocol
from lab_server.web.clock import Clock
from lab_server.web.counts import START, Times
from lab_server.web.hub import Hub
from lab_server.web.protocol import Close
from lab_server.web.service import Service
from lab_server.web.terms import Lasting, Terms
from lab_server.web.turns import Turns

log = structlog.get_logger()

START_WITHIN = 240.0  # seconds from the request to a sandbox, the driver's own start included
ASK_EVERY = 0.5  # seconds between two looks at a driver that is starting
KNOWN_WITHIN = 10.0  # seconds that a request waits for a spawner that does not answer
KEPT = "What you did in the course is kept; files and programs of this sandbox are gone. Start a new one to go on."


@dataclass(slots=True)
class Lease:
    """A learner's sandbox. `state`: starting, ready, failed or ended; `detail` is a sentence for the learner."""

    id: str
    owner: str
    lesson: str
    since: float
    driver: str = ""
    state: str = "starting"
    detail: str = "Your sandbox is being started."
    work: asyncio.Task[None] | None = None  # as long as it is under way
    lasting: Lasting | None = None  # of one that is ready
    past: Lasting | None = None  # of one that is over: how it was then
    reason: str = ""  # of one that is over: idle, limit, class, lost or failed
    over: tuple[float, float] | None = None  # since when it is over: of the running clock, and of the wall's
    told: tuple[object, ...] | None = None  # what its viewers know of its coming end
    paused: bool = False  # it stands still, or is about to (freezer.py): its time does too

    @property
    def labels(self) -> dict[str, str]:
        return {"owner": self.owner, "lesson": self.lesson, "since": str(int(self.since))}

    def during(self, work: Coroutine[Any, Any, None]) -> None:
        """Have it done as this lease's work. What is over is let go of: it remembers the whole request that began it."""
        self.work = asyncio.create_task(work)
        self.work.add_done_callback(self._done)

    def _done(self, work: asyncio.Task[None]) -> None:
        if self.work is work:
            self.work = None

    @property
    def live(self) -> bool:
        """It has a sandbox, or is about to."""
        return self.state in ("starting", "ready")


class Leases:
    """`changed` is told ids of leases to be written down, `dropped` of those to be forgotten; `ends` counts ends by reason."""

    def __init__(
        self, service: Service, hub: Hub, catalog: Catalog, terms: Terms | None = None, clock: Clock | None = None
    ) -> None:
        self._service, self._hub, self._catalog = service, hub, catalog
        self.terms, self.clock = terms or Terms(), clock or Clock()
        self.terms_of: Callable[[str], Terms] = lambda owner: self.terms  # of a learner, now
        self.began: Callable[[str], None] = lambda owner: None  # is told whose sandbox is ready
        self._owners: dict[str, Lease] = {}
        self._ids: dict[str, Lease] = {}
        self.turns: Turns[str] = Turns()  # of a learner
        self.known = asyncio.Event()  # the spawner's list was read
        self.changed: Callable[[str], None] = lambda id: None
        self.dropped: Callable[[Iterable[str]], None] = lambda ids: None
        self.ends: Counter[str] = Counter()
        self.starts: Counter[str] = Counter()  # how they ended: ready, full, failed, late, broken
        self.start_times = Times(START)  # of those that got ready
        self.on_end: Callable[[str], None] = lambda reason: None
        self.on_ready: Callable[[Lease], None] = lambda lease: None

    async def close(self) -> None:
        """Sandboxes stay; only this process's knowledge of them goes."""
        for task in [lease.work for lease in self._ids.values() if lease.work]:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    # --- which there are ---

    def all(self) -> list[Lease]:
        return list(self._ids.values())

    def owners(self) -> list[str]:
        """The learners that have a sandbox."""
        return [lease.owner for lease in self._ids.values() if lease.lasting]

    def by_id(self, id: str) -> Lease | None:
        return self._ids.get(id)

    def by_owner(self, owner: str) -> Lease | None:
        return self._owners.get(owner)

    def add(self, lease: Lease) -> None:
        self._owners[lease.owner] = self._ids[lease.id] = lease

    def remove(self, lease: Lease) -> None:
        """Nothing is known of it any more."""
        self._ids.pop(lease.id, None)
        if self._owners.get(lease.owner) is lease:
            del self._owners[lease.owner]
        self.dropped([lease.id])

    # --- what a learner can do ---

    async def find(self, owner: str) -> Lease | None:
        """The learner's sandbox. Raises SpawnerGone as long as nobody can know."""
        try:
            async with asyncio.timeout(KNOWN_WITHIN):
                await self.known.wait()
        except TimeoutError:
            raise SpawnerGone("The spawner does not answer.", "It is being restarted; try again in a moment.") from None
        return self._owners.get(owner)

    async def get(self, owner: str, id: str) -> Lease:
        """Raises NotFound, also for another learner's."""
        lease = await self.find(owner)
        if lease is None or lease.id != id:
            raise NotFound("You have no such sandbox.", "Start one from a lesson.")
        return lease

    async def start(self, owner: str, lesson: str) -> tuple[Lease, bool]:
        """The learner's sandbox, and whether it was started now. Returns at once; raises NotFound for an unknown lesson."""
        lesson = self._catalog.lesson(lesson).id  # the same words for all who are in it
        async with self.turns.take(owner):
            lease = await self.find(owner)
            if lease and lease.live:
                self.touch(lease.id)
                return lease, False
            try:
                await self._service.admit(sum(other.live for other in self._ids.values()))
            except HostFull:
                self.starts["full"] += 1
                raise
            if lease:
                await self._remove(lease)
                self.remove(lease)
            lease = Lease(secrets.token_hex(8), owner, lesson, self.clock.wall())
            self.add(lease)
            self._begin(lease)
            return lease, True

    async def reset(self, owner: str, id: str, reason: str = "The sandbox was reset.") -> Lease:
        """A new sandbox under the same id. Returns when the old one is gone and the new one is on its way.

        `reason` is told to who watches the old one.
        """
        async with self.turns.take(owner):
            lease = await self.get(owner, id)
            await self._remove(lease, reason)
            if lease.live:
                self._count(lease, "reset")
            lease.state, lease.detail, lease.since = "starting", "Your sandbox is being made anew.", self.clock.wall()
            lease.reason, lease.over = "", None
            self._begin(lease)
            return lease

    async def end(self, owner: str, id: str) -> None:
        """Raises NotFound. Returns when it is gone."""
        async with self.turns.take(owner):
            lease = await self.get(owner, id)
            await self._remove(lease)
            if lease.live:
                self._count(lease, "asked")
            self.remove(lease)

    async def dismiss(self, owner: str) -> None:
        """Its class has ended: so does the learner's sandbox, where there is one."""
        async with self.turns.take(owner):
            lease = self._owners.get(owner)
            if lease is None or not lease.live:
                return
            words = self.terms.words("class")
            with contextlib.suppress(LabError):  # what can't be destroyed now is by a later look
                await self._remove(lease, words)
            if lease.live:
                self.settle(lease, "ended", "class", words, KEPT)

    def ending(self, lease: Lease) -> dict[str, object]:
        """When and why it will end, as the API gives it: {"ends_in", "ends_why", "extendable", "extension"}."""
        end = lease.lasting.end() if lease.lasting else None
        if end is None or lease.lasting is None:
            return {"ends_in": None, "ends_why": "", "extendable": False, "extension": 0.0}
        left = max(0.0, round(end.at - self.clock.running(), 1))
        told = {"extendable": lease.lasting.extendable, "extension": lease.lasting.more}
        return {"ends_in": left, "ends_why": end.why, **told}

    async def extend(self, owner: str, id: str) -> Lease:
        """Put its coming end off. Raises NotFound, and Conflict where there is nothing to put off or it was done too often."""
        lease = await self.get(owner, id)
        if lease.lasting is None:
            raise Conflict(f"Your sandbox is not ready: {lease.detail}", "Try again when it is.")
        lease.lasting.extend(self.clock.running())
        self.changed(lease.id)
        return lease

    def why(self, lease: Lease) -> str:
        """Why one that is over is, in a sentence that fits a close frame."""
        terms = lease.past.terms if lease.past else self.terms
        return terms.words(lease.reason)

    def touch(self, id: str) -> None:
        """The sandbox is used: somebody types, or asks for a check."""
        lease = self._ids.get(id)
        if lease and lease.lasting:
            lease.lasting.touch(self.clock.running())

    async def _remove(self, lease: Lease, reason: str = "The sandbox was ended.") -> None:
        lasting, lease.lasting = lease.lasting, None  # what is being removed doesn't end by itself
        if lease.work:
            lease.work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await lease.work
        self._hub.end(lease.id, reason, Close(protocol.CLOSE_ENDED, reason))
        try:
            await self._service.destroy(lease.id)
        except LabError:
            lease.lasting = lasting
            if lease.state == "starting":  # nobody makes it any more
                self._failed(lease, "It could not be started. Try again.")
            raise

    # --- the end ---

    def settle(self, lease: Lease, state: str, reason: str, words: str, remedy: str) -> None:
        """The one place where a lease is over without its learner's doing. Its sandbox is still to be destroyed."""
        lease.state, lease.reason, lease.detail = state, reason, f"{words} {remedy}".strip()
        lease.past, lease.lasting, lease.told = lease.lasting, None, None
        lease.over = (self.clock.running(), self.clock.wall())
        self._count(lease, reason)
        self._hub.end(lease.id, words, Close(protocol.CLOSE_ENDED, words))

    def count(self, reason: str, **about: str) -> None:
        """The one place where ends are counted: idle, limit, class, lost, failed, asked, reset, unclaimed."""
        self.ends[reason] += 1
        log.info("lease ended", reason=reason, **about)
        self.on_end(reason)

    def _count(self, lease: Lease, reason: str) -> None:
        self.count(reason, sandbox=lease.id, lesson=lease.lesson)
        self.changed(lease.id)

    # --- making ---

    def _begin(self, lease: Lease) -> None:
        lease.during(self.make(lease))
        self.changed(lease.id)

    async def make(self, lease: Lease) -> None:
        """Have it made, or wait for the one who does."""
        structlog.contextvars.bind_contextvars(sandbox=lease.id)
        began = self.clock.running()
        try:
            async with asyncio.timeout(START_WITHIN) as limit:
                await self._create(lease, limit)
        except TimeoutError:
            how = "late"
            self._failed(lease, "The sandbox did not start in time. Try again.")
        except LabError as why:
            how = "full" if isinstance(why, HostFull) else "failed"
            self._failed(lease, str(why))
        except Exception as why:
            how = "broken"
            log.exception("sandbox could not be started")
            self._failed(lease, f"The server broke ({type(why).__name__}). Try again.")
        else:
            how = "ready"
            self.is_ready(lease)
            self.start_times.observe(self.clock.running() - began)
        self.starts[how] += 1
        log.info("sandbox started", how=how, lesson=lease.lesson, seconds=round(self.clock.running() - began, 3))

    def _failed(self, lease: Lease, words: str) -> None:
        self.settle(lease, "failed", "failed", words, "")

    def is_ready(self, lease: Lease) -> None:
        lease.state, lease.detail = "ready", ""
        lease.lasting = Lasting.begin(self.terms_of(lease.owner), self.clock.running())
        self.began(lease.owner)
        self.changed(lease.id)
        self.on_ready(lease)

    def renew(self) -> None:
        """Learners may have other terms than before: their leases have them from here on."""
        now = self.clock.running()
        for lease in self._ids.values():
            if lease.lasting and lease.lasting.become(self.terms_of(lease.owner), now):
                self.changed(lease.id)

    async def _create(self, lease: Lease, limit: asyncio.Timeout) -> None:
        left = START_WITHIN

        def ahead(count: int) -> None:
            nonlocal left
            now, ends = asyncio.get_running_loop().time(), limit.when()
            if count >= 0 and ends is not None:  # a long line is no failure to start: the clock stands meanwhile
                left = ends - now
                limit.reschedule(None)
            elif count < 0 and ends is None:
                limit.reschedule(now + left)
            lease.detail = "You are in line for a sandbox." if count >= 0 else "Your sandbox is being started."

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
