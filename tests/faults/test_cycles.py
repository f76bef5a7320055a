"""Sandboxes that come and go, each with a learner who typed in it: nothing of them adds up anywhere."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.compose.learner import Learner
from tests.compose.page import Page
from tests.faults import counts, hosting
from tests.faults.conftest import LONG, Serve, Tell
from tests.shell import eventually
from tests.web.processes import SPAWNER, WEB, Serving

CYCLES = 1000 if LONG else 40
AT_ONCE = 4
SPARE_THREADS = 12  # web's pools start one more when none is idle, up to their size; a leak would be one a sandbox
SETTLED = 20.0  # seconds for what is under way to end
WARM = 3  # rounds before the first count: pools of threads have their size by then


def test_many_come_and_go(serve: Serve, crun: str, lesson: str, figure: Tell) -> None:
    serving = serve(crun)
    learners = [Learner(serving.origin) for _ in range(AT_ONCE)]
    ranges: set[int] = set()

    def cycle(learner: Learner) -> None:
        sandbox = learner.start(lesson)
        page = Page(learner, sandbox)
        try:
            page.type(b"echo al''ive-$((6*7))\r")
            page.match(rb"alive-42\r\n")
        finally:
            page.close()
        ranges.add(first_id(serving, sandbox))
        learner.end(sandbox)

    with ThreadPoolExecutor(AT_ONCE) as pool:

        def rounds(count: int) -> None:
            for _ in range(count):
                list(pool.map(cycle, learners))

        rounds(WARM)
        before = settled(serving)
        memory = {name: counts.memory_kib(serving.child(name)) for name in (WEB, SPAWNER)}
        begun = time.monotonic()
        rounds(CYCLES // AT_ONCE)
        took = time.monotonic() - begun
    with contextlib.suppress(AssertionError):  # told below, by what differs
        eventually(lambda: not differs(counts.of(serving), before), within=SETTLED)
    after = counts.of(serving)
    assert not differs(after, before), f"{after}, and before it was {before}"
    assert len(ranges) <= AT_ONCE, f"id ranges are not used again: {sorted(ranges)}"
    grown = {name: counts.memory_kib(serving.child(name)) - kib for name, kib in memory.items()}
    figure(
        f"{CYCLES} in {took:.0f} s, {AT_ONCE} at once: all as before ({after}), {len(ranges)} id ranges in all; "
        f"memory of web {grown[WEB]:+d} KiB, of the spawner {grown[SPAWNER]:+d} KiB"
    )


def differs(after: counts.Counts, before: counts.Counts) -> dict[str, int]:
    """What there is more of."""
    found = {name: by for name, by in (after - before).items() if by > 0}
    if 0 < found.get("web_threads", 0) <= SPARE_THREADS:
        del found["web_threads"]
    return found


def settled(serving: Serving) -> counts.Counts:
    """The counts once nothing is under way any more: the same twice, with no sandbox there."""
    last = counts.of(serving)

    def same() -> bool:
        nonlocal last
        before, last = last, counts.of(serving)
        return not (last - before) and not hosting.sandboxes(serving.data)

    eventually(same, "nothing is under way")
    return last


def first_id(serving: Serving, sandbox: str) -> int:
    """The first of the ids that a sandbox has (user_namespaces(7))."""
    pid = hosting.processes(serving.data, sandbox)[0]
    return int(Path(f"/proc/{pid}/uid_map").read_text().split()[1])
