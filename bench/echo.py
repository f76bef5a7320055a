"""How long a key takes to come back, through a raw program that answers in upper case (servers/upper.py)."""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

from bench.peers import Peer

KEYS = 250
GAP = (0.002, 0.005)  # seconds between an answer and the next key
PROGRAM = Path(__file__).parent / "servers" / "upper.py"


def measure(peer: Peer) -> list[float]:
    """Microseconds of each key, in a fresh terminal with nobody else busy."""
    terminal = peer.connect()
    try:
        terminal.type(f"{sys.executable} -I -S -E {PROGRAM}\r".encode())
        terminal.until(b"READY!")
        took = []
        for _ in range(KEYS):
            time.sleep(random.uniform(*GAP))
            key = bytes([random.randrange(ord("a"), ord("z") + 1)])
            start = time.perf_counter()
            terminal.type(key)
            terminal.until(key.upper(), 5)
            took.append((time.perf_counter() - start) * 1e6)
        return took
    finally:
        terminal.close()
