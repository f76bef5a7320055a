"""The one place where the web's parts are joined.

Knows every part of web. Doesn't know drivers, processes or ports.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.routing import Match, Mount
from starlette.types import Scope

from lab_server import __version__
from lab_server.lessons.catalog import Catalog
from lab_server.sandbox.client import SpawnerClient
from lab_server.settings import Settings
from lab_server.web import auth, faults
from lab_server.web.api import health, lessons, me, sandboxes, terminals
from lab_server.web.api.parts import Parts
from lab_server.web.guards import Guard, Seats
from lab_server.web.hub import Hub
from lab_server.web.service import Service
from lab_server.web.sessions import Leases
from lab_server.web.static import Site


def create_app(settings: Settings, catalog: Catalog, client: SpawnerClient) -> FastAPI:
    """The whole web side as an ASGI application. `settings.web_data` must be there and be ours."""
    seats = Seats(settings.sockets, settings.address_sockets)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = Service(client)
        hub = Hub(service)
        leases = Leases(service, hub, catalog)
        app.state.parts = Parts(catalog, service, hub, leases, seats)
        leases.open()
        try:
            yield
        finally:
            hub.close()
            await leases.close()
            service.close()

    app = FastAPI(
        title="A course you can run",
        version=__version__,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    faults.install(app)
    for part in (health, me, lessons, sandboxes, terminals):
        app.include_router(part.router)
    app.router.routes.append(_Rest("/", app=Site(settings.site)))
    app.add_middleware(
        Guard,
        cookies=auth.Cookies(auth.read_key(settings.web_data), settings.port),
        origins=auth.Origins(settings.origins, _is_loopback(settings.host)),
        seats=seats,
    )
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
