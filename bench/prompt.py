"""From the click to the prompt, as the page does it: POST /api/sandboxes, the websocket, the shell's first prompt. Warm beside cold.

Two servers at once, which differ in one setting: one keeps sandboxes ready, the other none. Each round asks both, in an order that is
new each time; each start is a new learner's. The cookie is had before (any page gives it).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import shutil
import statistics
import time
from collections.abc import Callable

from bench.figures import Figure
from bench.served import Served, served
from bench.socket_client import Connection
from bench.spawners import require
from bench.stats import percentile
from lab_server.errors import Missing

ROUNDS, WARM_UP = 40, 3
WITHIN = 30.0  # seconds
READY = b"\x1b]133;B"  # the prompt's end (OSC 133)
PART = "Click to prompt (crun driver, through web)"


def measure(tell: Callable[[str], None]) -> list[Figure]:
    """Raises Missing, DriverUnavailable."""
    if os.getuid() != 0 or not shutil.which("crun"):
        raise Missing("The crun driver is measured as root, with crun.", "apt-get install crun")
    require("images/sandbox/etc", "images/store")
    took: dict[str, list[float]] = {"warm": [], "cold": []}
    with served("crun", warm=1) as warm, served("crun", warm=0) as cold:
        servers = {"warm": warm, "cold": cold}
        tell(f"prompt: {ROUNDS} rounds, warm and cold")
        for n in range(ROUNDS + WARM_UP):
            for kind in random.sample(list(servers), 2):
                if kind == "warm":
                    _until_warm(warm)
                seconds = click(servers[kind])
                if n >= WARM_UP:
                    took[kind].append(seconds * 1e3)
    return [_figure("warm", took["warm"], 150.0), _figure("cold", took["cold"], None)]


def _figure(kind: str, took: list[float], target: float | None) -> Figure:
    note = f"median {statistics.median(took):.0f} ms, {min(took):.0f}–{max(took):.0f} ms of {len(took)}"
    return Figure(
        PART, f"{kind}, 95th percentile", percentile(took, 0.95), "ms", target, note=note, detail={"ms": took}
    )


def _until_warm(server: Served) -> None:
    until = time.monotonic() + WITHIN
    while not server.client.info()["warm"]:
        if time.monotonic() > until:
            raise RuntimeError("no sandbox gets warm")
        time.sleep(0.02)


def click(server: Served) -> float:
    """Seconds from a new learner's click to the prompt; the sandbox is ended afterwards."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=WITHIN)) as page:
        headers = {"Origin": f"http://127.0.0.1:{server.port}", "Content-Type": "application/json"}

        def call(method: str, path: str, body: object = None) -> dict[str, str]:
            page.request(method, path, json.dumps(body) if body else None, headers)
            answer = page.getresponse()
            said = answer.read()
            if cookie := answer.getheader("Set-Cookie"):
                headers["Cookie"] = cookie.partition(";")[0]
            return dict(json.loads(said or b"{}"))

        call("GET", "/api/me")
        begun = time.perf_counter()
        made = call("POST", "/api/sandboxes", {"lesson": server.lesson})
        while made["state"] == "starting":
            time.sleep(0.3)  # as long as the page waits before it asks again
            made = call("GET", f"/api/sandboxes/{made['id']}")
        if made["state"] != "ready":
            raise RuntimeError(f"no sandbox: {made}")
        path = f"/api/sandboxes/{made['id']}/terminals/{server.session}?cols=80&rows=24&client=bench"
        terminal = Connection(server.port, path, {"Cookie": headers["Cookie"]})
        terminal.until(READY, WITHIN)
        took = time.perf_counter() - begun
        terminal.close()
        call("DELETE", f"/api/sandboxes/{made['id']}")
        return took
