"""How often an address may do something: so many at once, and one more every so often.

Knows addresses and times. Doesn't know what is done.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable

from lab_server.web.faults import TooMany

MOST_ADDRESSES = 10_000  # remembered at once; the one that was longest quiet is forgotten first


def network(address: str) -> str:
    """Whom to count as one: an IPv4 address, or the /64 that an IPv6 host usually has to itself."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


class Throttle:
    """`burst` at once, one more every `every` seconds. `what` is the sentence for who did too much."""

    def __init__(self, burst: int, every: float, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._every, self._what, self._clock = burst, every, what, clock
        self._left: dict[str, tuple[float, float]] = {}  # address → how many are left, and when that was so

    def take(self, address: str) -> None:
        """One of those that are left. Raises TooMany."""
        key, now = network(address), self._clock()
        left = self._now(key, now)
        if left < 1:
            raise TooMany(self._what, "Try again later.")
        self._left.pop(key, None)
        self._left[key] = (left - 1, now)
        if len(self._left) > MOST_ADDRESSES:
            del self._left[next(iter(self._left))]

    def give_back(self, address: str) -> None:
        """What was taken doesn't count after all."""
        key, now = network(address), self._clock()
        self._left[key] = (min(self._burst, self._now(key, now) + 1), now)

    def _now(self, key: str, now: float) -> float:
        left, since = self._left.get(key, (self._burst, now))
        return min(self._burst, left + (now - since) / self._every)
