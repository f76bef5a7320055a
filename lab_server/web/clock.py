"""Two clocks: one that only runs, for everything that is due, and the one on the wall, for what is written down.

Knows nothing else. Tests hand in their own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Clock:
    """`running`: seconds since some moment, set by nobody; `wall`: seconds since the epoch, set by anybody."""

    running: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
