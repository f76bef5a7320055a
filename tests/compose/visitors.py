"""A browser of the host at the stack in the guest: `come` is the host's side, `received` the guest's (script.py).

Knows where each meets the other. Doesn't know what the pages are like (tests/browser/journey.py).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from tests.browser.chromium import CHROMIUM
from tests.compose.stack import Failed, eventually, say

READY = "compose: visitors may come"  # the host waits for this line
WORD = Path("/run/labs.in")  # and answers here: "skipped: …" or "failed: …", else what it saw
PASSWORD = "correct horse battery staple"
WITHIN = 600.0  # seconds
PATIENCE = "180"  # seconds, for each moment


def come(port: int) -> str:
    """The journey on two pages of headless Chromium, through this port: what it said."""
    if not CHROMIUM:
        return "skipped: no Chromium on the host: apt-get install chromium"
    words = [sys.executable, "-m", "tests.browser.journey", f"http://127.0.0.1:{port}", PASSWORD, PATIENCE]
    done = subprocess.run(words, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=WITHIN - 60)
    if done.returncode:
        return f"failed: {done.stdout} {done.stderr[-4000:]}"
    return "; ".join(done.stdout.splitlines())


def received() -> None:
    """Have the host's browser come, and wait until it has been. Raises Failed."""
    print(READY, flush=True)
    heard = bytearray()
    port = os.open(WORD, os.O_RDONLY | os.O_NONBLOCK)

    def whole() -> bool:
        with contextlib.suppress(BlockingIOError):  # the host is there, and silent
            heard.extend(os.read(port, 65536))  # nothing at all while it is not there
        return heard.endswith(b"\n")

    eventually("a browser came, and told how it went", whole, WITHIN)
    os.close(port)
    word = heard.decode().strip()
    if word.startswith("failed:"):
        raise Failed(f"a browser's journey {word}")
    say(f"  {word}")
