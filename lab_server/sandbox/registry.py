"""Which sandboxes there are: made once, found by id, ended once, whoever asks and however often at the same time.

Knows a driver and specs. Doesn't know sockets or who asks (spawner.py).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab_server.errors import BadInput, Conflict, HostFull, NotFound, SandboxFailed
from lab_server.sandbox.contract import Driver, Limits, Sandbox, SandboxSpec
from lab_server.sandbox.terminals import Terminals

SPARE_DISK = 512 << 20  # bytes that are left free: a full disk must not stop those already inside


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


@dataclass
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
        return told | {"state": self.state, "detail": self.detail}


class Registry:
    def __init__(self, driver: Driver, specs: Mapping[str, SandboxSpec], most: int, disk: Path | None) -> None:
        self._driver, self._specs, self._most, self._disk = driver, specs, most, disk
        self._entries: dict[str, Entry] = {}
        self._lock = threading.Lock()

    def all(self) -> list[dict[str, Any]]:
        with self._lock:
            entries = dict(self._entries)
        return [entry.public(id) for id, entry in entries.items()]

    def get(self, id: str) -> tuple[Sandbox, Terminals]:
        """Raises NotFound for one that is not there, or not there yet."""
        entry = self._entries.get(id)
        if entry is None or entry.sandbox is None or entry.terminals is None:
            raise NotFound(f"There is no sandbox {id!r}.", "Start a new one.")
        return entry.sandbox, entry.terminals

    def create(self, id: str, template: str, labels: dict[str, str]) -> dict[str, Any]:
        """The ready sandbox of this id, made if need be. Raises NotFound, Conflict, HostFull, SandboxFailed."""
        spec = self._specs.get(template)
        if spec is None:
            raise NotFound(f"There is no template {template!r}.")
        with self._lock:
            entry = self._entries.get(id)
            new = entry is None
            if entry is None:
                self._check_room()
                entry = self._entries[id] = Entry(spec, labels)
                entry.lock.acquire()  # before anyone sees it: the first thing done to it is its making
            elif entry.labels != labels:
                raise Conflict(f"The name {id!r} is taken by a sandbox with other labels.")
        if new:
            try:
                self._make(id, entry)
            finally:
                entry.lock.release()
        else:
            with entry.lock:  # whoever makes it is done when this is had
                pass
        if entry.state != "ready":
            raise SandboxFailed(entry.detail or "The sandbox could not be made.", "Try again.")
        return entry.public(id)

    def _make(self, id: str, entry: Entry) -> None:
        try:
            entry.sandbox = self._driver.create(id, entry.spec, entry.labels)
            entry.terminals = Terminals(entry.sandbox)
            entry.state = "ready"
        except BaseException as why:
            entry.state, entry.detail = "failed", str(why)
            with self._lock:
                self._entries.pop(id, None)
            raise

    def _check_room(self) -> None:
        if len(self._entries) >= self._most:
            raise HostFull(f"All {self._most} sandboxes of this host are taken.", "Try again later.")
        if self._disk is None:
            return
        stat = os.statvfs(self._disk)
        free = stat.f_bavail * stat.f_frsize
        if free < SPARE_DISK:
            raise HostFull(
                f"The host's disk has {free >> 20} MiB left; a new sandbox needs {SPARE_DISK >> 20}.",
                "Free space below LABS_DATA. Sandboxes that run already are not affected.",
            )

    def end(self, id: str) -> None:
        """Destroy it; one that is not there is no error. One that is being made is ended as soon as it is made."""
        entry = self._entries.get(id)
        if entry is None:
            return
        with entry.lock:
            if entry.terminals:
                entry.terminals.close()
            if entry.sandbox:
                entry.sandbox.destroy()
            with self._lock:
                if self._entries.get(id) is entry:
                    del self._entries[id]

    def end_all(self) -> None:
        workers = [threading.Thread(target=self.end, args=(id,)) for id in list(self._entries)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
