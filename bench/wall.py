"""What a wall of 200 learners costs: the server's processor at rest, how old a tile is, and what the learners feel of it.

Knows a class whose learners are all there, each with a terminal and a page, and one page that shows them all. The page is a process of
its own, since browsers are on other machines; what it draws is not measured. The driver is the tests' plain PTY.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import multiprocessing
import random
import resource
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.sync.client import connect as connect_sync
from websockets.typing import Origin

from bench.figures import Figure
from bench.learner import READY, WITHIN, Http, Terminal
from bench.process import cpu_seconds
from bench.served import Served, served
from bench.stats import percentile, ratios
from lab_server import privileges
from lab_server.store import accounts, passwords
from lab_server.store.engine import Store

LEARNERS = 200
REST = 15.0  # seconds that are measured in which nobody does anything
ROUNDS, ROUND = 6, 8.0  # with the wall and without, in turns; seconds of each
KEY_EVERY = 2.0  # seconds between two keys of a learner
AT_EVERY = 6.0  # seconds between two steps of a learner
WORDS = "correct horse battery staple"


def measure(tell: Callable[[str], None]) -> list[Figure]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 16_000)), hard))
    with served("pty", sandboxes=LEARNERS + 10) as server:
        cookie, of, code = _class(server)
        ours, theirs = multiprocessing.Pipe()
        page = multiprocessing.get_context("spawn").Process(
            target=look, args=(theirs, server.port, cookie, of), daemon=True
        )
        page.start()
        try:
            privileges.go_first()
            return asyncio.run(_measure(server, code, ours, tell))
        finally:
            page.terminate()
            page.join()


def _class(server: Served) -> tuple[str, str, str]:
    """A class with an instructor: (the cookie of their sign-in, its id, its code)."""

    async def make() -> None:
        store = Store(server.database)
        try:
            async with store.write() as at:
                await accounts.make(at, "Ina", passwords.hashed(WORDS), False, time.time())
        finally:
            await store.close()

    asyncio.run(make())
    asking = http.client.HTTPConnection("127.0.0.1", server.port)

    def ask(path: str, body: object, cookie: str = "") -> tuple[list[str], dict[str, Any]]:
        headers = {"Origin": f"http://127.0.0.1:{server.port}", "Content-Type": "application/json", "Cookie": cookie}
        asking.request("POST", path, json.dumps(body), headers)
        answer = asking.getresponse()
        told = json.loads(answer.read())
        assert answer.status < 300, told
        return [one.partition(";")[0] for one in answer.headers.get_all("Set-Cookie") or []], told

    cookies, _ = ask("/api/signin", {"name": "Ina", "password": WORDS})
    cookie = "; ".join(cookies)
    _, made = ask("/api/classes", {"title": "A class", "seats": LEARNERS}, cookie)
    asking.close()
    return cookie, made["id"], made["code"]


# --- the page that looks, in a process of its own ---


def look(orders: Connection, port: int, cookie: str, of: str) -> None:
    """Shows the wall on "on", and ends it on "off": then tells (ages of steps in seconds, frames, bytes), counted since "count"."""
    origin = f"http://127.0.0.1:{port}"
    while True:
        assert orders.recv() == "on"
        given: Any = {"additional_headers": {"Cookie": cookie}, "origin": Origin(origin), "compression": None}
        with connect_sync(f"ws://127.0.0.1:{port}/api/classes/{of}/wall", max_size=None, legacy=True, **given) as wall:
            seen: dict[str, str] = {}  # learner's id → the step that was told last
            ages: list[float] = []
            frames = size = 0
            while True:
                if orders.poll():
                    if orders.recv() == "off":
                        break
                    ages, frames, size = [], 0, 0
                try:
                    frame = wall.recv(timeout=0.05)
                except TimeoutError:
                    continue
                now = time.monotonic()
                frames, size = frames + 1, size + len(frame)
                if isinstance(frame, bytes):
                    continue
                message = json.loads(frame)
                if message["type"] == "tiles":
                    steps = {tile["id"]: tile["step"] for tile in message["tiles"]}
                    ages += [now - float(step) for id, step in steps.items() if step and seen.get(id) != step]
                    fresh = steps.keys() - seen.keys()
                    seen |= steps
                    if fresh:
                        wall.send(json.dumps({"type": "see", "learners": sorted(seen)}))
            orders.send((ages, frames, size))


# --- the learners ---


class Learner:
    """Has a sandbox, a terminal and a page in the class."""

    def __init__(self, server: Served) -> None:
        self._server, self._origin = server, f"http://127.0.0.1:{server.port}"
        self._http = Http("127.0.0.1", server.port, self._origin)
        self._terminal: Terminal | None = None
        self._room: ClientConnection | None = None

    async def come(self, name: str, code: str, held: contextlib.AsyncExitStack) -> None:
        await self._http.ask("GET", "/api/me")
        status, _, told = await self._http.ask("POST", "/api/memberships", {"code": code, "name": name})
        assert status == 201, told
        _, _, told = await self._http.ask("POST", "/api/sandboxes", {"lesson": self._server.lesson})
        id = json.loads(told)["id"]
        async with asyncio.timeout(WITHIN):
            while json.loads((await self._http.ask("GET", f"/api/sandboxes/{id}"))[2])["state"] != "ready":  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        path = f"/api/sandboxes/{id}/terminals/{self._server.session}?cols=80&rows=24&client=load"
        self._terminal = Terminal(await held.enter_async_context(self._connect(path)))
        await self._terminal.until(READY)
        self._room = await held.enter_async_context(self._connect("/api/room"))
        self._http.close()

    def _connect(self, path: str) -> Any:
        url, headers = self._origin.replace("http", "ws", 1) + path, {"Cookie": self._http.cookie}
        given: Any = {"origin": Origin(self._origin), "additional_headers": headers, "compression": None}
        return connect(url, max_size=None, open_timeout=WITHIN, proxy=None, **given)

    async def at(self) -> None:
        """The step's name is when it was said."""
        assert self._room
        step = {"type": "at", "lesson": self._server.lesson, "step": f"{time.monotonic():.4f}"}
        await self._room.send(json.dumps(step))

    async def work(self, until: float, echo: list[float]) -> None:
        assert self._terminal
        await asyncio.sleep(random.uniform(0, KEY_EVERY))
        told = random.uniform(0, AT_EVERY)
        while time.monotonic() < until:
            key = random.choice("abcdefghijklmnopqrstuvwxyz").encode()
            self._terminal.clear()
            begun = time.perf_counter()
            await self._terminal.type(key)
            await self._terminal.until(key)
            echo.append(time.perf_counter() - begun)
            if (told := told + KEY_EVERY) >= AT_EVERY:
                told = 0.0
                await self.at()
            await asyncio.sleep(random.uniform(0.5, 1.5) * KEY_EVERY)


async def _measure(server: Served, code: str, page: Connection, tell: Callable[[str], None]) -> list[Figure]:
    async with contextlib.AsyncExitStack() as held:
        tell(f"wall: {LEARNERS} learners come")
        learners = [Learner(server) for _ in range(LEARNERS)]
        for start in range(0, LEARNERS, 20):
            some = learners[start : start + 20]
            await asyncio.gather(*(one.come(f"Learner {start + n}", code, held) for n, one in enumerate(some)))
        await asyncio.sleep(8)  # what they printed first has been sent, and their tiles are calm
        tell("wall: nobody does anything")
        without, _ = await _rest(server, page, shown=False)
        shown, (_, frames, size) = await _rest(server, page, shown=True)
        ages: list[float] = []
        times: dict[bool, list[list[float]]] = {True: [], False: []}
        for n in range(ROUNDS):
            tell(f"wall: round {n + 1} of {ROUNDS}")
            for with_wall in (True, False) if n % 2 else (False, True):
                echo: list[float] = []
                if with_wall:
                    page.send("on")
                    await asyncio.sleep(2)
                    page.send("count")
                until = time.monotonic() + ROUND
                await asyncio.gather(*(one.work(until, echo) for one in learners))
                if with_wall:
                    page.send("off")
                    ages += page.recv()[0]
                times[with_wall].append(echo)
    p50, p95 = ({on: [percentile(one, share) for one in times[on]] for on in times} for share in (0.5, 0.95))
    told = f"{sum(map(len, times[True]))} keys with the wall, {sum(map(len, times[False]))} without"
    return [
        Figure(
            "wall",
            "web's processor at rest, wall open",
            100 * shown,
            "% of a core",
            5.0,
            note=f"without: {100 * without:.2f} %",
        ),
        Figure("wall", "frames sent at rest", frames, "", 0.0, note=f"in {REST:.0f} s; {size} bytes"),
        Figure("wall", "age of a tile, p50", percentile(ages, 0.5), "s", detail={"count": len(ages)}),
        Figure(
            "wall",
            "age of a tile, p95",
            percentile(ages, 0.95),
            "s",
            1.0,
            note=f"the oldest of {len(ages)}: {max(ages):.2f} s",
        ),
        Figure(
            "wall",
            "echo with the wall / without, p50",
            statistics.median(ratios(p50[True], p50[False])),
            "",
            1.1,
            note=told,
            detail={"with": p50[True], "without": p50[False]},
        ),
        Figure(
            "wall",
            "the same, p95",
            statistics.median(ratios(p95[True], p95[False])),
            "",
            detail={"with": p95[True], "without": p95[False]},
        ),
    ]


async def _rest(server: Served, page: Connection, shown: bool) -> tuple[float, tuple[list[float], int, int]]:
    """The share of a core that web takes while nothing happens, and what the page was sent."""
    if shown:
        page.send("on")
        await asyncio.sleep(8)  # all of it has been sent once
        page.send("count")
    before, begun = cpu_seconds([server.web]), time.monotonic()
    await asyncio.sleep(REST)
    share = (cpu_seconds([server.web]) - before) / (time.monotonic() - begun)
    if not shown:
        return share, ([], 0, 0)
    page.send("off")
    return share, page.recv()
