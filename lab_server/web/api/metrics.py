"""What the server tells of itself to whoever runs it: figures for Prometheus, and each sandbox for `labs top`.

Knows who may ask, and what is told of a sandbox. Doesn't know how figures are had (metrics.py, usage.py). Both addresses begin with
/metrics, so that a proxy blocks one path. No answer has a learner's id, name or address in it.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import anyio
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from lab_server import __version__
from lab_server.errors import LabError, NotFound, Refused
from lab_server.settings import Settings
from lab_server.web import faults, metrics
from lab_server.web.api.parts import Joined, Parts
from lab_server.web.bridge import Bridge
from lab_server.web.sessions import Lease
from lab_server.web.usage import Usage

router = APIRouter(include_in_schema=False)
# any of them says that somebody else asked, whom a proxy stands for
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
HERE = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1"), ipaddress.ip_network("::ffff:127.0.0.0/104"))
PROXIED = Refused(
    "A proxy may stand between this machine and whoever asks.",
    "Set LABS_METRICS to a token, and send it as Authorization: Bearer.",
)


def is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback


def _may_be_here(proxy: str) -> bool:
    """Whether an entry of LABS_PROXIES may be this machine: an address, a network, or what we can't read."""
    try:
        network = ipaddress.ip_network(proxy, strict=False)
    except ValueError:
        return True
    return any(network.version == here.version and network.overlaps(here) for here in HERE)


def _named(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def check(settings: Settings, peer: str, headers: Mapping[str, str]) -> None:
    """Raises NotFound where it is off, else Refused, for who may not ask. `peer` is the connection's other end, not what a header says.

    Loopback proves who asks only where nobody else's requests come from there: a proxy on this machine gives itself away by what
    it adds, by the name that it was asked for, or by the settings that it needs.
    """
    if settings.metrics == "off":
        raise NotFound("Not found.")
    if settings.metrics != "loopback":
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), settings.metrics.encode()):
            raise Refused("This needs the token of LABS_METRICS.", "Send it as Authorization: Bearer.")
        return
    if not is_loopback(peer):
        raise Refused("This is told on this machine only.", "Elsewhere, set LABS_METRICS to a token.")
    if any(name in headers for name in FORWARDED):
        raise PROXIED
    if any(map(_may_be_here, settings.proxies)) or (settings.origins and not settings.proxies):
        raise PROXIED
    name = _named(headers.get("host", ""))
    if name != "localhost" and not is_loopback(name):
        raise PROXIED  # or a name of somebody else's that leads here (DNS rebinding)


def _refusal(request: Request) -> Response | None:
    settings: Settings = request.app.state.settings
    try:
        check(settings, request.state.peer, request.headers)
    except LabError as why:
        wrong = isinstance(why, Refused) and settings.metrics != "loopback"
        answer = faults.answer(why, 401 if wrong else None)
        if wrong:
            answer.headers["WWW-Authenticate"] = "Bearer"
        return answer
    return None


async def _usage(parts: Parts) -> Usage:
    return await parts.meter.read(lease.id for lease in parts.leases.all() if lease.live)


@router.get("/metrics")
async def prometheus(request: Request, parts: Joined) -> Response:
    if refusal := _refusal(request):
        return refusal
    usage = await _usage(parts)
    figures = metrics.read(parts, await parts.service.info(), usage)
    text = await anyio.to_thread.run_sync(metrics.text, figures)  # terminals don't wait for it
    return Response(text, media_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})


@router.get("/metrics/sandboxes", response_model=None)
async def sandboxes(request: Request, parts: Joined) -> Response | dict[str, Any]:
    """{"version", "at", "ready", "driver", "detail", "most", "host": usage.of_host, "waiting", "sandboxes": [a row each]}"""
    if refusal := _refusal(request):
        return refusal
    usage, info = await _usage(parts), await parts.service.info()
    about = {"version": __version__, "at": usage.at, "most": usage.most, "host": usage.host}
    about |= {"ready": bool(info["ready"]), "driver": str(info["driver"]), "detail": str(info["detail"])}
    bridges: dict[str, list[Bridge]] = {}
    for (sandbox, _), bridge in parts.hub.bridges().items():
        bridges.setdefault(sandbox, []).append(bridge)
    rows = [
        _row(parts, lease, bridges.get(lease.id, []), usage.sandboxes.get(lease.id, {}))
        for lease in parts.leases.all()
        if lease.live
    ]
    return about | {"waiting": metrics.waiting(parts.service), "sandboxes": rows}


def _row(parts: Parts, lease: Lease, bridges: Sequence[Bridge], figures: Mapping[str, float]) -> dict[str, Any]:
    """Times in seconds; `idle` since its last use, None while it has none. `figures`: usage.of_cgroup."""
    clock, lasting = parts.leases.clock, lease.lasting
    row = {"id": lease.id, "lesson": lease.lesson, "state": lease.state, "age": max(0.0, clock.wall() - lease.since)}
    row |= {"idle": clock.running() - lasting.active if lasting else None, "terminals": len(bridges)}
    row |= {"viewers": sum(len(bridge.viewers) for bridge in bridges)}
    return row | {name: figures.get(name) for name in ("memory", "cpu", "pids")}
