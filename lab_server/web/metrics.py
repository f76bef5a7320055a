"""What Prometheus is told: every metric by name, and where its value is read when it is asked for.

Knows the names, and web's parts, from whose own counts everything is read at the moment of asking; nothing is pushed here. Doesn't know
HTTP or who may ask (api/metrics.py). No label has anything of a learner's: no id, no name, no address, no path.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from lab_server import __version__
from lab_server.web.bridge import TOTALS
from lab_server.web.counts import Seen, Times
from lab_server.web.usage import Usage

if TYPE_CHECKING:
    from lab_server.web.api.parts import Parts
    from lab_server.web.service import Service

COUNTER, GAUGE, HISTOGRAM = CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
LEASE_STATES = ("starting", "ready", "failed", "ended")  # told with 0, too


@dataclass(frozen=True)
class Kind:
    kind: type[CounterMetricFamily] | type[GaugeMetricFamily] | type[HistogramMetricFamily]
    help: str
    labels: tuple[str, ...] = ()


# a counter's name gets `_total` behind it, a histogram's `_bucket`, `_sum` and `_count`
KINDS: dict[str, Kind] = {
    "labs_build_info": Kind(GAUGE, "1; the version says which course server this is.", ("version", "python")),
    "labs_ready": Kind(
        GAUGE, "Whether a sandbox can be had: the spawner answers and its driver is ready.", ("driver",)
    ),
    "labs_starts": Kind(COUNTER, "Sandboxes asked for, by how that ended.", ("outcome",)),
    "labs_start_seconds": Kind(HISTOGRAM, "From asking for a sandbox to having it, waiting in line included."),
    "labs_queue_waiting": Kind(GAUGE, "Learners in line for a sandbox."),
    "labs_leases": Kind(GAUGE, "Learners' sandboxes.", ("state",)),
    "labs_ends": Kind(COUNTER, "Sandboxes that ended.", ("reason",)),
    "labs_terminals": Kind(GAUGE, "Terminals open, watched or not."),
    "labs_viewers": Kind(GAUGE, "Connections that watch a terminal."),
    "labs_terminal_input_bytes": Kind(COUNTER, "Bytes typed into terminals."),
    "labs_terminal_output_bytes": Kind(COUNTER, "Bytes read from terminals."),
    "labs_echo_seconds": Kind(
        HISTOGRAM, "From input given to a terminal to the next output read from it; one sample a terminal at a time."
    ),
    "labs_websocket_closes": Kind(COUNTER, "Terminals' connections that ended, by close code.", ("code",)),
    "labs_http_request_seconds": Kind(
        HISTOGRAM, "From a request to the head of its answer.", ("method", "route", "status")
    ),
    "labs_checks": Kind(COUNTER, "Checks of tasks.", ("outcome",)),
    "labs_spawner_call_seconds": Kind(HISTOGRAM, "Calls to the spawner, waiting for it included.", ("verb",)),
    "labs_spawner_failures": Kind(COUNTER, "Calls to the spawner that failed, by the error's code.", ("verb", "code")),
    "labs_sandboxes_warm": Kind(GAUGE, "Sandboxes that are ready before anybody wants them."),
    "labs_sandboxes_most": Kind(GAUGE, "Sandboxes that this host has at once at the most."),
    "labs_host_cores": Kind(GAUGE, "Processors of the sandboxes' host."),
    "labs_host_load": Kind(GAUGE, "Its load, average of a minute."),
    "labs_host_memory_bytes": Kind(GAUGE, "Its memory.", ("kind",)),
    "labs_host_disk_bytes": Kind(GAUGE, "The file system with sandboxes' files.", ("kind",)),
    "labs_host_tasks": Kind(GAUGE, "Its processes and threads, and the most that it can have.", ("kind",)),
    "labs_sandboxes_memory_bytes": Kind(GAUGE, "Memory of all sandboxes together, where the driver can tell."),
    "labs_sandboxes_cpu_seconds": Kind(
        GAUGE, "CPU time of the sandboxes that there are now, where the driver can tell."
    ),
}
HOST = {
    ("labs_host_cores", ()): "cores",
    ("labs_host_load", ()): "load",
    ("labs_host_memory_bytes", ("total",)): "memory",
    ("labs_host_memory_bytes", ("free",)): "memory_free",
    ("labs_host_disk_bytes", ("total",)): "disk",
    ("labs_host_disk_bytes", ("free",)): "disk_free",
    ("labs_host_tasks", ("now",)): "tasks",
    ("labs_host_tasks", ("most",)): "tasks_most",
}
Values = Mapping[Any, float | Times]  # labels, a tuple of words → value
Figures = dict[str, Values]


def read(parts: Parts, info: Mapping[str, Any], usage: Usage) -> Figures:
    """Every metric's values now, copied; to be called on the event loop, which it holds for a moment only.

    `info` and `usage` are what the spawner said.
    """
    found: Figures = {
        "labs_build_info": {(__version__, platform.python_version()): 1},
        "labs_ready": {(str(info.get("driver", "")),): float(bool(info.get("ready")))},
        "labs_sandboxes_warm": {(): float(info.get("warm", 0))},
        "labs_checks": {
            ("passed",): parts.checks.passed,
            ("not_passed",): parts.checks.run - parts.checks.passed,
        },
    }
    return found | _sandboxes(parts) | _terminals(parts) | _seen(parts.seen) | _host(usage)


def _sandboxes(parts: Parts) -> Figures:
    leases = parts.leases
    states = Counter(str(lease.state) for lease in leases.all())
    return {
        "labs_leases": {(state,): states[state] for state in {*LEASE_STATES, *states}},
        "labs_starts": _one(leases.starts),
        "labs_start_seconds": {(): leases.start_times.copy()},
        "labs_ends": _one(leases.ends),
        "labs_queue_waiting": {(): waiting(parts.service)},
    }


def waiting(service: Service) -> int:
    """How many are in line for a sandbox."""
    queue = getattr(service, "queue", None)
    return len(queue) if queue is not None else int(getattr(service, "waiting", 0))


def _terminals(parts: Parts) -> Figures:
    bridges = parts.hub.bridges().values()
    return {
        "labs_terminals": {(): len(bridges)},
        "labs_viewers": {(): sum(len(bridge.viewers) for bridge in bridges)},
        "labs_terminal_input_bytes": {(): TOTALS.bytes_in},
        "labs_terminal_output_bytes": {(): TOTALS.bytes_out},
        "labs_echo_seconds": {(): TOTALS.echo.copy()},
    }


def _seen(seen: Seen) -> Figures:
    return {
        "labs_websocket_closes": _one(seen.closes),
        "labs_http_request_seconds": {labels: times.copy() for labels, times in seen.answers.items()},
        "labs_spawner_call_seconds": {(verb,): times for verb, times in seen.calls.times().items()},
        "labs_spawner_failures": seen.calls.failures(),
    }


def _host(usage: Usage) -> Figures:
    found: dict[str, dict[tuple[str, ...], float]] = {}
    if usage.most:
        found["labs_sandboxes_most"] = {(): usage.most}
    for (name, labels), field in HOST.items():
        if field in usage.host:
            found.setdefault(name, {})[labels] = usage.host[field]
    for name, field in (("labs_sandboxes_memory_bytes", "memory"), ("labs_sandboxes_cpu_seconds", "cpu")):
        if told := [figures[field] for figures in usage.sandboxes.values() if field in figures]:
            found[name] = {(): sum(told)}
    return dict(found)


def _one(counted: Mapping[str, int]) -> dict[tuple[str, ...], int]:
    return {(label,): count for label, count in counted.items()}


# --- as text ---


def text(figures: Figures) -> bytes:
    """In Prometheus' text format. Takes its time, so call it where nobody waits."""
    registry = CollectorRegistry()
    registry.register(_Figures(figures))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Figures(Collector):
    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def describe(self) -> Iterable[Metric]:
        return ()  # registering it must not collect

    def collect(self) -> Iterator[Metric]:
        for name, values in self._figures.items():
            kind = KINDS[name]
            family: Any = kind.kind(name, kind.help, labels=kind.labels)
            for labels, value in values.items():
                if isinstance(value, Times):
                    family.add_metric(labels, value.buckets(), value.total)
                else:
                    family.add_metric(labels, value)
            yield family
