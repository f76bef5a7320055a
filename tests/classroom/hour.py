"""An hour of a class, in minutes: join, work, hand, watch, type together, broadcast, point, pause, extend, export, end.

Knows the order and what each moment must look like from both sides. Doesn't know how the server was started, or what it runs on.
"""

from __future__ import annotations

import csv
import io
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.classroom.people import Channel, Pupil, Staff
from tests.compose.stack import Failed

AT_ONCE = 12  # pupils who do something at the same time
HELPED = 3  # the number of the pupil who raises a hand, and is helped
Say = Callable[[str], None]


@dataclass
class Hour:
    """`working` of the `pupils` have a sandbox: each costs the host one."""

    origin: str
    staff: Staff
    lesson: str
    session: str
    pupils: int
    working: int
    say: Say

    def hold(self) -> None:
        """Raises Failed."""
        of = self.staff.call("POST", "/api/classes", {"title": "The hour", "seats": self.pupils})
        there = self._joined(of["code"])
        wall = self.staff.wall(of["id"])
        try:
            wall.until("everybody is on the wall", lambda wall: len(wall.tiles) == self.pupils)
            wall.until("everybody is online", lambda wall: all(tile["online"] for tile in wall.tiles.values()))
            members = {tile["name"]: id for id, tile in wall.tiles.items()}
            self._work(there, wall, members)
            self._help(of["id"], there[HELPED], wall, members)
            self._conduct(of["id"], there, wall)
            self._export(of["id"])
            self._end(of["id"], there, wall)
        finally:
            wall.close()
            self._all(there, Pupil.leave)

    def _all(self, some: list[Pupil], act: Callable[[Pupil], object]) -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(act, some))

    def _joined(self, code: str) -> list[Pupil]:
        began = time.monotonic()
        names = [f"Learner {n:02}" for n in range(self.pupils)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            there = list(pool.map(lambda name: Pupil(self.origin, code, name), names))
        for pupil in there:
            pupil.page.until("told the class", lambda page: page.view["state"] == "open")
        self.say(f"{len(there)} joined, {time.monotonic() - began:.1f} s")
        return there

    def _work(self, there: list[Pupil], wall: Channel, members: dict[str, str]) -> None:
        began = time.monotonic()
        busy = there[: self.working]
        for n, pupil in enumerate(there):
            pupil.at(self.lesson, "")
            if n == self.working:  # one who can't get on
                for _ in range(6):
                    pupil.page.say(type="did", failed=True)
        self._all(busy, lambda pupil: pupil.work(self.lesson, self.session))
        tile = members[busy[0].name]
        wall.until("a tile tells the lesson", lambda wall: wall.tiles[tile]["lesson"] == self.lesson)
        wall.until("a tile tells the sandbox", lambda wall: wall.tiles[tile]["sandbox"] == "ready")
        stuck = members[there[self.working].name]
        wall.until("who can't get on is seen", lambda wall: wall.tiles[stuck]["stuck"])
        wall.say(type="see", learners=[tile])
        wall.until("a terminal is seen", lambda wall: any(b"working" in frame for frame in wall.frames))
        self.say(f"{len(busy)} work in sandboxes, {time.monotonic() - began:.1f} s")

    def _help(self, of: str, pupil: Pupil, wall: Channel, members: dict[str, str]) -> None:
        member = members[pupil.name]
        pupil.call("PUT", f"/api/memberships/{of}/hand", {"question": "Why is it PID 1?"})
        wall.until("the hand is seen", lambda wall: wall.tiles[member]["hand"]["question"] == "Why is it PID 1?")
        watch = self.staff.watch(of, member, self.session)
        try:
            watch.until("the terminal is shown", lambda watch: b"working" in watch.said)
            pupil.page.until("the banner is there", lambda page: page.view["watchers"])
            watch.type(b"echo not all''owed\r")  # nobody asked
            self.staff.call("POST", f"/api/classes/{of}/learners/{member}/typing")
            pupil.page.until("the learner is asked", lambda page: page.view["typing"]["state"] == "asked")
            pupil.call("PUT", f"/api/memberships/{of}/typing", {"allow": True})
            wall.until("it is granted", lambda wall: wall.tiles[member]["typing"]["state"] == "granted")
            watch.type(b"echo to''gether\r")
            terminal = pupil.terminal
            if terminal is None:
                raise Failed("the helped pupil has no terminal")
            terminal.match(rb"together\r\n")
            if b"allowed" in terminal.said:
                raise Failed("keys of a watcher reached the shell before they were allowed to")
            pupil.call("DELETE", f"/api/memberships/{of}/typing")
            wall.until("it is over", lambda wall: not wall.tiles[member].get("typing"))
        finally:
            watch.close()
        pupil.page.until("the banner is gone", lambda page: not page.view["watchers"])
        self.staff.call("DELETE", f"/api/classes/{of}/learners/{member}/hand")
        pupil.page.until("the hand is down", lambda page: not page.view.get("hand"))
        self.say("a hand, a watch, keys together")

    def _conduct(self, of: str, there: list[Pupil], wall: Channel) -> None:
        began = time.monotonic()
        self.staff.call("PUT", f"/api/classes/{of}/message", {"text": "Look at the board."})
        for pupil in there:
            pupil.page.until("the message", lambda page: page.view["message"]["text"] == "Look at the board.")
        self.say(f"a message is on every page, {time.monotonic() - began:.1f} s")
        self.staff.call("PUT", f"/api/classes/{of}/here", {"lesson": self.lesson, "step": ""})
        there[-1].page.until("the place", lambda page: page.view["here"]["lesson"] == self.lesson)
        busy = there[: self.working]
        for pupil in busy:
            if pupil.terminal:
                pupil.terminal.type(b"while :; do date +%s.%N; sleep 0.2; done\r")
                pupil.terminal.match(rb"\d{10}\.\d{9}\r\n\d{10}\.")
        self.staff.call("PUT", f"/api/classes/{of}/pause")
        for pupil in there:
            pupil.page.until("told of the pause", lambda page: page.view["paused"])
        self._still(busy)
        self.staff.call("DELETE", f"/api/classes/{of}/pause")
        for pupil in busy:
            if pupil.terminal:
                before = len(pupil.terminal.said)
                pupil.terminal.match(rb"\d{10}\.\d{9}\r\n\d{10}\.", before)
                pupil.terminal.type(b"\x03")
        self.say("paused: nobody's sandbox printed anything; thawed: all of them go on")
        told = self.staff.call("POST", f"/api/classes/{of}/extend")
        self.say(f"extended: {told}")
        wall.until("the room tells the message", lambda wall: wall.told["room"]["message"]["text"])

    @staticmethod
    def _still(busy: list[Pupil]) -> None:
        """What was under way when they froze is there; then nothing for five of their ticks."""

        def said() -> list[int]:
            return [len(pupil.terminal.said) for pupil in busy if pupil.terminal]

        time.sleep(0.5)
        before = said()
        time.sleep(1.0)
        if said() != before:
            raise Failed(f"a paused sandbox went on printing: {before} {said()}")

    def _export(self, of: str) -> None:
        request = urllib.request.Request(f"{self.origin}/api/classes/{of}/export.csv")
        request.add_header("Cookie", self.staff.cookie)
        with urllib.request.urlopen(request, timeout=60) as answer:
            rows = list(csv.reader(io.StringIO(answer.read().decode("utf-8-sig"))))
        names = {row[0] for row in rows[1:]}
        if missing := {f"Learner {n:02}" for n in range(self.pupils)} - names:
            raise Failed(f"not in the export: {sorted(missing)[:5]} of {rows[:3]}")
        log = self.staff.call("GET", f"/api/classes/{of}/audit")
        acts = {entry["act"] for entry in (log["entries"] if isinstance(log, dict) else log)}
        if not {"watched", "typed", "paused", "exported"} <= acts:
            raise Failed(f"not in the log: {acts}")
        self.say(f"exported: {len(rows) - 1} rows; in the log: {', '.join(sorted(acts))}")

    def _end(self, of: str, there: list[Pupil], wall: Channel) -> None:
        self.staff.call("POST", f"/api/classes/{of}/end", {"seconds": 3})
        there[0].page.until("the countdown", lambda page: page.view["closes_in"] is not None)
        there[0].page.until("closed", lambda page: page.view["state"] == "closed")
        for pupil in there[: self.working]:
            if pupil.terminal:
                pupil.terminal.ended()
        wall.until("nobody has a sandbox", lambda wall: all(t["sandbox"] != "ready" for t in wall.tiles.values()))
        self.say("ended: sandboxes with it, and each page was told")
