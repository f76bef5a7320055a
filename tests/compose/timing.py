"""How long things take, as ratios within one run: a sandbox against `docker run`, and a terminal by itself.

Knows what is timed. Asserts nothing: timings are told, not tested (CONTRIBUTING.md).
"""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from pathlib import Path

from tests.compose.learner import Learner
from tests.compose.page import Page
from tests.compose.stack import docker, say

ROUNDS = 9
TERMINALS = 10
ECHO = Path(__file__).with_name("echo.py")
PROMPT = rb"\x1b\]133;B"  # the shell has drawn its prompt


def sandboxes(lesson: str, image: str, rounds: int) -> None:
    """Cold sandboxes and `docker run --rm` of the same image, in turn."""
    ours, theirs = [], []
    for _ in range(rounds):
        began = time.monotonic()
        docker("run", "--rm", "--network=none", image, "true")
        theirs.append(time.monotonic() - began)
        learner = Learner()
        began = time.monotonic()
        sandbox = learner.start(lesson)
        ours.append(time.monotonic() - began)
        learner.end(sandbox)
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    say(f"  cold sandbox {_list(ours)} s; docker run --rm {_list(theirs)} s; ratio {ratio:.2f} (median of {rounds})")
    say(
        f"  of the medians {statistics.median(ours) / statistics.median(theirs):.2f}, of the fastest {min(ours) / min(theirs):.2f}"
    )


def terminals(learner: Learner, sandbox: str) -> None:
    """Terminals in a sandbox that is there: from the call to the prompt, a new shell each time."""
    took = []
    for _ in range(TERMINALS):
        began = time.monotonic()
        page = Page(learner, sandbox, "watch")
        page.match(PROMPT)
        took.append(time.monotonic() - began)
        page.type(b"exit\r")
        page.ended()
        page.close()
    took.sort()
    p95 = took[-(-95 * len(took) // 100) - 1]
    say(
        f"  a terminal's prompt after {statistics.median(took):.2f} s (median), {p95:.2f} s (95th percentile of {len(took)})"
    )


def echo(container: str, sandbox: str) -> None:
    """A key through a learner's terminal, as web holds it, and through a PTY of web's own container, in turn."""
    line = ["docker", "exec", "-i", container, "python3", "-P", "-", sandbox, "echo"]
    took = json.loads(subprocess.run(line, input=ECHO.read_bytes(), stdout=subprocess.PIPE, check=True).stdout)
    ours, direct = took["sandbox"], took["direct"]
    ratio = statistics.median(a / b for a, b in zip(ours, direct, strict=True))
    medians = f"{statistics.median(ours):.0f} us; of a direct PTY {statistics.median(direct):.0f} us"
    say(f"  a key's echo in a sandbox {medians}; ratio {ratio:.2f} (medians of {len(ours)})")


def _list(seconds: list[float]) -> str:
    return ", ".join(f"{one:.1f}" for one in seconds)
