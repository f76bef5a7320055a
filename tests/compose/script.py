"""In the engine guest, in the clone: `python -m tests.compose.script [PART…]`, without any: docker, class, crun.

    docker    build, up, a lesson, a task, web restarted under a learner who types, the spawner killed, down
    class     a class of sixty, from joining to its end (tests/classroom); and one of two real pages in the host's browser (visitors.py)
    changes   beside the same, when asked for: the spawner killed by compose and up again under a learner who types; stopped and started
    timing    beside the same, when asked for: sandboxes and terminals against the clock, and a key's echo
    crun      the other compose file: up, a few steps, down

Knows the order, and which files make which stack. Status 1 when something was not as it should be, with the services' logs.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path

from lab_server.sandbox import syscalls
from tests.classroom.hour import Hour
from tests.classroom.people import Staff
from tests.compose import lesson, lines, timing, traces, visitors
from tests.compose.learner import Learner
from tests.compose.page import Page
from tests.compose.stack import ORIGIN, Failed, Stack, docker, eventually, learners, ready, say

PARTS = {"docker", "class", "changes", "timing", "crun"}
LESSON = "concepts/02-how-containers-work"
TASK = "02-a-limited-cgroup"
FEW = 4  # steps for the second way
PUPILS, WORKING = 60, 5  # each who works is another container, emulated
MACHINE = Path("/run/machine")  # what is in the volume `machine`: the guest's disk, and what it was made from
# nothing is kept ready: what is counted and timed are sandboxes made for whoever asks
SETTINGS = {"BASE_IMAGE": "labs-base", "MACHINE": str(MACHINE), "LABS_WARM": "0"}
FILES = ("docker-compose.yml", "tests/compose/guest.yml")
CRUN = ("docker-compose.yml", "docker-compose.crun.yml", "tests/compose/guest.yml")


def main(parts: list[str]) -> int:
    began = time.monotonic()
    stack = Stack(FILES, SETTINGS)
    try:
        lay_machine()
        say(f"build: {stack('build'):.1f} s")
        print(docker("image", "ls", "--format", "  {{.Repository}}: {{.Size}}"), flush=True)
        before = traces.taken()
        if not parts or {"docker", "class", "changes", "timing"} & set(parts):
            with_engine(stack, parts or ["docker", "class"])
            gone(stack, before)
        if not parts or "crun" in parts:
            stack = Stack(CRUN, SETTINGS)
            with_crun(stack)
            gone(stack, before)
    except Exception as why:
        print(f"compose: FAILED: {why}" if isinstance(why, Failed) else traceback.format_exc(), flush=True)
        stack.logs()
        return 1
    say(f"all as it should be, in {time.monotonic() - began:.0f} s")
    return 0


def lay_machine() -> None:
    """The folder that the volume is bound to. Private: an engine that lets go of the volume must not unmount what is below ours."""
    MACHINE.mkdir()
    syscalls.mount("machine", MACHINE, "tmpfs")
    syscalls.mount("none", MACHINE, flags=syscalls.MS_PRIVATE)
    for name in ("sandbox", "store"):
        (MACHINE / name).mkdir()
        syscalls.mount(f"/images/{name}", MACHINE / name, flags=syscalls.MS_BIND)
    shutil.copy("/shipped/files/machine.json", MACHINE / "manifest.json")


def with_engine(stack: Stack, parts: list[str]) -> None:
    stack.up()
    learner = Learner()
    began = time.monotonic()
    sandbox = learner.start(LESSON)
    say(f"a sandbox after {time.monotonic() - began:.1f} s")
    if "docker" in parts:
        whole_lesson(learner, sandbox)
        say("restart web")
        lines.undisturbed(learner, sandbox, lambda: stack("restart", "web", quiet=True), cut=True)
        say("kill the spawner")
        lines.undisturbed(learner, sandbox, lambda: crashed(stack), cut=False)
        adopted(learner, sandbox)
    if "changes" in parts:
        bounded(learner)
        say("compose kill, compose up")
        lines.undisturbed(learner, sandbox, lambda: killed(stack), cut=False)
        adopted(learner, sandbox)
        stopped(stack)
        eventually("the sandbox that was stopped is told as lost", lambda: lost(learner, sandbox))
        sandbox = learner.start(LESSON)
    if "timing" in parts:
        say("timing")
        timing.terminals(learner, sandbox)
        timing.echo(stack.container("web"), sandbox)
        timing.sandboxes(LESSON, "labs-spawner", timing.ROUNDS)
    if "class" in parts:
        a_class(stack)


def a_class(stack: Stack) -> None:
    say(f"a class of {PUPILS}, {WORKING} of them in sandboxes")
    words = ["exec", "-T", "web", "labs", "admin", "create", "Ina", "--instructor"]
    stack(*words, quiet=True, told=f"{visitors.PASSWORD}\n")
    Hour(
        ORIGIN, Staff(ORIGIN, "Ina", visitors.PASSWORD), LESSON, "host", PUPILS, WORKING, lambda text: say(f"  {text}")
    ).hold()
    say("two pages in a browser outside")
    visitors.received()


def lost(learner: Learner, sandbox: str) -> bool:
    return bool(learner.call("GET", f"/api/sandboxes/{sandbox}")["state"] == "failed")


def bounded(learner: Learner) -> None:
    """Something bounds what a learner writes: project quotas, or a disk for each sandbox."""
    host = learner.call("GET", "/api/me")["host"]
    if not host["capabilities"]["disk_quota"]:
        raise Failed(f"nothing bounds what a learner writes: {host}")


def whole_lesson(learner: Learner, sandbox: str) -> None:
    page, steps = lesson.planned(learner, LESSON)
    say(f"{LESSON}: {len(steps)} steps")
    began = time.monotonic()
    desk = lesson.Desk(learner, sandbox)
    try:
        lesson.typed(desk, page, steps)
        say(f"  every step as the page says, {time.monotonic() - began:.0f} s")
        lesson.solved(desk, page, TASK)
    finally:
        desk.close()


def crashed(stack: Stack) -> float:
    """SIGKILL to the spawner's PID 1, as the kernel would when memory is out; the engine starts it again."""
    began, started = time.monotonic(), stack.state("spawner", "StartedAt")
    os.kill(int(stack.state("spawner", "Pid")), signal.SIGKILL)
    eventually("the spawner is started again", lambda: stack.state("spawner", "StartedAt") != started)
    eventually("a sandbox can be had again", ready)
    return time.monotonic() - began


def killed(stack: Stack) -> float:
    """As an operator does it: the engine leaves a service that was killed by a command as it is, until it is told to start it."""
    began = time.monotonic()
    stack("kill", "--signal", "KILL", "spawner", quiet=True)
    if stack.state("spawner", "Running") == "true":
        raise Failed("the spawner runs, though compose killed it")
    stack.up()
    return time.monotonic() - began


def stopped(stack: Stack) -> None:
    """Sandboxes end with a spawner that is stopped; all else is there when the services are started again."""
    took = stack("stop", quiet=True)
    if left := learners():
        raise Failed(f"{len(left)} learners' containers after compose stop")
    began = time.monotonic()
    stack("start", quiet=True)
    eventually("a sandbox can be had again", ready)
    say(f"  stop: {took:.1f} s, start: {time.monotonic() - began:.1f} s")


def adopted(learner: Learner, sandbox: str) -> None:
    """The sandbox of the killed spawner is the new one's: another terminal in it; and a new sandbox beside it."""
    if (there := len(learners())) != 1:
        raise Failed(f"{there} learners' containers after the spawner was killed")
    page = Page(learner, sandbox, "watch")
    page.type(b'echo "lines: $(wc -l <lines)."\r')
    page.match(rb"lines: \d+\.\r\n")
    page.close()
    other = Learner()
    other.end(other.start(LESSON))
    say("  another terminal in the old sandbox, and a new sandbox")


def with_crun(stack: Stack) -> None:
    say("the second way: crun in a privileged spawner")
    stack.up()
    if stack.state("spawner", "Running") != "true":
        raise Failed("the spawner does not run")
    learner = Learner()
    host = learner.call("GET", "/api/me")["host"]
    if host["driver"] != "crun" or not host["capabilities"]["limits"]:
        raise Failed(f"not the crun driver with limits: {host}")
    began = time.monotonic()
    desk = lesson.Desk(learner, learner.start(LESSON))
    say(f"a sandbox after {time.monotonic() - began:.1f} s")
    try:
        page, steps = lesson.planned(learner, LESSON)
        lesson.typed(desk, page, steps[:FEW])
        lesson.solved(desk, page, TASK)
    finally:
        desk.close()


def gone(stack: Stack, before: set[str]) -> None:
    there = len(learners())
    traces.seen(before)
    took = stack("down", "--volumes", quiet=True)
    traces.none_left(before)
    say(f"down --volumes: {took:.1f} s, with {there} learners' containers; nothing is left")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
