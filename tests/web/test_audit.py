"""The audit log: what is in it, for whom, and that it outlives what it tells of; `labs admin audit`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import Server
from tests.web.instructor import Instructor, account, instructor
from tests.web.test_classes import joined

Json = dict[str, Any]


@pytest.fixture
def ina(server: Server) -> Instructor:
    return instructor(server)


def log(who: Instructor, of: Json) -> list[Json]:
    told = who.http.get(f"/api/classes/{of['id']}/audit")
    assert told.status_code == 200, told.text
    return list(told.json())


def printed(server: Server, *more: str) -> str:
    """By `labs admin audit`, while the server runs."""
    env = os.environ | {"LABS_DATA": str(server.settings.data)}
    command = [sys.executable, "-m", "lab_server.cli", "admin", "audit", *more]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_taking_somebody_out_is_in_it_without_their_name(server: Server, ina: Instructor) -> None:
    of = ina.make("Monday")
    joined(server, of, "Ann")
    (member,) = ina.roster(of)
    assert ina.http.delete(f"/api/classes/{of['id']}/learners/{member['id']}").status_code == 204
    (entry,) = log(ina, of)
    assert (entry["act"], entry["by"], entry["member"], entry["name"]) == ("removed", "Ina", member["id"], "")
    assert "Ann" not in str(entry) and entry["at"] > 1e9


def test_it_is_for_instructors_and_admins(server: Server, ina: Instructor) -> None:
    of = ina.make()
    account(server, "Ossi")
    ina.http.post(f"/api/classes/{of['id']}/staff", json={"name": "Ossi", "role": "assistant"})
    ossi = Instructor(server)
    ossi.sign_in("Ossi")
    where = f"/api/classes/{of['id']}/audit"
    assert ossi.http.get(where).status_code == 403
    assert instructor(server, "Eve").http.get(where).status_code == 404
    assert joined(server, of, "Ann").http.get(where).status_code == 401
    assert instructor(server, "Root", admin=True).http.get(where).json() == []
    for method in ("POST", "PUT", "PATCH", "DELETE"):  # it is only ever added to, by what is done
        assert ina.http.request(method, where).status_code == 405


def test_it_outlives_its_class_and_whoever_did_it(server: Server, ina: Instructor) -> None:
    of, other = ina.make("Mon day"), ina.make("Tuesday")
    ina.http.get(f"/api/classes/{of['id']}/export.csv")
    ina.http.get(f"/api/classes/{other['id']}/export.json")
    assert ina.http.delete(f"/api/classes/{of['id']}").status_code == 204
    assert ina.http.get(f"/api/classes/{of['id']}/audit").status_code == 404
    lines = printed(server).splitlines()
    assert [line.split("\t")[1:4] for line in lines] == [
        ["Ina", "exported", "Mon day"],
        ["Ina", "exported", "Tuesday"],
        ["Ina", "deleted", "Mon day"],
    ]
    entries = [json.loads(line) for line in printed(server, "--json", "--class", of["id"]).splitlines()]
    assert [(one["act"], one["class"]) for one in entries] == [("exported", of["id"]), ("deleted", of["id"])]
    assert entries[0]["detail"]["form"] == "learners.csv" and printed(server, "--class", "0") == ""
