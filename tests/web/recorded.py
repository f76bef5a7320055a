"""A class that asks for recordings, a learner in it with a terminal, and what came of it: the file's lines, the rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.conftest import Server
from tests.shell import eventually
from tests.web.instructor import Instructor
from tests.web.learner import Learner
from tests.web.test_classes import joined

Json = dict[str, Any]


def asking(ina: Instructor, **given: Any) -> Json:
    """A class that asks for recordings."""
    made = ina.make(**given)
    changed = ina.change(made, limits={"record": True})
    assert changed.status_code == 200, changed.text
    return dict(changed.json())


def agree(who: Learner, of: Json, yes: bool = True) -> int:
    return who.http.request("PUT" if yes else "DELETE", f"/api/memberships/{of['id']}/recording").status_code


def agreed(server: Server, of: Json, name: str = "Ann") -> Learner:
    who = joined(server, of, name)
    assert agree(who, of) == 204
    knows(server, who, of)
    return who


def recorder(server: Server) -> Any:
    assert server.app
    return server.app.state.parts.afterwards._recorder


def knows(server: Server, who: Learner, of: Json, so: bool = True) -> None:
    """Wait until the recorder has looked at who agreed."""
    there = recorder(server)
    eventually(lambda: any(one.of == of["id"] for one in there._agreed.get(who.id, [])) is so, "it is known who agreed")


def recordings(ina: Instructor, of: Json) -> list[Json]:
    told = ina.http.get(f"/api/classes/{of['id']}/recordings")
    assert told.status_code == 200, told.text
    return list(told.json())


def files(server: Server) -> list[Path]:
    return sorted(server.settings.recordings.glob("*"))


def lines(file: Path) -> list[Any]:
    """Every line, each of them JSON; none of a file that was made just now."""
    text = file.read_text()
    assert not text or text.endswith("\n"), text[-100:]
    return [json.loads(line) for line in text.splitlines()]


def events(file: Path, kind: str = "o") -> list[Any]:
    return [event for event in lines(file)[1:] if event[1] == kind]


def printed(file: Path) -> str:
    return "".join(event[2] for event in events(file))


def written(server: Server, what: str, n: int = 0) -> Path:
    """Wait until this is in the nth file; the file."""
    eventually(lambda: len(files(server)) > n and what in printed(files(server)[n]), f"{what!r} is written")
    return files(server)[n]


def ended(ina: Instructor, of: Json) -> list[Json]:
    """Wait until there are recordings and none goes on; all of them, the newest first."""
    found: list[Json] = []

    def over() -> bool:
        found[:] = recordings(ina, of)
        return bool(found) and all(one["ended"] is not None for one in found)

    eventually(over, "the recordings end")
    return found
