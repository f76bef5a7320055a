"""The one place where the web's parts are joined.

Knows every part of web. Doesn't know drivers, processes or ports.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import AsyncIterator

import structlog
from fastapi import FastAPI
from starlette.routing import Match, Mount
from starlette.types import Scope
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from lab_server import __version__
from lab_server.errors import StoreFailed
from lab_server.lessons.catalog import Catalog
from lab_server.sandbox.client import SpawnerClient
from lab_server.settings import Settings
from lab_server.store.engine import Store
from lab_server.web import auth, faults, hands
from lab_server.web.afterwards import Afterwards
from lab_server.web.api import (
    audit,
    classes,
    conduct,
    exports,
    health,
    help,
    lessons,
    me,
    memberships,
    metrics,
    oidc,
    passkeys,
    present,
    progress,
    recordings,
    room,
    sandboxes,
    signin,
    site,
    tasks,
    terminals,
    wall,
)
from lab_server.web.api.parts import Parts
from lab_server.web.caretaker import Caretaker
from lab_server.web.checks import Checks
from lab_server.web.class_terms import ClassTerms
from lab_server.web.classes import Classes
from lab_server.web.clock import Clock
from lab_server.web.conduct import Conduct
from lab_server.web.counts import Seen, TimedClient
from lab_server.web.freezer import Freezer
from lab_server.web.guards import Guard, Seats
from lab_server.web.hands import Hands
from lab_server.web.help import Help
from lab_server.web.hub import Hub
from lab_server.web.joining import Joining
from lab_server.web.keeper import Keeper
from lab_server.web.oidc import Oidc
from lab_server.web.passkeys import Passkeys
from lab_server.web.presenting import Presenting
from lab_server.web.progress import Progress
from lab_server.web.recorder import Recorder
from lab_server.web.requests import Requests
from lab_server.web.retention import Retention
from lab_server.web.room import Rooms
from lab_server.web.service import Service
from lab_server.web.sessions import Leases
from lab_server.web.signin import SignIns, wrong_passwords
from lab_server.web.static import Site
from lab_server.web.tapes import Tapes
from lab_server.web.terms import Terms
from lab_server.web.usage import Meter
from lab_server.web.wall import Walls

log = structlog.get_logger()


def create_app(settings: Settings, catalog: Catalog, client: SpawnerClient, clock: Clock | None = None) -> FastAPI:
    """The whole web side as an ASGI application. `settings.web_data` must be there and be ours.

    Raises BadInput for a database that can't be. One that can't be opened now doesn't stop it: it is tried again when needed.
    """
    seats = Seats(settings.sockets, settings.address_sockets)
    store = Store(settings.database_url)
    seen = Seen()
    client = TimedClient(client, seen.calls)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            await store.open()
        except StoreFailed as why:
            log.error("progress can't be kept", why=str(why))
        service = Service(client)
        hub = Hub(service)
        terms = ClassTerms(store, Terms(**settings.terms), clock or Clock())
        leases = Leases(service, hub, catalog, terms.host, clock)
        leases.terms_of, leases.began, terms.holders, terms.learned = terms.of, terms.want, leases.owners, leases.renew
        keeper = Keeper(leases, service, hub, catalog, store)
        wall = leases.clock.wall
        classes_, joining = Classes(catalog, store, wall, terms.host), Joining(catalog, store, wall)
        rooms = Rooms(store, leases.clock)
        raised, helping = Hands(store), Help(rooms, clock)
        rooms.tellers += [hands.tell, helping.tell]
        rooms.tile_tellers += [hands.tell_staff, helping.tell]
        freezer = Freezer(leases, service)
        caretaker = Caretaker(catalog, store, rooms, leases, freezer)
        keeper.looked = freezer.looked
        presenting = Presenting(leases, hub, leases.clock)
        caretaker.learned = presenting.follow
        hub.greetings.append(presenting.greeting)
        tapes, sizes = Tapes(settings.recordings), (settings.recording_mib << 20, settings.recordings_mib << 20)
        recorder = Recorder(store, hub, leases, rooms, tapes, *sizes)
        retention = Retention(store, tapes, leases.clock, settings.recordings_days, settings.audit_days)
        retention.swept = recorder.measure

        def changed(id: str) -> None:
            rooms.changed(id)
            caretaker.changed(id)
            terms.changed()
            recorder.stale()
            retention.soon()
            helping.look(id)

        classes_.changed = joining.changed = raised.changed = changed
        progress_, walls = Progress(catalog, store), Walls(catalog, store, rooms, leases, hub, classes_.standings)
        progress_.did, progress_.gone = walls.did, rooms.gone
        app.state.parts = Parts(
            catalog,
            service,
            hub,
            leases,
            keeper,
            seats,
            progress_,
            Checks(service),
            SignIns(store, settings.port, *wrong_passwords()),
            Passkeys(store, wall),
            Oidc(store, settings, wall) if settings.oidc_issuer else None,
            classes_,
            joining,
            rooms,
            Conduct(catalog, store, classes_, rooms, leases, keeper, caretaker),
            walls,
            Afterwards(catalog, store, classes_, recorder, tapes, wall),
            retention,
            raised,
            helping,
            seen,
            Meter(client),
        )
        await caretaker.open()
        keeper.open()
        recorder.open()
        retention.open()
        try:
            yield
        finally:
            await retention.close()
            await recorder.close()
            hub.close()
            await walls.close()
            await helping.close()
            await rooms.close()
            await caretaker.close()
            await freezer.close()
            await terms.close()
            await keeper.close()
            await leases.close()
            service.close()
            await store.close()

    app = FastAPI(
        title="A course you can run",
        version=__version__,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.settings = settings
    faults.install(app)
    for part in (
        health,
        me,
        metrics,
        lessons,
        progress,
        sandboxes,
        site,
        tasks,
        terminals,
        signin,
        passkeys,
        oidc,
        classes,
        conduct,
        present,
        memberships,
        room,
        wall,
        exports,
        recordings,
        audit,
        help,
    ):
        app.include_router(part.router)
    app.router.routes.append(_Rest("/", app=Site(settings.site)))
    app.add_middleware(
        Guard,
        cookies=auth.Cookies(auth.read_key(settings.web_data), settings.port),
        origins=auth.Origins(settings.origins, _is_loopback(settings.host)),
        seats=seats,
    )
    if settings.proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.proxies))
    app.add_middleware(Requests, seen=seen)  # outermost: it sees who is at the connection's other end
    return app


class _Rest(Mount):
    """Every path but those of the API, where what is not there is told in JSON."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return (Match.NONE, {}) if scope.get("path", "").startswith("/api/") else super().matches(scope)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
