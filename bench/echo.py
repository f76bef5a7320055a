"""How long a key takes to come back, through a raw program that answers in upper case (servers/upper.py)."""

from __future__ import annotations

import contextlib
import random
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from bench.peers import Peer, Terminal

KEYS = 250
GAP = (0.002, 0.005)  # seconds between an answer and the next key
PROGRAM = Path(__file__).parent / "servers" / "upper.py"


def measure(peer: Peer) -> list[float]:
    """Microseconds of each key, in a fresh terminal."""
    return race({peer.name: peer})[peer.name]


def race(peers: Mapping[str, Peer]) -> dict[str, list[float]]:
    """Microseconds of each key, by peer: a fresh terminal each, key by key in turn, so that a busy moment hits all alike."""
    with contextlib.ExitStack() as open_:
        terminals: dict[str, Terminal] = {}
        for name, peer in peers.items():
            terminals[name] = open_.enter_context(contextlib.closing(peer.connect()))
            terminals[name].type(f"{sys.executable} -I -S -E {PROGRAM}\r".encode())
            terminals[name].until(b"READY!")
        took: dict[str, list[float]] = {name: [] for name in peers}
        order = list(terminals)
        for _ in range(KEYS):
            random.shuffle(order)
            for name in order:
                took[name].append(_key(terminals[name]))
        return took


def _key(terminal: Terminal) -> float:
    time.sleep(random.uniform(*GAP))
    key = bytes([random.randrange(ord("a"), ord("z") + 1)])
    start = time.perf_counter()
    terminal.type(key)
    terminal.until(key.upper(), 5)
    return (time.perf_counter() - start) * 1e6
