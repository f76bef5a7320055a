"""`labs top`: what the web server tells of the host and of each sandbox, as a table in the terminal.

Knows the server's answer (web/api/metrics.py) and how figures are written for a person. Doesn't know who a learner is: it isn't told.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lab_server import health
from lab_server.errors import Refused, Unwell
from lab_server.settings import Settings

EVERY = 2.0  # seconds between two looks
ONCE = 1.2  # seconds between the two looks that one table's CPU figures take
MOST = 8 << 20  # bytes of an answer that are read
SHORT = 8  # characters of a sandbox's id that are shown

Told = dict[str, Any]


def ask(settings: Settings) -> Told:
    """What the server tells now. Raises Unwell when none answers, Refused when it doesn't tell us."""
    if settings.port == 0:
        raise Unwell("The web server's port is not known.", "Say which it listens on: --port.")
    host = health.LOOPBACK.get(settings.host, settings.host)
    connection = http.client.HTTPConnection(host, settings.port, timeout=health.WITHIN)
    headers = {} if settings.metrics in ("loopback", "off") else {"Authorization": f"Bearer {settings.metrics}"}
    try:
        connection.request("GET", "/metrics/sandboxes", headers=headers)
        response = connection.getresponse()
        status, body = response.status, response.read(MOST)
        told = json.loads(body)
        if status == 200:
            return dict(told)
        said = f"{told['error']['message']} {told['error']['remedy']}"
    except OSError as why:
        raise Unwell(
            f"No course is served on {host} port {settings.port}: {why.strerror or 'it gave no answer'}.",
            "Start it (labs serve), or say where it is: --host, --port.",
        ) from None
    except (http.client.HTTPException, ValueError, KeyError, TypeError):
        raise Unwell(
            f"What answers on {host} port {settings.port} is not the course.", "Say where it is: --host, --port."
        ) from None
    finally:
        connection.close()
    if status == 404:
        raise Refused(
            "The server tells nobody: its LABS_METRICS is off.", "Set it to loopback or a token, and restart it."
        )
    if status in (401, 403):
        raise Refused(said.strip(), "Give `labs top` the same LABS_METRICS.")
    raise Unwell(f"The server answers {status}: {said.strip()}", "Its log says more.")


@dataclass
class Rates:
    """CPU use between two looks, in percent of one core."""

    _at: float = 0.0
    _cpu: dict[str, float] | None = None

    def take(self, told: Told) -> dict[str, float]:
        """Sandbox → percent, of those that were there the last time too. The server's figures may be the same for a second."""
        at = float(told["at"])
        cpu = {row["id"]: float(row["cpu"]) for row in told["sandboxes"] if row["cpu"] is not None}
        before, passed = self._cpu or {}, at - self._at
        self._at, self._cpu = at, cpu
        if passed <= 0:
            return {}
        return {id: max(0.0, 100 * (used - before[id]) / passed) for id, used in cpu.items() if id in before}


def table(told: Told, percent: dict[str, float]) -> RenderableType:
    """The whole screen."""
    rows = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    rows.add_column("SANDBOX", no_wrap=True)
    rows.add_column("LESSON", overflow="ellipsis", no_wrap=True)
    rows.add_column("STATE", no_wrap=True)
    for name in ("AGE", "IDLE", "TERMINALS", "VIEWERS", "MEMORY", "CPU %", "PROCESSES"):
        rows.add_column(name, justify="right", no_wrap=True)
    for row in sorted(
        told["sandboxes"], key=lambda row: (-percent.get(row["id"], 0), -(row["memory"] or 0), row["age"])
    ):
        rows.add_row(
            row["id"][:SHORT],
            row["lesson"],
            Text(row["state"], style={"failed": "red", "ready": ""}.get(row["state"], "yellow")),
            span(row["age"]),
            "" if row["idle"] is None else span(row["idle"]),
            str(row["terminals"]),
            str(row["viewers"]),
            "" if row["memory"] is None else size(row["memory"]),
            f"{percent[row['id']]:.0f}" if row["id"] in percent else "",
            "" if row["pids"] is None else f"{row['pids']:.0f}",
        )
    return Group(*(Text(line) for line in head(told)), "", rows if told["sandboxes"] else Text("No sandbox.", "dim"))


def head(told: Told) -> Iterator[str]:
    """The host, in two lines; what isn't known isn't in them."""
    host = told["host"]
    most = f" of {told['most']} at the most" if told["most"] else ""
    parts = [f"Driver: {told['driver'] or 'none'}", f"sandboxes: {len(told['sandboxes'])}{most}"]
    yield " · ".join([*parts, f"in line: {told['waiting']}"])
    free = [
        f"{name}: {size(host[f'{name}_free'])} of {size(host[name])} free"
        for name in ("memory", "disk")
        if name in host and f"{name}_free" in host
    ]
    load = [f"load: {host['load']:.2f} on {host['cores']:.0f} cores"] if "load" in host else []
    if free or load:
        yield " · ".join([*free, *load])
    if not told["ready"]:
        yield f"No sandbox can be had: {told['detail']}"


def span(seconds: float) -> str:
    """A length of time in at most two parts: 40s, 12m, 3h05m, 2d4h."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600}h"


def size(count: float) -> str:
    """Bytes with a unit of 1024s."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def once(settings: Settings, console: Console) -> None:
    """One table. Raises as `ask`."""
    rates = Rates()
    told = ask(settings)
    rates.take(told)
    percent: dict[str, float] = {}
    if any(row["cpu"] is not None for row in told["sandboxes"]):
        time.sleep(ONCE)
        told = ask(settings)
        percent = rates.take(told)
    console.print(table(told, percent))


def live(settings: Settings, console: Console) -> None:
    """A table that goes on until a signal. Raises as `ask`, at its start; later on a server that is away is told and waited for."""
    rates = Rates()
    told = ask(settings)
    with Live(table(told, rates.take(told)), console=console, screen=True, auto_refresh=False) as screen:
        while True:
            time.sleep(EVERY)
            try:
                told = ask(settings)
                screen.update(table(told, rates.take(told)), refresh=True)
            except (Unwell, Refused) as why:
                screen.update(Text(str(why), "red"), refresh=True)
