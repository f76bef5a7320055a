"""Looks after leases: what became of their sandboxes, which are due, and what of it is written down.

Knows the spawner's list, the clock and the ledger, and joins what is decided elsewhere: reconcile.py (what follows from the
list), terms.py (when an end is due). Doesn't know HTTP or what learners ask for (sessions.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace

import structlog

from lab_server.errors import LabError, NotFound
from lab_server.lessons.catalog import Catalog
from lab_server.store.engine import Store
from lab_server.store.leases import Lease as Row
from lab_server.web import protocol
from lab_server.web.hub import Hub
from lab_server.web.ledger import KEPT_FOR, Ledger
from lab_server.web.reconcile import Adopt, Destroy, Found, Known, Lose, Reconciler
from lab_server.web.service import Service
from lab_server.web.sessions import ASK_EVERY, KEPT, Lease, Leases
from lab_server.web.terms import End, Lasting

log = structlog.get_logger()

WATCH_EVERY = 3.0  # seconds between two looks at what became of the sandboxes
TICK = 1.0  # seconds between two looks at the clock
STOOD_STILL = 30.0  # seconds between two ticks that mean: this process, or its machine, was stopped
STAGES = (60.0, 10.0)  # seconds before an end at which viewers are told once more
FAILED_FOR = 3600.0  # seconds that a start which failed is remembered
GONE = "The sandbox is gone: the part of the server that keeps it was restarted."
ENDED = "The sandbox ended by itself: its first process is gone."
AGAIN = "Reset it to get a new one."


class Keeper:
    """Use it between `open` and `close`."""

    def __init__(self, leases: Leases, service: Service, hub: Hub, catalog: Catalog, store: Store) -> None:
        self._leases, self._service, self._hub, self._catalog = leases, service, hub, catalog
        self._clock = leases.clock
        self._reconciler = Reconciler()
        self.ledger = Ledger(store, self.rows, self.restore, leases.clock.wall)
        self._past: dict[str, Row] = {}  # what an earlier server wrote, as far as nothing came of it yet
        self._restored = False
        self._discarding: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._last = leases.clock.running()
        self.looked: Callable[[dict[str, bool]], None] = lambda frozen: (
            None
        )  # is told every sandbox, and whether it stands still
        leases.changed, leases.dropped = self.ledger.note, self.ledger.drop
        hub.lost, hub.typed = self.lost, leases.touch
        hub.greetings.append(self.greeting)

    def open(self) -> None:
        self.ledger.open()
        self._spawn(self._watch())
        self._spawn(self._tick())

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.ledger.close()

    async def _watch(self) -> None:
        while True:
            asked = False
            try:
                asked = await self.look()
            except Exception:
                log.exception("what the spawner has could not be compared")
            await asyncio.sleep(WATCH_EVERY if asked else ASK_EVERY)

    async def _tick(self) -> None:
        while True:
            try:
                self.tick()
            except Exception:  # the next one may be better: nobody else looks at the clock
                log.exception("deadlines could not be looked at")
            await asyncio.sleep(TICK)

    # --- what became of the sandboxes ---

    async def look(self) -> bool:
        """Know the sandboxes there are, and learn of those that went; whether the spawner could be asked."""
        before = [Known(one.id, one.owner, one.state == "ready", one.live) for one in self._leases.all()]
        try:
            entries = await self._service.list()
        except LabError:
            self._reconciler.unknown()
            return False
        there = [Found.read(entry) for entry in entries]
        for action in self._reconciler.look(there, before, self._clock.running()):
            match action:
                case Adopt(found):
                    self._take_up(found)
                case Lose(id, seen):
                    self.lost(id, ENDED if seen else GONE)
                case Destroy(id, over):
                    self.discard(id, unclaimed=not over)
        if not self._leases.known.is_set():
            self._leases.known.set()
            self._match()
        self.looked({str(entry["sandbox"]): entry.get("frozen") is True for entry in entries})
        return True

    def _take_up(self, found: Found) -> None:
        """The lease of a sandbox that an earlier server made."""
        assert found.claimant
        lease = Lease(found.id, *found.claimant)
        self._leases.add(lease)
        if found.state == "ready":
            self._leases.is_ready(lease)
        self._apply(lease)
        lease.during(self._adopt(lease))

    async def _adopt(self, lease: Lease) -> None:
        try:
            lease.driver = str((await self._service.info()).get("driver", ""))
            if lease.state != "ready":
                await self._leases.make(lease)
            with contextlib.suppress(NotFound):
                await self._hub.adopt(lease.id, self._catalog.lesson(lease.lesson).sessions)
        except Exception:
            log.exception("a sandbox could not be taken up", sandbox=lease.id)

    def lost(self, id: str, reason: str) -> None:
        """The sandbox ended by itself, for certain."""
        lease = self._leases.by_id(id)
        if lease and lease.state == "ready":
            self._leases.settle(lease, "failed", "lost", reason, AGAIN)
            self.discard(id)

    def discard(self, id: str, unclaimed: bool = False) -> None:
        """Destroy a sandbox that is no live lease's. What fails is found by a later look, and tried again."""
        if id not in self._discarding:
            self._discarding.add(id)
            self._spawn(self._discard(id, unclaimed))

    async def _discard(self, id: str, unclaimed: bool) -> None:
        try:
            lease = self._leases.by_id(id)
            async with self._leases.turns.take(lease.owner if lease else ""):
                if (lease := self._leases.by_id(id)) is None or not lease.live:  # it may have been reset meanwhile
                    await self._service.destroy(id)
                    if unclaimed:
                        self._leases.count("unclaimed", sandbox=id)
        except LabError as why:
            log.info("a sandbox is still to be destroyed", sandbox=id, why=str(why))
        finally:
            self._discarding.discard(id)

    # --- what is due ---

    def tick(self) -> None:
        """End what is due, tell of what soon is, and forget what was over long ago."""
        now = self._clock.running()
        still, self._last = now - self._last, now
        self._leases.renew()  # a class may have opened or closed
        for lease in self._leases.all():
            if lease.lasting:
                if still > STOOD_STILL or lease.paused:
                    lease.lasting.pause(still)
                end = lease.lasting.end()
                if end and now >= end.at:
                    self._end(lease, end)
                else:
                    self._tell(lease, end, now)
            elif lease.over and now - lease.over[0] >= (FAILED_FOR if lease.reason == "failed" else KEPT_FOR):
                self._leases.remove(lease)

    def _end(self, lease: Lease, end: End) -> None:
        assert lease.lasting
        self._leases.settle(lease, "ended", end.why, lease.lasting.terms.words(end.why), KEPT)
        self.discard(lease.id)

    def _tell(self, lease: Lease, end: End | None, now: float) -> None:
        """Those who watch: when the end comes near, moves, is nearer still, or is far again."""
        assert lease.lasting
        near = end is not None and now >= end.near
        stage = sum(end.at - now <= seconds for seconds in STAGES) if end else 0
        told = (end, lease.lasting.extendable, stage) if near else None
        if told != lease.told:
            lease.told = told
            self._hub.say(lease.id, self._message(lease, end if near else None, now))

    def notice(self, lease: Lease) -> None:
        """Its end was put off: say so now."""
        if lease.lasting:
            self._tell(lease, lease.lasting.end(), self._clock.running())

    def greeting(self, id: str) -> str | None:
        """What somebody who comes to watch is to know of the sandbox's end, if it is near."""
        lease = self._leases.by_id(id)
        if lease is None or lease.told is None or lease.lasting is None:
            return None
        return self._message(lease, lease.lasting.end(), self._clock.running())

    def _message(self, lease: Lease, end: End | None, now: float) -> str:
        if end is None or lease.lasting is None:
            return protocol.lease(None)
        left = round(max(0.0, end.at - now), 1)
        return protocol.lease(left, end.why, lease.lasting.extendable, lease.lasting.more)

    # --- what is written down ---

    async def forget(self, owner: str) -> None:
        """Write nothing about this learner's lease any more."""
        lease = self._leases.by_owner(owner)
        await self.ledger.silence([lease.id] if lease else [])

    def rows(self) -> dict[str, Row]:
        """Every lease as it is now."""
        return {lease.id: self._row(lease) for lease in self._leases.all()}

    def _row(self, lease: Lease) -> Row:
        now, wall = self._clock.running(), self._clock.wall()
        lasting = lease.lasting or lease.past
        # by the host's terms: what classes make of them may have changed by the time it is read
        idle, limit = lease.lasting.left(now, self._leases.terms) if lease.lasting else (None, None)
        active = wall - (now - lasting.active) if lasting else lease.since
        ended = lease.over[1] if lease.over else None
        names = (lease.id, lease.owner, lease.lesson, lease.state, lease.since)
        return Row(*names, active, wall, idle, limit, lasting.extended if lasting else 0, lease.reason, ended)

    def restore(self, rows: Iterable[Row]) -> None:
        """What an earlier server wrote, told once, early or late: a database may come long after the first sandbox."""
        self._past, self._restored = {row.id: row for row in rows}, True
        for lease in self._leases.all():
            self._apply(lease)
        if self._leases.known.is_set():
            self._match()

    def _apply(self, lease: Lease) -> None:
        """Of a sandbox that is there: the time it has left, and how often it was extended."""
        row = self._past.pop(lease.id, None)
        if row and lease.lasting:
            now, away = self._clock.running(), 0.0 if lease.paused else self._clock.wall() - row.noted
            given = (self._leases.terms, now, row.idle_left, row.limit_left, row.extended, away)
            resumed = Lasting.resume(*given)
            if lease.lasting.used:
                resumed.touch(lease.lasting.active)
            lease.lasting = resumed

    def _match(self) -> None:
        """Once the spawner's list and the store have both been read: what came of leases whose sandbox isn't there."""
        if not self._restored:
            return
        past, self._past = self._past, {}
        for row in past.values():
            if self._leases.by_owner(row.owner) or not self._recall(row):
                self.ledger.drop([row.id])

    def _recall(self, row: Row) -> bool:
        """Have the lease again, so that its learner is told what happened; whether there is something to tell."""
        lease = Lease(row.id, row.owner, row.lesson, row.since, state=row.state, reason=row.reason)
        if row.state == "ready":  # unknown is not gone: looks will tell
            lease.detail, lease.lasting = "", Lasting.begin(self._leases.terms, self._clock.running())
        elif row.reason in ("idle", "limit", "class", "lost") and row.ended is not None:
            ago = min(max(self._clock.wall() - row.ended, 0.0), KEPT_FOR)
            lease.over = (self._clock.running() - ago, row.ended)
            lease.past = self._then(row)
            words = GONE if row.reason == "lost" else self._leases.why(lease)
            lease.detail = f"{words} {AGAIN if row.reason == 'lost' else KEPT}"
        else:
            return False
        self._leases.add(lease)
        return True

    def _then(self, row: Row) -> Lasting:
        """The time of a lease that is over, as far as a row tells: with a class's terms it may have been idle for less than with ours."""
        terms, ended = self._leases.terms, row.ended or row.noted
        unused = 60.0 * round((ended - row.active) / 60)
        if row.reason == "idle" and 0 < unused < (terms.idle or math.inf):
            terms = replace(terms, idle=unused)
        past = Lasting.begin(terms, self._clock.running() - (self._clock.wall() - row.active))
        past.extended = row.extended
        return past

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
