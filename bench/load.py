"""`scripts/load`: so many simulated learners join within so many seconds and type; what they saw, and what a reader of pages saw meanwhile.

Knows when learners come and what is printed. Doesn't know what a learner does (learner.py) or how the course is served (served.py).
Bounded, and on this machine's own loopback only: it refuses any other address.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ipaddress
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.learner import Failed, Http, Learner, Notes
from bench.served import served
from bench.stats import percentile
from lab_server import privileges
from lab_server.errors import BadInput, LabError
from lab_server.lessons import catalog
from lab_server.settings import ROOT

MOST = 1000  # learners
LONGEST = 600.0  # seconds
READ_EVERY = 0.05  # seconds between two pages of the reader


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/load", description=(__doc__ or "").splitlines()[0].partition(": ")[2]
    )
    parser.add_argument("--learners", type=int, default=200, metavar="N", help=f"1 to {MOST} (200)")
    parser.add_argument("--within", type=float, default=10.0, metavar="S", help="seconds in which they come (10)")
    parser.add_argument("--stay", type=float, default=20.0, metavar="S", help="seconds for which each types (20)")
    parser.add_argument(
        "--driver", choices=["pty", "crun", "vm", "docker"], default="pty", help="of a server of its own (pty)"
    )
    parser.add_argument("--warm", type=int, default=None, metavar="N", help="LABS_WARM of that server")
    parser.add_argument("--url", help="a server that runs already, instead: http://127.0.0.1:8000")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where all of it goes")
    given = parser.parse_args(arguments)
    try:
        bounds(given)
        with _server(given) as (host, port, lesson, session, pids):
            privileges.go_first()  # browsers are on other machines: what we wait for is the server, not our own turn
            notes, reader, seconds = asyncio.run(_burst(given, host, port, lesson, session))
            found = summary(given, notes, reader, seconds)
            found["cpu_seconds"] = {name: _cpu(pid) for name, pid in pids.items()}
    except LabError as why:
        print(f"scripts/load: {why}", file=sys.stderr)
        return 2
    print(table(found))
    if given.json:
        given.json.write_text(json.dumps(found | {"raw": asdict(notes), "reader": reader}, indent=1) + "\n")
    return 1 if found["errors"] else 0


def bounds(given: argparse.Namespace) -> None:
    """Raises BadInput for what is beyond them."""
    if not 1 <= given.learners <= MOST:
        raise BadInput(f"{given.learners} learners are not between 1 and {MOST}.")
    if not 0 < given.within <= LONGEST or not 0 <= given.stay <= LONGEST:
        raise BadInput(f"Learners come and stay for {LONGEST:.0f} seconds at the most.")
    if given.url is not None:
        address(given.url)


def address(url: str) -> tuple[str, int]:
    """Host and port. Raises BadInput for what is not this machine's loopback, by number: a name could lead elsewhere."""
    parts = urlsplit(url)
    try:
        host, port = parts.hostname or "", parts.port or 80
        if parts.scheme == "http" and parts.path in ("", "/") and ipaddress.ip_address(host).is_loopback:
            return host, port
    except ValueError:
        pass
    raise BadInput(f"{url} is not on this machine's loopback.", "It loads http://127.0.0.1:PORT and nothing else.")


@contextlib.contextmanager
def _server(given: argparse.Namespace) -> Iterator[tuple[str, int, str, str, dict[str, int]]]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 16 * MOST)), hard))
    if given.url:
        lesson = next(one for one in catalog.load(ROOT).lessons if one.template == "default")
        yield *address(given.url), lesson.id, lesson.sessions[0], {}
        return
    settings = {} if given.warm is None else {"warm": given.warm}
    with served(given.driver, sandboxes=MOST, **settings) as server:
        yield "127.0.0.1", server.port, server.lesson, server.session, {"web": server.web, "spawner": server.spawner}


async def _burst(
    given: argparse.Namespace, host: str, port: int, lesson: str, session: str
) -> tuple[Notes, list[float], float]:
    """(what learners saw, seconds of each page of the reader while they came, seconds from the first to the last prompt)"""
    notes, reader = Notes(), []
    begun = time.monotonic()

    async def join(n: int) -> None:
        await asyncio.sleep(n * given.within / given.learners)
        await Learner(host, port, lesson, session, notes).visit(given.stay)

    async def read() -> None:
        http = Http(host, port, f"http://{host}:{port}")
        try:
            while True:
                for path in (f"/{lesson}/", "/api/lessons"):
                    asked = time.perf_counter()
                    status, _, _ = await http.ask("GET", path)
                    if status >= 500:
                        notes.errors[f"reader: {status}"] += 1
                    if len(notes.joined_at) + notes.refused + notes.errors.total() < given.learners:
                        reader.append(time.perf_counter() - asked)
                    await asyncio.sleep(READ_EVERY)
        except Failed as why:
            notes.errors[f"reader: {why.args[0]}"] += 1

    reading = asyncio.create_task(read())
    await asyncio.gather(*(join(n) for n in range(given.learners)))
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    return notes, reader, max(notes.joined_at, default=begun) - begun


def summary(given: argparse.Namespace, notes: Notes, reader: Sequence[float], seconds: float) -> dict[str, Any]:
    """What is printed: times in milliseconds."""
    return {
        "learners": given.learners,
        "within": given.within,
        "server": given.url or f"driver {given.driver}",
        "joined": len(notes.start),
        "joins_per_second": len(notes.start) / seconds if seconds else 0.0,
        "last_prompt_after": seconds,
        "at_once": notes.at_once,
        "in_line": notes.in_line,
        "refused": notes.refused,
        "estimate_of_wait": statistics.median(told / max(was, 0.1) for told, was in notes.estimates)
        if notes.estimates
        else None,
        "commands": notes.commands,
        "start": _times(notes.start),
        "page_of_newcomers": _times(notes.page),
        "page_of_reader": _times(reader),
        "echo": _times(notes.echo),
        "errors": dict(notes.errors),
        "load": os.getloadavg()[0],
    }


def _times(seconds: Sequence[float]) -> dict[str, float] | None:
    if not seconds:
        return None
    return {
        "count": len(seconds),
        "p50": percentile(seconds, 0.5) * 1e3,
        "p95": percentile(seconds, 0.95) * 1e3,
        "most": max(seconds) * 1e3,
    }


def table(found: dict[str, Any]) -> str:
    lines = [
        f"{found['joined']} of {found['learners']} learners joined ({found['server']}), asked within {found['within']:g} s: "
        f"{found['joins_per_second']:.1f} a second, the last prompt after {found['last_prompt_after']:.1f} s",
        f"{found['at_once']} had a sandbox with the first answer, {found['in_line']} were seen in line, "
        f"{found['refused']} were refused (host full)",
        *(
            [f"the wait that was told first was {found['estimate_of_wait']:.2f} times what it became (median)"]
            if found["estimate_of_wait"]
            else []
        ),
        f"{found['commands']} commands typed, each answered rightly; load {found['load']:.1f}",
        "",
        f"{'milliseconds':34}{'p50':>8}{'p95':>8}{'most':>8}{'count':>8}",
    ]
    for name, words in (
        ("start", "start: page, cookie, sandbox, prompt"),
        ("page_of_newcomers", "page GET, of those who come"),
        ("page_of_reader", "page GET, of a reader meanwhile"),
        ("echo", "echo of a key"),
    ):
        if times := found[name]:
            lines.append(f"{words:34}{times['p50']:8.1f}{times['p95']:8.1f}{times['most']:8.0f}{times['count']:8}")
    lines += ["", f"errors: {', '.join(f'{kind} × {n}' for kind, n in found['errors'].items()) or 'none'}"]
    if found.get("cpu_seconds"):
        lines.append("CPU: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in found["cpu_seconds"].items()))
    return "\n".join(lines)


def _cpu(pid: int) -> float:
    from bench.process import cpu_seconds

    return cpu_seconds([pid])


if __name__ == "__main__":
    sys.exit(main())
