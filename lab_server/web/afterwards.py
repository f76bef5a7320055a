"""What those who run a class have of it afterwards: files of how far everybody got, recordings, the audit log.

Knows who may, the store, and that each look at a learner's work is written down. Knows neither HTTP nor formats (exports.py), nor how
recordings come about (recorder.py). Every method raises StoreFailed, and NotFound or Refused as classes.py does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from lab_server.errors import Conflict, NotFound
from lab_server.lessons.catalog import Catalog
from lab_server.store import audit, classes, members, recordings
from lab_server.store.accounts import Account
from lab_server.store.audit import DELETED, EXPORTED, PLAYED, Entry
from lab_server.store.classes import Class
from lab_server.store.engine import Store
from lab_server.store.recordings import Recording
from lab_server.web.classes import Classes
from lab_server.web.exports import Form, LearnersCsv, LearnersJson, QuestionsCsv
from lab_server.web.recorder import Recorder, asks
from lab_server.web.standings import AT_ONCE
from lab_server.web.tapes import Tapes
from lab_server.web.taught import Learner, Taught, taught
from lab_server.web.xapi import Xapi

PIECE = 256 * 1024  # bytes of a recording that are read in one go

Maker = Callable[[Class, Sequence[Taught], Sequence[str], float, str], Form]

FORMS: Mapping[str, Maker] = {
    "learners.csv": lambda of, lessons, names, now, origin: LearnersCsv(of, lessons, names),
    "questions.csv": lambda of, lessons, names, now, origin: QuestionsCsv(of, lessons, names),
    "json": lambda of, lessons, names, now, origin: LearnersJson(of, lessons, now),
    "xapi.json": lambda of, lessons, names, now, origin: Xapi(of, lessons, origin),
}


@dataclass(frozen=True)
class Recorded:
    """`name`: the learner's in the class; `on`: it goes on."""

    it: Recording
    name: str
    on: bool


class Afterwards:
    """One for the whole server. `clock`: seconds since the epoch."""

    def __init__(
        self,
        catalog: Catalog,
        store: Store,
        classes: Classes,
        recorder: Recorder,
        tapes: Tapes,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._catalog, self._store, self._classes = catalog, store, classes
        self._recorder, self._tapes, self._clock = recorder, tapes, clock

    # --- files ---

    async def export(self, who: Account, id: str, form: str, origin: str) -> tuple[Form, AsyncIterator[str]]:
        """What the class did, in one of FORMS; the text comes a few learners at a time, while terminals wait for the same loop."""
        of, _ = await self._classes.allowed(who, id)
        now = self._clock()
        async with self._store.read() as at:
            there = await members.of_class(at, id)
            lessons = taught(of, self._catalog.lessons, [] if of.lessons else await members.done_in(at, id))
        async with self._store.write() as at:
            await audit.add(at, of, who, EXPORTED, now, form=form, learners=len(there))
        made = FORMS[form](of, lessons, [one.name for one in there], now, origin)
        return made, self._text(made, [one.id for one in there], lessons)

    async def _text(self, form: Form, there: list[str], lessons: list[Taught]) -> AsyncIterator[str]:
        yield form.begin()
        ids = [lesson.id for lesson in lessons]
        for start in range(0, len(there), AT_ONCE):
            async with self._store.read() as at:
                found = await members.kept(at, there[start : start + AT_ONCE], ids)
            yield form.some([Learner(*one) for one in found])
            await asyncio.sleep(0)
        yield form.end()

    # --- recordings ---

    async def recordings(self, who: Account, id: str) -> list[Recorded]:
        """The newest first."""
        await self._classes.allowed(who, id)
        async with self._store.read() as at:
            found = await recordings.of_class(at, id)
            names = {one.id: one.name for one in await members.of_class(at, id)}
        return [self._recorded(one, names.get(one.member, "")) for one in found]

    def _recorded(self, one: Recording, name: str) -> Recorded:
        size = self._recorder.recording(one.id)
        if size is None:
            return Recorded(one, name, False)
        return Recorded(Recording(one.id, one.of, one.member, one.session, one.begun, None, size), name, True)

    async def play(self, who: Account, id: str, recording: str) -> AsyncIterator[bytes]:
        """The bytes of a recording, as far as it goes now. Raises NotFound."""
        of, _ = await self._classes.allowed(who, id)
        async with self._store.read() as at:
            one = await recordings.get(at, id, recording)
        size, first = await self._begun(one)
        async with self._store.write() as at:
            await audit.add(at, of, who, PLAYED, self._clock(), one.member, recording=one.id)
        return self._bytes(one.id, first, size)

    async def _begun(self, one: Recording) -> tuple[int, bytes]:
        """How long its file is now, and the first piece of it."""
        size = await asyncio.to_thread(self._tapes.size, one.id)
        return size, await asyncio.to_thread(self._tapes.read, one.id, 0, min(PIECE, size))

    async def _bytes(self, id: str, first: bytes, size: int) -> AsyncIterator[bytes]:
        yield first
        done = len(first)
        while done < size and (piece := await asyncio.to_thread(self._tapes.read, id, done, min(PIECE, size - done))):
            done += len(piece)
            yield piece

    async def delete(self, who: Account, id: str, recording: str) -> None:
        """Raises NotFound."""
        of, _ = await self._classes.allowed(who, id, change=True)
        async with self._store.write() as at:
            one = await recordings.get(at, id, recording)
            await recordings.remove(at, [one.id])
            await audit.add(at, of, who, DELETED, self._clock(), one.member, recording=one.id)
        await asyncio.to_thread(self._tapes.remove, [one.id])
        await self._recorder.measure()

    # --- the audit log ---

    async def log(self, who: Account, id: str) -> tuple[list[Entry], dict[str, str]]:
        """The newest first; and the names of those who are still there, by member's id. Not for assistants: it is about them too."""
        await self._classes.allowed(who, id, change=True)
        async with self._store.read() as at:
            entries = await audit.of_class(at, id)
            names = {one.id: one.name for one in await members.of_class(at, id)}
        return entries, names

    # --- what a learner has of it, and decides ---

    async def mine(self, learner: str, of: str) -> list[Recorded]:
        """The learner's own recordings in the class, the newest first. Raises NotFound where they are not in it."""
        async with self._store.read() as at:
            if (member := await members.find(at, of, learner)) is None:
                raise NotFound("You are not in this class.", "You may have left it already.")
            found = await recordings.of_learner(at, learner, of)
        return [self._recorded(one, member.name) for one in reversed(found)]

    async def play_mine(self, learner: str, of: str, recording: str) -> AsyncIterator[bytes]:
        """As `play`, of the learner's own: nobody needs to know that they looked. Raises NotFound, also for another's."""
        for one in await self.mine(learner, of):
            if one.it.id == recording:
                size, first = await self._begun(one.it)
                return self._bytes(recording, first, size)
        raise NotFound("There is no such recording of yours.", "You may have deleted it, or its time was over.")

    async def consent(self, learner: str, of: str, yes: bool) -> None:
        """Given or taken back; taking it back ends what is recorded at once, also while the database is away.

        Raises NotFound where the learner is not in the class, Conflict for consent to what nobody asks for.
        """
        if not yes:
            self._recorder.withdraw(of, learner)
            await self._recorder.settled()
        try:
            async with self._store.write() as at:
                await self._consent(at, learner, of, yes)
        except NotFound:
            self._recorder.withdrawn(of, learner)
            raise
        self._recorder.withdrawn(of, learner)
        self._recorder.stale()
        self._classes.changed(of)

    async def _consent(self, at: AsyncConnection, learner: str, of: str, yes: bool) -> None:
        if (mine := await members.find(at, of, learner)) is None:
            raise NotFound("You are not in this class.", "You may have left it already.")
        if yes:
            now, there = self._clock(), await classes.get(at, of, hold=True)
            if not asks(there.limits, there.state(now)):
                raise Conflict("This class asks for no recording now.", "Its page asks you if it does.")
        if yes != (mine.consented is not None):
            await members.change(at, of, learner, {"consented": self._clock() if yes else None})

    async def forget(self, learner: str, of: str = "") -> None:
        """The learner's recordings are gone, in every class or in one."""
        await self._recorder.forget(learner, of)
        async with self._store.write() as at:
            gone = [one.id for one in await recordings.of_learner(at, learner, of)]
            await recordings.remove(at, gone)
        await asyncio.to_thread(self._tapes.remove, gone)
        await self._recorder.measure()
        self._recorder.stale()
