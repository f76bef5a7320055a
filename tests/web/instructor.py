"""An instructor as the server sees one: a browser that is signed in, and what it asks for."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx

from lab_server.store import accounts, passwords
from lab_server.store.engine import Store
from tests.conftest import PATIENCE, Server

WORDS = "correct horse battery staple"


def account(server: Server, name: str, admin: bool = False, words: str = WORDS) -> str:
    """Make an account, as `labs admin create` does it; its id."""

    async def make() -> str:
        store = Store(server.settings.database_url)
        try:
            async with store.write() as at:
                return (await accounts.make(at, name, passwords.hashed(words), admin, time.time())).id
        finally:
            await store.close()

    return asyncio.run(make())


class Instructor:
    """`sign_in` first, or not."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.http = httpx.Client(base_url=server.origin, timeout=PATIENCE, headers={"Origin": server.origin})

    def sign_in(self, name: str, words: str = WORDS) -> httpx.Response:
        return self.http.post("/api/signin", json={"name": name, "password": words})

    def make(self, title: str = "A class", **given: Any) -> dict[str, Any]:
        made = self.http.post("/api/classes", json={"title": title} | given)
        assert made.status_code == 201, made.text
        return dict(made.json())

    def change(self, of: dict[str, Any], **given: Any) -> httpx.Response:
        return self.http.patch(f"/api/classes/{of['id']}", json={"version": of["version"]} | given)

    def get(self, of: dict[str, Any]) -> dict[str, Any]:
        return dict(self.http.get(f"/api/classes/{of['id']}").json())

    def roster(self, of: dict[str, Any]) -> list[dict[str, Any]]:
        told = self.http.get(f"/api/classes/{of['id']}/roster")
        assert told.status_code == 200, told.text
        return list(told.json()["learners"])


def instructor(server: Server, name: str = "Ina", admin: bool = False) -> Instructor:
    """One with an account, signed in."""
    account(server, name, admin)
    made = Instructor(server)
    assert made.sign_in(name).status_code == 200
    return made
