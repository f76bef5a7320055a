"""Which sandboxes there are: made once, found by id, ended once, whoever asks and however often at the same time.

Knows a driver, specs, and the pool of those that are nobody's yet (pool.py). Doesn't know sockets or who asks (spawner.py).
A sandbox out of the pool has an id of its own in its driver, which nobody outside hears of.
"""

from __future__ import annotations

import contextlib
import secrets
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lab_server.errors import MEANWHILE, BadInput, Conflict, HostFull, LabError, NotFound, SandboxFailed, SpawnerGone
from lab_server.sandbox.contract import (
    UNBOUND,
    Driver,
    LastingDriver,
    Limits,
    Rebindable,
    Sandbox,
    SandboxSpec,
    Survivor,
    WatchingDriver,
)
from lab_server.sandbox.pool import Pool
from lab_server.sandbox.room import NEARLY, Room
from lab_server.sandbox.terminals import Terminals


def specs(templates: Mapping[str, Mapping[str, Any]]) -> dict[str, SandboxSpec]:
    """Template name → spec, from plain JSON. Raises BadInput naming the template and the field."""
    found = {"default": SandboxSpec()}
    for name, given in templates.items():
        try:
            fields = dict(given)
            limits = Limits(**fields.pop("limits", {}))
            found[name] = SandboxSpec(template=name, limits=limits, **fields)
        except TypeError as why:
            raise BadInput(f"The template {name!r} is wrong: {why}.") from None
    return found


@dataclass(slots=True)
class Entry:
    """One sandbox in keeping. `lock` orders what is done to it; `state` is starting, ready or failed."""

    spec: SandboxSpec
    labels: dict[str, str]
    state: str = "starting"
    detail: str = ""
    sandbox: Sandbox | None = None
    terminals: Terminals | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def public(self, id: str) -> dict[str, Any]:
        told = {"sandbox": id, "template": self.spec.template, "labels": self.labels}
        frozen = self.terminals is not None and self.terminals.frozen
        return told | {"state": self.state, "detail": self.detail, "frozen": frozen}


class Registry:
    """`most` sandboxes at once, of them up to `warm` that are nobody's yet."""

    def __init__(
        self, driver: Driver, specs: Mapping[str, SandboxSpec], most: int, room: Room | None = None, warm: int = 0
    ) -> None:
        self._driver, self._specs, self._most, self._host = driver, specs, most, room or Room()
        self._entries: dict[str, Entry] = {}
        self._lock = threading.Lock()
        self._closed = False
        # whose a sandbox has become must outlive us where the sandbox does
        bindable = isinstance(driver, Rebindable) or not isinstance(driver, LastingDriver)
        self.pool = Pool(self._make_warm, self._room_for, warm if bindable else 0)

    def adopt(self, survivors: Iterable[Survivor]) -> None:
        """Sandboxes of a spawner before this one. One whose template is no longer there keeps its name."""
        for found in survivors:
            if found.sandbox.labels == UNBOUND:
                self.pool.discard(found.sandbox)  # made to the templates of that spawner
                continue
            spec = self._specs.get(found.template) or SandboxSpec(template=found.template)
            terminals = Terminals(found.sandbox, found.frozen)
            terminals.adopt(found.terminals)
            entry = Entry(spec, dict(found.sandbox.labels), "ready", "", found.sandbox, terminals)
            with self._lock:
                self._entries[found.id or found.sandbox.id] = entry

    def all(self) -> list[dict[str, Any]]:
        with self._lock:
            entries = dict(self._entries)
        return [entry.public(id) for id, entry in entries.items()]

    def gone(self, ids: Iterable[str]) -> set[str]:
        """Those that were ready and have ended by themselves; one that is being ended has not."""
        there = {id: entry for id in ids if (entry := self._entries.get(id)) and entry.state == "ready"}
        boxes = {entry.sandbox.id: entry.sandbox for entry in there.values() if entry.sandbox}
        try:
            if isinstance(self._driver, WatchingDriver):
                ended = set(self._driver.ended(list(boxes)))
            else:
                ended = {name for name, box in boxes.items() if not box.alive()}
        except Exception:  # what can't be told is not gone
            return set()
        return {
            id
            for id, entry in there.items()
            if entry.sandbox
            and entry.sandbox.id in ended
            and not entry.lock.locked()
            and self._entries.get(id) is entry
        }

    def get(self, id: str) -> tuple[Sandbox, Terminals]:
        """Raises NotFound for one that is not there, or not there yet."""
        entry = self._entries.get(id)
        if entry is None or entry.sandbox is None or entry.terminals is None:
            raise NotFound(f"There is no sandbox {id!r}.", "Start a new one.")
        return entry.sandbox, entry.terminals

    def create(self, id: str, template: str, labels: dict[str, str]) -> dict[str, Any]:
        """The ready sandbox of this id, a warm one or one that is made. Raises NotFound, Conflict, HostFull, SandboxFailed."""
        entry, new = self._claim(id, template, labels)
        with self.pool.way():
            return self._have(id, entry, self.pool.take(template) if new else None, new)

    def bind(self, id: str, template: str, labels: dict[str, str]) -> dict[str, Any] | None:
        """As `create` where that means no making; None where no sandbox is warm, and nothing has changed then."""
        with self._lock:
            there = id in self._entries
        warm = None if there else self.pool.take(template)
        if not there and warm is None:
            return None
        try:
            entry, new = self._claim(id, template, labels)
        except BaseException:
            if warm:
                self.pool.discard(warm)
            raise
        if warm and not new:
            self.pool.discard(warm)
        with self.pool.way():
            return self._have(id, entry, warm, new)

    def _claim(self, id: str, template: str, labels: dict[str, str]) -> tuple[Entry, bool]:
        """The entry of this id, and whether it is new: then its lock is held, and it is the caller's to fill."""
        spec = self._specs.get(template)
        if spec is None:
            raise NotFound(f"There is no template {template!r}.")
        with self._lock:
            if self._closed:
                raise SpawnerGone("The spawner is being stopped.", "Try again in a moment.")
            entry = self._entries.get(id)
            if entry is not None:
                if entry.labels != labels:
                    raise Conflict(f"The name {id!r} is taken by a sandbox with other labels.")
                return entry, False
            self._check_room()
            entry = self._entries[id] = Entry(spec, labels)
            entry.lock.acquire()  # before anyone sees it: the first thing done to it is its making
        self.pool.came(template)
        return entry, True

    def _have(self, id: str, entry: Entry, warm: Sandbox | None, new: bool) -> dict[str, Any]:
        if new:
            try:
                self._make(id, entry, warm)
            finally:
                entry.lock.release()
        else:
            with entry.lock:  # whoever makes it is done when this is had
                pass
        if entry.state != "ready":
            raise SandboxFailed(entry.detail or "The sandbox could not be made.", "Try again.")
        return entry.public(id)

    def _make(self, id: str, entry: Entry, warm: Sandbox | None) -> None:
        try:
            entry.sandbox = self._bound(id, entry, warm) if warm else None
            if entry.sandbox is None:
                self.pool.shrink(self._most - len(self._entries))
                entry.sandbox = self._driver.create(id, entry.spec, entry.labels)
            entry.terminals = Terminals(entry.sandbox)
            entry.state = "ready"
        except BaseException as why:
            entry.state, entry.detail = "failed", str(why)
            with self._lock:
                self._entries.pop(id, None)
            raise

    def _bound(self, id: str, entry: Entry, warm: Sandbox) -> Sandbox | None:
        """The warm one, this id's from here on, also for a spawner that comes after this one; None where that could not be kept."""
        if isinstance(self._driver, Rebindable):
            try:
                self._driver.bind(warm, id, entry.labels)
            except Exception as why:
                print(f"spawner: a warm sandbox could not be bound: {why!r}", file=sys.stderr, flush=True)
                self.pool.discard(warm)
                return None
        return warm

    # --- how full the host is ---

    def fullness(self) -> dict[str, Any]:
        """{"count", "most", "warm": numbers of sandboxes, "full": {"message", "remedy"} or None}"""
        found: dict[str, Any] = {
            "count": len(self._entries),
            "most": self._most,
            "warm": self.pool.count(),
            "full": None,
        }
        try:
            self._check_room()
        except HostFull as why:
            found["full"] = {"message": why.message, "remedy": why.remedy}
        return found

    def _check_room(self) -> None:
        if len(self._entries) >= self._most:
            raise HostFull(f"All {self._most} sandboxes of this host are taken.", MEANWHILE)
        self._host.check()

    def _make_warm(self, template: str) -> Sandbox:
        return self._driver.create(f"warm{secrets.token_hex(8)}", self._specs[template], UNBOUND)

    def _room_for(self, ready: int) -> int:
        """How many may be warm: none where the host is full, no more than there are where it nearly is."""
        free = self._most - len(self._entries)
        try:
            self._host.check()
        except HostFull:
            return 0
        try:
            self._host.check(NEARLY)
        except HostFull:
            return min(free, ready)
        return free

    def end(self, id: str) -> None:
        """Destroy it; one that is not there is no error. One that is being made is ended as soon as it is made."""
        entry = self._entries.get(id)
        if entry is None:
            return
        with entry.lock:
            if entry.terminals:
                if entry.terminals.frozen:
                    with contextlib.suppress(
                        LabError
                    ):  # a shell that stands still heeds no hang-up; it is killed all the same
                        entry.terminals.freeze(False)
                entry.terminals.close()
            if entry.sandbox:
                entry.sandbox.destroy()
            with self._lock:
                if self._entries.get(id) is entry:
                    del self._entries[id]

    def end_all(self) -> None:
        with self._lock:
            self._closed = True
            ids = list(self._entries)
        # the learners' own don't wait for what is nobody's: whoever stops us has limited patience
        workers = [threading.Thread(target=self.pool.close)]
        workers += [threading.Thread(target=self.end, args=(id,)) for id in ids]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
