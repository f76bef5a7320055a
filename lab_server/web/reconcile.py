"""What the spawner has, compared with the leases there are: what follows from the difference. Pure.

Knows ids, labels, and when something was seen to be amiss. Doesn't ask, end or write anything. Two rules are all of it:
what can't be seen is unknown, not gone; and what nobody knows is destroyed. Both only after two looks and a grace, since a
look may fall between two steps of a start or an end. What the spawner itself calls gone is: its processes have ended.
A look that failed is none: say `unknown`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LOOKS = 2  # how often something must have been seen
LOST_AFTER = 5.0  # seconds from the first look in which a sandbox was missing
UNCLAIMED_AFTER = 30.0  # seconds from the first look in which a sandbox was nobody's
GONE = "gone"  # it was ready, and ended by itself
STATES = {"starting", "ready", "failed", GONE}  # of sandboxes that were asked for; others are the spawner's own affair


@dataclass(frozen=True)
class Found:
    """One entry of the spawner's list."""

    id: str
    state: str
    labels: Mapping[str, str]

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Found:
        return cls(str(entry["sandbox"]), str(entry["state"]), dict(entry["labels"]))

    @property
    def claimant(self) -> tuple[str, str, float] | None:
        """Owner, lesson, and since when (seconds since the epoch): what a lease has written on it."""
        owner, lesson, since = (self.labels.get(name) for name in ("owner", "lesson", "since"))
        try:
            return (owner, lesson, float(since)) if owner and lesson is not None and since is not None else None
        except ValueError:
            return None

    @property
    def ours(self) -> bool:
        """Not made for a command (`labs shell` labels its own), nor kept by the spawner for later."""
        return self.state in STATES and (not self.labels or "owner" in self.labels)


@dataclass(frozen=True)
class Known:
    """A lease: `live` while it has, or is about to have, a sandbox; `ready` once it has one."""

    id: str
    owner: str
    ready: bool
    live: bool


@dataclass(frozen=True)
class Adopt:
    """A sandbox of a learner without a lease, seen in the first look."""

    found: Found


@dataclass(frozen=True)
class Lose:
    """A lease whose sandbox is gone: it is nowhere, or was `seen` to have ended."""

    id: str
    seen: bool = False


@dataclass(frozen=True)
class Destroy:
    """A sandbox that no lease claims. `over`: its lease has ended, so somebody wanted it gone already."""

    id: str
    over: bool


Action = Adopt | Lose | Destroy


class Reconciler:
    """`look` is told what there is and says what to do; it remembers what seemed amiss before."""

    def __init__(self) -> None:
        self._amiss: dict[tuple[str, str], tuple[float, int]] = {}  # (kind, id) → first seen, how often
        self._first = True

    def unknown(self) -> None:
        """The spawner could not be asked: what seemed amiss has to be seen anew."""
        self._amiss.clear()

    def look(self, there: Iterable[Found], leases: Sequence[Known], now: float) -> list[Action]:
        """`leases` as they were before the spawner was asked: what came since is not amiss."""
        found = {one.id: one for one in there}
        actions: list[Action] = []
        live = {lease.id for lease in leases if lease.live}
        over = {lease.id for lease in leases if not lease.live}
        if self._first:
            self._first = False
            adopted = _newest(found.values(), {lease.owner for lease in leases if lease.live})
            actions += [Adopt(one) for one in adopted]
            live |= {one.id for one in adopted}
        actions += [
            Lose(lease.id, seen=True)
            for lease in leases
            if lease.ready and lease.live and lease.id in found and found[lease.id].state == GONE
        ]
        amiss = [("lost", lease.id) for lease in leases if lease.ready and lease.live and lease.id not in found]
        amiss += [("unclaimed", one.id) for one in found.values() if one.ours and one.id not in live]
        self._amiss = {key: self._seen(key, now) for key in amiss}
        for (kind, id), (first, looks) in self._amiss.items():
            if kind == "lost" and looks >= LOOKS and now - first >= LOST_AFTER:
                actions.append(Lose(id))
            elif kind == "unclaimed" and (id in over or (looks >= LOOKS and now - first >= UNCLAIMED_AFTER)):
                actions.append(Destroy(id, id in over))
        return actions

    def _seen(self, key: tuple[str, str], now: float) -> tuple[float, int]:
        first, looks = self._amiss.get(key, (now, 0))
        return first, looks + 1


def _newest(there: Iterable[Found], owners: set[str]) -> list[Found]:
    """One sandbox an owner who has no lease: the one made last."""
    newest: dict[str, tuple[float, Found]] = {}
    for one in there:
        if not one.ours or one.state in ("failed", GONE) or (claim := one.claimant) is None:
            continue
        owner, _, since = claim
        if owner not in owners and (owner not in newest or newest[owner][0] < since):
            newest[owner] = (since, one)
    return [one for _, one in newest.values()]
